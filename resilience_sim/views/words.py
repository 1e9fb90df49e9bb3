"""Names of outcomes, states, components and faults for people; outcomes in full and in at most nine letters.

Why a breaker changed state is in measure/breakers.py (documents say it too), what happened to a request in
story_words.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.text import printable
from resilience_sim.measure.breakers import why_text
from resilience_sim.settings.breaker import BreakerConfig, LikeBreakerConfig
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig

# At most nine letters each, for the narrow request stream.
SHORT_OUTCOMES: tuple[str, ...] = (
    "ok", "fallback", "error", "503", "429", "timeout", "refused", "reset", "shed", "open", "full", "limited",
    "no thread", "crashed", "cancelled", "throttled", "no answer", "lost", "4xx",
)  # fmt: skip


def outcome_name(outcome: int) -> str:
    """The outcome as results and scenario files spell it."""
    return ev.OUTCOME_NAMES[outcome] if 0 <= outcome < len(ev.OUTCOME_NAMES) else f"outcome {outcome}"


def short_outcome(outcome: int) -> str:
    """The outcome in at most nine letters."""
    return SHORT_OUTCOMES[outcome] if 0 <= outcome < len(SHORT_OUTCOMES) else str(outcome)


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)


def state_name(state: int | str) -> str:
    """``CLOSED``, ``OPEN``, ``HALF-OPEN``, whether given as a code or as documents spell it."""
    name = ev.STATE_NAMES[state] if isinstance(state, int) else state
    return name.upper().replace("_", "-")


def speaker(component: ev.Component | None, with_instance: bool = False) -> str:
    """The name of an event's component; with its client instance where there are several."""
    if component is None:
        return "?"
    name = printable(component.name)
    if with_instance and component.instance >= 0 and component.kind != "client":
        return f"{name}@{component.instance}"
    return name


def has_copies(component: ev.Component | None, plan: Plan) -> bool:
    """Whether there are several of a layer: one for each client instance, or for each replica that calls."""
    if component is None or not component.link:
        return plan.client.instances > 1
    caller = component.link.partition(">")[0]
    return any(each.name == caller and each.replicas > 1 for each in (plan.service, *plan.services))


def breaker_name(breaker: Mapping[str, Any], plan: Plan) -> str:
    """The name of a breaker of a result document: ``breaker``, ``outer``, of several client instances ``outer@1``."""
    name = printable(breaker["id"]).replace(BreakerConfig.kind, "breaker")
    caller = breaker.get("link", ["client"])[0]
    copies = next((each.replicas for each in (plan.service, *plan.services) if each.name == caller), 1)
    several = (plan.client.instances if caller == "client" else copies) > 1 and breaker["instance"] is not None
    return f"{name}@{breaker['instance']}" if several else name


def fault_words(fault: FaultConfig) -> str:
    describe = _FAULTS.get(fault.kind)
    words = describe(fault) if describe is not None else fault.kind
    if fault.place:
        words += f" between {fault.link[0]} and {fault.link[1]}" if fault.link else f" of {fault.service}"
    if fault.replica:
        words += f" of replica {fault.replica}"
    if fault.share < 1:
        words += f" for {fmt.share(fault.share)} of {fault.of}"
    return words


def fault_kind(fault: FaultConfig) -> str:
    """What a fault is, in one or two words."""
    return _KINDS.get(fault.kind, fault.kind)


_KINDS = {
    "latency": "slow answers",
    "rate_limit": "rate limit",
    "cold_cache": "cold cache",
    "crash_replica": "replica crash",
    "spike": "traffic spike",
}


def _outage(fault: FaultConfig) -> str:
    return f"outage ({fault.how})"


def _brownout(fault: FaultConfig) -> str:
    parts = []
    if fault.workers < 1:
        parts.append(f"{fmt.share(fault.workers)} of the workers")
    if fault.slower != 1:
        parts.append(f"{fmt.factor(fault.slower)} slower")
    if fault.failure_rate:
        parts.append(f"{fmt.share(fault.failure_rate)} failing")
    return "brownout" + (f" ({', '.join(parts)})" if parts else "")


def _latency(fault: FaultConfig) -> str:
    return f"{fmt.duration(fault.add)} slower answers"


def _errors(fault: FaultConfig) -> str:
    outcome = "lost" if fault.outcome == ev.LOST else outcome_name(fault.outcome)
    instead = f", {outcome_name(fault.answer)} instead" if fault.answer else ""
    return f"{fmt.share(fault.rate)} of answers {outcome}{instead}"


def _rate_limit(fault: FaultConfig) -> str:
    return f"rate limit {fmt.rate(fault.limit)}"


def _cold_cache(fault: FaultConfig) -> str:
    return f"cold cache ({fmt.factor(fault.slower)} slower, halving every {fmt.duration(fault.half_life)})"


def _crash_replica(fault: FaultConfig) -> str:
    return "crash" if fault.replica else "crash of all replicas"


def _spike(fault: FaultConfig) -> str:
    return f"traffic spike ({fmt.factor(fault.factor)})"


_FAULTS = {
    "outage": _outage,
    "brownout": _brownout,
    "latency": _latency,
    "errors": _errors,
    "rate_limit": _rate_limit,
    "cold_cache": _cold_cache,
    "crash_replica": _crash_replica,
    "spike": _spike,
}


LATE_EFFECTS = {
    "current": "counts all the same", "admitting": "treated by the rules of then", "dropped": "changes nothing",
}  # fmt: skip


def late_effect(config: PolicyConfig | None) -> str:
    """What the result of a call that was admitted in an earlier state does to a breaker: its library's rule."""
    return LATE_EFFECTS[config.rules.late if isinstance(config, LikeBreakerConfig) else "dropped"]


def change_words(kind: int, a: int, b: int, faults: Sequence[FaultConfig]) -> tuple[str, str]:
    """A change of a breaker, a fault or a client instance: what became of it, and the details."""
    if kind == ev.BREAKER:
        return state_name(ev.new_state(a)), why_text(a, b)
    if kind == ev.FAULT_ON:
        words = f"{fault_words(faults[a])}, " if 0 <= a < len(faults) else ""
        return "on", f"{words}until {fmt.instant(b)}"
    if kind == ev.FAULT_OFF:
        return "off", ""
    if kind == ev.CRASH:
        return "crashed", f"{fmt.plural(a, 'request')} went down with it, back at {fmt.instant(b)}"
    return "restarted", "fresh policy state"
