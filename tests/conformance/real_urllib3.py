"""The installed urllib3 on a clock that only its sleeps and the attempts move, and the traces made with it.

``python tests/conformance/real_urllib3.py`` writes the traces ``urllib3-*.json`` again. ``urlopen`` runs as it is; what
stands for the network is the one method that sends a request, and ``time`` and ``random`` as its module knows them:
other threads go on sleeping by the real ones.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError, ProtocolError, ReadTimeoutError
from urllib3.util import retry

Told = tuple[list[dict[str, Any]], dict[str, Any], list[float]]
End = tuple[str, float]  # "ok", "connect", "timeout", "reset", "500", "429=2" (Retry-After: 2), and how long it took
UNITS = [random.Random(f"unit {i}").random() for i in range(64)]
logging.getLogger("urllib3").setLevel(logging.ERROR)  # it warns of every retry
HERE = Path(__file__).parent


class Network(urllib3.HTTPConnectionPool):
    """Attempts end as they are told to."""

    def __init__(self, ends: Iterator[End], retries: urllib3.Retry) -> None:
        super().__init__("b", retries=retries)
        self._ends = ends
        self.now = 0.0
        self.drawn: list[float] = []
        self.steps: list[dict[str, Any]] = []

    def _make_request(self, conn: Any, method: str, url: str, *_: Any, **__: Any) -> Any:
        self._slept()
        end, lasts = next(self._ends)
        step = {"t": self.now, "n": len(self.steps) + 1, "outcome": end, "duration": lasts}
        self.now += lasts
        step["expect"] = {"t_end": self.now, "decision": "finish"}
        self.steps.append(step)
        if end == "connect":
            raise NewConnectionError(conn, "refused")
        if end == "timeout":
            raise ReadTimeoutError(self, url, "too slow")
        if end == "reset":
            raise ProtocolError("reset")
        status, _, hint = end.partition("=")
        return urllib3.HTTPResponse(b"", status=200 if status == "ok" else int(status),
                                    headers={"Retry-After": hint} if hint else {})  # fmt: skip

    def _slept(self) -> None:
        """An attempt that comes is the retry the one before was worth."""
        if self.steps:
            last = self.steps[-1]["expect"]
            last.update(decision="retry", delay=self.now - last["t_end"])

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def unit(self) -> float:
        """The number that belongs to the attempt."""
        self.drawn.append(UNITS[len(self.steps)])
        return self.drawn[-1]


def really(config: dict[str, Any], method: str, ends: Sequence[End]) -> Told:
    """The attempts that the library makes, how the call ends, and what it drew; after ``ends`` all goes well."""
    clock, luck = SimpleNamespace(**vars(time)), SimpleNamespace(**vars(random))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        retries = urllib3.Retry(**config)
    pool = Network(chain(ends, repeat(("ok", 0.1))), retries)
    clock.sleep, luck.random = pool.sleep, pool.unit
    retry.time, retry.random = clock, luck
    try:
        response = pool.urlopen(method, "/")
        final: dict[str, Any] = {"result": "returned", "status": response.status}
    except MaxRetryError:
        final = {"result": "MaxRetryError"}
    except HTTPError as error:
        final = {"result": "raised", "error": type(error).__name__}
    finally:
        retry.time, retry.random = time, random
    slept = sum(step["expect"].get("delay", 0.0) for step in pool.steps)
    final.update(t=pool.now, attempts=len(pool.steps), total_sleep=slept, draws_consumed=len(pool.drawn))
    return pool.steps, final, pool.drawn


# id, title, why, method, config, ends
STORIES: list[tuple[str, str, str, str, dict[str, Any], list[End]]] = [
    ("defaults", "the default endures ten errors", "total counts retries: eleven attempts, no wait at all", "GET", {},
     [("connect", 0.1)] * 12),
    ("first-retry-at-once", "no wait before the first retry", "backoff_factor counts from the second retry on", "GET",
     {"total": 5, "backoff_factor": 0.1}, [("reset", 0.05)] * 6),
    ("backoff-max", "a cap on the wait", "the cap is after the power", "GET",
     {"total": 6, "backoff_factor": 1, "backoff_max": 5}, [("timeout", 1.0)] * 6),
    ("jitter", "jitter is added, then capped", "one draw a wait, none before the first retry", "GET",
     {"total": 5, "backoff_factor": 0.5, "backoff_jitter": 2, "backoff_max": 6}, [("connect", 0.0)] * 5),
    ("forcelist", "statuses are tried again when they are listed", "500 is not listed, 503 is", "GET",
     {"total": 5, "status_forcelist": [503]}, [("503", 0.1), ("503", 0.1), ("500", 0.1)]),
    ("forcelist-exhausted", "the last bad answer raises", "raise_on_status", "GET",
     {"total": 2, "status_forcelist": [500, 503], "backoff_factor": 0.2}, [("500", 0.1)] * 4),
    ("retry-after", "429 with Retry-After needs no list", "and it replaces the backoff, the first time too", "GET",
     {"total": 4, "backoff_factor": 1}, [("429=3", 0.1), ("503=7", 0.1), ("429=1", 0.1)]),
    ("retry-after-without-header", "429 without the header is an answer", "not listed, no header: returned", "GET",
     {"total": 4}, [("429=2", 0.1), ("429", 0.1)]),
    ("retry-after-zero", "a Retry-After of nothing is none", "sleep_for_retry falls back to the backoff", "GET",
     {"total": 4, "backoff_factor": 1}, [("429=0", 0.1), ("429=0", 0.1), ("429=0", 0.1)]),
    ("retry-after-ignored", "respect_retry_after_header: False", "neither waits for it nor tries again for it", "GET",
     {"total": 4, "backoff_factor": 1, "respect_retry_after_header": False, "status_forcelist": [503]},
     [("503=9", 0.1), ("503=9", 0.1), ("429=9", 0.1)]),
    ("retry-after-max", "no Retry-After is obeyed for longer", "retry_after_max, new in 2.6.3", "GET",
     {"total": 3, "retry_after_max": 4}, [("429=60", 0.1), ("429=3", 0.1)]),
    ("retry-after-without-total", "without a total no header helps", "is_retry asks `self.total and …`", "GET",
     {"total": None, "status": 5}, [("429=2", 0.1)]),
    ("connect-limit", "a limit on one kind of error", "connect=1: the second one ends it", "GET",
     {"total": 10, "connect": 1}, [("reset", 0.1), ("connect", 0.1), ("reset", 0.1), ("connect", 0.1)]),
    ("read-false", "read=False, as requests has it", "connection errors are tried again, a broken answer is not", "GET",
     {"total": 3, "read": False}, [("connect", 0.1), ("timeout", 1.0)]),
    ("status-limit", "a limit on bad answers", "status=1 of total=5", "GET",
     {"total": 5, "status": 1, "status_forcelist": [503]}, [("503", 0.1), ("connect", 0.1), ("503", 0.1)]),
    ("post-connect", "a POST is tried again before it was sent", "connection errors ask for no method", "POST",
     {"total": 3, "backoff_factor": 0.1}, [("connect", 0.1), ("connect", 0.1)]),
    ("post-read", "a POST that was sent is not", "POST is not among allowed_methods", "POST",
     {"total": 3}, [("connect", 0.1), ("timeout", 1.0)]),
    ("post-status", "nor after a bad answer", "the list of statuses asks for the method, too", "POST",
     {"total": 3, "status_forcelist": [503]}, [("503=1", 0.1)]),
    ("any-method", "allowed_methods=None allows all", "POST is tried again", "POST",
     {"total": 3, "allowed_methods": None, "status_forcelist": [503]}, [("timeout", 1.0), ("503", 0.1)]),
    ("total-false", "total=False raises at once", "as total=0", "GET", {"total": False}, [("connect", 0.1)]),
    ("no-limit", "total=None with limits on each kind", "connect + read", "GET",
     {"total": None, "connect": 2, "read": 1}, [("connect", 0.1), ("reset", 0.1), ("connect", 0.1), ("connect", 0.1)]),
]  # fmt: skip


def documents() -> list[dict[str, Any]]:
    """The traces of the stories."""
    made = []
    for number, (name, title, why, method, config, ends) in enumerate(STORIES, 1):
        steps, final, u = really(config, method, ends)
        made.append(
            {"format": 1, "id": f"urllib3-{number:03}", "kind": "retry", "library": "urllib3",
             "version": urllib3.__version__, "origin": "executed", "source": "scripted", "title": title, "why": why,
             "method": method, "config": config, "u": u, "steps": steps, "final": final, "name": name}
        )  # fmt: skip
    return made


def rounded(value: Any) -> Any:
    """Floats to the nanosecond."""
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


if __name__ == "__main__":
    for document in documents():
        path = HERE / "traces" / f"{document['id']}-{document.pop('name')}.json"
        draws = document["u"]
        text = json.dumps({**rounded(document), "u": draws}, indent=1)
        path.write_text(text + "\n", encoding="utf-8")
        sys.stdout.write(f"{path.name}: {document['final']}\n")
