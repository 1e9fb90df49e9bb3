"""A test on a virtual clock, without a scenario: its waits take no time."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from resilience_sim.api.scenario import loads
from resilience_sim.runs.own_code import with_client
from resilience_sim.runs.simulate import simulate
from resilience_sim.testing.tunnel import target_of

ALONE = "resim: 1\nname: virtual-time\nservice: {latency: 0ms}\ntraffic: {rate: 1/s, arrivals: even, requests: 1}\n"


def run_virtually(test: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Run a test, a coroutine or not, as the only request there is; whatever it raises is raised."""
    raised: list[BaseException] = []

    def plainly() -> None:
        try:
            test(**arguments)
        except BaseException as error:
            raised.append(error)

    async def as_task() -> None:
        try:
            await test(**arguments)
        except BaseException as error:
            raised.append(error)

    body = as_task if inspect.iscoroutinefunction(test) else plainly
    simulate(with_client(loads(ALONE).plan, target_of(body)), 1)
    if raised:
        raise raised[0]
