"""``resim replay``: soon."""

ABOUT = "Soon."


def replay() -> None:
    """Soon."""
