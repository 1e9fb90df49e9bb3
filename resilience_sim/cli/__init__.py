"""The command line: Typer commands, terminal surroundings, exit codes. No arithmetic."""
