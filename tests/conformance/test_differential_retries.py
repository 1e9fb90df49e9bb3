"""Random settings and outcomes through the installed tenacity, stamina and hyx, on virtual time and scripted chance."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from itertools import chain, repeat
from typing import Any

import hyx.retry.manager as hyx_manager
import stamina
import tenacity
from hypothesis import given, settings
from hypothesis import strategies as st
from hyx.ratelimit.exceptions import RateLimitExceeded
from hyx.ratelimit.managers import TokenBucketLimiter
from hyx.retry import backoffs
from hyx.retry.exceptions import MaxAttemptsExceeded

from conformance.retries import Script, ended
from resilience_sim.policies.rate_limiter import Refilling
from resilience_sim.policies.rules.retry import STOP, Draws, Memory, RuleRetry, Wait, again
from resilience_sim.settings.retry import WaitConfig
from resilience_sim.settings.retry_libraries import emulate_retry
from resilience_sim.settings.tenacity import tenacity as settings_of

S = 1_000_000_000
UNITS = [random.Random(f"unit {i}").random() for i in range(512)]


class A(Exception):
    """An error."""


class B(Exception):
    """Another one."""


class SubA(A):
    """Derived."""


class Fatal(BaseException):
    """No Exception."""


AFTERWARDS = repeat(("success", 5.0))  # some predicates try again even after success: only time stops those
CLASSES = {"A": A, "B": B, "SubA": SubA, "Fatal": Fatal, "TryAgain": tenacity.TryAgain}
seconds = st.sampled_from([0, 0.25, 0.5, 1, 2, 3, 5, 10])
leaf_waits = st.one_of(
    st.builds(lambda s: {"kind": "fixed", "seconds": s}, seconds),
    st.builds(lambda a, b: {"kind": "random", "min": a, "max": b}, seconds, seconds),
    st.builds(lambda a, b, c: {"kind": "incrementing", "start": a, "increment": b, "max": c},
              seconds, seconds, seconds),
    st.builds(lambda k, m, a, b: {"kind": k, "multiplier": m, "min": a, "max": b},
              st.sampled_from(["exponential", "random_exponential"]), seconds, seconds, seconds),
    st.builds(lambda a, j: {"kind": "exponential_jitter", "max": a, "jitter": j}, seconds, seconds),
)  # fmt: skip
waits = st.one_of(
    leaf_waits,
    st.builds(lambda of: {"kind": "sum", "of": of}, st.lists(leaf_waits, min_size=1, max_size=3)),
    st.builds(lambda of: {"kind": "chain", "of": of}, st.lists(leaf_waits, min_size=1, max_size=3)),
)
leaf_stops = st.one_of(
    st.builds(lambda n: {"kind": "after_attempt", "value": n}, st.integers(1, 6)),
    st.builds(lambda k, s: {"kind": k, "value": s + 0.1}, st.sampled_from(["after_delay", "before_delay"]), seconds),
)
stops = st.one_of(leaf_stops, st.builds(lambda k, of: {"kind": k, "of": of}, st.sampled_from(["any", "all"]),
                                        st.lists(leaf_stops, min_size=1, max_size=3)))  # fmt: skip
types = st.lists(st.sampled_from(["A", "B", "SubA"]), min_size=1, max_size=2)
leaf_retries = st.one_of(
    st.builds(lambda k, t: {"kind": k, "types": t},
              st.sampled_from(["exception_type", "not_exception_type", "unless_exception_type"]), types),
    st.just({"kind": "result_is_none"}),
)  # fmt: skip
retries = st.one_of(leaf_retries, st.builds(lambda k, of: {"kind": k, "of": of}, st.sampled_from(["any", "all"]),
                                            st.lists(leaf_retries, min_size=1, max_size=2)))  # fmt: skip
outcomes = st.lists(
    st.tuples(st.sampled_from(["error:A", "error:A", "error:B", "error:SubA", "error:Fatal", "error:TryAgain", "none"]),
              st.sampled_from([0.0, 0.5, 1.0])),
    max_size=7,
)  # fmt: skip


def of_tenacity(node: dict[str, Any], family: str) -> Any:
    """The library's own object."""
    rest = dict(node)
    kind = rest.pop("kind")
    if "of" in rest:
        inside = [of_tenacity(each, family) for each in rest["of"]]
        return getattr(tenacity, {"sum": "wait_combine", "chain": "wait_chain"}.get(kind, f"{family}_{kind}"))(*inside)
    if family == "stop":
        return getattr(tenacity, f"stop_{kind}")(rest["value"])
    if kind == "fixed":
        return tenacity.wait_fixed(rest["seconds"])
    if kind == "result_is_none":
        return tenacity.retry_if_result(lambda value: value is None)
    if family == "retry":
        name = {"unless_exception_type": "retry_unless_exception_type"}.get(kind, f"retry_if_{kind}")
        return getattr(tenacity, name)(tuple(CLASSES[each] for each in rest["types"]))
    return getattr(tenacity, f"wait_{kind}")(**rest)


