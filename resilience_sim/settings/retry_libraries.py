"""Retries under the rules of known libraries.

Per library: the rules that no parameter changes, its parameters and defaults, what they mean together, and how our own
parameters are said in its terms. tenacity's nested parameters are tenacity.py. Sources and versions:
docs/reference/library-rules.md, section 3. gRPC has no defaults (a service config must say all four): the values here
are those of its documentation's example.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from resilience_sim.kernel.events import (
    BREAKER_OPEN,
    BULKHEAD_FULL,
    CLIENT_ERROR,
    ERROR,
    LIMITED,
    RATE_LIMITED,
    REFUSED,
    RESET,
    SHED,
    THROTTLED,
    TIMEOUT,
    UNAVAILABLE,
)
from resilience_sim.settings.budget import BudgetConfig, LikeBudgetConfig, budget
from resilience_sim.settings.cockatiel import RETRY_PARAMS as COCKATIEL_PARAMS
from resilience_sim.settings.cockatiel import cockatiel_retry
from resilience_sim.settings.cockatiel import retry_rules as cockatiel_rules
from resilience_sim.settings.library_types import FRACTION, SECONDS, LibraryNumber, Nest, count
from resilience_sim.settings.policy import PolicyConfig, PolicyKind, policy_table, what_it_has
from resilience_sim.settings.retry import (
    NO_CAP,
    PAGE,
    PARAMS,
    LikeRetryConfig,
    RetryConfig,
    RetryRules,
    StopConfig,
    WaitConfig,
    classic_retry,
)
from resilience_sim.settings.table import LibraryError, Param, Settings, Values, with_defaults
from resilience_sim.settings.tenacity import RULES as TENACITY
from resilience_sim.settings.tenacity import tenacity
from resilience_sim.settings.types import DURATION, FLAG, Choice
from resilience_sim.settings.urllib3 import PARAMS as URLLIB3_PARAMS
from resilience_sim.settings.urllib3 import RULES as URLLIB3
from resilience_sim.settings.urllib3 import urllib3

MS = 1_000_000
S = 1_000 * MS
GRPC_MAX_ATTEMPTS = 5

_FROM_B = (ERROR, UNAVAILABLE, RATE_LIMITED, TIMEOUT, REFUSED, RESET, SHED)
# an exception is an exception: the rejection of a policy inside is tried again like any failure
_ANYTHING = (*_FROM_B, BREAKER_OPEN, BULKHEAD_FULL, LIMITED, THROTTLED)
_TRANSIENT = (UNAVAILABLE, REFUSED, RESET, SHED)

ROWS: tuple[RetryRules, ...] = (
    # RetryImpl.java, IntervalFunction.java; Java's HTTP clients throw an exception for 4xx, too
    RetryRules("resilience4j", "3.0 development (af9e7c9)", on=(*_ANYTHING, CLIENT_ERROR)),
    # RetryHelper.cs; which outcomes: dotnet/extensions HttpClientResiliencePredicates (no BrokenCircuitException)
    RetryRules("polly", "8.7 development (173d6d1)", hint="replaces", counts_first=False, on=_FROM_B),
    # retrypolicy/retryexecutor.go
    RetryRules("failsafe-go", "0.9.7 (5759a5e)", trims=True, counts_first=False, on=_ANYTHING),
    TENACITY,
    RetryRules("stamina", "26.1.0", on=_ANYTHING),
    RetryRules("hyx", "0.0.2 (06ef7d3)", counts_first=False, on=_ANYTHING),
    # retry_state_impl.cc; retry_on of the Istio default and common use: connect-failure,refused-stream,unavailable,503
    RetryRules("envoy", "stored source [doc]", counts_first=False, on=_TRANSIENT),
    RetryRules("grpc", "A6", hint="restarts", on=(UNAVAILABLE, REFUSED, RESET, SHED)),
    # pkg/resiliency/policy.go: an open circuit ends the retries; without `matching` every status but 2xx is tried again
    RetryRules("dapr", "d845074", counts_first=False, on=(*_FROM_B, CLIENT_ERROR)),
    # botocore/retries/standard.py
    RetryRules("aws", "botocore 0e6e240, standard", on=_FROM_B),
    # core/retry/Retry.java, ConstantBackOff.java, ExponentialBackOff.java, FibonacciBackOff.java, RandomJitter.java
    RetryRules("smallrye", "7.0 development (5066307c)", counts_first=False, on=(*_ANYTHING, CLIENT_ERROR)),
    # RetryFilter, RequeueFilter: what never reached B, or was nacked
    RetryRules("finagle", "4feb34c", counts_first=False, on=_TRANSIENT),
    URLLIB3,
    cockatiel_rules(_ANYTHING),
)

RETRIES: dict[str, RetryRules] = {row.library: row for row in ROWS}

LIBRARIES: dict[str, tuple[Param, ...]] = {
    "resilience4j": (
        Param("maxAttempts", count(1), 3, same_as="attempts"),
        Param("waitDuration", DURATION, "500ms", same_as="delay"),
        Param("enableExponentialBackoff", FLAG, False),
        Param("exponentialBackoffMultiplier", LibraryNumber(1), 1.5, same_as="factor"),
        Param("exponentialMaxWaitDuration", DURATION, "0ms", same_as="max_delay"),
        Param("enableRandomizedWait", FLAG, False),
        Param("randomizedWaitFactor", FRACTION, 0.5),
    ),
    "polly": (
        Param("MaxRetryAttempts", count(1), 3, same_as="attempts"),
        Param("Delay", DURATION, "2s", same_as="delay"),
        Param("BackoffType", Choice("Constant", "Linear", "Exponential"), "Constant"),
        Param("UseJitter", FLAG, False),
        Param("MaxDelay", DURATION, "0ms", same_as="max_delay"),
        Param("ShouldRetryAfterHeader", FLAG, True, same_as="honor_retry_after"),
    ),
    "failsafe-go": (
        Param("MaxRetries", count(), 2, same_as="attempts"),
        Param("Delay", DURATION, "0ms", same_as="delay"),
        Param("Backoff", Nest("Backoff", delay=DURATION, maxDelay=DURATION, factor=LibraryNumber())),
        Param("JitterFactor", FRACTION, 0.0),
        Param("MaxDuration", DURATION, "0ms", same_as="max_elapsed"),
    ),
    "tenacity": (
        Param("stop", Nest("stop"), same_as="attempts", first="{kind: after_attempt, value: 3}"),
        Param("wait", Nest("wait"), same_as="delay", first="{kind: exponential_jitter, initial: 0.1, max: 5}"),
    ),
    "stamina": (
        Param("attempts", count(), 10, same_as="attempts"),
        Param("timeout", SECONDS, "45s", same_as="max_elapsed"),
        Param("wait_initial", SECONDS, "100ms", same_as="delay"),
        Param("wait_max", SECONDS, "5s", same_as="max_delay"),
        Param("wait_jitter", SECONDS, "1s"),
        Param("wait_exp_base", LibraryNumber(1), 2.0, same_as="factor"),
    ),
    "hyx": (
        Param("attempts", count(), 3, same_as="attempts"),
        Param("delay_secs", SECONDS, "500ms", same_as="delay"),
    ),
    "envoy": (
        Param("num_retries", count(), 1, same_as="attempts"),
        Param("base_interval", DURATION, "25ms", same_as="delay"),
        Param("max_interval", DURATION, "0ms", same_as="max_delay"),
        Param("rate_limited_retry_back_off", FLAG, False, same_as="honor_retry_after"),
    ),
    "grpc": (
        Param("maxAttempts", count(2), 4, same_as="attempts"),
        Param("initialBackoff", DURATION, "100ms", same_as="delay"),
        Param("maxBackoff", DURATION, "1s", same_as="max_delay"),
        Param("backoffMultiplier", LibraryNumber(), 2.0, same_as="factor"),
    ),
    "dapr": (
        Param("policy", Choice("constant", "exponential"), "constant"),
        Param("duration", DURATION, "5s", same_as="delay"),
        Param("maxRetries", count(-1), -1, same_as="attempts"),
        Param("maxInterval", DURATION, "1m", same_as="max_delay"),
    ),
    "aws": (
        Param("max_attempts", count(1), 3, same_as="attempts"),
        Param("mode", Choice("legacy", "standard", "adaptive", "2026"), "standard"),
    ),
    "finagle": (Param("maxRetries", count(), 20, same_as="attempts"),),
    "smallrye": (
        Param("maxRetries", count(-1), 3, same_as="attempts"),
        Param("delay", DURATION, "0ms", same_as="delay"),
        Param("maxDuration", DURATION, "3m", same_as="max_elapsed"),
        Param("jitterDelay", DURATION, "200ms"),  # `jitter` of the annotation; ours of that name is a share
        Param("ExponentialBackoff", Nest("ExponentialBackoff", factor=count(1), maxDelay=DURATION)),
        Param("FibonacciBackoff", Nest("FibonacciBackoff", maxDelay=DURATION)),
    ),
    "urllib3": URLLIB3_PARAMS,
    "cockatiel": COCKATIEL_PARAMS,
}


def _tries(limit: int) -> StopConfig:
    return StopConfig("attempts", limit) if limit > 0 else StopConfig()


def _both(*stops: StopConfig) -> StopConfig:
    real = tuple(stop for stop in stops if stop.kind != "never")
    return real[0] if len(real) == 1 else StopConfig("any", of=real) if real else StopConfig()


def _resilience4j(p: Settings) -> Settings:
    growing = p["enableExponentialBackoff"]
    random = p["enableRandomizedWait"]
    wait = WaitConfig(
        "exponential" if growing else "constant", float(p["waitDuration"]), factor=p["exponentialBackoffMultiplier"],
        jitter="resilience4j" if random else "none", spread=p["randomizedWaitFactor"],
        most=float(p["exponentialMaxWaitDuration"]) or NO_CAP, cut=True,
    )  # fmt: skip
    return {"wait": wait, "stop": _tries(p["maxAttempts"])}


def _polly(p: Settings) -> Settings:
    kind, delay, most = p["BackoffType"], float(p["Delay"]), float(p["MaxDelay"]) or NO_CAP
    if kind == "Exponential" and p["UseJitter"]:
        wait = WaitConfig("smoothed", delay, most=most)
    else:
        spread: dict[str, Any] = {"jitter": "spread", "spread": 0.25} if p["UseJitter"] else {}
        wait = WaitConfig(kind.lower(), delay, step=delay, most=most, **spread)
    return {"wait": wait, "stop": _tries(p["MaxRetryAttempts"] + 1), "heeds_hint": p["ShouldRetryAfterHeader"]}


def _failsafe_go(p: Settings) -> Settings:
    jitter: dict[str, Any] = {"jitter": "mirrored", "spread": p["JitterFactor"]} if p["JitterFactor"] else {}
    backoff = p["Backoff"]
    wait = WaitConfig(base=float(p["Delay"]), **jitter)
    if backoff:
        wait = WaitConfig("exponential", float(backoff["delay"]), factor=backoff.get("factor", 2.0),
                          most=float(backoff["maxDelay"]), capped="before", **jitter)  # fmt: skip
    longest = p["MaxDuration"]
    timed = StopConfig("exceeded", longest) if longest else StopConfig()
    return {"wait": wait, "stop": _both(_tries(p["MaxRetries"] + 1), timed), "limit": longest}


def _stamina(p: Settings) -> Settings:
    wait = WaitConfig("exponential", float(p["wait_initial"]), factor=p["wait_exp_base"], jitter="added",
                      extra=float(p["wait_jitter"]), most=float(p["wait_max"]))  # fmt: skip
    timed = StopConfig("after", p["timeout"]) if p["timeout"] else StopConfig()
    return {"wait": wait, "stop": _both(_tries(p["attempts"]), timed)}


def _hyx(p: Settings) -> Settings:
    return {"wait": WaitConfig(base=float(p["delay_secs"])), "stop": _tries(p["attempts"] + 1)}


def _envoy(p: Settings) -> Settings:
    base = float(p["base_interval"])
    wait = WaitConfig("exponential", base, jitter="full", most=float(p["max_interval"]) or 10 * base, capped="before")
    made: Settings = {"wait": wait, "stop": _tries(p["num_retries"] + 1)}
    if p["rate_limited_retry_back_off"]:
        made["rules"] = replace(RETRIES["envoy"], hint="replaces")
    return made


def _grpc(p: Settings) -> Settings:
    wait = WaitConfig("exponential", float(p["initialBackoff"]), factor=p["backoffMultiplier"], jitter="spread",
                      spread=0.2, most=float(p["maxBackoff"]), capped="before")  # fmt: skip
    return {"wait": wait, "stop": _tries(min(p["maxAttempts"], GRPC_MAX_ATTEMPTS))}


def _dapr(p: Settings) -> Settings:
    limit = _tries(p["maxRetries"] + 1) if p["maxRetries"] >= 0 else StopConfig()
    if p["policy"] == "constant":
        return {"wait": WaitConfig(base=float(p["duration"])), "stop": limit}
    wait = WaitConfig("exponential", 500.0 * MS, factor=1.5, jitter="spread", spread=0.5, most=float(p["maxInterval"]),
                      capped="before")  # fmt: skip
    return {"wait": wait, "stop": _both(limit, StopConfig("after", 900 * S))}


def _aws(p: Settings) -> Settings:
    mode = p["mode"]
    if mode == "legacy":
        wait = WaitConfig("exponential", float(S), jitter="full")
        return {"wait": wait, "stop": _tries(p["max_attempts"])}
    base, budget = (50 * MS, LikeBudgetConfig("aws", capacity=500.0, mode="2026")) if mode == "2026" else (
        S, LikeBudgetConfig("aws", capacity=500.0, mode=mode))  # fmt: skip
    wait = WaitConfig("exponential", float(base), jitter="full", most=20.0 * S, capped="before")
    return {"wait": wait, "stop": _tries(p["max_attempts"]), "budget": budget}


def _finagle(p: Settings) -> Settings:
    budget = LikeBudgetConfig("finagle", ratio=0.2)
    return {"wait": WaitConfig(), "stop": _tries(p["maxRetries"] + 1), "budget": budget}


def _smallrye(p: Settings) -> Settings:
    delay, jitter, longest = p["delay"], float(p["jitterDelay"]), p["maxDuration"]
    grows, sums = p["ExponentialBackoff"], p["FibonacciBackoff"]
    if longest and longest <= delay:
        raise LibraryError("maxDuration", "it must be longer than `delay`", "0 for no limit")
    if grows and sums:
        raise LibraryError("FibonacciBackoff", "a retry has one backoff", "leave `ExponentialBackoff` away")
    growth, most = "constant", 0
    if grows or sums:
        growth, most = "exponential" if grows else "fibonacci", (grows or sums)["maxDelay"]
        if most and delay >= most:
            name = "ExponentialBackoff" if grows else "FibonacciBackoff"
            raise LibraryError(name, "`maxDelay` must be longer than `delay`", "0 for no limit")
    wait = WaitConfig(growth, float(delay), step=float(delay), factor=float(grows["factor"]) if grows else 2.0,
                      jitter="around" if jitter else "none", extra=jitter, most=float(most) or NO_CAP,
                      cut=True)  # fmt: skip
    limit = _tries(p["maxRetries"] + 1) if p["maxRetries"] >= 0 else StopConfig()
    return {"wait": wait, "stop": _both(limit, StopConfig("twice", longest) if longest else StopConfig())}


_MEANINGS: dict[str, Callable[[Settings], Settings]] = {
    "resilience4j": _resilience4j, "polly": _polly, "failsafe-go": _failsafe_go, "stamina": _stamina, "hyx": _hyx,
    "envoy": _envoy, "grpc": _grpc, "dapr": _dapr, "aws": _aws, "finagle": _finagle, "smallrye": _smallrye,
    "urllib3": urllib3, "cockatiel": cockatiel_retry,
}  # fmt: skip


def emulate_retry(
    library: str, given: Settings, ident: str = "", on: tuple[int, ...] = (), budget: BudgetConfig | None = None
) -> LikeRetryConfig:
    """The settings of a retry that follows ``library``, from parameters under its own names."""
    if library == "tenacity":
        made = tenacity(given, ident, on)
        return replace(made, budget=budget)
    if library not in _MEANINGS:
        raise LibraryError("like", f"{library} has no retry", "there are " + ", ".join(("tenacity", *_MEANINGS)))
    settings: dict[str, Any] = _MEANINGS[library](with_defaults(LIBRARIES[library], given))
    if budget is not None:
        settings["budget"] = budget
    if on:
        settings.update(on=on, on_hint=(), on_any_method=tuple(x for x in settings.get("on_any_method", ()) if x in on))
    settings.setdefault("on", RETRIES[library].on)
    settings.setdefault("rules", RETRIES[library])
    return LikeRetryConfig(ident, **settings)


# --- our parameters in the library's terms ----------------------------------------------------------------------------

GROWS = ("resilience4j", "polly", "failsafe-go", "tenacity", "dapr", "cockatiel")


def from_classic(library: str, written: Settings) -> Settings:
    """Native parameters from ours.

    ``written`` holds what was written of ``attempts``, ``delay``, ``backoff``, ``factor``, ``max_delay``, ``jitter``
    (kind, spread), ``max_elapsed``, ``honor_retry_after``.
    """
    if library == "tenacity":
        return _tenacity(written)
    rest = dict(written)
    found: Settings = {}
    tables = {param.same_as: param for param in LIBRARIES[library] if param.same_as}
    if library == "failsafe-go" and rest.get("backoff", "constant") == "exponential":
        found["Backoff"] = {"delay": rest.pop("delay", 0), "maxDelay": rest.pop("max_delay", 1 << 60),
                            "factor": rest.pop("factor", 2.0)}  # fmt: skip
        rest.pop("backoff")
    if library == "smallrye":
        found.update(_smallrye_in(rest))
    if library == "cockatiel":
        found.update(_cockatiel_in(rest))
    for name in ("attempts", "delay", "factor", "max_delay", "max_elapsed", "honor_retry_after"):
        if name not in rest:
            continue
        if name not in tables:
            raise LibraryError(name, f"{library} has nothing like `{name}`", what_it_has(LIBRARIES[library]))
        value = rest.pop(name)
        own = tables[name].name == name
        if name == "attempts" and not own and not RETRIES[library].counts_first:
            value -= 1
        found[tables[name].name] = value
    backoff, jitter = rest.get("backoff", "constant"), rest.get("jitter", ("none", 0.0))
    found.update(_growth(library, backoff))
    if jitter[0] != "none":
        found.update(_jitter(library, jitter))
    return found


def _smallrye_in(rest: Settings) -> Settings:
    """Its own backoff and jitter, which is a time on both sides of the delay."""
    found: Settings = {}
    kind, spread = rest.pop("jitter", ("", 0.0))
    if kind in {"none", "spread"}:
        found["jitterDelay"] = int(spread * rest.get("delay", 0))
    elif kind:
        raise LibraryError("jitter", "smallrye does not jitter like that", what_it_has(LIBRARIES["smallrye"]))
    if rest.get("backoff", "constant") == "exponential":
        factor = rest.pop("factor", 2.0)
        if factor != int(factor):
            raise LibraryError("factor", "smallrye multiplies by whole numbers", "write it like `2x`")
        found["ExponentialBackoff"] = {"factor": int(factor), "maxDelay": rest.pop("max_delay", 60 * S)}
        rest.pop("backoff")
    return found


def _cockatiel_in(rest: Settings) -> Settings:
    """An exponential wait is an object of its own."""
    backoff, (kind, _) = rest.get("backoff", "constant"), rest.get("jitter", ("none", 0.0))
    if backoff != "exponential":
        return {}
    names = {"none": "noJitterGenerator", "full": "fullJitterGenerator", "equal": "halfJitterGenerator"}
    if kind not in names or rest.get("factor", 2) != 2:
        raise LibraryError("jitter" if kind not in names else "factor", "cockatiel has no such backoff",
                           "it doubles, with the jitter none, full or equal")  # fmt: skip
    delay = rest.pop("delay", 0)
    for name in ("backoff", "jitter", "factor"):
        rest.pop(name, None)
    return {"ExponentialBackoff": {"initialDelay": delay, "maxDelay": rest.pop("max_delay", 1 << 60), "exponent": 2.0,
                                   "generator": names[kind]}}  # fmt: skip


def _growth(library: str, backoff: str) -> Settings:
    if backoff == "constant" or (backoff == "exponential" and library not in GROWS):
        return {}  # those not in GROWS always grow exponentially
    if library == "polly" and backoff in {"linear", "exponential"}:
        return {"BackoffType": backoff.capitalize()}
    if library == "resilience4j" and backoff == "exponential":
        return {"enableExponentialBackoff": True}
    if library == "dapr" and backoff == "exponential":
        return {"policy": "exponential"}
    raise LibraryError("backoff", f"{library} has no `{backoff}` backoff", what_it_has(LIBRARIES[library]))


def _jitter(library: str, jitter: tuple[str, float]) -> Settings:
    kind, spread = jitter
    if library == "resilience4j" and kind == "spread":
        return {"enableRandomizedWait": True, "randomizedWaitFactor": spread}
    if library == "failsafe-go" and kind == "spread":
        return {"JitterFactor": spread}
    if library == "polly" and kind == "spread" and spread == 0.25:
        return {"UseJitter": True}
    raise LibraryError("jitter", f"{library} does not jitter like that", what_it_has(LIBRARIES[library]))


def _tenacity(rest: Settings) -> Settings:
    found: Settings = {}
    seconds = 1e9
    stops: list[dict[str, Any]] = []
    if "attempts" in rest:
        stops.append({"kind": "after_attempt", "value": rest["attempts"]})
    if "max_elapsed" in rest:
        stops.append({"kind": "before_delay", "value": rest["max_elapsed"] / seconds})
    if stops:
        found["stop"] = stops[0] if len(stops) == 1 else {"kind": "any", "of": stops}
    if not {"delay", "backoff", "factor", "max_delay", "jitter"} & set(rest):
        return found
    kind, jitter = rest.get("backoff", "constant"), rest.get("jitter", ("none", 0.0))[0]
    delay = rest.get("delay", 0) / seconds
    limits = {"max": rest["max_delay"] / seconds} if "max_delay" in rest else {}
    if kind == "exponential" and jitter in {"none", "full"}:
        name = "exponential" if jitter == "none" else "random_exponential"
        found["wait"] = {"kind": name, "multiplier": delay, "exp_base": rest.get("factor", 2), **limits}
    elif kind == "linear" and jitter == "none":
        found["wait"] = {"kind": "incrementing", "start": delay, "increment": delay, **limits}
    elif kind == "constant" and jitter in {"none", "full"}:
        fixed = {"kind": "fixed", "seconds": delay} if jitter == "none" else {"kind": "random", "max": delay}
        found["wait"] = fixed
    else:
        raise LibraryError("backoff", "say it in tenacity's words", "wait: {kind: sum, of: […]}")
    return found


def _emulate(library: str, given: Settings, ident: str, values: Values) -> PolicyConfig:
    made = emulate_retry(library, given, ident, values.read.get("on", ()), budget(values["budget"]))
    return replace(made, only_idempotent=True) if values["only_idempotent"] else made


def _translate(library: str, values: Values) -> Settings:
    names = ("attempts", "delay", "backoff", "factor", "max_delay", "jitter", "max_elapsed", "honor_retry_after")
    written = {name: said for name in names if (said := values.read.get(name)) is not None}
    return from_classic(library, written)


KIND = PolicyKind(
    policy_table("retry", "Tries again.", PARAMS, LIBRARIES, PAGE),
    classic_retry,
    {RetryConfig: "retry:Retry", LikeRetryConfig: "retry:LibraryRetry"},
    LIBRARIES,
    ("on", "budget", "only_idempotent"),
    _emulate,
    _translate,
)
