"""The one helper of the exact tests: say what runs, get back a story that reads like one.

    run = lab(b(latency="50ms", failure_rate=1.0), calls=["0s"], stack=[retry(attempts=3, delay="1s")])
    assert run.sent(0) == [0, 1050, 2100]          # milliseconds, exact
    assert run.outcomes == ["error"]

``lab`` runs the whole world; ``bench`` puts a stack around a service that answers by a script. Every run is audited
event by event (audit.py). Durations are strings with a unit or integer nanoseconds; the story speaks milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from audit import Audit

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.frames import Frame, Layer, answer
from resilience_sim.kernel.rng import KeyedRng
from resilience_sim.kernel.sim import Sim
from resilience_sim.kernel.sink import Fold, Sink
from resilience_sim.measure.run_fold import RunFold
from resilience_sim.runs.simulation import Simulation, layer_sources, make_components
from resilience_sim.settings.breaker import BreakerConfig
from resilience_sim.settings.budget import BudgetConfig
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.client import ClientConfig
from resilience_sim.settings.fallback import FallbackConfig
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.hedge import HedgeConfig
from resilience_sim.settings.latency import Latency
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.rate_limiter import RateLimiterConfig
from resilience_sim.settings.retry import RetryConfig
from resilience_sim.settings.service import OperationConfig, ServiceConfig
from resilience_sim.settings.throttle import ThrottleConfig
from resilience_sim.settings.timeout import TimeoutConfig
from resilience_sim.settings.traffic import Phase, TrafficConfig
from resilience_sim.world.client import Client
from resilience_sim.world.traffic import make_traffic

NAMES = {name: code for code, name in reversed(list(enumerate(ev.OUTCOME_NAMES)))}
NAMES["limited"] = ev.LIMITED
UNITS = {"ns": 1, "us": 1_000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000, "h": 3_600_000_000_000}
Time = int | str


def ns(time: Time) -> int:
    """``"1.5s"`` in nanoseconds; integers are nanoseconds already."""
    if isinstance(time, int):
        return time
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", time).groups()  # type: ignore[union-attr]
    return round(float(number) * UNITS[unit])


def ms(time: int) -> float:
    """Milliseconds: an integer where it is one."""
    return time // 1_000_000 if time % 1_000_000 == 0 else time / 1e6


def codes(names: Iterable[str]) -> tuple[int, ...]:
    """Outcome codes by name."""
    return tuple(NAMES[name] for name in names)


def times(settings: dict[str, Any], *names: str) -> dict[str, Any]:
    """Settings with the named durations in nanoseconds."""
    return {key: ns(value) if key in names else value for key, value in settings.items()}


# --- what runs ---


def shape(latency: Time | Latency) -> Latency:
    """A constant latency, or the given shape."""
    return latency if isinstance(latency, Latency) else Latency("constant", float(ns(latency)))


def b(
    latency: Time | Latency = 0, network: Time | Latency = 0, failure: str = "error", **settings: Any
) -> ServiceConfig:
    """Service B."""
    settings = times(settings, "per_concurrent", "dedup_ttl")
    settings["lost_answer"] = NAMES[settings.get("lost_answer", "success")]
    code = ev.LOST if failure == "lost_response" else NAMES[failure]
    return ServiceConfig(latency=shape(latency), network=shape(network), failure=code, **settings)


def every(gap: Time, requests: int = 0, **settings: Any) -> TrafficConfig:
    """Even arrivals, the first at t=0."""
    rate = 1e9 / ns(gap)
    settings = times(settings, "duration", "deadline")
    return TrafficConfig(phases=(Phase(0, rate, rate),), arrivals="even", requests=requests, **settings)


def phases(*steps: tuple[Time, float, float], arrivals: str = "even", **settings: Any) -> TrafficConfig:
    """Traffic in phases (for, rate per second, to)."""
    settings = times(settings, "duration", "deadline")
    made = tuple(Phase(ns(length), rate, to) for length, rate, to in steps)
    return TrafficConfig(phases=made, phased=True, arrivals=arrivals, **settings)


def users(number: int, think: Time | Latency = 0, **settings: Any) -> TrafficConfig:
    """A closed loop."""
    return TrafficConfig(loop="closed", users=number, think=shape(think), **times(settings, "duration", "deadline"))


def at(*instants: Time) -> TrafficConfig:
    """Arrivals at given instants."""
    return TrafficConfig(loop="trace", trace=tuple(ns(t) for t in instants))


def a(**settings: Any) -> ClientConfig:
    """Service A."""
    return ClientConfig(**times(settings, "restart_after"))


def post(key: bool = False, method: str = "POST") -> OperationConfig:
    """What each request does to B."""
    return OperationConfig(method=method, idempotency_key=key)


def fault(kind: str, at: Time, lasts: Time, **settings: Any) -> FaultConfig:
    """One entry of the timeline."""
    settings = times(settings, "add", "retry_after", "half_life")
    for name in ("outcome", "answer"):
        if name in settings:
            settings[name] = NAMES[settings[name]]
    return FaultConfig(kind, settings.pop("id", kind), ns(at), ns(lasts), **settings)


def outage(how: str, at: Time, lasts: Time, **settings: Any) -> FaultConfig:
    """An outage."""
    return fault("outage", at, lasts, how=how, **settings)


def retry(attempts: int = 3, delay: Time = 0, on: Sequence[str] = (), **settings: Any) -> RetryConfig:
    """A retry policy."""
    settings = times(settings, "max_delay", "max_elapsed")
    if on:
        settings["on"] = codes(on)
    return RetryConfig("", attempts=attempts, delay=ns(delay), **settings)


def budget(scheme: str, **settings: Any) -> BudgetConfig:
    """A retry budget."""
    return BudgetConfig(scheme, **times(settings, "window_time"))


def breaker(
    consecutive: int = 0, recovery_time: Time = "10s", ignore: Sequence[str] = (), **settings: Any
) -> BreakerConfig:
    """A circuit breaker; the defaults of a scenario where they are resolved by the loader."""
    settings = times(settings, "window_time", "slow_call", "open_max")
    if "window_time" in settings:
        settings.setdefault("window_calls", 0)
    calls = settings.setdefault("window_calls", 100)
    settings.setdefault("min_calls", calls or 10)
    settings.setdefault("success_threshold", settings.get("probes", 1))
    recovery = ns(recovery_time)
    return BreakerConfig("", consecutive=consecutive, recovery_time=recovery, ignore=codes(ignore), **settings)


def timeout(after: Time, **settings: Any) -> TimeoutConfig:
    """A timeout."""
    return TimeoutConfig("", after=ns(after), **settings)


def bulkhead(max_concurrent: int, queue: int = 0, max_wait: Time = -1) -> BulkheadConfig:
    """A bulkhead."""
    return BulkheadConfig("", max_concurrent=max_concurrent, queue=queue, max_wait=ns(max_wait))


def limiter(count: float, per: Time = "1s", burst: int = 1, max_wait: Time = 0, scheme: str = "token_bucket"):
    """A rate limiter."""
    return RateLimiterConfig("", count=count, per=ns(per), burst=burst, max_wait=ns(max_wait), scheme=scheme)


def hedge(delay: Time, max_extra: int = 1, cancels_loser: bool = True) -> HedgeConfig:
    """A hedge."""
    return HedgeConfig("", delay=ns(delay), max_extra=max_extra, cancels_loser=cancels_loser)


def fallback(latency: Time = 0) -> FallbackConfig:
    """A fallback."""
    return FallbackConfig("", latency=ns(latency))


def throttle(k: float = 2.0, window: Time = "2m") -> ThrottleConfig:
    """Adaptive throttling."""
    return ThrottleConfig("", k=k, window=ns(window))


def named(stack: Sequence[PolicyConfig]) -> tuple[PolicyConfig, ...]:
    """The stack with the ids a scenario would give: ``retry``, ``retry#2`` …"""
    seen: dict[str, int] = {}
    result = []
    for policy in stack:
        seen[policy.kind] = seen.get(policy.kind, 0) + 1
        n = seen[policy.kind]
        result.append(replace(policy, id=policy.id or (policy.kind if n == 1 else f"{policy.kind}#{n}")))
    return tuple(result)


