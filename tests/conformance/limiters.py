"""Drives Cycles through a rate limiter trace."""

from __future__ import annotations

from typing import Any

from conformance.compare import differences
from conformance.document import Document, Unsupported, ns
from resilience_sim.policies.rate_limiter import REFUSED_PERMIT, Cycles

DEFAULTS = {"limitForPeriod": 50, "limitRefreshPeriod_s": 500e-9, "timeoutDuration_s": 5.0}


def run_limiter(document: Document) -> tuple[list[str], list[str]]:
    """Differences of a whole sequence; here the wait decides too."""
    if document["library"] != "resilience4j":
        raise Unsupported(f"rate limiter of {document['library']!r}")
    config = {**DEFAULTS, **document["config"]}
    cycles = Cycles(config["limitForPeriod"], ns(config["limitRefreshPeriod_s"]), 0)
    patience = ns(config["timeoutDuration_s"])
    decisive: list[str] = []
    counters: list[str] = []
    for number, step in enumerate(document["steps"]):
        now = ns(step["t"])
        op = step["op"]
        seen: dict[str, Any] = {}
        if op in {"reserve", "acquire", "call"}:
            wait = cycles.reserve(now, step.get("permits", 1), patience)
            seen = {"wait": -1.0 if wait == REFUSED_PERMIT else wait / 1e9}
            seen["decision"] = "reject" if wait == REFUSED_PERMIT else "allow"
        elif op == "drain":
            seen["drained"] = cycles.drain(now)
        elif op == "set" and step["param"] == "limitForPeriod":
            cycles.reconfigure(now, step["value"])
        elif op == "set" and step["param"] in {"timeoutDuration", "timeoutDuration_s"}:
            patience = ns(step["value"])
        elif op != "peek":
            raise Unsupported(f"op {op!r}")
        seen["available_after"] = seen["available"] = cycles.available(now)
        wrong, inexact = differences(step, number, seen)
        waits = [text for text in inexact if ": wait " in text]
        decisive += wrong + waits
        counters += [text for text in inexact if text not in waits]
    return decisive, counters
