"""Settings that cannot do what they are meant to, found by arithmetic. One group of rules a file, a page for each."""
