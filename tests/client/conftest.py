"""What all tests of code of the user's own need."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

for needed in ("greenlet", "requests", "httpx", "aiohttp", "stamina", "pybreaker"):
    pytest.importorskip(needed)

sys.path.insert(0, str(Path(__file__).parent))
