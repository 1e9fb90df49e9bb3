"""``resim list``: soon."""

ABOUT = "Soon."


def list_() -> None:
    """Soon."""
