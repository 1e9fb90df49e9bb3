"""Fallback: an answer in B's place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from resilience_sim.settings.policy import PolicyConfig, PolicyKind, added, policy_table
from resilience_sim.settings.table import Findings, Loc, Param, Values
from resilience_sim.settings.types import DURATION, FAILURES, SEEN, Outcomes


@dataclass(frozen=True, slots=True, kw_only=True)
class FallbackConfig(PolicyConfig):
    """Answers in B's place after ``latency`` ns when the inside fails with one of the outcomes ``on``."""

    kind: ClassVar[str] = "fallback"
    latency: int = 0
    on: tuple[int, ...] = added(FAILURES)


PAGE = """\
Answers in B's place, after `latency`, when the inside fails with an outcome of `on`; a client_error, B's answer to a
request that is at fault itself, is passed on unless listed. To the layers outside it a fallback looks like a
success; the request's outcome is `fallback`, and it does not count as available."""

TABLE = policy_table(
    "fallback",
    "Answers in B's place when the inside fails.",
    (
        Param("latency", DURATION, "0ms", "How long that answer takes.", first="5ms"),
        Param(
            "on",
            Outcomes(),
            [name for name in SEEN if name != "client_error"],
            "The outcomes it answers for; `client_error` only if listed.",
        ),
    ),
    {},
    PAGE,
)


def _classic(values: Values, ident: str, loc: Loc, findings: Findings) -> PolicyConfig:
    return FallbackConfig(ident, latency=values.latency, on=values.on)


KIND = PolicyKind(TABLE, _classic, {FallbackConfig: "fallback:Fallback"})
