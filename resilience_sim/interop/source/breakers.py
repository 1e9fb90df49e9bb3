"""pybreaker, aiobreaker and circuitbreaker.

pybreaker 1.4.1 has rules of its own in resim. aiobreaker 1.2.0 (state.py) is its fork and keeps them. circuitbreaker
2.1.3 counts failures in a row, lets every call in when its time is over, and closes with the first success: pybreaker's
rules, but for a failure that arrives while it is open, which opens it anew.
"""

from __future__ import annotations

from resilience_sim.interop.layers import Layer, Setting
from resilience_sim.interop.source.failures import ANY, FROM_B, outcomes_of
from resilience_sim.interop.source.reader import Args, Got, ns

PARAMETERS: dict[str, tuple[str, ...]] = {
    "pybreaker.CircuitBreaker": ("fail_max", "reset_timeout", "exclude", "listeners"),
    "aiobreaker.CircuitBreaker": ("fail_max", "timeout_duration", "exclude"),
    "circuitbreaker.CircuitBreaker": ("failure_threshold", "recovery_timeout", "expected_exception", "name"),
    "circuitbreaker.circuit": ("failure_threshold", "recovery_timeout", "expected_exception", "name"),
}


def breaker(args: Args, symbol: str) -> Layer:
    """One breaker, whichever of the three."""
    failures, recovery = PARAMETERS[symbol][:2]
    library = symbol.partition(".")[0]
    counted = args.number(failures, 5, 5)
    opened = args.number(recovery, 30 if library == "circuitbreaker" else 60, 30)
    at = args.reader.head(args.call, "circuit_breaker", symbol.partition(".")[2])
    layer = Layer("circuit_breaker", symbol, at, id=library, like="pybreaker")
    layer.put("failure_threshold", max(1, round(counted.value or 5)), counted.source, "default")
    layer.put("recovery_time", ns(float(opened.value or 60)), opened.source, "default")
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
    if not _all_count(args):
        name = "exclude" if "exclude" in args else "expected_exception"
        args.reader.note(f"`{name}` decides which errors count: taken as all", args.given[name].place.lineno)
    if "fallback_function" in args:
        layer.remarks.append("its fallback is not simulated")
    return layer


def _said(throws: Got) -> Setting:
    source = throws.source
    return Setting(str(throws.value).lower(), source.shown if source else "", source.at if source else None)


def _all_count(args: Args) -> bool:
    """Whether every failure of a call counts, as far as classes of exceptions say."""
    for name in ("exclude", "expected_exception"):
        found = args.given.get(name)
        if found is not None:
            known = outcomes_of(args.reader.module, found.node, found.scope)
            return known == () if name == "exclude" else known in (ANY, FROM_B)
    return True
