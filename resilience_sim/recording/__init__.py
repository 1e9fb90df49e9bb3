"""The recording file: one SQLite database, written while the run goes on and read back from any instant."""
