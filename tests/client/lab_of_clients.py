"""Helpers: code of a user's own in a scenario, and what became of each request."""

from __future__ import annotations

import sys
from pathlib import Path

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.sink import Fold
from resilience_sim.runs.own_code import with_client
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load_text

CODE = Path(__file__).parent / "code"
HEAD = "resim: 1\nname: lab\n"


def own_code_is_found():
    """The modules of ``code/`` can be named."""
    if str(CODE) not in sys.path:
        sys.path.insert(0, str(CODE))


def plan(text: str, target: str | None = None):
    """The plan of a scenario, with a user's code if one is named."""
    own_code_is_found()
    found = load_text(HEAD + text, "lab").plan
    return with_client(found, target) if target else found


class Requests(Fold):
    """Of each request its outcome and when it came; of each attempt when it was made and what it came to."""

    def __init__(self):
        self.outcomes: dict[int, tuple[str, int]] = {}
        self.attempts: dict[int, list[tuple[int, str]]] = {}
        self.sent: dict[tuple[int, int], int] = {}
        self.seen: list[tuple[int, ...]] = []

    def on_event(self, t, kind, source, rid, a, b):
        self.seen.append((t, kind, source, rid, a, b))
        if kind == ev.SENT:
            self.sent[rid, a] = t
        elif kind == ev.RESULT:
            made = (self.sent[rid, ev.attempt_of(a)], ev.OUTCOME_NAMES[ev.outcome_of(a)])
            self.attempts.setdefault(rid, []).append(made)
        elif kind == ev.DONE:
            self.outcomes[rid] = (ev.OUTCOME_NAMES[ev.outcome_of(a)], t)


def run(text: str, target: str | None = None, seed: int = 1):
    """A run, and its requests."""
    requests = Requests()
    return simulate(plan(text, target), seed, [requests]), requests
