"""A fuzzer of our own; README.md says how it is run, and what it found."""