class World:
    """A clock that only sleep and the attempts move, and numbers in the order they are asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []
        self.draws = 0

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def unit(self) -> float:
        self.draws += 1
        return UNITS[self.draws - 1]

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self.unit()


@settings(max_examples=300)
@given(waits, stops, retries, outcomes)
def test_tenacity(wait: Any, stop: Any, retry: Any, ends: Any) -> None:
    """Every sleep, the number of attempts and how it ends."""
    world = World()
    made = chain(ends, AFTERWARDS)

    def attempt() -> Any:
        outcome, lasts = next(made)
        world.now += lasts
        if outcome.startswith("error:"):
            raise CLASSES[outcome.removeprefix("error:")]()
        return None if outcome == "none" else "ok"

    saved = time.monotonic, random.random, random.uniform
    time.monotonic, random.random, random.uniform = lambda: world.now, world.unit, world.uniform
    try:
        retrying = tenacity.Retrying(sleep=world.sleep, stop=of_tenacity(stop, "stop"), wait=of_tenacity(wait, "wait"),
                                     retry=of_tenacity(retry, "retry"))  # fmt: skip
        try:
            theirs = ("returned", str(retrying(attempt)))
        except tenacity.RetryError:
            theirs = ("RetryError", "")
        except (A, B, Fatal, tenacity.TryAgain) as error:
            theirs = ("raised", type(error).__name__)
    finally:
        time.monotonic, random.random, random.uniform = saved
    config = settings_of({"wait": wait, "stop": stop, "retry": retry})
    assert ours_of(config, ends, world) == theirs


def ours_of(config: Any, ends: Any, world: World) -> tuple[str, str]:
    """The same call by our machine; sleeps are compared as they come."""
    machine, memory, script = RuleRetry(config), Memory(), Script(UNITS)
    now, sleeps = 0, []
    for number, (outcome, lasts) in enumerate(chain(ends, AFTERWARDS), 1):
        now += round(lasts * S)
        end, _ = ended(outcome)
        if not again(config.again, end) and end.name != "TryAgain":
            result = ("raised", end.name) if end.failed else ("returned", end.name)
            break
        wait = machine.next(number, number, now, memory, script)
        if wait == STOP:
            result = ("RetryError", "")
            break
        sleeps.append(wait)
        now += wait
    assert len(sleeps) == len(world.sleeps)
    assert all(abs(a - b * S) <= 2 for a, b in zip(sleeps, world.sleeps, strict=True)), (sleeps, world.sleeps)
    return result


@settings(max_examples=100)
@given(st.integers(1, 6), st.sampled_from([0, 3, 20]), seconds, seconds, seconds, st.integers(0, 8))
def test_stamina(attempts: int, timeout: float, initial: float, most: float, jitter: float, failures: int) -> None:
    """Every sleep and the number of attempts."""
    world = World()
    tried = 0

    def attempt() -> None:
        nonlocal tried
        tried += 1
        world.now += 0.5
        if tried <= failures:
            raise A

    saved = time.monotonic, random.uniform, time.sleep, tenacity.nap.time.sleep
    time.monotonic, random.uniform = lambda: world.now, world.uniform
    own, really = threading.get_ident(), time.sleep

    def sleep(wait: float) -> None:
        (world.sleep if threading.get_ident() == own else really)(wait)  # other threads may sleep, too

    time.sleep = sleep
    try:
        stamina.set_active(True)
        caller = stamina.RetryingCaller(attempts, timeout or None, initial, most, jitter)
        with contextlib.suppress(A):
            caller(A, attempt)
    finally:
        time.monotonic, random.uniform, time.sleep, tenacity.nap.time.sleep = saved
    given_ = {"attempts": attempts, "timeout": timeout * S, "wait_initial": round(initial * S),
              "wait_max": round(most * S), "wait_jitter": round(jitter * S)}  # fmt: skip
    machine, memory = RuleRetry(emulate_retry("stamina", given_)), Memory()
    script = Script(UNITS) if jitter else Draws()
    now, sleeps, number = 0, [], 1
    while True:
        now += S // 2
        wait = STOP if number > failures else machine.next(number, number, now, memory, script)
        if wait == STOP:
            break
        sleeps.append(wait)
        now += wait
        number += 1
    assert number == tried
    assert len(sleeps) == len(world.sleeps)
    assert all(abs(ours - theirs * S) <= 2 for ours, theirs in zip(sleeps, world.sleeps, strict=True))


@settings(max_examples=60)
@given(st.integers(0, 4), seconds, st.integers(0, 7))
def test_hyx_retry(attempts: int, delay: float, failures: int) -> None:
    """``attempts=3`` means four calls; every sleep is the delay."""
    sleeps: list[float] = []
    tried = 0

    async def waiter(delay: float) -> None:
        sleeps.append(delay)

    async def attempt() -> None:
        nonlocal tried
        tried += 1
        if tried <= failures:
            raise A

    async def story() -> None:
        manager = hyx_manager.RetryManager(A, attempts, delay)
        manager._waiter = waiter
        with contextlib.suppress(MaxAttemptsExceeded):
            await manager(attempt)

    asyncio.run(story())
    machine, memory = RuleRetry(emulate_retry("hyx", {"attempts": attempts, "delay_secs": round(delay * S)})), Memory()
    number, slept = 1, []
    while number <= failures:
        wait = machine.next(number, number, 0, memory, Draws())
        if wait == STOP:
            break
        slept.append(wait / S)
        number += 1
    assert number == tried
    assert slept == sleeps


def hyx_wait(name: str) -> tuple[Any, WaitConfig]:
    """A backoff of hyx and the formula that stands for it."""
    jitter = {"jitter": "full"}
    table: dict[str, tuple[Any, WaitConfig]] = {
        "expo": (backoffs.expo(min_delay_secs=1, base=2, max_delay_secs=6),
                 WaitConfig("exponential", S, most=6 * S, capped="before")),
        "linear": (backoffs.linear(min_delay_secs=1, additive_secs=2, max_delay_secs=6),
                   WaitConfig("linear", S, step=2 * S, most=6 * S)),
        "fibo": (backoffs.fibo(min_delay_secs=1, factor_secs=1, max_delay_secs=9),
                 WaitConfig("fibonacci", S, step=S, most=9 * S)),
        "interval": (backoffs.interval([1, 2, 5]), WaitConfig("list", of_times=(1.0 * S, 2.0 * S, 5.0 * S))),
        "decorrexp": (backoffs.decorrexp(1, 20), WaitConfig("decorrelated", S, factor=3.0, most=20 * S)),
        "softexp": (backoffs.softexp(median_delay_secs=1, max_delay_secs=9), WaitConfig("smoothed", S, most=9 * S)),
        "expo full": (backoffs.expo(min_delay_secs=1, jitter=lambda d: random.uniform(0, d)),
                      WaitConfig("exponential", S, **jitter)),
    }  # fmt: skip
    return table[name]


@settings(max_examples=30)
@given(st.sampled_from(["expo", "linear", "fibo", "interval", "decorrexp", "softexp", "expo full"]))
def test_hyx_backoffs(name: str) -> None:
    """Ten waits of each shape."""
    world = World()
    theirs, config = hyx_wait(name)
    saved = random.random, random.uniform
    random.random, random.uniform = world.unit, world.uniform
    try:
        steps = iter(theirs)
        expected = [next(steps) for _ in range(10)]
    finally:
        random.random, random.uniform = saved
    wait, memory, script = Wait(config), Memory(), Script(UNITS)
    ours = [wait.wait(n, memory, script) / S for n in range(1, 11)]
    assert all(abs(a - b) < 1e-9 * max(1.0, b) for a, b in zip(ours, expected, strict=True)), (ours, expected)


@settings(max_examples=60)
@given(st.integers(1, 4), st.integers(1, 5), st.lists(st.sampled_from([0, 0, 1, 2, 5, 9]), max_size=40))
def test_hyx_token_bucket(executions: int, size: int, gaps: list[int]) -> None:
    """Every decision."""

    async def story() -> None:
        loop = asyncio.get_running_loop()
        at = 0.0
        saved = loop.time
        loop.time = lambda: at  # type: ignore[method-assign]
        try:
            theirs = TokenBucketLimiter(executions, 4 * executions, size)
            ours = Refilling(size, 4 * S, 0)
            for gap in gaps:
                at += gap
                try:
                    await theirs.acquire()
                    let_in = True
                except RateLimitExceeded:
                    let_in = False
                assert ours.take(int(at) * S) == let_in
        finally:
            loop.time = saved  # type: ignore[method-assign]

    asyncio.run(story())
