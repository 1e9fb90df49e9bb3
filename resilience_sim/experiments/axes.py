"""What can be turned up until something breaks: the five axes of ``resim margins``, and any setting by its path.

An axis becomes a :class:`Ladder` of one configuration: plans in the order in which they get harder, by the number of
the rung. So a search is over whole numbers, and what it finds does not depend on where it began.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import ceil, floor, log
from typing import Any, Protocol

from resilience_sim.experiments.specs import Quantity, Range
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.actions import Adjust, Adjustment
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.service import ServiceConfig
from resilience_sim.settings.traffic import Phase, TrafficConfig
from resilience_sim.settings.units import FASTEST, LONGEST, UnitError

WIDEST = 16  # times today's value, and as far down
MOST_RUNGS = 10_000
PRECISION = 0.01
NEAR = (0.015, 0.03)  # to either side of a critical value, where it is tried again


class Ladder(Protocol):
    """Plans in the order in which they get harder. Rungs are numbered from ``first`` to ``last``."""

    @property
    def unit(self) -> str:
        """``x``, ``ratio``, ``s``, ``/s`` or ``count``."""

    @property
    def first(self) -> int:
        """The easiest rung."""

    @property
    def last(self) -> int:
        """The hardest one."""

    @property
    def today(self) -> float | None:
        """The value as written."""

    @property
    def start(self) -> int:
        """Where a search begins that knows nothing."""

    @property
    def stride(self) -> int:
        """And how far its first step goes."""

    @property
    def stepped(self) -> bool:
        """Whether there is nothing between two rungs: otherwise they are as near as the precision that is wanted."""

    def value(self, rung: int) -> float:
        """What stands at a rung, in ``unit``."""

    def plan(self, rung: int) -> Plan:
        """The configuration at a rung."""

    def near(self, rung: int) -> list[int]:
        """Rungs a little to either side."""


def _around(rung: int, whole: float) -> list[int]:
    """Rungs to either side of one, where ``whole`` rungs are 100 %; each at least one further than the one before."""
    offsets = [max(nth, round(share * whole)) for nth, share in enumerate(NEAR, 1)]
    return [rung + offset for offset in (*(-each for each in offsets), *offsets)]


@dataclass(frozen=True)
class FactorLadder:
    """Powers of ``1 + step`` times today's value, from a sixteenth to sixteen times."""

    base: Plan
    change: Callable[[Plan, float], Plan]
    step: float
    unit: str = "x"
    today: float | None = 1.0
    start: int = 0
    stepped: bool = False

    @cached_property
    def last(self) -> int:
        return ceil(log(WIDEST) / log(1 + self.step) - 1e-9)

    @property
    def first(self) -> int:
        return -self.last

    @property
    def stride(self) -> int:
        return max(1, self.last // 16)

    def value(self, rung: int) -> float:
        return 1.0 if rung == 0 else min(max(float((1 + self.step) ** rung), 1 / WIDEST), float(WIDEST))

    def plan(self, rung: int) -> Plan:
        return self.base if rung == 0 else self.change(self.base, self.value(rung))

    def near(self, rung: int) -> list[int]:
        return _around(rung, 1 / self.step)


@dataclass(frozen=True)
class ShareLadder:
    """Shares from 0 to 100 %, ``step`` apart; today is 0."""

    base: Plan
    change: Callable[[Plan, float], Plan]
    step: float
    unit: str = "ratio"
    today: float | None = 0.0
    first: int = 0
    start: int = 0
    stepped: bool = False

    @cached_property
    def last(self) -> int:
        return ceil(1 / self.step - 1e-9)

    @property
    def stride(self) -> int:
        return max(1, self.last // 16)

    def value(self, rung: int) -> float:
        return min(1.0, round(rung * self.step, 12))

    def plan(self, rung: int) -> Plan:
        return self.base if rung == 0 else self.change(self.base, self.value(rung))

    def near(self, rung: int) -> list[int]:
        return _around(rung, 1 / self.step)


@dataclass(frozen=True)
class CountLadder:
    """Whole numbers: ``shown`` turns a rung into what is shown, ``change`` into a plan."""

    base: Plan
    change: Callable[[Plan, int], Plan]
    shown: Callable[[int], float]
    unit: str
    today: float | None
    first: int
    last: int
    start: int
    stepped: bool = True

    @property
    def stride(self) -> int:
        return max(1, (self.last - self.first) // 16)

    def value(self, rung: int) -> float:
        return self.shown(rung)

    def plan(self, rung: int) -> Plan:
        return self.base if rung == self.start else self.change(self.base, rung)

    def near(self, rung: int) -> list[int]:
        return _around(rung, abs(rung))


@dataclass(frozen=True)
class SettingLadder:
    """A setting over a range, in the order in which it gets harder; ``texts``: its values as ``--set`` takes them."""

    scenario: Scenario
    path: str
    quantity: Quantity
    texts: tuple[str, ...]
    today: float | None
    start: int
    stepped: bool
    first: int = 0

    @property
    def unit(self) -> str:
        return self.quantity.unit

    @property
    def last(self) -> int:
        return len(self.texts) - 1

    @property
    def stride(self) -> int:
        return max(1, len(self.texts) // 16)

    def value(self, rung: int) -> float:
        return self.quantity.read(self.texts[rung])

    def plan(self, rung: int) -> Plan:
        return self.scenario.with_settings([f"{self.path}={self.texts[rung]}"]).plan

    def near(self, rung: int) -> list[int]:
        """The rungs whose values are at least that far away."""
        here, found = self.value(rung), []
        for nth, share in enumerate(NEAR, 1):
            for way in (-1, 1):
                at = rung + way * nth
                while self.first < at < self.last and abs(self.value(at) - here) < share * abs(here):
                    at += way
                found.append(at)
        return found


def setting_ladder(scenario: Scenario, path: str, values: Range, today: str | None, precision: float) -> SettingLadder:
    """The rungs of a setting from LO to HI: ``precision`` apart, whole numbers each.

    Raises:
        ScenarioError: an end of the range cannot stand there.
    """
    for end in (values.at(0.0), values.at(1.0)):
        scenario.with_settings([f"{path}={end}"])
    if values.count or values.quantity.whole:
        texts = values.values()
    else:
        ends = sorted((values.low, values.high))
        wide = ends[0] > 0 and ends[1] / ends[0] > 1.5 and values.quantity.unit != "ratio"
        count = ceil(log(ends[1] / ends[0]) / log(1 + precision)) if wide else ceil(1 / min(precision, 0.01)) * 2
        texts = replace(values, count=min(max(count, 2), MOST_RUNGS) + 1, log=wide).values()
    number = None
    if today is not None:
        try:
            number = values.quantity.read(today)
        except (UnitError, ValueError):
            number = None
    start = 0
    if number is not None:
        start = min(range(len(texts)), key=lambda rung: abs(values.quantity.read(texts[rung]) - number))
    stepped = bool(values.count) or values.quantity.whole
    return SettingLadder(scenario, path, values.quantity, texts, number, start, stepped)


def turned(ladder: SettingLadder) -> SettingLadder:
    """The same rungs the other way round."""
    return replace(ladder, texts=ladder.texts[::-1], start=ladder.last - ladder.start)


@dataclass(frozen=True)
class Axis:
    """One of the five. ``ladder`` says, as text, why a plan has none."""

    name: str
    about: str
    ladder: Callable[[Plan, float], Ladder | str]
    harder: str  # what more of it is called


def load_ladder(plan: Plan, precision: float) -> Ladder | str:
    """Arrivals at ``factor`` times the rate, over the same time; with a closed loop, as many times the users."""
    traffic = plan.traffic
    if traffic.loop == "closed":
        users = traffic.users
        return CountLadder(plan, _with_users, lambda n: n / users, "x", 1.0, max(1, ceil(users / WIDEST)),
                           users * WIDEST, users)  # fmt: skip
    return FactorLadder(plan, at_load, precision / 2)


def slower_ladder(plan: Plan, precision: float) -> Ladder | str:
    """Every latency of B, and of the network, ``factor`` times as long; of several services those of all."""
    if all(each.latency.is_zero and each.network.is_zero for each in plan.everybody):
        return (
            "every latency is zero: no factor makes it longer"
            if plan.several
            else ("B's latency is zero: no factor makes it longer")
        )
    return FactorLadder(plan, _slower, precision / 2)


def failing_ladder(plan: Plan, precision: float) -> Ladder | str:
    """B's failure rate plus so many points; of several services those of all."""
    return ShareLadder(plan, _failing, precision / 10)


def outage_ladder(plan: Plan, precision: float) -> Ladder | str:
    """Faults ``factor`` times as long; what comes later, the end of the traffic too, moves with them."""
    if not plan.faults:
        plan = _with_outage(plan)
    return FactorLadder(plan, with_longer_faults, precision / 2)


def capacity_ladder(plan: Plan, precision: float) -> Ladder | str:
    """A share of each replica's workers lost; at least one is left."""
    limited = [each.workers for each in plan.everybody if each.workers]
    if not limited:
        which = "no service has a limit on its workers" if plan.several else "B has no limit on its workers"
        return f"{which}: there are none to lose"
    if max(limited) == 1:
        return (
            "no service has more than one worker, which is always left"
            if plan.several
            else ("B has one worker, which is always left")
        )
    if len(limited) > 1:
        if sum(limited) > MOST_RUNGS:
            return ShareLadder(plan, _fewer_everywhere, precision / 2)
        shares = sorted({lost / workers for workers in limited for lost in range(workers)})
        change = partial(_losing, shares)
        return CountLadder(plan, change, shares.__getitem__, "ratio", 0.0, 0, len(shares) - 1, 0)
    workers = limited[0]
    return CountLadder(plan, _fewer_workers, lambda lost: lost / workers, "ratio", 0.0, 0, workers - 1, 0)


OF_A_SERVICE = ("slower", "failing", "capacity")


def axis_of(axis: str) -> tuple[str, str]:
    """``slower:db`` is the axis ``slower`` of the service ``db``; "" of all services."""
    name, _, service = axis.partition(":")
    return name, service


def axis_problem(axis: str, plan: Plan) -> tuple[str, list[str]]:
    """What is wrong with the name of an axis, and what there is instead; "" where nothing is."""
    name, service = axis_of(axis)
    services = [each.name for each in plan.everybody] if plan.several else []
    if name not in AXES:
        return f"no axis `{name}`", list(AXES)
    if service and name not in OF_A_SERVICE:
        return f"`{name}` is not of one service", [name]
    if ":" in axis and service not in services:
        if not services:
            return "there is one service", [name]
        return f"no service `{service}`", [f"{name}:{each}" for each in services]
    return "", []


def ladder_of(axis: str, plan: Plan, precision: float) -> Ladder | str:
    """The rungs of an axis, or of an axis of one service; as text, why there are none."""
    name, service = axis_of(axis)
    if not service:
        return AXES[name].ladder(plan, precision)
    only = next(each for each in plan.everybody if each.name == service)
    alone = replace(plan, service=only, services=(), several=False)
    ladder = AXES[name].ladder(alone, precision)
    if isinstance(ladder, str):
        return ladder.replace("B", service, 1)
    assert isinstance(ladder, FactorLadder | ShareLadder | CountLadder)
    return replace(ladder, base=plan, change=partial(_of_one, ladder.change, service))


def _of_one(change: Callable[[Plan, Any], Plan], service: str, plan: Plan, amount: Any) -> Plan:
    """The plan with a change of one service only."""

    def there(each: ServiceConfig) -> ServiceConfig:
        alone = replace(plan, service=each, services=(), actions=())
        return change(alone, amount).service if each.name == service else each

    return _everywhere(plan, there)


AXES: dict[str, Axis] = {
    axis.name: axis
    for axis in (
        Axis("load", "arrival rate", load_ladder, "traffic"),
        Axis("slower", "latency of B and the network", slower_ladder, "latency"),
        Axis("failing", "failure rate of B, so many points more", failing_ladder, "failures"),
        Axis("outage", "length of the faults", outage_ladder, "fault"),
        Axis("capacity", "share of B's workers lost", capacity_ladder, "loss"),
    )
}


def _with_users(plan: Plan, users: int) -> Plan:
    traffic = plan.traffic
    requests = ceil(traffic.requests * users / traffic.users) if traffic.requests else 0
    return replace(plan, traffic=replace(traffic, users=users, requests=requests))


def at_load(plan: Plan, factor: float) -> Plan:
    """The plan with ``factor`` times the arrivals over the same time; with a closed loop, times the users."""
    if plan.traffic.loop == "closed":
        return _with_users(plan, max(1, round(plan.traffic.users * factor)))
    traffic = plan.traffic
    requests = ceil(traffic.requests * factor) if traffic.requests else 0
    if traffic.loop == "trace":
        trace = _thinned(traffic.trace, factor)
        return replace(plan, traffic=replace(traffic, trace=trace, requests=requests))
    phases = tuple(
        Phase(each.duration, min(each.rate * factor, FASTEST), min(each.to * factor, FASTEST))
        for each in traffic.phases
    )
    return replace(plan, traffic=replace(traffic, phases=phases, requests=requests))


def _thinned(times: Sequence[int], factor: float) -> tuple[int, ...]:
    """``factor`` times as many instants over the same time: the n-th lies where n / factor have come."""
    last = len(times) - 1
    found = []
    for nth in range(floor(last * factor + 1e-9) + 1):
        whole, rest = divmod(nth / factor, 1)
        index = int(whole)
        here = times[min(index, last)]
        found.append(here if index >= last else here + round(rest * (times[index + 1] - here)))
    return tuple(found)


def _everywhere(plan: Plan, change: Callable[[ServiceConfig], ServiceConfig]) -> Plan:
    """The plan with other services, and so for what its changes make of them."""
    services = {each.name: each for each in plan.everybody}
    actions = tuple(
        _adjusted(action, services[action.place], change)
        if isinstance(action, Adjust) and action.place in services
        else action
        for action in plan.actions
    )
    others = tuple(change(each) for each in plan.services)
    return replace(plan, service=change(plan.service), services=others, actions=actions)


def _adjusted(action: Adjust, service: ServiceConfig, change: Callable[[ServiceConfig], ServiceConfig]) -> Adjust:
    said: dict[str, Any] = {each.name: each.value for each in action.what.fields}
    then = change(replace(service, **said))
    fields = tuple(replace(each, value=getattr(then, each.name)) for each in action.what.fields)
    return replace(action, what=Adjustment(fields))


def _slower(plan: Plan, factor: float) -> Plan:
    return _everywhere(
        plan, lambda each: replace(each, latency=each.latency.times(factor), network=each.network.times(factor))
    )


def _failing(plan: Plan, points: float) -> Plan:
    return _everywhere(plan, lambda each: replace(each, failure_rate=min(1.0, each.failure_rate + points)))


def _fewer_workers(plan: Plan, lost: int) -> Plan:
    return _everywhere(plan, lambda each: replace(each, workers=max(1, each.workers - lost)) if each.workers else each)


def _losing(shares: Sequence[float], plan: Plan, rung: int) -> Plan:
    return _fewer_everywhere(plan, shares[rung])


def _fewer_everywhere(plan: Plan, share: float) -> Plan:
    return _everywhere(
        plan,
        lambda each: replace(each, workers=max(1, int(each.workers * (1 - share) + 1e-9))) if each.workers else each,
    )


OUTAGE = 0.1  # of the traffic: as long is the outage that a scenario without faults gets


def _with_outage(plan: Plan) -> Plan:
    """A refusing outage in the middle of the traffic, a tenth of it long."""
    end = arrivals_end(plan.traffic)
    length = max(1, round(end * OUTAGE))
    fault = FaultConfig("outage", "outage", max(0, (end - length) // 2), length, how="refuse")
    return replace(plan, faults=(fault,))


def arrivals_end(traffic: TrafficConfig) -> int:
    """About when the last request arrives, ns."""
    ends = [traffic.duration] if traffic.duration else []
    if traffic.loop == "trace":
        arrivals = traffic.trace[: traffic.requests or None]
        ends.append(arrivals[-1] if arrivals else 0)
    elif traffic.loop == "open" and traffic.requests and not traffic.phased and traffic.phases[0].rate:
        ends.append(round(traffic.requests / traffic.phases[0].rate * 1e9))
    return min(ends, default=60_000_000_000)


class Stretched:
    """Virtual time in which the faults last ``factor`` times as long."""

    def __init__(self, faults: Sequence[FaultConfig], factor: float) -> None:
        self._factor = factor
        self.spans: list[tuple[int, int]] = []  # with a fault at every instant, apart and in order
        for at, end in sorted((fault.at, fault.at + fault.duration) for fault in faults):
            if self.spans and at <= self.spans[-1][1]:
                self.spans[-1] = (self.spans[-1][0], max(self.spans[-1][1], end))
            else:
                self.spans.append((at, end))

    def at(self, t: int) -> int:
        """Where an instant comes to lie."""
        inside = sum(min(t, end) - at for at, end in self.spans if at < t)
        return max(0, min(LONGEST, t + round((self._factor - 1) * inside)))


def with_longer_faults(plan: Plan, factor: float) -> Plan:
    """The plan with faults ``factor`` times as long; what comes later, the end of the traffic too, moves with them."""
    time = Stretched(plan.faults, factor)
    faults = tuple(
        replace(fault, at=time.at(fault.at), duration=max(1, time.at(fault.at + fault.duration) - time.at(fault.at)))
        for fault in plan.faults
    )
    actions = tuple(replace(action, t=time.at(action.t)) for action in plan.actions)
    return replace(plan, faults=faults, actions=actions, traffic=_longer_traffic(plan.traffic, time, factor))


def _longer_traffic(traffic: TrafficConfig, time: Stretched, factor: float) -> TrafficConfig:
    """The same rates for as much longer as the faults last."""
    end = arrivals_end(traffic)
    longer = time.at(end) / end if end else 1.0
    phases, start = [], 0
    for phase in traffic.phases:
        stop = start + phase.duration
        length = time.at(stop) - time.at(start) if phase.duration else 0
        phases.append(replace(phase, duration=max(1, length) if phase.duration else 0))
        start = stop
    return replace(
        traffic,
        phases=tuple(phases),
        trace=_longer_trace(traffic.trace, time, factor),
        duration=time.at(traffic.duration) if traffic.duration else 0,
        requests=max(1, round(traffic.requests * longer)) if traffic.requests else 0,
    )


def _longer_trace(trace: Sequence[int], time: Stretched, factor: float) -> tuple[int, ...]:
    """The arrivals during a fault, at the same rate for as much longer: they begin again as often as it takes."""
    found: list[int] = []
    here = 0
    for at, stop in time.spans:
        found += [time.at(t) for t in trace[here : bisect_left(trace, at)]]
        here = bisect_left(trace, stop)
        part = trace[bisect_left(trace, at) : here]
        length, begin = round((stop - at) * factor), time.at(at)
        for offset in range(0, length if part else 0, stop - at):
            found += [begin + t - at + offset for t in part if t - at + offset < length]
    return tuple(found + [time.at(t) for t in trace[here:]])
