"""tenacity's ``stop``, ``wait`` and ``retry``, as nested ``{kind, ...}`` named like its classes, made into settings.

Source: tenacity 9.2.1, stop.py, wait.py and retry.py. Seconds are plain numbers here, as in the library.
"""

from __future__ import annotations

from typing import Any

from resilience_sim.kernel import events
from resilience_sim.settings.retry import (
    DEFAULT_RETRY_ON,
    AgainConfig,
    LikeRetryConfig,
    RetryRules,
    StopConfig,
    WaitConfig,
)
from resilience_sim.settings.suggest import did_you_mean, one_of
from resilience_sim.settings.table import LibraryError
from resilience_sim.settings.units import shown

SECOND = 1e9
MOST = 9.2e9  # seconds; more than all virtual time
FOREVER = 9.2e18  # tenacity MAX_WAIT is sys.maxsize / 2 seconds: no cap
# an exception is an exception: the rejection of a policy inside is tried again like any failure
ANY_FAILURE = (*DEFAULT_RETRY_ON, events.BREAKER_OPEN, events.BULKHEAD_FULL, events.LIMITED, events.THROTTLED)
RULES = RetryRules("tenacity", "9.2.1", on=ANY_FAILURE)
_RESULTS = {"result_is_none": ("None",), "result_none": ("None",)}

_PARTS = ("of", "stops", "strategies", "retries")
_GROWING = ("multiplier", "max", "exp_base", "min")
_TYPES = ("types",)
_VALUES = ("values", "equals", "value")
_HINT = ("default", "fallback", "seconds", "value")
# What each kind may say besides. Of those in `_NEEDED` the words mean the same, and one of them must be there.
_KEYS: dict[str, dict[str, tuple[str, ...]]] = {
    "stop": {
        "never": (), "any": _PARTS, "all": _PARTS, "after_attempt": ("value", "max_attempt_number"),
        "after_delay": ("value", "max_delay", "seconds"), "before_delay": ("value", "max_delay", "seconds"),
    },
    "wait": {
        "none": (), "sum": _PARTS, "combine": _PARTS, "chain": _PARTS, "fixed": ("seconds", "wait"),
        "random": ("min", "max"), "incrementing": ("start", "increment", "max"), "exponential": _GROWING,
        "random_exponential": _GROWING, "full_jitter": _GROWING,
        "exponential_jitter": ("initial", "max", "exp_base", "jitter", "min", "multiplier"),
        "exception": _HINT, "retry_after": _HINT, "exception_retry_after": _HINT,
    },
    "retry": {
        "any": _PARTS, "all": _PARTS, "always": (), "never": (), "exception_or_none": (), "exception_type": _TYPES,
        "not_exception_type": _TYPES, "unless_exception_type": _TYPES, "exception_cause_type": _TYPES,
        "exception": _TYPES, "exception_message": ("message", "match"), "not_exception_message": ("message", "match"),
        "result_is_none": (), "result_none": (), "result_is_not_none": (), "not_result_is_none": (), "not_none": (),
        "result": _VALUES, "not_result": _VALUES,
    },
}  # fmt: skip
_NEEDED = {("stop", "after_attempt"), ("stop", "after_delay"), ("stop", "before_delay"), ("wait", "fixed")}


def tenacity(given: dict[str, Any], ident: str = "", on: tuple[int, ...] = ()) -> LikeRetryConfig:
    """Settings from ``{"stop": …, "wait": …, "retry": …}``; what is left away has the library's default."""
    for name in given:
        if name not in {"stop", "wait", "retry", "reraise"}:
            raise LibraryError(name, f"no parameter {name!r}", "there are stop, wait, retry, reraise")
    return LikeRetryConfig(
        ident,
        rules=RULES,
        wait=wait_of(given.get("wait") or {"kind": "none"}),
        stop=stop_of(given.get("stop") or {"kind": "never"}),
        again=again_of(given.get("retry") or {"kind": "exception_type"}),
        on=on or RULES.on,
    )


def _kind(node: Any, name: str) -> tuple[str, dict[str, Any]]:
    """What a node of the parameter ``name`` is, without the prefix of its class, and the rest of it."""
    if not isinstance(node, dict) or "kind" not in node:
        raise LibraryError(name, f"{shown(node)} does not say its kind", f"write `{name}: {{kind: …}}`")
    rest = dict(node)
    kind = str(rest.pop("kind")).removeprefix(f"{name}_").removeprefix("if_" if name == "retry" else "")
    kinds = _KEYS[name]
    if kind not in kinds:
        raise LibraryError(name, f"no {name} {shown(kind)}", did_you_mean(kind, kinds) or one_of(kinds, len(kinds)))
    keys = kinds[kind]
    for key in rest:
        if key not in keys:
            known = did_you_mean(str(key), keys) or (one_of(keys) if keys else "leave it away")
            raise LibraryError(name, f"{shown(kind)} has no {shown(key)}", known)
    if (name, kind) in _NEEDED and not any(key in rest for key in keys):
        raise LibraryError(
            name, f"{shown(kind)} does not say how much", f"write `{name}: {{kind: {kind}, {keys[0]}: 3}}`"
        )
    return kind, rest


