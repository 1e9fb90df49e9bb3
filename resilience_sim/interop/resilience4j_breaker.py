"""The circuit breaker of resilience4j.

Owns the fields of ``resilience4j.circuitbreaker``. Rules: reference/CONFIG_FORMATS.md section 1, POLICY_SEMANTICS 2.
"""

from __future__ import annotations

from resilience_sim.interop.findings import Log
from resilience_sim.interop.layers import Layer, Ns, Setting, percent
from resilience_sim.interop.resilience4j_chain import Chain
from resilience_sim.interop.section import Value
from resilience_sim.scenario.units import show_duration


def breaker(chain: Chain, log: Log, title: str) -> Layer:
    """Window, thresholds, half-open."""
    layer = Layer("circuit_breaker", title, chain.at(""), like="resilience4j")
    kind = chain.get("word", "slidingWindowType", ("count_based", "time_based"))
    size = chain.get("count", "slidingWindowSize", 1)
    least = chain.get("count", "minimumNumberOfCalls", 1)
    rate = chain.get("number", "failureRateThreshold")
    timed = kind is not None and kind.value == "time_based"
    width, calls = (size.value if size else 100), (least.value if least else 100)
    layer.settings["failure_threshold"] = Setting(
        percent(_rate(rate, 50, log) / 100), rate.shown if rate else "default", rate.at if rate else None
    )
    shown = ", ".join(each.shown for each in (kind, size) if each) or "default"
    layer.settings["window"] = Setting(
        f"{width}s" if timed else str(width), shown, (size or kind).at if size or kind else None
    )
    if not timed and calls > width:
        if least is not None:
            log.trap(
                "RL103",
                f"`minimumNumberOfCalls` {calls} is more than the window's {width} calls; the library takes {width}",
                least.at,
                f"write `minimumNumberOfCalls: {width}`",
            )
        calls = width
    layer.put("min_calls", calls, least, "default" if calls == 100 else "default 100, clipped to the window")
    _open(chain, layer, log)
    _half_open(chain, layer, log, calls)
    slow = chain.time("slowCallDurationThreshold")
    share = chain.get("number", "slowCallRateThreshold")
    if slow or share:
        layer.put("slow_call", Ns(slow.value if slow else 60_000_000_000), slow, "default")
        layer.settings["slow_threshold"] = Setting(
            percent(_rate(share, 100, log) / 100), share.shown if share else "default", share.at if share else None
        )
    _errors(chain, log)
    return layer


def _rate(found: Value[float] | None, default: float, log: Log) -> float:
    if found is None:
        return default
    if not 0 < found.value <= 100:
        log.refused("the threshold is a percentage above 0 and up to 100", found.at)
        return default
    if found.value <= 1:
        log.trap(
            "RL111",
            f"the threshold is a percentage: {found.value:g} means {found.value:g} %, one failure in "
            f"{100 / found.value:.0f} calls opens the breaker",
            found.at,
            f"for a share of {found.value:g} write {found.value * 100:g}",
        )
    return found.value


def _open(chain: Chain, layer: Layer, log: Log) -> None:
    wait = chain.time("waitDurationInOpenState")
    layer.put("recovery_time", Ns(wait.value if wait else 60_000_000_000), wait, "default")
    growing = chain.get("flag", "enableExponentialBackoff")
    factor = chain.get("number", "exponentialBackoffMultiplier")
    cap = chain.time("exponentialMaxWaitDurationInOpenState")
    if growing and growing.value:
        body = (
            f"{{factor: {factor.value if factor else 1.5:g}x"
            + (f", max: {show_duration(cap.value)}" if cap else "")
            + "}"
        )
        layer.settings["backoff"] = Setting(body, ", ".join(v.shown for v in (growing, factor, cap) if v), growing.at)
    chain.skip(
        enableRandomizedWait="the open time is not spread by chance",
        randomizedWaitFactor="the open time is not spread by chance",
        automaticTransitionFromOpenToHalfOpenEnabled="without traffic the state makes no difference; the next call "
        "after the open time is a probe either way",
    )


def _half_open(chain: Chain, layer: Layer, log: Log, calls: int) -> None:
    permits = chain.get("count", "permittedNumberOfCallsInHalfOpenState", 1)
    longest = chain.time("maxWaitDurationInHalfOpenState")
    number = permits.value if permits else 10
    layer.put("probes", number, permits, "default")
    deciding = min(number, calls)
    if deciding < number:
        layer.put(
            "success_threshold",
            deciding,
            None,
            f"decided after min(minimumNumberOfCalls, permitted) = {deciding} results",
        )
    layer.generic_remarks.append(
        "half-open: all permitted calls are judged together by the same thresholds; generic rules re-open at the "
        "first failed probe"
    )
    if longest and longest.value:
        log.skipped(longest.at, "generic rules wait for the probes; like: resilience4j gives up after this time")
        layer.exact["maxWaitDurationInHalfOpenState"] = Setting(show_duration(longest.value), longest.shown, longest.at)
    else:
        at = longest.at if longest else permits.at if permits else chain.at("")
        log.trap(
            "RL112",
            "half-open has no time limit (`maxWaitDurationInHalfOpenState` is 0): if a permitted call never "
            "returns, the breaker rejects everything for ever",
            at,
            "set `maxWaitDurationInHalfOpenState`, or make sure that every call has a timeout",
        )
    chain.skip(transitionToStateAfterWaitDuration="generic rules stay half-open until the probes are answered")


def _errors(chain: Chain, log: Log) -> None:
    for name in ("ignoreExceptions", "recordExceptions"):
        found = chain.get("texts", name)
        if found is not None:
            at = chain.at(name)
            log.trap(
                "RL113",
                f"an exception that is not recorded counts as a *success* ({len(found)} listed)"
                if name == "recordExceptions"
                else f"ignored exceptions count neither as failure nor as success ({len(found)} listed)",
                at,
                "list outcomes in `ignore:` of the scenario that match these classes",
            )
            log.skipped(at, "classes of exceptions have no counterpart; every failure counts")
    chain.skip(
        recordFailurePredicate="code is not read",
        ignoreExceptionPredicate="code is not read",
        recordResultPredicate="code is not read",
        recordExceptionPredicate="code is not read",
        initialState="it starts closed",
        currentTimestampFunction="code is not read",
        ignoreClassBindingExceptions="about the start of the application only",
        ignoreUnknownExceptions="about the start of the application only",
        slidingWindowSynchronizationStrategy="the window is exact here",
    )
