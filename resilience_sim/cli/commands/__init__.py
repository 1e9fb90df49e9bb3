"""One file per command: a dataclass of its options, and a function that runs it and imports what it needs."""
