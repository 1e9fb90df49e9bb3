"""What a machine elsewhere is sent: a probe, which says whether it gives the same answers, and blocks of work."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

PROBE_SEED = 20
# Something of all that could differ between machines: logarithms, powers, jitter, a queue, windows, figures.
PROBE = """\
resim: 1
name: probe
service: {latency: {p50: 60ms, p99: 500ms}, workers: 4, queue: 20, failure_rate: 20%}
traffic: {rate: 40/s, requests: 300}
faults:
  - errors: {rate: 90%, at: 2s, for: 1s}
stack:
  - timeout: {after: 2s}
  - retry: {attempts: 4, delay: 30ms, backoff: exponential, jitter: full, budget: 20%}
  - circuit_breaker: {window: 20, failure_threshold: 60%, min_calls: 10, recovery_time: 500ms}
"""
REMEMBERED = 4  # kinds of work that a worker keeps between blocks

_one_at_a_time = threading.Lock()  # Python computes on one core, however many threads a worker has
_known: dict[str, Callable[[Any], Any]] = {}


@dataclass(frozen=True)
class Call:
    """A call that is made where its pickle is read.

    All that a scheduler sees of it is ``pickle.loads`` and bytes, so that the scheduler needs no resim.
    """

    function: Callable[..., Any]
    arguments: tuple[Any, ...] = ()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """Reading it is calling it."""
        return self.function, self.arguments

    def packed(self) -> bytes:
        """What ``pickle.loads`` takes."""
        return pickle.dumps(self, protocol=5)


@dataclass(frozen=True)
class Likeness:
    """What has to be the same on every machine, and words for where it was found. ``probe``: a run and its figures."""

    version: str
    probe: str
    where: str
    core: str

    def difference(self, other: Likeness) -> str:
        """Why ``other`` cannot be trusted to give the same answers as this one; empty if it can."""
        if other.version != self.version:
            return f"it has resim {other.version}, here is {self.version}"
        if other.probe != self.probe:
            return (
                f"a probe run gives other events or figures there ({other.probe}, {other.where}, {other.core}) "
                f"than here ({self.probe}, {self.where}, {self.core})"
            )
        return ""


def likeness() -> Likeness:
    """What this process is like: a tenth of a second of work."""
    import json
    import platform
    from hashlib import sha256

    import resilience_sim
    from resilience_sim.kernel.compiled import COMPILED
    from resilience_sim.runs.simulate import simulate
    from resilience_sim.scenario.load import load_text

    with _one_at_a_time:
        run = simulate(load_text(PROBE, "probe").plan, PROBE_SEED)
    figures = json.dumps([run.digest, run.document], sort_keys=True, default=repr)
    where = f"Python {platform.python_version()} on {platform.node()}, {platform.machine()}"
    core = "compiled" if COMPILED else "interpreted"
    return Likeness(resilience_sim.__version__, sha256(figures.encode()).hexdigest()[:12], where, core)


def do_block(name: str, work: bytes, tasks: Sequence[Any]) -> tuple[float, list[Any]]:
    """Do tasks one after the other: the seconds that took, and the answers. ``name``: of the work, to keep it."""
    with _one_at_a_time:
        begun = time.perf_counter()
        do = _known.get(name)
        if do is None:
            while len(_known) >= REMEMBERED:
                del _known[next(iter(_known))]
            do = _known[name] = pickle.loads(work)
        answers = [do(task) for task in tasks]
        return time.perf_counter() - begun, answers
