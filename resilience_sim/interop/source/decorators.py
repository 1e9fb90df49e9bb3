"""stamina and backoff: retries that are written around a function.

stamina 26.1.0 (_core.py) has rules of its own in resim. backoff 2.2.1 (_sync.py, _wait_gen.py, _jitter.py): the wait is
``jitter(value)``, full jitter unless told otherwise; without ``max_tries`` and ``max_time`` it never gives up.
"""

from __future__ import annotations

import ast
from math import ceil, inf
from typing import NamedTuple

from resilience_sim.interop.layers import Layer, Setting, times
from resilience_sim.interop.section import Value
from resilience_sim.interop.source.clients import MOST_STEPS, fibonacci, told_by_tenacity
from resilience_sim.interop.source.constants import described
from resilience_sim.interop.source.reader import Args, ns
from resilience_sim.interop.source.tenacity import LONGEST, Policy, idle_for
from resilience_sim.settings.units import duration, show_duration

STAMINA = ("on", "attempts", "timeout", "wait_initial", "wait_max", "wait_jitter", "wait_exp_base")
BACKOFF = ("wait_gen", "exception", "max_tries", "max_time", "jitter", "giveup")
ENDLESS = 10_000


def stamina(args: Args, title: str) -> Policy:
    """``@stamina.retry``, ``retry_context``, ``RetryingCaller``."""
    layer = Layer("retry", title, args.reader.head(args.call, "retry", title), id="stamina", like="stamina")
    attempts, limit = args.number("attempts", 10, 10), args.number("timeout", 45.0, 45.0)
    if limit.value is not None and limit.value <= 0:  # unlike None it ends the retries before the first one
        layer.put("attempts", 1, limit.source)
    else:
        most = ENDLESS if attempts.value is None else max(1, ceil(attempts.value))
        layer.put("attempts", most, attempts.source, "default")
    if limit.value and limit.value > 0:
        layer.put("max_elapsed", ns(limit.value), limit.source, "default")
    else:
        layer.exact["timeout"] = Setting("0s", "no limit", args.at("timeout"))
    for name, ours, default in (("wait_initial", "delay", 0.1), ("wait_max", "max_delay", 5.0)):
        got = args.number(name, default, default)
        layer.put(ours, ns(float(got.value or 0)), got.source, "default")
    jitter = args.number("wait_jitter", 1.0, 1.0)
    layer.put("jitter", "full" if jitter.value else "none", jitter.source)
    layer.exact["jitter"] = None
    shown = jitter.source.shown if jitter.source else "default"
    layer.exact["wait_jitter"] = Setting(
        show_duration(ns(float(jitter.value or 0))), shown, layer.settings["jitter"].at
    )
    layer.put("backoff", "exponential", None, "always")
    layer.exact["backoff"] = None
    base = args.number("wait_exp_base", 2.0, 2.0)
    if base.given:
        layer.put("factor", times(float(base.value or 2)), base.source)
    on = args.outcomes("on")
    if on is not None:
        layer.put("on", list(on), None)
    return Policy(layer, attempts.value is None and limit.value is None and not args.more, True, idle_for(on))


def backoff(args: Args, title: str) -> Policy:
    """``@backoff.on_exception`` and ``on_predicate``."""
    reader = args.reader
    layer = Layer("retry", title, reader.head(args.call, "retry", title), id="backoff")
    tries = args.number("max_tries", 3 if args.more else None, 3)
    limit = args.number("max_time", None, 30)
    most = _most_tries(tries.value, limit.value)
    layer.put("attempts", most or ENDLESS, tries.source, "default: no end")
    growth = _growth(args, layer, most)
    if growth.ends and (not most or growth.ends < most):
        most = growth.ends
        layer.put("attempts", most, _source(args, "interval"))
    jitter = _jitter(args)
    if jitter == "added" or growth.steps:
        _in_tenacity_s_words(args, layer, most, limit.value, jitter, growth.steps)
    elif growth.waits:
        layer.put("jitter", jitter, _source(args, "jitter"), "default")
    if limit.value and limit.value > 0:
        layer.put("max_elapsed", ns(limit.value), limit.source)
        remarks = layer.remarks if layer.like else layer.generic_remarks
        remarks.append("backoff shortens the last wait to what is left of max_time and tries once more")
    layer.put("honor_retry_after", False, None, "backoff looks at no answer")
    on = args.outcomes("exception")
    if on is not None:
        layer.put("on", list(on), None)
    elif title.endswith("on_predicate"):
        reader.note("results that are retried are not simulated, failures are", args.call.lineno)
    if "giveup" in args:
        reader.note(f"{described(args.given['giveup'].node)} gives up some errors early: taken as none",
                    args.given["giveup"].place.lineno)  # fmt: skip
    if not args.flag("raise_on_giveup", True).value:
        layer.remarks.append("a call that is given up returns None, which is simulated as a failure")
    endless = not most and limit.value is None and not args.more
    return Policy(layer, endless, growth.waits, idle_for(on), title.endswith("on_predicate"))


