"""Random settings and outcomes through the installed urllib3: every wait, the number of attempts, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest
import urllib3
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.document import TRACES, read
from conformance.http_retries import run_urllib3
from conformance.real_urllib3 import STORIES, UNITS, documents, really, rounded

errors = st.sampled_from([None, False, 0, 1, 2, 3, 5])
seconds = st.sampled_from([0, 0.1, 0.25, 0.5, 1, 2, 5, 30])
configs = st.fixed_dictionaries(
    {},
    optional={
        "total": errors, "connect": errors, "read": errors, "status": errors, "backoff_factor": seconds,
        "backoff_max": seconds, "backoff_jitter": seconds, "respect_retry_after_header": st.booleans(),
        "retry_after_max": st.sampled_from([0, 1, 3]),
        "allowed_methods": st.sampled_from([None, ["POST"], ["GET", "PUT"]]),
        "status_forcelist": st.lists(st.sampled_from([429, 500, 502, 503]), max_size=3),
    },
)  # fmt: skip
ends = st.lists(
    st.tuples(
        st.sampled_from(["connect", "connect", "timeout", "reset", "500", "503", "503=2", "429", "429=0", "429=1"]),
        st.sampled_from([0.0, 0.1, 1.0]),
    ),
    max_size=9,
)


@settings(max_examples=400)
@given(configs, st.sampled_from(["GET", "POST"]), ends)
def test_every_wait_and_the_end(config: dict[str, Any], method: str, told: Any) -> None:
    """The trace of a random call passes."""
    steps, final, _ = really(config, method, told)
    document = {"config": config, "method": method, "steps": steps, "final": final}
    assert run_urllib3(document, UNITS) == ([], [])


def test_the_traces_are_what_the_installed_library_does() -> None:
    """``real_urllib3.py`` would write the same files."""
    made = {document["id"]: rounded(document) for document in documents()}
    kept = {document["id"]: document for document in map(read, TRACES.glob("urllib3-*.json"))}
    if {document["version"] for document in kept.values()} != {urllib3.__version__}:
        pytest.skip(f"they were made with another version than {urllib3.__version__}")
    assert len(kept) == len(STORIES)
    for ident, document in kept.items():
        assert {name: made[ident][name] for name in ("config", "steps", "final")} == {
            name: document[name] for name in ("config", "steps", "final")
        }