def _inside(node: dict[str, Any], name: str) -> list[Any]:
    for key in _PARTS:
        if isinstance(node.get(key), list):
            return list(node[key])
    raise LibraryError(name, "a combination needs `of`, a list", f"write `{name}: {{kind: …, of: [{{kind: …}}]}}`")


def _words(value: Any, name: str) -> tuple[str, ...]:
    """A list of names, or one."""
    listed = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in listed):
        raise LibraryError(name, f"{shown(value)} is no list of names", "write [TimeoutError, OSError]")
    return tuple(listed)


def _number(value: Any, name: str) -> float:
    """A number of seconds or a factor; LibraryError for what is none, or beyond all time."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MOST:
        raise LibraryError(name, f"{shown(value)} is no usable number", f"write a plain number, at most {MOST:,.0f}")
    return float(value)


def stop_of(node: Any) -> StopConfig:
    """stop_never, stop_after_attempt, stop_after_delay, stop_before_delay, stop_any, stop_all."""
    kind, rest = _kind(node, "stop")
    if kind in {"any", "all"}:
        return StopConfig(kind, of=tuple(map(stop_of, _inside(rest, "stop"))))
    if kind == "never":
        return StopConfig()
    value = rest.get("value", rest.get("max_attempt_number", rest.get("max_delay", rest.get("seconds", 0))))
    if kind == "after_attempt":
        return StopConfig("attempts", int(_number(value, "stop")))
    return StopConfig(kind.removesuffix("_delay"), round(_number(value, "stop") * SECOND))


def wait_of(node: Any) -> WaitConfig:
    """Every wait_* but wait_exception of an arbitrary function: of that, the Retry-After an error carries."""
    kind, rest = _kind(node, "wait")

    def seconds(name: str, default: float) -> float:
        return _number(rest.get(name, default), "wait") * SECOND

    most = min(seconds("max", 9.2e9), FOREVER)
    least = max(0.0, seconds("min", 0))
    if kind in {"sum", "combine"}:
        return WaitConfig("sum", of=tuple(map(wait_of, _inside(rest, "wait"))))
    if kind == "chain":
        return WaitConfig("chain", of=tuple(map(wait_of, _inside(rest, "wait"))))
    if kind == "none":
        return WaitConfig()
    if kind == "fixed":
        return WaitConfig(base=_number(rest.get("seconds", rest.get("wait", 0)), "wait") * SECOND)
    if kind == "random":
        low, high = seconds("min", 0), seconds("max", 1)
        return WaitConfig(base=low, jitter="added", extra=high - low)
    if kind == "incrementing":
        return WaitConfig("linear", seconds("start", 0), step=seconds("increment", 100), most=most)
    base = _number(rest.get("multiplier", 1), "wait") * SECOND
    if kind == "exponential_jitter" and "initial" in rest:
        base = seconds("initial", 1)
    growing: dict[str, Any] = {"factor": _number(rest.get("exp_base", 2), "wait"), "most": most, "least": least}
    if kind == "exponential":
        return WaitConfig("exponential", base, **growing)
    if kind in {"random_exponential", "full_jitter"}:
        return WaitConfig("exponential", base, jitter="above", **growing)
    if kind == "exponential_jitter":
        return WaitConfig("exponential", base, jitter="added", extra=seconds("jitter", 1), **growing)
    numbers = [_number(value, "wait") for value in rest.values()]
    return WaitConfig("hint", (numbers[0] if numbers else 0.0) * SECOND)


def again_of(node: Any) -> AgainConfig:
    """Every retry_*; the predicates of results are told by the values they hold for."""
    kind, rest = _kind(node, "retry")
    if kind in {"any", "all"}:
        return AgainConfig(kind, of=tuple(map(again_of, _inside(rest, "retry"))))
    if kind in {"always", "never"}:
        return AgainConfig(kind)
    if kind == "exception_or_none":
        return AgainConfig("any", of=(AgainConfig(), AgainConfig("result", ("None",))))
    types = _words(rest.get("types", ["Exception"]), "retry")
    errors = {"exception_type": "error", "not_exception_type": "no_error", "unless_exception_type": "unless_error",
              "exception_cause_type": "cause", "exception": "error"}  # fmt: skip
    if kind in errors:
        return AgainConfig(errors[kind], types)
    if kind in {"exception_message", "not_exception_message"}:
        name = "message" if kind == "exception_message" else "not_message"
        return AgainConfig(name, (), str(rest.get("message", "")), str(rest.get("match", "")))
    if kind in _RESULTS:
        return AgainConfig("result", _RESULTS[kind])
    if kind in {"result_is_not_none", "not_result_is_none", "not_none"}:
        return AgainConfig("not_result", ("None",))
    values = rest.get("values", rest.get("equals", rest.get("value")))
    listed = values if isinstance(values, list) else [values]
    return AgainConfig(kind, tuple(str(value) for value in listed))
