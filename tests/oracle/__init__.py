"""Reference values of the public functions, how they were made, and how they are compared (README.md)."""
