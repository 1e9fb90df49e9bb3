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
from resilience_sim.settings.table import LibraryError
from resilience_sim.settings.units import shown

SECOND = 1e9
MOST = 9.2e9  # seconds; more than all virtual time
FOREVER = 9.2e18  # tenacity MAX_WAIT is sys.maxsize / 2 seconds: no cap
# an exception is an exception: the rejection of a policy inside is tried again like any failure
ANY_FAILURE = (*DEFAULT_RETRY_ON, events.BREAKER_OPEN, events.BULKHEAD_FULL, events.LIMITED, events.THROTTLED)
RULES = RetryRules("tenacity", "9.2.1", on=ANY_FAILURE)
_RESULTS = {"result_is_none": ("None",), "result_none": ("None",)}


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
    return str(rest.pop("kind")).removeprefix(f"{name}_"), rest


def _inside(node: dict[str, Any], name: str) -> list[Any]:
    for key in ("of", "stops", "strategies", "retries"):
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
    if kind in {"after_delay", "before_delay"}:
        return StopConfig(kind.removesuffix("_delay"), round(_number(value, "stop") * SECOND))
    raise LibraryError("stop", f"no stop {kind!r}")


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
    if kind in {"exception", "retry_after", "exception_retry_after"}:
        numbers = [_number(value, "wait") for value in rest.values() if isinstance(value, int | float)]
        return WaitConfig("hint", (numbers[0] if numbers else 0.0) * SECOND)
    raise LibraryError("wait", f"no wait {kind!r}")


def again_of(node: Any) -> AgainConfig:
    """Every retry_*; the predicates of results are told by the values they hold for."""
    kind, rest = _kind(node, "retry")
    kind = kind.removeprefix("if_")
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
    if kind in {"result", "not_result"}:
        values = rest.get("values", rest.get("equals", rest.get("value")))
        listed = values if isinstance(values, list) else [values]
        return AgainConfig(kind, tuple(str(value) for value in listed))
    raise LibraryError("retry", f"no retry {kind!r}")
