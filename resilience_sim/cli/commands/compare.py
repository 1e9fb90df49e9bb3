"""``resim compare``: soon."""

ABOUT = "Soon."


def compare() -> None:
    """Soon."""
