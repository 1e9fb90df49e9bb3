"""Arithmetic over several services: how long, how often and how many at once, from call to call.

Averages are those of full health without queues. How long a service takes to answer that calls others is found from
draws of its own work and theirs, with fixed luck: always the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, inf, log, sqrt
from random import Random

from resilience_sim.interop.generic import as_generic
from resilience_sim.kernel.events import SUCCESS
from resilience_sim.lint.arithmetic import (
    mean_tries,
    mean_wait,
    most_attempts,
    outcomes_at,
    traffic,
    worst_time,
)
from resilience_sim.lint.rules_load import bounded
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.calls import CLIENT_NAME, LinkConfig, StepConfig
from resilience_sim.settings.client import ClientConfig
from resilience_sim.settings.fallback import FallbackConfig
from resilience_sim.settings.hedge import HedgeConfig
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.retry import RetryConfig
from resilience_sim.settings.timeout import TimeoutConfig
from resilience_sim.settings.traffic import Phase, TrafficConfig
from resilience_sim.settings.units import LONGEST

DRAWS = 1_500
MOST_DRAWN = 50  # of calls one after the other; more are scaled


def sequence(link: LinkConfig) -> str:
    """``shop > stock``."""
    return f"{link.caller} > {link.callee}"


@dataclass(frozen=True, slots=True)
class Way:
    """How a service is reached while it is down: the links, and how often each tries."""

    links: tuple[LinkConfig, ...] = ()
    tries: tuple[int, ...] = ()

    @property
    def product(self) -> int:
        """Attempts on this way for one request."""
        found = 1
        for each in self.tries:
            found *= each
        return found


@dataclass(slots=True)
class _Down:
    """What one execution of a service does while another one is down."""

    attempts: int = 0
    held: float = 0.0
    fails: int = 0  # the outcome; 0: it does not fail
    way: Way = Way()


class Hops:
    """A plan as a graph; its stacks are in common terms."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.services = {each.name: each for each in plan.everybody}
        self.entry = LinkConfig(CLIENT_NAME, plan.service.name, plan.stack, plan.operation)
        self.steps: dict[str, list[StepConfig]] = {name: [] for name in self.services}
        self.into: dict[str, list[LinkConfig]] = {name: [] for name in self.services}
        self.into[plan.service.name].append(self.entry)
        for step in plan.steps:
            generic = tuple(replace(each, stack=tuple(as_generic(each.stack))) for each in step.links)
            self.steps[step.caller].append(replace(step, links=generic))
            for link in generic:
                self.into[link.callee].append(link)
        self._answers: dict[str, list[tuple[float, bool]]] = {}

    @property
    def links(self) -> Iterator[LinkConfig]:
        """All, that of Service A first."""
        yield self.entry
        for name in self.services:
            for step in self.steps[name]:
                yield from step.links

    def calls_of(self, name: str) -> list[LinkConfig]:
        """The links of a service, in the order of the file."""
        return [link for step in self.steps[name] for link in step.links]

    @cached_property
    def reached(self) -> frozenset[str]:
        """The services that a request may come to."""
        found: set[str] = set()
        left = [self.plan.service.name]
        while left:
            name = left.pop()
            if name not in found:
                found.add(name)
                left += [link.callee for link in self.calls_of(name)]
        return frozenset(found)

    # --- how long ---

    def answers(self, name: str) -> list[tuple[float, bool]]:
        """Times from arrival to answer, ns, and whether that is a success; own failures apart."""
        if name not in self._answers:
            luck = Random(name)
            found = [(took, True) for took in _drawn(self.services[name].latency, luck)]
            for step in self.steps[name]:
                calls = [self._durations(link, luck) for link in step.links]
                for i, (took, well) in enumerate(found):
                    if well:
                        here = [each[i] for each in calls]
                        good = sorted(took for took, ok in here if ok)
                        enough = len(good) >= step.need
                        found[i] = (took + (good[step.need - 1] if enough else max(here)[0]), enough)
            self._answers[name] = found
        return self._answers[name]

    def _durations(self, link: LinkConfig, luck: Random) -> list[tuple[float, bool]]:
        """How long the calls of a link take for one execution, and whether they succeed or need not."""
        callee = self.services[link.callee]
        pool = self.answers(link.callee)
        if not callee.network.is_zero:
            wire = zip(_drawn(callee.network, luck), _drawn(callee.network, luck), strict=True)
            pool = [(took + there + back, well) for (took, well), (there, back) in zip(pool, wire, strict=True)]
        limit = min((c.after for c in link.stack if isinstance(c, TimeoutConfig)), default=0)
        retry = next((c for c in link.stack if isinstance(c, RetryConfig)), None)
        attempts = min(retry.attempts, 20) if retry is not None else 1
        times = min(link.times, MOST_DRAWN)
        waits = [mean_wait(retry, n) for n in range(1, attempts)] if retry is not None else []
        tries = iter(luck.choices(pool, k=DRAWS * times))  # at once, for drawing one by one takes five times as long
        found = []
        for _ in range(DRAWS):
            if link.chance < 1 and luck.random() >= link.chance:
                found.append((0.0, True))
                continue
            total, well = 0.0, True
            for _ in range(times):
                took, well = next(tries)
                for wait in (*waits, None):
                    late = limit and took > limit
                    total += limit if late else took
                    well = well and not late
                    if well or wait is None:
                        break
                    total += wait
                    took, well = luck.choice(pool)
                well = well or link.optional
                if not well:
                    break
            found.append((total, well))
        if link.times > times:
            mean = sum(took for took, _ in found) / len(found)
            more = link.times / times
            found = [(max(0.0, mean * more + (took - mean) * sqrt(more)), well) for took, well in found]
        return found

    def latency(self, name: str) -> Latency:
        """From arrival to answer, as a distribution."""
        if not self.steps[name]:
            return self.services[name].latency
        return Latency("empirical", values=tuple(sorted(round(took) for took, _ in self.answers(name))))

    def longest(self, link: LinkConfig) -> float:
        """The longest that a caller may wait for the calls of a link, if the callee does not answer."""
        return link.times * worst_time(link.stack)

    def longest_wait(self, name: str) -> float:
        """The longest that a service may wait for all its calls."""
        return sum(max(self.longest(link) for link in step.links) for step in self.steps[name])

    def ended(self, link: LinkConfig) -> bool:
        """Whether giving up ends what was begun: its timeouts tell a deadline, or stop the work."""
        return any(isinstance(c, TimeoutConfig) and (c.passes_on or c.cancels_work) for c in link.stack)

    def told(self, name: str) -> bool:
        """Whether every call of a service is ended from further out."""
        return all(self.ended(link) or (link.caller in self.services and self.told(link.caller))
                   for link in self.into[name])  # fmt: skip

    # --- how often ---

    @cached_property
    def subjects(self) -> dict[str, Plan]:
        """Every link as a scenario of its own: the callee as it answers, the traffic as it comes there."""
        found: dict[str, Plan] = {}
        failing: dict[str, tuple[float, int]] = {}  # of each service: how often it fails in full health, and how
        order = [each.name for each in self.plan.inward()]
        for name in reversed(order):
            failing[name] = self._failing(name, found, failing)
            for link in self.into[name]:
                found[link.name] = self._plan(link, failing[name])
        executions = dict.fromkeys(order, 0.0)  # per second
        usual = traffic(found[self.entry.name]).usual
        for name in order:
            for link in self.into[name]:
                plan = found[link.name]
                if link.caller == CLIENT_NAME:
                    rate = usual
                else:
                    own = self.services[link.caller].failure_rate
                    rate = executions[link.caller] * (1 - own) * link.chance * link.times
                    plan = found[link.name] = replace(plan, traffic=self._traffic(usual, rate))
                for index in range(len(link.stack)):
                    rate *= mean_tries(plan, index)
                executions[name] += rate
        return found

    def _failing(self, name: str, plans: dict[str, Plan], failing: dict[str, tuple[float, int]]) -> tuple[float, int]:
        service = self.services[name]
        well, how = 1 - service.failure_rate, service.failure
        for link in self.calls_of(name):
            bad = 1 - outcomes_at(plans[link.name], 0).get(SUCCESS, 0.0)
            if bad > 0 and not link.optional:
                well *= 1 - link.chance * (1 - (1 - bad) ** min(link.times, 10_000))
                how = how if service.failure_rate else link.fails_as
        return max(0.0, 1 - well), how

    def _plan(self, link: LinkConfig, failing: tuple[float, int]) -> Plan:
        plan, callee = self.plan, self.services[link.callee]
        service = replace(
            callee,
            latency=self.latency(link.callee),
            failure_rate=failing[0],
            failure=failing[1],
            workers=0 if self.steps[link.callee] and callee.waits == "free" else callee.workers,
        )
        client = plan.client
        if link.caller != CLIENT_NAME:
            caller = self.services[link.caller]
            turns = "round_robin" if caller.balancer == "round_robin" else "random"
            client = ClientConfig(instances=caller.replicas, spread=turns)
        here = {"", link.callee, link.name} if link is self.entry else {link.callee, link.name}
        return replace(
            plan,
            service=service,
            operation=link.operation,
            client=client,
            faults=tuple(fault for fault in plan.faults if fault.place in here or fault.kind == "spike"),
            stack=link.stack,
            actions=(),
            expect=(),
            several=False,
            services=(),
            steps=(),
        )

    def _traffic(self, usual: float, rate: float) -> TrafficConfig:
        """The users' traffic, thinned or multiplied to what comes to a link."""
        found = self.plan.traffic
        factor = rate / usual if usual else 0.0
        phases = found.phases
        if found.loop != "open":
            phases, factor = (Phase(0, rate, rate),), 1.0
        scaled = tuple(replace(each, rate=each.rate * factor, to=each.to * factor) for each in phases)
        return replace(
            found, loop="open", phases=scaled, arrivals="poisson", users=0, trace=(), think=Latency(), deadline=0
        )

    def rate(self, link: LinkConfig) -> float:
        """Calls per second that come to a link in full health."""
        return traffic(self.subjects[link.name]).usual

    # --- how many ---

    def at_once(self, link: LinkConfig) -> float:
        """How many calls a link may have under way at the callee."""
        most = inf
        if link.caller != CLIENT_NAME:
            caller = self.services[link.caller]
            if caller.workers and caller.waits == "holding":
                most = float(caller.workers * caller.replicas)
            replicas = caller.replicas
        else:
            client = self.plan.client
            replicas = client.instances
            most = float(client.threads * replicas) if client.threads else inf
        for config in link.stack:
            if isinstance(config, HedgeConfig):
                most *= 1 + config.max_extra
            elif isinstance(config, BulkheadConfig):
                most = min(most, config.max_concurrent * (1 if config.shared else replicas))
        return most

    def while_down(self, target: str) -> _Down:
        """The attempts that one request makes at a service that fails every one of them, breakers apart."""
        known: dict[str, _Down] = {}
        return self._through(self.entry, target, known)

    def _through(self, link: LinkConfig, target: str, known: dict[str, _Down]) -> _Down:
        """One call of a link."""
        if link.callee == target:
            inner = _Down(1, 1.0, -1)
        else:
            inner = known[link.callee] if link.callee in known else self._executed(link.callee, target, known)
        attempts, held, fails, tries = inner.attempts, inner.held, inner.fails, 1
        for index in range(len(link.stack) - 1, -1, -1):
            config = link.stack[index]
            if isinstance(config, FallbackConfig):
                fails = 0 if fails < 0 or fails in config.on else fails
            elif _repeats(config, fails, link):
                tries *= most_attempts(link.stack, index, index + 1)
                held *= bounded(config)
        way = Way((link, *inner.way.links), (tries, *inner.way.tries))
        return _Down(attempts * tries, held, fails, way)

    def _executed(self, name: str, target: str, known: dict[str, _Down]) -> _Down:
        """One execution of a service."""
        total = _Down()
        for step in self.steps[name]:
            failing = 0
            for link in step.links:
                call = self._through(link, target, known)
                times = 1 if call.fails and not link.optional else link.times
                total.attempts += call.attempts * times
                total.held += call.held * times
                if call.attempts and call.way.product > total.way.product * bool(total.way.links):
                    total.way = call.way
                if call.fails and not link.optional:
                    failing += 1
                    total.fails = link.fails_as
            if len(step.links) - failing >= step.need:
                total.fails = 0
            else:
                break
        known[name] = total
        return total


