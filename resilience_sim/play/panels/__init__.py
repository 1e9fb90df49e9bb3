"""The panels: pure functions from a session, a size and a look to rows of text."""
