"""``resim validate``: soon."""

ABOUT = "Soon."


def validate() -> None:
    """Soon."""
