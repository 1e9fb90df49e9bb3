"""What all tests of the server need."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pytest.importorskip("h11")
sys.path.insert(0, str(Path(__file__).parent))
