"""The benchmark behind `make bench`: speed, memory and start-up against targets, error and time beside the peers."""
