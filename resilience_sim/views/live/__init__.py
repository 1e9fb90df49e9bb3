"""The live view: a fold that keeps what the screen needs, pure rendering, and a driver that paces a source of events."""
