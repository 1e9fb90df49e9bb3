"""What a library's retry may have been set to, from the settings of its rules: the inverse of rules/native_retries.py.

Owns the guesses. Refuses to say which one is right (write_like.py reads each again) and budgets (write_policies.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from resilience_sim.policies.config_like_retry import NO_CAP, LikeRetryConfig, StopConfig, WaitConfig
from resilience_sim.policies.rules.native import Settings
from resilience_sim.policies.rules.native_tenacity import FOREVER, SECOND
from resilience_sim.scenario.undo import undo


def proposals(policy: LikeRetryConfig) -> Iterable[Settings]:
    """Parameters under the library's own names that may give these settings."""
    known = _GUESSES.get(policy.like)
    return known(policy) if known else ()


def _tries(stop: StopConfig) -> int:
    """The limit of tries, wherever it stands; 0: none."""
    if stop.kind == "attempts":
        return stop.limit
    return max(map(_tries, stop.of), default=0)


def _time(stop: StopConfig) -> int:
    """The limit of time, ns; 0: none."""
    if stop.kind in ("after", "exceeded"):
        return stop.limit
    return max(map(_time, stop.of), default=0)


def _most(wait: WaitConfig) -> int:
    return 0 if wait.most == NO_CAP else int(wait.most)


def _resilience4j(p: LikeRetryConfig) -> Iterator[Settings]:
    yield {
        "maxAttempts": _tries(p.stop),
        "waitDuration": int(p.wait.base),
        "enableExponentialBackoff": p.wait.growth == "exponential",
        "exponentialBackoffMultiplier": p.wait.factor,
        "exponentialMaxWaitDuration": _most(p.wait),
        "enableRandomizedWait": p.wait.jitter != "none",
        "randomizedWaitFactor": p.wait.spread,
    }


def _polly(p: LikeRetryConfig) -> Iterator[Settings]:
    growth = p.wait.growth
    yield {
        "MaxRetryAttempts": _tries(p.stop) - 1,
        "Delay": int(p.wait.base),
        "BackoffType": "Exponential" if growth == "smoothed" else growth.capitalize(),
        "UseJitter": growth == "smoothed" or p.wait.jitter != "none",
        "MaxDelay": _most(p.wait),
    }


def _failsafe_go(p: LikeRetryConfig) -> Iterator[Settings]:
    found: Settings = {"MaxRetries": _tries(p.stop) - 1}
    if p.wait.growth == "exponential":
        found["Backoff"] = {"delay": int(p.wait.base), "maxDelay": int(p.wait.most), "factor": p.wait.factor}
    else:
        found["Delay"] = int(p.wait.base)
    yield {**found, "JitterFactor": p.wait.spread, "MaxDuration": p.limit}


def _stamina(p: LikeRetryConfig) -> Iterator[Settings]:
    yield {
        "attempts": _tries(p.stop),
        "timeout": _time(p.stop),
        "wait_initial": int(p.wait.base),
        "wait_max": int(p.wait.most),
        "wait_jitter": int(p.wait.extra),
        "wait_exp_base": p.wait.factor,
    }


def _hyx(p: LikeRetryConfig) -> Iterator[Settings]:
    yield {"attempts": _tries(p.stop) - 1, "delay_secs": int(p.wait.base)}


def _envoy(p: LikeRetryConfig) -> Iterator[Settings]:
    yield {"num_retries": _tries(p.stop) - 1, "base_interval": int(p.wait.base), "max_interval": int(p.wait.most)}


def _grpc(p: LikeRetryConfig) -> Iterator[Settings]:
    yield {
        "maxAttempts": _tries(p.stop),
        "initialBackoff": int(p.wait.base),
        "maxBackoff": int(p.wait.most),
        "backoffMultiplier": p.wait.factor,
    }


def _dapr(p: LikeRetryConfig) -> Iterator[Settings]:
    retries = _tries(p.stop) - 1
    if p.wait.growth == "constant":
        yield {"policy": "constant", "duration": int(p.wait.base), "maxRetries": retries}
    else:
        yield {"policy": "exponential", "maxRetries": retries, "maxInterval": int(p.wait.most)}


def _aws(p: LikeRetryConfig) -> Iterator[Settings]:
    for mode in ("standard", "adaptive", "2026", "legacy"):
        yield {"max_attempts": _tries(p.stop), "mode": mode}


def _finagle(p: LikeRetryConfig) -> Iterator[Settings]:
    yield {"maxRetries": _tries(p.stop) - 1}


# --- tenacity: in seconds, nested ---------------------------------------------------------------------------------


def _tenacity(p: LikeRetryConfig) -> Iterator[Settings]:
    yield {"stop": _stop(p.stop), "wait": _wait(p.wait)}


def _seconds(ns: float) -> float:
    return undo(ns, lambda seconds: seconds * SECOND, ns / SECOND)


def _stop(stop: StopConfig) -> Settings:
    if stop.kind in ("any", "all"):
        return {"kind": stop.kind, "of": [_stop(each) for each in stop.of]}
    if stop.kind == "attempts":
        return {"kind": "after_attempt", "value": stop.limit}
    if stop.kind in ("after", "before"):
        seconds = undo(stop.limit, lambda each: round(each * SECOND), stop.limit / SECOND)
        return {"kind": f"{stop.kind}_delay", "value": seconds}
    return {"kind": "never"}


def _wait(wait: WaitConfig) -> Settings:
    if wait.growth in ("sum", "chain"):
        return {"kind": wait.growth, "of": [_wait(each) for each in wait.of]}
    base = _seconds(wait.base)
    if wait.growth == "hint":
        return {"kind": "retry_after", "seconds": base}
    if wait.growth == "constant" and wait.jitter == "added":
        most = undo(wait.extra, lambda each: each * SECOND - wait.base, (wait.base + wait.extra) / SECOND)
        return {"kind": "random", "min": base, "max": most}
    if wait.growth == "constant":
        return {"kind": "fixed", "seconds": base} if wait.base else {"kind": "none"}
    longest: Settings = {} if wait.most == FOREVER else {"max": _seconds(wait.most)}
    if wait.growth == "linear":
        return {"kind": "incrementing", "start": base, "increment": _seconds(wait.step), **longest}
    shortest: Settings = {"min": _seconds(wait.least)} if wait.least else {}
    limits: Settings = {"exp_base": wait.factor, **longest, **shortest}
    if wait.jitter == "added":
        return {"kind": "exponential_jitter", "initial": base, "jitter": _seconds(wait.extra), **limits}
    kind = "random_exponential" if wait.jitter == "above" else "exponential"
    return {"kind": kind, "multiplier": base, **limits}


_GUESSES: dict[str, Callable[[LikeRetryConfig], Iterator[Settings]]] = {
    "resilience4j": _resilience4j, "polly": _polly, "failsafe-go": _failsafe_go, "tenacity": _tenacity,
    "stamina": _stamina, "hyx": _hyx, "envoy": _envoy, "grpc": _grpc, "dapr": _dapr, "aws": _aws, "finagle": _finagle,
}  # fmt: skip
