"""The benchmark behind `make bench`: the law of the gap, its targets and its peers; the losses beside plain torch."""
