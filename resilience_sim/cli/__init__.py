"""Typer commands, terminal surroundings and exit codes. No arithmetic lives here."""
