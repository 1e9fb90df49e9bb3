"""``resim explain``: soon."""

ABOUT = "Soon."


def explain() -> None:
    """Soon."""
