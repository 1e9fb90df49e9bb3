"""The libraries' retry parameters under their own names, with their defaults, made into waits and stops.

Owns the tables and, per library, what its parameters mean together (docs/reference/library-rules.md, section 3).
tenacity's nested ones are rules/native_tenacity.py. gRPC has no defaults (its service config must say all four): the
values here are those of its documentation's example. Times are nanoseconds already.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from resilience_sim.policies.config import BudgetConfig
from resilience_sim.policies.config_like_retry import NO_CAP, LikeBudgetConfig, LikeRetryConfig, StopConfig, WaitConfig
from resilience_sim.policies.rules.library_retries import RETRIES
from resilience_sim.policies.rules.native import (
    COUNT,
    FLAG,
    MAPPING,
    NUMBER,
    SHARE,
    TEXT,
    TIME,
    NativeError,
    Param,
    Settings,
    filled,
)
from resilience_sim.policies.rules.native_tenacity import tenacity

MS = 1_000_000
S = 1_000 * MS
GRPC_MOST = 5
AWS_STANDARD = LikeBudgetConfig("aws", capacity=500.0)

PARAMS: dict[str, tuple[Param, ...]] = {
    "resilience4j": (
        Param("maxAttempts", COUNT, 3, "attempts", least=1),
        Param("waitDuration", TIME, 500 * MS, "delay"),
        Param("enableExponentialBackoff", FLAG, False),
        Param("exponentialBackoffMultiplier", NUMBER, 1.5, "factor", least=1),
        Param("exponentialMaxWaitDuration", TIME, 0, "max_delay"),
        Param("enableRandomizedWait", FLAG, False),
        Param("randomizedWaitFactor", SHARE, 0.5),
    ),
    "polly": (
        Param("MaxRetryAttempts", COUNT, 3, "attempts", least=1),
        Param("Delay", TIME, 2 * S, "delay"),
        Param("BackoffType", TEXT, "Constant", words=("Constant", "Linear", "Exponential")),
        Param("UseJitter", FLAG, False),
        Param("MaxDelay", TIME, 0, "max_delay"),
    ),
    "failsafe-go": (
        Param("MaxRetries", COUNT, 2, "attempts"),
        Param("Delay", TIME, 0, "delay"),
        Param("Backoff", MAPPING, None, keys=(("delay", TIME), ("maxDelay", TIME), ("factor", NUMBER))),
        Param("JitterFactor", SHARE, 0.0),
        Param("MaxDuration", TIME, 0, "max_elapsed"),
    ),
    "tenacity": (
        Param("stop", MAPPING, None, "attempts"),
        Param("wait", MAPPING, None, "delay"),
    ),
    "stamina": (
        Param("attempts", COUNT, 10, "attempts"),
        Param("timeout", TIME, 45 * S, "max_elapsed", unit=S),
        Param("wait_initial", TIME, 100 * MS, "delay", unit=S),
        Param("wait_max", TIME, 5 * S, "max_delay", unit=S),
        Param("wait_jitter", TIME, 1 * S, unit=S),
        Param("wait_exp_base", NUMBER, 2.0, "factor", least=1),
    ),
    "hyx": (
        Param("attempts", COUNT, 3, "attempts"),
        Param("delay_secs", TIME, 500 * MS, "delay", unit=S),
    ),
    "envoy": (
        Param("num_retries", COUNT, 1, "attempts"),
        Param("base_interval", TIME, 25 * MS, "delay"),
        Param("max_interval", TIME, 0, "max_delay"),
    ),
    "grpc": (
        Param("maxAttempts", COUNT, 4, "attempts", least=2),
        Param("initialBackoff", TIME, 100 * MS, "delay"),
        Param("maxBackoff", TIME, 1 * S, "max_delay"),
        Param("backoffMultiplier", NUMBER, 2.0, "factor"),
    ),
    "dapr": (
        Param("policy", TEXT, "constant", words=("constant", "exponential")),
        Param("duration", TIME, 5 * S, "delay"),
        Param("maxRetries", COUNT, -1, "attempts", least=-1),
        Param("maxInterval", TIME, 60 * S, "max_delay"),
    ),
    "aws": (
        Param("max_attempts", COUNT, 3, "attempts", least=1),
        Param("mode", TEXT, "standard", words=("legacy", "standard", "adaptive", "2026")),
    ),
    "finagle": (Param("maxRetries", COUNT, 20, "attempts"),),
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
    return {"wait": wait, "stop": _tries(p["MaxRetryAttempts"] + 1)}


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
    return {"wait": wait, "stop": _tries(p["num_retries"] + 1)}


def _grpc(p: Settings) -> Settings:
    wait = WaitConfig("exponential", float(p["initialBackoff"]), factor=p["backoffMultiplier"], jitter="spread",
                      spread=0.2, most=float(p["maxBackoff"]), capped="before")  # fmt: skip
    return {"wait": wait, "stop": _tries(min(p["maxAttempts"], GRPC_MOST))}


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


_MEANINGS: dict[str, Callable[[Settings], Settings]] = {
    "resilience4j": _resilience4j, "polly": _polly, "failsafe-go": _failsafe_go, "stamina": _stamina, "hyx": _hyx,
    "envoy": _envoy, "grpc": _grpc, "dapr": _dapr, "aws": _aws, "finagle": _finagle,
}  # fmt: skip


def retry_like(
    library: str, given: Settings, ident: str = "", on: tuple[int, ...] = (), budget: BudgetConfig | None = None
) -> LikeRetryConfig:
    """The settings of a retry that follows ``library``, from parameters under its own names."""
    if library == "tenacity":
        made = tenacity(given, ident, on)
        return LikeRetryConfig(ident, made.rules, made.wait, made.stop, made.again, made.on, 0, budget)
    if library not in _MEANINGS:
        raise NativeError("like", f"{library} has no retry", "there are " + ", ".join(("tenacity", *_MEANINGS)))
    settings: dict[str, Any] = _MEANINGS[library](filled(PARAMS[library], given))
    if budget is not None:
        settings["budget"] = budget
    return LikeRetryConfig(id=ident, rules=RETRIES[library], on=on or RETRIES[library].on, **settings)
