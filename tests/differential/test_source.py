"""Python source read as text, against the very same source run with the installed libraries.

The source is generated: random constants, written in different ways. The library runs it with a fake clock, a fake
sleep and one fixed draw in place of chance; resim's stack, read from the text, must wait as long and try as often.
"""

from __future__ import annotations

import random
import threading
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from interop.shop import imported, plan_of

from resilience_sim.policies.rules.retry import STOP, Draws, Memory, RuleRetry
from resilience_sim.settings.breaker import LikeBreakerConfig
from resilience_sim.settings.retry import LikeRetryConfig

tenacity = pytest.importorskip("tenacity")
stamina = pytest.importorskip("stamina")
pybreaker = pytest.importorskip("pybreaker")

MOST = 12  # waits that are looked at
DRAW = 0.375
NUMBER = st.one_of(st.integers(0, 40).map(str), st.integers(1, 4000).map(lambda n: f"{n / 100:g}"))
SMALL = st.integers(1, 8).map(str)


class Enough(Exception):
    """It has waited often enough to compare."""


class Fixed(Draws):
    """The same luck each time."""

    def next(self) -> float:
        return DRAW


def call(name: str, **arguments: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Source of a call, each argument there or not."""
    wanted = {each: st.one_of(st.none(), given_) for each, given_ in arguments.items()}
    return st.fixed_dictionaries(wanted).map(
        lambda found: f"{name}({', '.join(f'{k}={v}' for k, v in found.items() if v is not None)})"
    )


BASE = st.sampled_from(["1", "1.5", "2", "3"])
WAITS = st.one_of(
    NUMBER.map(lambda n: f"t.wait_fixed({n})"),
    NUMBER.map(lambda n: f"t.wait_fixed(timedelta(seconds={n}))"),
    call("t.wait_random", min=st.just("0"), max=NUMBER),
    call("t.wait_incrementing", start=NUMBER, increment=NUMBER, max=NUMBER),
    call("t.wait_exponential", multiplier=NUMBER, max=NUMBER, exp_base=BASE, min=NUMBER),
    call("t.wait_random_exponential", multiplier=NUMBER, max=NUMBER, exp_base=BASE),
    call("t.wait_exponential_jitter", multiplier=NUMBER, max=NUMBER, exp_base=BASE, jitter=NUMBER),
)
WAIT = st.one_of(
    WAITS,
    st.tuples(WAITS, WAITS).map(" + ".join),
    st.lists(WAITS, min_size=1, max_size=3).map(lambda each: f"t.wait_chain({', '.join(each)})"),
)
STOPS = st.one_of(
    SMALL.map(lambda n: f"t.stop_after_attempt({n})"),
    NUMBER.map(lambda n: f"t.stop_after_delay({n})"),
    NUMBER.map(lambda n: f"t.stop_before_delay({n})"),
)
STOP_TREE = st.one_of(
    STOPS, st.tuples(STOPS, STOPS).map(lambda two: f"({' | '.join(two)})"), st.tuples(STOPS, STOPS).map(" & ".join)
)


def run(source: str, module: ModuleType, clock: SimpleNamespace, sleeps: list[float]) -> None:
    """Run the source and call its function until it gives up, or has slept often enough."""

    def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        clock.now += seconds
        if len(sleeps) == MOST:
            raise Enough

    names: dict[str, Any] = {"__name__": "generated"}
    with (
        patch.object(tenacity, "time", SimpleNamespace(monotonic=lambda: clock.now)),
        patch.object(random, "uniform", lambda low, high: low + (high - low) * DRAW),
        patch.object(random, "random", lambda: DRAW),
    ):
        exec(source, names)
        names["f"].retry.sleep = sleep
        with pytest.raises((OSError, Enough, tenacity.RetryError)):
            names["f"]()


def waits_of(config: LikeRetryConfig) -> list[float]:
    """The waits of a call that always fails at once, in seconds."""
    machine, memory, found, elapsed = RuleRetry(config), Memory(), [], 0
    while len(found) < MOST:
        wait = machine.next(len(found) + 1, len(found) + 1, elapsed, memory, Fixed())
        if wait == STOP:
            break
        found.append(wait / 1e9)
        elapsed += wait
    return found


def read(source: str) -> LikeRetryConfig:
    """The retry that the text says."""
    policy = plan_of(imported(source, "generated.py", "f")).stack[0]
    assert isinstance(policy, LikeRetryConfig)
    return policy


FORMS = (
    "@t.retry(stop={stop}, wait={wait}, reraise=True)\ndef f():\n    raise OSError\n",
    "WAIT = {wait}\nagain = t.retry(wait=WAIT, stop={stop}, reraise=True)\n@again\ndef f():\n    raise OSError\n",
    "OPTIONS = dict(stop={stop}, wait={wait})\n@t.retry(**OPTIONS, reraise=True)\ndef f():\n    raise OSError\n",
)


@given(stop=STOP_TREE, wait=WAIT, form=st.sampled_from(FORMS))
@settings(max_examples=120, deadline=None)
def test_tenacity_waits_as_it_was_read(stop: str, wait: str, form: str):
    """Every stop and wait, alone and joined, inline and by name."""
    source = "import tenacity as t\nfrom datetime import timedelta\n" + form.format(stop=stop, wait=wait)
    sleeps: list[float] = []
    run(source, tenacity, SimpleNamespace(now=0.0), sleeps)
    assert waits_of(read(source)) == pytest.approx(sleeps, abs=1e-6, rel=1e-9)


@given(
    attempts=st.one_of(SMALL, st.just("None")),
    limit=st.one_of(NUMBER, st.just("None"), NUMBER.map(lambda n: f"timedelta(seconds={n})")),
    initial=NUMBER,
    longest=NUMBER.filter(lambda n: float(n) > 0),
    jitter=NUMBER,
    base=BASE,
)
@example(attempts="2", limit="0", initial="0", longest="1", jitter="0", base="1")  # no limit at all, it was thought
@settings(max_examples=60, deadline=None)
def test_stamina_waits_as_it_was_read(attempts, limit, initial, longest, jitter, base):
    """Through tenacity's machine, which it is made of."""
    arguments = f"attempts={attempts}, timeout={limit}, wait_initial={initial}, wait_max={longest}"
    source = (
        "import stamina\nfrom datetime import timedelta\n"
        f"@stamina.retry(on=OSError, {arguments}, wait_jitter={jitter}, wait_exp_base={base})\n"
        "def f():\n    raise OSError\n"
    )
    sleeps: list[float] = []
    clock = SimpleNamespace(now=0.0)

    def sleep(seconds: float) -> None:
        if threading.current_thread() is not ours:  # of another test's, still about
            return
        sleeps.append(seconds)
        clock.now += seconds
        if len(sleeps) == MOST:
            raise Enough

    ours = threading.current_thread()
    names: dict[str, Any] = {"__name__": "generated"}
    with (
        patch.object(tenacity, "time", SimpleNamespace(monotonic=lambda: clock.now)),
        patch.object(stamina._core, "_smart_sleep", sleep, create=True),
        patch("time.sleep", sleep),
        patch.object(random, "uniform", lambda low, high: low + (high - low) * DRAW),
    ):
        exec(source, names)
        with pytest.raises((OSError, Enough)):
            names["f"]()
    assert waits_of(read(source)) == pytest.approx(sleeps, abs=1e-6, rel=1e-9)


@given(failures=SMALL, reset=st.integers(1, 900).map(str), successes=st.integers(1, 4).map(str))
@settings(max_examples=30, deadline=None)
def test_pybreaker_is_what_was_read(failures: str, reset: str, successes: str):
    """The object that the source makes has the numbers of the stack that was read from it."""
    source = (
        f"import pybreaker\nfrom datetime import timedelta\nRESET = {reset} * 2\n"
        f"breaker = pybreaker.CircuitBreaker({failures}, RESET, success_threshold={successes})\n"
        "@breaker\ndef f():\n    raise OSError\n"
    )
    names: dict[str, Any] = {"__name__": "generated"}
    exec(source, names)
    policy = plan_of(imported(source, "generated.py", "f")).stack[0]
    assert isinstance(policy, LikeBreakerConfig)
    real = names["breaker"]
    assert (policy.consecutive, policy.open_for, policy.successes) == (
        real.fail_max,
        real.reset_timeout * 1_000_000_000,
        real.success_threshold,
    )
