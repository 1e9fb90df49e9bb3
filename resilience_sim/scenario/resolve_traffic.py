"""Traffic: from the model to the world's settings.

Owns the choice of the loop and of the end. Refuses to draw arrivals (world/).
"""

from __future__ import annotations

from resilience_sim.scenario import codes
from resilience_sim.scenario.check import Findings
from resilience_sim.scenario.datafiles import DataFiles
from resilience_sim.scenario.models_traffic import SOURCES, TrafficModel
from resilience_sim.scenario.resolve_world import latency
from resilience_sim.scenario.suggest import one_of
from resilience_sim.scenario.units import SECOND, UnitError
from resilience_sim.world.config import Latency, Phase, TrafficConfig

DEFAULT_END = 60 * SECOND
HERE = ("traffic",)


def traffic(model: TrafficModel, findings: Findings, files: DataFiles) -> TrafficConfig:
    """Who calls and when."""
    written = [name for name in SOURCES if getattr(model, name) is not None]
    if len(written) != 1:
        _not_one(written, findings)
        return TrafficConfig()
    if model.think is not None and model.users is None:
        findings.error((*HERE, "think"), codes.CONFLICT, "`think` needs `users`", "only a closed loop thinks", key=True)
    if "arrivals" in model.model_fields_set and written[0] in ("users", "trace"):
        findings.warn(codes.NO_EFFECT, f"`traffic.arrivals` has no effect on `{written[0]}`")
    requests, duration, deadline = model.requests or 0, model.duration or 0, model.deadline or 0
    if model.trace is not None:
        return _trace(model, findings, files)
    if model.users is not None:
        think = latency(model.think, (*HERE, "think"), findings, files) if model.think else Latency()
        duration = duration or _default_end(requests, findings)
        return TrafficConfig("closed", users=model.users, think=think, requests=requests, duration=duration,
                             deadline=deadline)  # fmt: skip
    if model.rate is not None:
        duration = duration or _default_end(requests, findings)
        steady = (Phase(0, model.rate.per_second, model.rate.per_second),)
        return TrafficConfig(
            "open", steady, False, model.arrivals, requests=requests, duration=duration, deadline=deadline
        )
    phases = tuple(
        Phase(each.for_, each.rate.per_second, (each.to or each.rate).per_second) for each in model.phases or ()
    )
    if not any(phase.rate or phase.to for phase in phases):
        findings.error(
            (*HERE, "phases"), codes.CONFLICT, "no phase has any traffic", "write `- {for: 20s, rate: 50/s}`"
        )
    total = sum(phase.duration for phase in phases)
    end = min(duration, total) if duration else total
    return TrafficConfig("open", phases, True, model.arrivals, requests=requests, duration=end, deadline=deadline)


def _not_one(written: list[str], findings: Findings) -> None:
    rests = tuple((*HERE, name) for name in SOURCES)
    if not written:
        findings.error(HERE, codes.MISSING, "nothing says who calls", one_of(SOURCES), key=True, rests_on=rests)
        return
    findings.error(
        (*HERE, written[1]), codes.CONFLICT, f"`{written[0]}` and `{written[1]}` together", "keep one of them", key=True
    )


def _default_end(requests: int, findings: Findings) -> int:
    if requests:
        return 0
    findings.warn(
        codes.NO_END, "nothing says when the traffic ends: it stops after 60s; write `duration` or `requests`"
    )
    return DEFAULT_END


def _trace(model: TrafficModel, findings: Findings, files: DataFiles) -> TrafficConfig:
    assert model.trace is not None
    times: tuple[int, ...] = ()
    try:
        times, ordered = files.times(model.trace)
        if not ordered:
            findings.warn(codes.UNSORTED, f"the times in {model.trace} were not in order; they were sorted")
    except UnitError as error:
        findings.error((*HERE, "trace"), error.code, str(error), error.help)
    return TrafficConfig(
        "trace", trace=times, requests=model.requests or 0, duration=model.duration or 0, deadline=model.deadline or 0
    )
