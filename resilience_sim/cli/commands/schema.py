"""``resim schema``: soon."""

ABOUT = "Soon."


def schema() -> None:
    """Soon."""