def _repeats(config: PolicyConfig, outcome: int, link: LinkConfig) -> bool:
    """Whether a layer makes more than one attempt of a call that fails with ``outcome`` (0: not; -1: any way)."""
    if isinstance(config, HedgeConfig):
        return True
    if not isinstance(config, RetryConfig) or not outcome or (outcome > 0 and outcome not in config.on):
        return False
    return not config.only_idempotent or any(each.repeatable for each in link.operation.each)


def _drawn(latency: Latency, luck: Random) -> list[float]:
    kind, a, b = latency.kind, latency.a, latency.b
    most = log(LONGEST)
    if kind == "constant" or (kind == "exponential" and not a):
        return [a] * DRAWS
    if kind == "exponential":
        return [luck.expovariate(1 / a) for _ in range(DRAWS)]
    if kind == "uniform":
        return [luck.uniform(a, b) for _ in range(DRAWS)]
    if kind == "lognormal":
        return [exp(min(luck.gauss(a, b), most)) for _ in range(DRAWS)]
    if kind == "gamma":
        return [luck.gammavariate(a, b) for _ in range(DRAWS)]
    if kind == "pareto":
        return [exp(min(log(a) + luck.expovariate(b), most)) for _ in range(DRAWS)]
    return [float(luck.choice(latency.values)) for _ in range(DRAWS)] if latency.values else [0.0] * DRAWS
