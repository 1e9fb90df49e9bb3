"""One file per command: its Typer signature, and the work it stands for with its imports inside."""