def _most_tries(tries: float | None, limit: float | None) -> int:
    """0 for no end: `_sync.py` compares the number of tries by ``==``, and the time with ``>=``."""
    if limit is not None and limit <= 0:
        return 1
    return int(tries) if tries and tries >= 1 and tries == int(tries) else 0


class _Growth(NamedTuple):
    """What a wait generator comes to: ``steps`` in seconds where they are no formula, the last one for ever unless the
    generator ``ends``, at this try.
    """

    waits: bool = True
    steps: tuple[float, ...] = ()
    ends: int = 0


def _growth(args: Args, layer: Layer, tries: int) -> _Growth:
    """The wait generator."""
    found = args.given.get("wait_gen")
    symbol = args.reader.module.symbol(found.node, found.scope) if found else ""
    if symbol == "backoff.constant":
        interval = args.get("interval", 1, 1)
        value = interval.value if isinstance(interval.value, tuple) else (interval.value,)
        steps = tuple(max(0.0, float(each)) for each in value if isinstance(each, int | float)) or (1.0,)
        layer.put("delay", ns(steps[0]), interval.source, "default")
        if isinstance(interval.value, tuple):
            return _Growth(any(steps), steps, len(steps) + 1)
        return _Growth(steps[0] > 0)
    most = args.number("max_value", None, 60)
    if symbol == "backoff.fibo":
        steps = tuple(fibonacci(1, 1, min(most.value or inf, LONGEST), tries or MOST_STEPS))
        layer.put("delay", ns(1), None, "fibo: 1, 1, 2, 3, 5 s")
        return _Growth(True, steps)
    if symbol == "backoff.expo":
        base, factor = args.number("base", 2, 2), args.number("factor", 1, 1)
        layer.put("delay", ns(float(factor.value or 0)), factor.source, "default: 1 s")
        layer.put("backoff", "exponential", None, "expo")
        layer.put("factor", times(float(base.value or 1)), base.source, "default")
    else:
        what = "`backoff.runtime`" if symbol == "backoff.runtime" else described(found.node) if found else "missing"
        args.reader.note(f"the wait is {what}: taken as expo()", args.call.lineno)
        layer.put("delay", ns(1), None, "taken")
        layer.put("backoff", "exponential", None, "taken")
    if most.value:
        layer.put("max_delay", ns(float(most.value)), most.source)
    return _Growth()


def _in_tenacity_s_words(
    args: Args, layer: Layer, tries: int, limit: float | None, jitter: str, steps: tuple[float, ...]
) -> None:
    """A second at most that is added to the wait, after its cap, and waits that are a list: tenacity's rules can say
    that, ours cannot.
    """
    seconds = {key: each.value for key, each in layer.settings.items()}
    wait = f"{{kind: fixed, seconds: {_seconds(seconds['delay'])}}}"
    if "backoff" in seconds:
        most = f", max: {_seconds(seconds['max_delay'])}" if "max_delay" in seconds else ""
        base = seconds["factor"].removesuffix("x") if "factor" in seconds else "2"
        wait = f"{{kind: exponential, multiplier: {_seconds(seconds['delay'])}, exp_base: {base}{most}}}"
    if steps:
        each = "{{kind: random, max: {:.9g}}}" if jitter == "full" else "{{kind: fixed, seconds: {:.9g}}}"
        wait = f"{{kind: chain, of: [{', '.join(each.format(step) for step in steps)}]}}"
    if jitter == "added":
        wait = f"{{kind: sum, of: [{wait}, {{kind: random, min: 0, max: 1}}]}}"
    stops = [f"{{kind: after_attempt, value: {tries}}}"] if tries else []
    stops += [f"{{kind: after_delay, value: {limit:.9g}}}"] if limit and limit > 0 else []
    waits = Setting(wait, "", layer.settings["delay"].at)
    told_by_tenacity(layer, waits, "backoff", "factor", "max_delay", "max_elapsed", "jitter")
    layer.put("jitter", "none" if jitter == "none" else "full", _source(args, "jitter"))
    stop = stops[0] if len(stops) == 1 else f"{{kind: any, of: [{', '.join(stops)}]}}" if stops else "{kind: never}"
    layer.exact["stop"] = Setting(stop, "max_tries, max_time", layer.settings["attempts"].at)


def _source(args: Args, name: str) -> Value[object] | None:
    return Value(name, args.at(name, args.shown(name))) if name in args else None


def _seconds(shown: str) -> str:
    return f"{duration(shown) / 1e9:.9g}"


def _jitter(args: Args) -> str:
    found = args.given.get("jitter")
    if found is None:
        return "full"
    if isinstance(found.node, ast.Constant) and found.node.value is None:
        return "none"
    symbol = args.reader.module.symbol(found.node, found.scope)
    if symbol == "backoff.random_jitter":
        return "added"
    if symbol != "backoff.full_jitter":
        args.reader.note(f"`jitter` is {described(found.node)}: taken as full_jitter", found.place.lineno)
    return "full"
