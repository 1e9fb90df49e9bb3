"""The sections `traffic` and `client` of a scenario file.

Owns their keys, defaults and descriptions. Refuses to turn them into the world's settings (resolve_world.py).
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict

from resilience_sim.scenario import leaves
from resilience_sim.scenario.leaves import AnyRate, Duration, FileName, LongerThanZero, SomeRate
from resilience_sim.scenario.models_base import LatencyModel, Strict, key, required

SOURCES = ("rate", "phases", "users", "trace")


class PhaseModel(Strict):
    """A stretch of traffic."""

    for_: LongerThanZero = required(alias="for", description="How long the phase lasts.")
    rate: AnyRate = required(description="Arrivals, at its beginning when it ramps.")
    to: AnyRate | None = key(None, description="Arrivals at its end: the rate moves there in a straight line.")


def _one_source(schema: dict[str, Any]) -> None:
    schema["oneOf"] = [{"required": [name]} for name in SOURCES]


class TrafficModel(Strict):
    """Who calls and when: exactly one of `rate`, `phases`, `users`, `trace`."""

    model_config = ConfigDict(json_schema_extra=_one_source)

    rate: SomeRate | None = key(None, description="Open loop: arrivals that do not wait for answers.")
    arrivals: Annotated[str, leaves.choice("poisson", "even")] = key(
        "poisson", description="Random gaps, or the same gap each time (then the first arrival is at 0)."
    )
    phases: list[PhaseModel] | None = key(None, description="Stretches of open-loop traffic, one after the other.")
    users: Annotated[int, leaves.count(1, 1_000_000)] | None = key(
        None, description="Closed loop: so many users; each thinks, calls and waits for its outcome."
    )
    think: LatencyModel | None = key(None, description="What a user waits before each call.")
    trace: FileName | None = key(None, description="CSV or JSON-lines file of arrival times.")
    requests: Annotated[int, leaves.count(1, 1_000_000_000)] | None = key(
        None, description="Stop after that many arrivals."
    )
    duration: LongerThanZero | None = key(None, description="Stop arrivals after that time.")
    deadline: LongerThanZero | None = key(
        None, description="What the end user is willing to wait; a later success is `late`, not available."
    )


class ClientModel(Strict):
    """Service A, which calls B through the stack."""

    instances: Annotated[int, leaves.count(1, 10_000)] = key(
        1, description="Copies of A; each has its own stack state and threads."
    )
    spread: Annotated[str, leaves.choice("round_robin", "random")] = key(
        "round_robin", description="How arrivals are dealt to the instances."
    )
    threads: Annotated[int, leaves.count(1, 1_000_000, unlimited=0)] = key(
        "unlimited", description="Requests an instance holds at once, from admission to outcome."
    )
    backlog: Annotated[int, leaves.count(0, 1_000_000_000)] = key(
        0, description="Places where a request waits for a thread."
    )
    on_exhaustion: Annotated[str, leaves.choice("reject", "crash")] = key(
        "reject", description="What happens when neither a thread nor a place is left."
    )
    restart_after: Duration = key("30s", description="How long a crashed instance is down.")