def plan(
    service: ServiceConfig | None = None,
    calls: TrafficConfig | Sequence[Time] = ("0s",),
    stack: Sequence[PolicyConfig] = (),
    client: ClientConfig | None = None,
    faults: Sequence[FaultConfig] = (),
    operation: OperationConfig | None = None,
) -> Plan:
    """A plan of these parts; what is not said is the default."""
    traffic = calls if isinstance(calls, TrafficConfig) else at(*calls)
    return Plan(
        "story", service or b(), operation or OperationConfig(), traffic, client or ClientConfig(), tuple(faults),
        named(stack),
    )  # fmt: skip


# --- what happened ---


class Story(Fold):
    """The events of a run and the questions a test asks."""

    def __init__(self, the_plan: Plan) -> None:
        self.plan = the_plan
        self.events: list[tuple[int, int, int, int, int, int]] = []
        self.document: dict[str, Any] = {}
        self.digest = ""
        self.end = 0.0
        self.components = make_components(the_plan)

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        """Keep it."""
        self.events.append((t, kind, source, rid, a, b))

    def of(self, kind: str, rid: int | None = None) -> list[tuple[int, int, int, int, int, int]]:
        """Events of one kind, of one request or all."""
        code = ev.KIND_NAMES.index(kind)
        return [e for e in self.events if e[1] == code and (rid is None or e[3] == rid)]

    def times(self, kind: str, rid: int | None = None) -> list[float]:
        """Instants of the events of one kind."""
        return [ms(e[0]) for e in self.of(kind, rid)]

    @property
    def arrivals(self) -> list[float]:
        """Instants of arrival."""
        return self.times("arrive")

    @property
    def outcomes(self) -> list[str]:
        """Outcome of each request in order of arrival; ``unanswered`` where there is none."""
        found = {e[3]: ev.OUTCOME_NAMES[e[4] & 0xFF] for e in self.of("done")}
        return [found.get(rid, "unanswered") for rid in range(len(self.of("arrive")))]

    @property
    def latencies(self) -> list[float | None]:
        """Latency of each request in order of arrival."""
        found = {e[3]: ms(e[5]) for e in self.of("done")}
        return [found.get(rid) for rid in range(len(self.of("arrive")))]

    def done_at(self, rid: int) -> float:
        """When a request had its outcome."""
        return self.times("done", rid)[0]

    def sent(self, rid: int | None = None) -> list[float]:
        """When attempts left the stack."""
        return self.times("sent", rid)

    def results(self, rid: int | None = None) -> list[tuple[float, str]]:
        """When attempts had their result, and which."""
        return [(ms(e[0]), ev.OUTCOME_NAMES[e[4] & 0xFF]) for e in self.of("result", rid)]

    def ends(self, rid: int | None = None) -> list[tuple[float, str]]:
        """When B's work ended, and how."""
        return [(ms(e[0]), ev.OUTCOME_NAMES[e[4] & 0xFF]) for e in self.of("end", rid)]

    def worked(self) -> list[tuple[float, float, int]]:
        """(begin, end, rid) of each piece of work, in order of ending."""
        return [(ms(e[0] - e[5]), ms(e[0]), e[3]) for e in self.of("end")]

    @property
    def effects(self) -> list[tuple[float, str]]:
        """When effects happened, and of which sort."""
        sorts = ("", "applied", "duplicate", "deduplicated", "repeated")
        return [(ms(e[0]), sorts[e[4] & 0xFF]) for e in self.of("effect")]

    @property
    def breaker(self) -> list[tuple[float, str]]:
        """Changes of state of the breakers: when, and to what."""
        return [(ms(e[0]), ev.STATE_NAMES[e[4] >> 8 & 0xFF]) for e in self.of("breaker")]

    def why(self, change: int) -> int:
        """The reason of a change of state."""
        return self.of("breaker")[change][4] & 0xFF


