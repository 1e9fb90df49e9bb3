"""``resim init``: soon."""

ABOUT = "Soon."


def init() -> None:
    """Soon."""
