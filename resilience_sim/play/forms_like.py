"""Forms of policies under a library's rules: its own names, what they are at first, what they mean in ours.

Owns that, read from the tables of policies/rules/. Refuses the form itself and the reading of answers (forms.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from resilience_sim.policies.rules.native import TIME, Param
from resilience_sim.policies.rules.native_guards import DUE
from resilience_sim.scenario.resolve_like import TABLES
from resilience_sim.scenario.spelling import duration, plain

# What stands in a form at first where the library has no default, or one that never ends.
FIRST: dict[tuple[str, str], dict[str, str]] = {
    ("retry", "tenacity"): {
        "stop": "{kind: after_attempt, value: 3}", "wait": "{kind: exponential_jitter, initial: 0.1, max: 5}",
    },
    ("rate_limiter", "failsafe-go"): {"Smooth": "{executions: 50, period: 1s}"},
    ("rate_limiter", "hyx"): {"max_executions": "50"},
}  # fmt: skip
MUST = {"timeout": "1s", "bulkhead": "10", "hedge": "200ms"}  # what a library leaves to its user


@dataclass(frozen=True, slots=True)
class Asked:
    """One parameter: what stands in the form at first, and its default in words."""

    name: str
    first: str
    default: str
    param: Param

    def about(self, meanings: Mapping[str, str]) -> str:
        """Its only values, or what of ours it stands for, or what it takes."""
        param = self.param
        if param.words:
            return " | ".join(param.words)
        if param.same_as in meanings:
            return f"our {param.same_as}: {meanings[param.same_as]}"
        names = ", ".join(name for name, _ in param.keys)
        return f"a mapping of {names}" if names else {"text": "an expression"}.get(param.takes, f"a {param.takes}")


def params(kind: str, like: str) -> list[Asked]:
    """All of them, in the library's order."""
    first = FIRST.get((kind, like), {})
    return [_asked(kind, param, first.get(param.name, "")) for param in TABLES[kind][like]]


def _asked(kind: str, param: Param, first: str) -> Asked:
    if kind in MUST and param.default == DUE:
        return Asked(param.name, first or MUST[kind], "", param)
    if param.default is None or param.default == "" or (kind == "rate_limiter" and param.default == DUE):
        return Asked(param.name, first, "", param)
    return Asked(param.name, first, duration(param.default) if param.takes == TIME else plain(param.default), param)


def libraries(kind: str) -> list[str]:
    """Whose rules a policy of that kind may have, beside ours."""
    return list(TABLES.get(kind, ()))
