"""``resim export``: soon."""

ABOUT = "Soon."


def export() -> None:
    """Soon."""
