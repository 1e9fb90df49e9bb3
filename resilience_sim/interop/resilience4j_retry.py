"""The retry of resilience4j: when its backoff flags do what they say, and when not.

Owns the fields of ``resilience4j.retry``. Rules: reference/CONFIG_FORMATS.md section 1 and its corrections.
"""

from __future__ import annotations

from resilience_sim.interop.findings import Log
from resilience_sim.interop.layers import Layer, Ns, Setting, percent
from resilience_sim.interop.resilience4j_chain import Chain
from resilience_sim.interop.section import Value

ALL = "[error, unavailable, rate_limited, timeout, refused, reset, shed, breaker_open, bulkhead_full]"


def retry(chain: Chain, log: Log, title: str) -> Layer:
    """Attempts, waits, and the traps between the flags."""
    layer = Layer("retry", title, chain.at(""), like="resilience4j")
    attempts = chain.get("count", "maxAttempts", 1)
    wait = chain.time("waitDuration")
    layer.put("attempts", attempts.value if attempts else 3, attempts, "default; the first call is one of them")
    layer.put("delay", Ns(wait.value if wait else 500_000_000), wait, "default")
    growing = chain.get("flag", "enableExponentialBackoff")
    random = chain.get("flag", "enableRandomizedWait")
    factor = chain.get("number", "exponentialBackoffMultiplier")
    cap = chain.time("exponentialMaxWaitDuration")
    spread = chain.get("number", "randomizedWaitFactor")
    on, jittered = bool(growing and growing.value), bool(random and random.value)
    if (on or jittered) and wait is None:
        log.trap(
            "RL102",
            "the backoff flags have no effect without `waitDuration`: every wait is the default 500 ms",
            (growing or random).at,
            "write `waitDuration: 500ms`",
        )
        on = jittered = False
    if on:
        layer.put("backoff", "exponential", growing)
        layer.put("factor", f"{factor.value if factor else 1.5:g}x", factor, "default")
    else:
        for each in (factor, cap):
            if each:
                log.trap(
                    "RL102",
                    f"`{each.at.path.rpartition('.')[2]}` has no effect without `enableExponentialBackoff: true`",
                    each.at,
                    "add the flag, or remove the key",
                )
    if jittered:
        share = spread.value if spread else 0.5
        if 0 < share <= 1:
            layer.put("jitter", percent(share), spread or random)
    elif spread:
        log.trap(
            "RL102",
            "`randomizedWaitFactor` has no effect without `enableRandomizedWait: true`",
            spread.at,
            "add the flag",
        )
    _cap(layer, log, on, jittered, factor, cap, spread)
    layer.settings["on"] = Setting(ALL, "default: every exception, an open breaker's too")
    chain.get("flag", "failAfterMaxAttempts")
    chain.skip(
        failAfterMaxAttempts="a bad result that is left after the last attempt is a failure here either way",
        retryExceptions="classes of exceptions have no counterpart; every failure is retried",
        ignoreExceptions="classes of exceptions have no counterpart; every failure is retried",
        retryExceptionPredicate="code is not read",
        resultPredicate="code is not read",
        consumeResultBeforeRetryAttempt="code is not read",
        ignoreExceptionPredicate="code is not read",
        intervalBiFunction="code is not read",
    )
    return layer


def _cap(
    layer: Layer,
    log: Log,
    on: bool,
    jittered: bool,
    factor: Value[float] | None,
    cap: Value[int] | None,
    spread: Value[float] | None,
) -> None:
    """The trap: the cap counts only when the multiplier (and with jitter the factor) is written too."""
    if cap is None or not on:
        return
    missing = [
        name
        for name, absent in (
            ("exponentialBackoffMultiplier", factor is None),
            ("randomizedWaitFactor", jittered and spread is None),
        )
        if absent
    ]
    if not missing:
        layer.put("max_delay", Ns(cap.value), cap)
        return
    log.trap(
        "RL101",
        f"`exponentialMaxWaitDuration` is ignored: Spring applies it only when `{'` and `'.join(missing)}` "
        f"{'is' if len(missing) == 1 else 'are'} set too; the waits grow without a cap",
        cap.at,
        f"write `{missing[0]}: {'1.5' if missing[0].startswith('exp') else '0.5'}` beside it",
    )
    layer.remarks.append("exponentialMaxWaitDuration is ignored by Spring as the file stands")
