"""Service A, which calls B through the stack."""

from __future__ import annotations

from dataclasses import dataclass

from resilience_sim.settings.table import Param, Table, Values
from resilience_sim.settings.types import DURATION, Choice, Count


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Service A. ``threads`` 0: unlimited, per instance. ``backlog``: waiting places per instance."""

    instances: int = 1
    spread: str = "round_robin"  # round_robin | random
    threads: int = 0
    backlog: int = 0
    on_exhaustion: str = "reject"  # reject | crash
    restart_after: int = 30_000_000_000


CLIENT = Table(
    "client",
    "Service A, which calls B through the stack.",
    (
        Param("instances", Count(1, 10_000), 1, "Copies of A; each has its own stack state and threads."),
        Param("spread", Choice("round_robin", "random"), "round_robin", "How arrivals are dealt to the instances."),
        Param(
            "threads",
            Count(1, unlimited=0),
            "unlimited",
            "Requests an instance holds at once, from admission to outcome.",
        ),
        Param("backlog", Count(0, 1_000_000_000), 0, "Places where a request waits for a thread."),
        Param(
            "on_exhaustion",
            Choice("reject", "crash"),
            "reject",
            "What happens when neither a thread nor a place is left.",
        ),
        Param("restart_after", DURATION, "30s", "How long a crashed instance is down."),
    ),
)


def client(values: Values) -> ClientConfig:
    """Service A as the core takes it."""
    return ClientConfig(**{param.name: values[param.name] for param in CLIENT.params})
