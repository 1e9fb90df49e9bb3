"""hyx 0.0.2: retry, consecutive breaker, timeout and bulkhead, all as decorators or in ``async with``.

``attempts`` are retries: ``attempts=3`` is four calls. A backoff that is a number is ``like: hyx``; its other backoffs
are generic: ``expo`` is min_delay_secs x base^(n-1), cut at max_delay_secs, without jitter unless one is given.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from itertools import cycle, islice

from resilience_sim.interop.layers import Layer, Setting, times
from resilience_sim.interop.source.breakers import counts, remedies
from resilience_sim.interop.source.clients import chained
from resilience_sim.interop.source.constants import NotConstant, constant, described
from resilience_sim.interop.source.reader import Args, ns

_MOST_STEPS = 100


def retry(args: Args, title: str) -> Layer:
    """``@retry(on=…, attempts=3, backoff=0.5)``; None for attempts: no end."""
    layer = Layer("retry", title, args.reader.head(args.call, "retry", title), id="hyx")
    attempts = args.number("attempts", 3, 3)
    most = 10_000 if attempts.value is None else 1 + max(0, round(attempts.value))
    layer.put("attempts", most, attempts.source, "default: 3 retries")
    if _backoff(args, layer) and attempts.value is not None:
        layer.like = "hyx"
        layer.exact["attempts"] = Setting(str(max(0, round(attempts.value))), "retries", layer.settings["attempts"].at)
        layer.exact["honor_retry_after"] = None
    on = args.outcomes("on")
    if on is not None:
        layer.put("on", list(on), None)
    layer.put("honor_retry_after", False, None, "never")
    return layer


def _backoff(args: Args, layer: Layer) -> bool:
    """The waits; whether they are a number of seconds, always the same."""
    found = args.given.get("backoff")
    if found is None:
        layer.put("delay", ns(0.5), None, "default")
        return True
    node, scope, _ = args.reader.follow(found.node, found.scope)
    symbol = args.reader.module.symbol(node.func, scope) if isinstance(node, ast.Call) else ""
    if isinstance(node, ast.Call) and symbol in ("hyx.expo", "hyx.const"):
        inside = args.reader.args(node, scope, ("delay_secs",))
        delay = inside.number("min_delay_secs" if symbol == "hyx.expo" else "delay_secs", 1, 1)
        layer.put("delay", ns(float(delay.value or 0)), delay.source, "default")
        if symbol == "hyx.expo":
            base, most = inside.number("base", 2, 2), inside.number("max_delay_secs", None, 30)
            layer.put("backoff", "exponential", None, "expo")
            layer.put("factor", times(float(base.value or 2)), base.source, "default")
            if most.value:
                layer.put("max_delay", ns(float(most.value)), most.source)
        if "jitter" in inside:
            layer.put("jitter", "full", None, "taken")
            args.reader.note("the jitter is a function: taken as full jitter", node.lineno)
        return symbol == "hyx.const" and "jitter" not in inside
    try:
        value = constant(args.reader.module, node, scope).value
        steps = [float(each) for each in value] if isinstance(value, tuple) else [float(value)]
        layer.put("delay", ns(steps[0]), args.get("backoff", 0.5, 0.5).source)
        if isinstance(value, tuple):
            turns = min(int(layer.settings["attempts"].value), _MOST_STEPS)
            chained(layer, list(islice(cycle(steps), turns - 1)) or steps)
            layer.remarks.append("hyx waits once more after the last attempt")
        return not isinstance(value, tuple)
    except (NotConstant, TypeError, ValueError, IndexError):
        args.reader.note(f"`backoff` is {described(node)}: taken as expo(), jittered", found.place.lineno)
        layer.put("delay", ns(1), None, "taken")
        layer.put("backoff", "exponential", None, "taken")
        layer.put("jitter", "full", None, "taken")
        return False


def breaker(args: Args, title: str) -> Layer | None:
    """``consecutive_breaker``; None for one that counts no failure of a call."""
    layer = Layer("circuit_breaker", title, args.reader.head(args.call, "circuit_breaker", title), "hyx", "hyx")
    layer.remedies = remedies("failure_threshold")
    failures, recovery = args.number("failure_threshold", 5, 5), args.number("recovery_time_secs", 30, 30)
    threshold = args.number("recovery_threshold", 3, 3)
    layer.put("failure_threshold", max(1, round(failures.value or 0)), failures.source, "default")
    layer.put("recovery_time", ns(float(recovery.value or 0)), recovery.source, "default")
    layer.put("success_threshold", max(1, round(threshold.value or 0)), threshold.source, "default")
    return layer if counts(args, layer) else None


def timeout(args: Args, title: str) -> Layer:
    """``timeout(5)``."""
    limit = args.number("max_delay_secs", 10, 10)
    layer = Layer("timeout", title, args.reader.head(args.call, "timeout", title), "limit")
    layer.put("after", ns(float(limit.value or 0)), limit.source)
    return layer


def bulkhead(args: Args, title: str) -> Layer:
    """``bulkhead(max_concurrency, max_capacity)``: the capacity holds those that run and those that wait."""
    running, all_of_them = args.number("max_concurrency", 10, 10), args.number("max_capacity", 10, 10)
    layer = Layer("bulkhead", title, args.reader.head(args.call, "bulkhead", title), "hyx-bulkhead")
    at_once = max(1, round(running.value or 1))
    layer.put("max_concurrent", at_once, running.source)
    layer.put("queue", max(0, round(all_of_them.value or 0) - at_once), all_of_them.source)
    return layer


Reading = Callable[[Args, str], Layer | None]
POLICIES: dict[str, tuple[Reading, tuple[str, ...]]] = {
    "hyx.retry": (retry, ()),
    "hyx.consecutive_breaker": (
        breaker, ("exceptions", "failure_threshold", "recovery_time_secs", "recovery_threshold")
    ),
    "hyx.timeout": (timeout, ("max_delay_secs",)),
    "hyx.bulkhead": (bulkhead, ("max_concurrency", "max_capacity")),
}  # fmt: skip
