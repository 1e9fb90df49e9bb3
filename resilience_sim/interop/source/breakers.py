"""pybreaker, aiobreaker and circuitbreaker.

pybreaker 1.4.1 has rules of its own in resim. aiobreaker 1.2.0 (state.py) is its fork and keeps them. circuitbreaker
2.1.3 counts failures in a row, lets every call in when its time is over, and closes with the first success: pybreaker's
rules, but for a failure that arrives while it is open, which opens it anew.
"""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from resilience_sim.interop.findings import NOT_MODELLED
from resilience_sim.interop.layers import Layer, Setting
from resilience_sim.interop.section import Value
from resilience_sim.interop.source.failures import ANY, FROM_B, in_order, outcomes_of
from resilience_sim.interop.source.reader import Args, Got, ns

PARAMETERS: dict[str, tuple[str, ...]] = {
    "pybreaker.CircuitBreaker": ("fail_max", "reset_timeout", "exclude", "listeners"),
    "aiobreaker.CircuitBreaker": ("fail_max", "timeout_duration", "exclude"),
    "circuitbreaker.CircuitBreaker": ("failure_threshold", "recovery_timeout", "expected_exception", "name"),
    "circuitbreaker.circuit": ("failure_threshold", "recovery_timeout", "expected_exception", "name"),
}


def breaker(args: Args, symbol: str) -> Layer | None:
    """One breaker, whichever of the three; None for one that counts no failure of a call."""
    failures, recovery = PARAMETERS[symbol][:2]
    library = symbol.partition(".")[0]
    counted = args.number(failures, 5, 5)
    opened = args.number(recovery, 30 if library == "circuitbreaker" else 60, 30)
    at = args.reader.head(args.call, "circuit_breaker", symbol.partition(".")[2])
    layer = Layer("circuit_breaker", symbol, at, id=library, like="pybreaker")
    layer.remedies = remedies(failures)
    if library == "circuitbreaker" and not counted.value:  # `failure_threshold or self.FAILURE_THRESHOLD`
        counted = replace(counted, value=5)
    if library != "pybreaker" and not opened.value:  # `timeout_duration if timeout_duration else …`
        opened = replace(opened, value=30 if library == "circuitbreaker" else 60)
    layer.put("failure_threshold", max(1, ceil(counted.value or 0)), counted.source, "default")
    layer.put("recovery_time", ns(float(opened.value or 0)), opened.source, "default")
    if library == "pybreaker":
        successes = args.number("success_threshold", 1, 1)
        if successes.given:
            layer.put("success_threshold", max(1, round(successes.value or 1)), successes.source)
    if library != "circuitbreaker":  # which raises what the call raised
        throws = args.flag("throw_new_error_on_trip", True)
        if throws.given:
            layer.exact["throw_new_error_on_trip"] = _said(throws)
    else:
        layer.exact["throw_new_error_on_trip"] = Setting("false", "circuitbreaker raises what the call raised")
    if library != "pybreaker":
        layer.remarks.append(f"{library} has the rules of pybreaker as far as they are simulated")
    if not counts(args, layer):
        return None
    if "fallback_function" in args:
        layer.remarks.append("its fallback is not simulated")
    return layer


def remedies(failures: str) -> dict[str, str]:
    """Of rules about a breaker that counts failures in a row, and has no window."""
    return dict.fromkeys(("RL011", "RL031"), f"write a larger `{failures}`")


def _said(throws: Got) -> Setting:
    source = throws.source
    return Setting(str(throws.value).lower(), source.shown if source else "", source.at if source else None)


_NAMES = ("exclude", "expected_exception", "exceptions")


def counts(args: Args, layer: Layer) -> bool:
    """Note what a breaker does not count, as classes of exceptions say; False if that is every failure of a call."""
    ignored = _ignored(args)
    if set(FROM_B) <= set(ignored):
        why = "it counts errors of the program, no failures of a call"
        args.reader.log.add(NOT_MODELLED, "info", f"`{layer.title}` is not modelled: {why}", layer.at or args.at(""))
        return False
    if ignored:
        name = next(each for each in _NAMES if each in args)
        layer.put("ignore", in_order(ignored), Value(name, args.at(name)))
    return True


def _ignored(args: Args) -> tuple[str, ...]:
    """The failures of a call that do not count, as far as classes of exceptions say."""
    for name in _NAMES:
        found = args.given.get(name)
        if found is None:
            continue
        known = outcomes_of(args.reader.module, found.node, found.scope)
        if known is None:
            args.reader.note(f"`{name}` decides which errors count: taken as all", found.place.lineno)
            return ()
        listed = FROM_B if ANY[0] in known else known
        return listed if name == "exclude" else tuple(each for each in FROM_B if each not in listed)
    return ()
