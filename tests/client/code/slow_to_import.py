"""It waits before there is a request."""

import time

time.sleep(5)


def call():
    """Never."""
