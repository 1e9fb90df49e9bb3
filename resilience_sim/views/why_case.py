"""One run, as the rules that look for causes see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from resilience_sim.kernel import events as ev
from resilience_sim.settings.actions import Add, Change, Reset, Trip
from resilience_sim.settings.breaker import BreakerConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.timeout import TimeoutConfig
from resilience_sim.views.moments import MomentsFold

LEAST_ARRIVALS = 20  # fewer after a fault prove nothing
GOOD_OR_NEUTRAL = (ev.SUCCESS, ev.CANCELLED, ev.CLIENT_ERROR)


@dataclass(frozen=True, slots=True)
class Case:
    """What the rules look at: one run."""

    plan: Plan
    run: dict[str, Any]
    moments: MomentsFold | None = None

    def policies(self, kind: type[PolicyConfig]) -> list[Any]:
        """The policies of a kind, classic or a library's, outermost first."""
        return [policy for policy in self.plan.stack if policy.kind == kind.kind]

    def outcome(self, name: str) -> int:
        return int(self.run["requests"]["by_outcome"].get(name, 0))

    @property
    def cut(self) -> bool:
        """Whether the run was stopped before its end."""
        return "under_way" in self.run["requests"]

    @property
    def no_timeout(self) -> bool:
        """Whether no timeout limits any waiting, from the beginning to the end."""
        if self.acted:
            return False
        plans = [self.plan.stack, *([action.policy] for action in self.plan.actions if isinstance(action, Add))]
        return not any(policy.kind == TimeoutConfig.kind for policies in plans for policy in policies)

    @property
    def same_stack(self) -> bool:
        """Whether the policies stay what and where they are while it runs."""
        return not self.acted and all(isinstance(action, Change | Trip | Reset) for action in self.plan.actions)

    @property
    def same_settings(self) -> bool:
        """Whether nobody changes a setting while it runs."""
        return not self.acted and all(isinstance(action, Trip | Reset) for action in self.plan.actions)

    @property
    def failed_attempts(self) -> int:
        """Attempts that did not succeed, without the losers of hedges and errors of the caller."""
        attempts = self.run["attempts"]
        good = sum(attempts["by_outcome"].get(ev.OUTCOME_NAMES[code], 0) for code in GOOD_OR_NEUTRAL)
        return int(attempts["total"] - attempts.get("under_way", 0) - good)

    @property
    def acted(self) -> bool:
        """Whether somebody changed settings by hand while it ran: the plan does not say what they were before."""
        return self.moments is not None and self.moments.actions > len(self.plan.actions)

    def after_last_fault(self) -> float:
        """Seconds from the end of the last fault to the last arrival, or else to the end of the run."""
        moments, ends = self.moments, [fault["to"] for fault in self.run["faults"]]
        last = moments.last_arrival / 1e9 if moments is not None else self.run["virtual_seconds"]
        return float(last - max(ends)) if ends else 0.0

    def any_before_faults(self) -> bool:
        """Whether a request came before the first fault; taken to be so where nobody has looked."""
        first = min(float(fault["from"]) for fault in self.run["faults"])
        return self.moments is None or self.moments.first_arrival < first * 1e9

    def had_time_to_recover(self) -> bool:
        """Whether requests came for long enough after the last fault to say that nothing recovered.

        That is as long as the fault itself, and as long as any breaker stays open.
        """
        faults = self.run["faults"]
        latest = max(faults, key=lambda fault: float(fault["to"]))
        wait = max((getattr(policy, "recovery_time", 0) for policy in self.policies(BreakerConfig)), default=0)
        enough = max(float(latest["to"]) - float(latest["from"]), wait / 1e9)
        few = self.moments is not None and self.moments.arrivals_since_fault < LEAST_ARRIVALS
        return not self.cut and not few and self.after_last_fault() >= enough