def lab(
    service: ServiceConfig | None = None,
    calls: TrafficConfig | Sequence[Time] = ("0s",),
    stack: Sequence[PolicyConfig] = (),
    client: ClientConfig | None = None,
    faults: Sequence[FaultConfig] = (),
    operation: OperationConfig | None = None,
    seed: int = 1,
) -> Story:
    """Run the whole world to its end, audited."""
    return run(plan(service, calls, stack, client, faults, operation), seed)


def run(the_plan: Plan, seed: int = 1) -> Story:
    """Run a plan to its end, audited."""
    story = Story(the_plan)
    simulation = Simulation(the_plan, seed)
    audit = Audit(the_plan, simulation.components)
    figures = RunFold(the_plan, simulation.components)
    for fold in (story, audit, figures):
        simulation.attach(fold)
    assert simulation.run() is False
    audit.close()
    story.digest = simulation.digest()
    story.end = ms(simulation.now)
    story.document = figures.result(seed, story.digest, simulation.now).document
    return story


Step = str | tuple[str, Time]


class Scripted(Layer):
    """A service whose answers are written down: outcome, or (outcome, after how long); ``hang`` never answers."""

    def __init__(self, sim: Sim, source: int, script: Callable[[int], Step]) -> None:
        super().__init__(sim, source)
        self._script = script
        self._next = 0

    def enter(self, parent: Frame) -> None:
        """Look up the answer to the next attempt."""
        f = Frame(self, parent)
        f.req.attempts += 1
        step = self._script(self._next)
        self._next += 1
        outcome, after = (step, 0) if isinstance(step, str) else step
        f.k = f.req.attempts << 16 | NAMES.get(outcome, 0)
        f.x = self.sim.now
        self.sim.sink.emit(self.sim.now, ev.SENT, self.source, f.req.rid, f.req.attempts, 0)
        if outcome == "hang":
            return
        self.sim.schedule(self.sim.now + ns(after), f)

    def on_timer(self, f: Frame) -> None:
        """The answer."""
        self.sim.sink.emit(self.sim.now, ev.RESULT, self.source, f.req.rid, f.k, self.sim.now - f.x)
        answer(f, f.k & 0xFF)

    def on_cancel(self, f: Frame, why: int, stop_work: bool) -> None:
        """Nobody waits."""
        self.sim.sink.emit(self.sim.now, ev.RESULT, self.source, f.req.rid, f.k >> 16 << 16 | why, self.sim.now - f.x)
        super().on_cancel(f, why, stop_work)


def bench(
    stack: Sequence[PolicyConfig],
    script: Sequence[Step] | Callable[[int], Step],
    calls: TrafficConfig | Sequence[Time] = ("0s",),
    client: ClientConfig | None = None,
    seed: int = 1,
    operation: OperationConfig | None = None,
) -> Story:
    """A stack around a scripted service (after the script's end: instant success), audited."""
    the_plan = plan(None, calls, stack, client, operation=operation)
    story = Story(the_plan)
    audit = Audit(the_plan, story.components)
    sim = Sim(KeyedRng(seed), Sink([story, audit]))
    instances = the_plan.client.instances
    first = instances + 1 + the_plan.service.replicas
    if callable(script):
        answers = script
    else:
        steps = list(script)

        def answers(n: int) -> Step:
            return steps[n] if n < len(steps) else "success"

    service = Scripted(sim, instances, answers)
    sources = layer_sources(the_plan, first)
    source = Client(sim, the_plan.client, service, the_plan.stack, range(instances), sources, the_plan.operation)
    make_traffic(sim, source, the_plan.traffic, ())
    assert sim.run() is False
    audit.close()
    story.digest = sim.sink.digest()
    story.end = ms(sim.now)
    return story
