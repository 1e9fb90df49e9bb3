"""The live view: a fold that keeps what a screen needs, pure rendering, a driver that paces a source of events."""
