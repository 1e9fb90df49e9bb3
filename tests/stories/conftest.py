"""The stories ask for many runs: the compiled core makes them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from compiled import forms

from . import figures


@pytest.fixture(scope="package")
def compiled_runs(place_of_compiled: list[Path]) -> Iterator[None]:
    """That it does the same as the interpreted one is proven by tests/compiled."""
    try:
        folder = forms.built(*place_of_compiled)
    except pytest.skip.Exception:  # nothing can be compiled here: the interpreted core is slow, but as good
        yield
        return
    with figures.Runner(forms.environment(folder)) as figures.runner:
        yield
    figures.runner = None
