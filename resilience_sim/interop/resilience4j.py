"""resilience4j as Spring Boot configures it: ``application.yml`` and ``application.properties``, read and written.

How Spring binds a file is spring.py. Rules: resilience4j af9e7c9 (docs/reference/config-formats.md section 1).
"""

from __future__ import annotations

from collections.abc import Callable

from resilience_sim.interop import env_names, spring_cloud
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import BAD_VALUE, REFUSED, UNKNOWN_KEY, Log, safe_name
from resilience_sim.interop.java_errors import CLASSES, put_outcomes
from resilience_sim.interop.layers import MOST_CALLS, Converted, Layer, Ns, Setting, percent, times
from resilience_sim.interop.own import Own
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.spring import ORDER_KEYS, Chain, Environment, chain_of, heads, holders, speaking, uniform
from resilience_sim.interop.traps import SHARED, traps
from resilience_sim.interop.write_resilience4j import write
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Entry, Node, Scalar, Source, Span
from resilience_sim.settings.units import SLOWEST, show_duration

__all__ = ["TRAPS", "convert", "instances", "recognises", "write"]

TRAPS = spring_cloud.TRAPS | traps(
    """
RL101 warning: exponentialMaxWaitDuration is ignored
    resilience4j's Spring configuration builds a capped backoff only when `exponentialBackoffMultiplier` is written
    as well, and with randomised wait also `randomizedWaitFactor`. With the cap alone the waits grow by 1.5 each
    time without any limit. Write the multiplier beside the cap.
RL102 warning: a backoff setting without the flag or the wait it needs
    In resilience4j, `exponentialBackoffMultiplier`, `randomizedWaitFactor` and the cap do nothing unless the flag
    (`enableExponentialBackoff`, `enableRandomizedWait`) is true, and the flags do nothing unless `waitDuration` is
    written: then every wait is 500 ms.
RL103 info: minimumNumberOfCalls is clipped to the window
    With a count-based window the minimum cannot exceed the window: resilience4j takes the smaller of the two. The
    breaker decides earlier than the file says.
RL107 warning: a rate limiter that limits nothing
    resilience4j's `limitRefreshPeriod` defaults to 500 nanoseconds. A limit of 50 per 500 ns is a hundred million a
    second.
RL108 info: the order of the policies is overridden
    The aspect order keys move a policy in the stack. In Spring the smaller number is further out, the opposite of
    what many expect. Without them the order is Retry(CircuitBreaker(RateLimiter(TimeLimiter(Bulkhead)))).
RL109 warning: a named base does not inherit configs.default
    An instance without `baseConfig` inherits `configs.default`. A circuit breaker that names a base inherits that base
    (and its bases) only: the default configuration is not looked at any more. For all others it is.
RL110 error: a bulkhead of no places
    `maxConcurrentCalls` is at least 1 in Spring: with 0 the application does not start. The library itself accepts it,
    and then lets nothing through.
RL111 error: a percentage written as a share
    resilience4j's thresholds are percentages, in Spring from 1 to 100: with 0.5 the application does not start. 1 means
    one per cent: of 100 calls one failure opens.
RL112 info: half-open without a time limit
    resilience4j lets a fixed number of calls through when half open and waits for all of them. If one never
    returns, its permit is never given back and everything else is rejected for ever.
    `maxWaitDurationInHalfOpenState` (default 0: off) or a timeout inside the breaker prevents it; RL012 looks
    whether there is one.
RL113 info: exceptions that do not count as you may think
    An ignored exception counts neither way. With `recordExceptions` every exception that is not listed counts as a
    success, and dilutes the failures. resim reads no classes: map them to outcomes yourself.
"""
)

NAME = "resilience4j"
ASIDE = spring_cloud.ASIDE
_NOWHERE = Span(Source("", ()), 1, 1, 1, 1)
MODULES = ("retry", "circuitbreaker", "ratelimiter", "timelimiter", "bulkhead", "thread-pool-bulkhead")
# without numbers of one's own; the smaller is further out: Retry(CircuitBreaker(RateLimiter(TimeLimiter(Bulkhead))))
_LOWEST = 2**31 - 1
DEFAULT_ORDER = {
    "retry": _LOWEST - 4,
    "circuitbreaker": _LOWEST - 3,
    "ratelimiter": _LOWEST - 2,
    "timelimiter": _LOWEST - 1,
    "bulkhead": _LOWEST,
    "thread-pool-bulkhead": _LOWEST,
}
RENAMED = {
    "maxRetryAttempts": "maxAttempts",
    "ringBufferSizeInClosedState": "slidingWindowSize",
    "ringBufferSizeInHalfOpenState": "permittedNumberOfCallsInHalfOpenState",
    "waitInterval": "waitDurationInOpenState",
    "maxConcurrentCall": "maxConcurrentCalls",
    "maxWaitTime": "maxWaitDuration",
    "limitRefreshPeriodInNanos": "limitRefreshPeriod",
    "limitRefreshPeriodInMillis": "limitRefreshPeriod",
    "timeoutInMillis": "timeoutDuration",
}


def recognises(file: ConfigFile) -> bool:
    """Whether some document has a ``resilience4j`` section, or routes of a gateway or Feign clients."""
    names = heads(file)
    if any(name.startswith("resilience4j") for name in names) or env_names.variables(file.documents):
        return True
    near = any(name.startswith(("spring", "feign")) for name in names)
    return near and bool(spring_cloud.instances(_environment(file)[0]))


def _environment(file: ConfigFile) -> tuple[Environment, list[Diagnostic], list[str]]:
    """The file as Spring binds it, and what there is to say about the whole of it. Made once."""
    known = file.memo.get(NAME)
    if known is None:
        log = Log(traps=SHARED | TRAPS, values="Spring")
        environment = Environment(file, log)
        root = Section(environment.tree("resilience4j"), "", log, relaxed=True).section("resilience4j")
        if root:
            root.ignore("scheduled", "micrometer", "otel")
            for module in MODULES:
                _check_module(root.section(module), module, log)
            root.rest()
        known = file.memo[NAME] = (environment, log.found, log.assumed)
    found: tuple[Environment, list[Diagnostic], list[str]] = known
    return found


def _check_module(section: Section, module: str, log: Log) -> None:
    """Keys where Spring does not look, and mistakes in shared configurations, whichever instance inherits them."""
    if not section:
        return
    section.ignore(
        "configs", *holders(module), *ORDER_KEYS.values(), "tags", "metrics", "enabled"
    )  # Micronaut: enabled
    section.rest()
    configs = section.section("configs")
    for name in configs.names():
        if name in (*holders(module), "instances", "instance"):
            log.add(
                "RL191",
                "warning",
                f"`{name}` under `configs` is a configuration of that name: no instance comes of it",
                configs.at(name),
                f"move `{name}` out of `configs`",
            )
        aside = Log(traps=log.traps, values=log.values)
        below = configs.section(name)
        below.log = aside
        if below:
            chain = Chain([below])
            MAKERS[module](chain, aside, "")
            chain.rest(RENAMED)
        log.found += [each for each in aside.found if each.code in (UNKNOWN_KEY, BAD_VALUE, REFUSED)]


def instances(file: ConfigFile) -> list[str]:
    """Every instance of any module; the default configuration when only that is there."""
    environment, _, _ = _environment(file)
    root = Section(environment.tree("resilience4j"), "", Log(), relaxed=True).section("resilience4j")
    found: dict[str, str] = {}
    default = False
    for module in MODULES:
        section = root.section(module)
        for holder in holders(module):
            for name in section.section(holder).names():
                found.setdefault(uniform(name), name)
        default = default or "default" in section.section("configs")
    own = list(found.values()) or (["default"] if default else [])
    return own + spring_cloud.instances(environment)


def own(file: ConfigFile, instance: str) -> Own | None:
    """All that is said of one instance alone (lint/twins.py), and its names."""
    if instance.startswith(spring_cloud.ASIDE):
        return spring_cloud.own(_environment(file)[0], instance)
    if instance == "default":
        return None
    found: list[Entry | Node] = []
    for where, section in _holders(file):
        entry = section.entry(instance)
        if entry is not None:
            found += [Scalar(entry[1].key, where if entry[0] == instance else f"{where} {entry[0]}"), entry[1]]
    return Own((instance,), found)


def _holders(file: ConfigFile) -> list[tuple[str, Section]]:
    """Where instances stand, for looking only. Made once."""
    known: list[tuple[str, Section]] | None = file.memo.get("resilience4j holders")
    if known is None:
        root = Section(_environment(file)[0].tree(NAME), "", Log(), relaxed=True).section(NAME)
        known = file.memo["resilience4j holders"] = [
            (f"{module} {holder}", root.section(module).section(holder))
            for module in MODULES
            for holder in (*holders(module), "configs")
        ]
    return known


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """The stack of one instance."""
    result = Converted(NAME, f"resilience4j, instance '{instance}'", instance)
    environment, found, assumed = _environment(file)
    log.of_all(found, assumed)
    root = Section(environment.tree("resilience4j"), "", log, relaxed=True).section("resilience4j")
    if instance.startswith(spring_cloud.ASIDE):
        off = environment.root.at("spring.cloud.circuitbreaker.resilience4j.disable-time-limiter")
        limited = off is None or str(getattr(off.value, "value", "")).lower() != "true"
        return spring_cloud.convert(
            environment, instance, lambda name, result, log: _of_spring_cloud(root, name, limited, result, log), log
        )
    made: dict[str, Layer] = {}
    order = dict(DEFAULT_ORDER)
    for module in speaking(environment, MODULES, instance):
        section = root.section(module)
        chain = chain_of(section, module, instance, log)
        if chain:
            made[module] = MAKERS[module](chain, log, f"resilience4j.{module}.instances.{instance}")
            chain.rest(RENAMED)
            made[module].remarks += [
                f"{safe_name(name)} could not be read: the library's default stands in" for name in chain.unread()
            ]
        _aspect_order(section, module, order, log)
    if order != DEFAULT_ORDER:
        result.remarks.append("the order is overridden: the smaller number is further out")
    places = sorted(MODULES, key=lambda module: order[module])
    result.layers = [made[module] for module in places if module in made]
    if environment.profiles != ["default"]:
        result.remarks.append(f"read with the profiles {', '.join(sorted(map(safe_name, environment.profiles)))}")
    if "circuitbreaker" in made and any(m in made for m in ("ratelimiter", "timelimiter", "bulkhead")):
        made["circuitbreaker"].remarks.append("it records what those inside it reject, and timeouts, as failures")
    result.unsure += environment.unsure
    return result


def _of_spring_cloud(root: Section, name: str, limited: bool, result: Converted, log: Log) -> list[Layer]:
    """Breaker and time limiter of a name, as Spring Cloud CircuitBreaker makes them: of the defaults if need be."""
    layers = []
    for module in ("circuitbreaker", "timelimiter") if limited else ("circuitbreaker",):
        section = root.section(module)
        chain = chain_of(section, module, name, log) or chain_of(section, module, "default", log)
        if not chain:
            chain = Chain([Section(None, module, log, relaxed=True, span=root.span)])
            chain.sections = [Section(None, module, log, relaxed=True, span=root.span or _NOWHERE)]
        layers.append(MAKERS[module](chain, log, f"resilience4j.{module}.instances.{safe_name(name)}"))
        chain.rest(RENAMED)
        if module == "timelimiter" and layers[-1].settings["after"].at is None:
            log.trap(
                "RL117", "the time limiter of Spring Cloud ends every call after 1 s", layers[-1].at or chain.at("")
            )
    return layers


def _aspect_order(section: Section, module: str, order: dict[str, int], log: Log) -> None:
    key = ORDER_KEYS.get(module)
    if key is None:
        return
    found = section.read(key, lambda value: int(str(value)), "an integer")
    if found is not None:
        order[module] = found.value
        if module == "bulkhead":
            order["thread-pool-bulkhead"] = found.value
        log.trap(
            "RL108",
            f"`{key}` moves this policy: in Spring the smaller number is further out",
            found.at,
            "check the order of the stack that was made",
        )


def _rate_limiter(chain: Chain, log: Log, title: str) -> Layer:
    layer = Layer("rate_limiter", title, chain.at(""), like=NAME)
    limit = chain.get("count", "limitForPeriod", 1)
    period = chain.time("limitRefreshPeriod")
    wait = chain.time("timeoutDuration")
    permits, per = (limit.value if limit else 50), min(SLOWEST, period.value if period else 500)
    if period is not None and not per:
        log.refused("`limitRefreshPeriod` is longer than nothing: the application does not start", period.at)
    text = f"{permits}/s" if per == 1_000_000_000 else f"{permits}/{show_duration(max(1, per))}"
    shown = ", ".join(each.shown for each in (limit, period) if each) or "defaults: 50 every 500ns"
    if permits * 1_000 > per:  # more than a million a second
        text = "1000000/s"
        log.trap(
            "RL107",
            f"{permits} permits every {per} ns limit nothing: the default `limitRefreshPeriod` is 500 ns",
            chain.at("limitRefreshPeriod"),
            "set `limitRefreshPeriod: 1s`",
        )
    layer.settings["limit"] = Setting(text, shown, limit.at if limit else chain.at(""))
    layer.settings["kind"] = Setting(
        "fixed_window", "permits of a period are lost at its end, twice as many can pass around it"
    )
    layer.put("max_wait", Ns(wait.value if wait else 5_000_000_000), wait, "default")
    layer.remarks.append(
        "a call that cannot get a permit in time still blocks for the whole timeoutDuration before it fails"
    )
    chain.skip(drainPermissionsOnResult="calls are counted when they start, not by their result")
    return layer


def _time_limiter(chain: Chain, log: Log, title: str) -> Layer:
    layer = Layer("timeout", title, chain.at(""), like=NAME)
    after = chain.time("timeoutDuration")
    layer.put("after", Ns(after.value if after else 1_000_000_000), after, "default")
    cancel = chain.get("flag", "cancelRunningFuture")
    layer.remarks.append(
        "B's work goes on: cancelRunningFuture interrupts a thread of A, it does not stop B"
        if cancel is None or cancel.value
        else "cancelRunningFuture: false: the caller's thread works on, and so does B"
    )
    return layer


def _bulkhead(chain: Chain, log: Log, title: str) -> Layer:
    layer = Layer("bulkhead", title, chain.at(""), like=NAME)
    most = chain.get("count", "maxConcurrentCalls", 0)
    wait = chain.time("maxWaitDuration")
    layer.put("max_concurrent", max(1, most.value if most else 25), most, "default")
    if most and most.value == 0:
        log.trap("RL110", "`maxConcurrentCalls` is at least 1: the application does not start", most.at)
    if wait and wait.value:
        layer.put("queue", 1_000_000, None, "resilience4j does not bound how many wait")
        layer.put("max_wait", Ns(wait.value), wait)
    chain.skip(fairCallHandlingEnabled="waiting calls are always served in the order in which they came")
    return layer


def _thread_pool(chain: Chain, log: Log, title: str) -> Layer:
    layer = Layer("bulkhead", title, chain.at(""), id="thread-pool")
    most = chain.get("count", "maxThreadPoolSize", 1)
    queue = chain.get("count", "queueCapacity", 0)
    layer.put("max_concurrent", most.value if most else 8, most, "default: the number of processors, here 8")
    layer.put("queue", queue.value if queue else 100, queue, "default")
    if most is None:
        log.assumed.append("8 processors for the thread pool")
    chain.skip(
        coreThreadPoolSize="threads above the core size start only when the queue is full; the simulated pool has its "
        "maximum at once",
        keepAliveDuration="idle threads cost nothing here",
        contextPropagators="no meaning here",
    )
    return layer


def _retry(chain: Chain, log: Log, title: str) -> Layer:
    """Attempts, waits, and the traps between the flags."""
    layer = Layer("retry", title, chain.at(""), like="resilience4j")
    layer.remedies["RL014"] = "write `enableRandomizedWait: true`"
    layer.remedies["RL016"] = (
        "write a `waitDuration`, `enableExponentialBackoff: true` and `enableRandomizedWait: true`"
    )
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
    if (on or jittered) and wait is None and "waitDuration" not in chain.unread():
        log.trap(
            "RL102",
            "the backoff flags have no effect without `waitDuration`: every wait is the default 500 ms",
            (growing or random).at,
            "write `waitDuration: 500ms`",
        )
        on = jittered = False
    if on:
        layer.put("backoff", "exponential", growing)
        layer.put("factor", times(_multiplier(factor, log)), factor, "default")
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
        if not 0 <= share < 1:
            log.refused("`randomizedWaitFactor` is a share, less than 1: the application does not start", spread.at)
        elif share:
            layer.put("jitter", percent(share), spread or random)
    elif spread:
        _idle_factor(spread, log)
    _cap(layer, log, on, jittered, factor, cap, spread)
    put_outcomes(layer, chain.get("texts", "retryExceptions") or (), chain.get("texts", "ignoreExceptions") or ())
    chain.get("flag", "failAfterMaxAttempts")
    chain.skip(
        failAfterMaxAttempts="a bad result that is left after the last attempt is a failure here either way",
        retryExceptions=CLASSES.format(what="is retried"),
        ignoreExceptions=CLASSES.format(what="is retried"),
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


def _breaker(chain: Chain, log: Log, title: str) -> Layer:
    """Window, thresholds, half-open."""
    layer = Layer("circuit_breaker", title, chain.at(""), like="resilience4j")
    kind = chain.get("word", "slidingWindowType", ("count_based", "time_based"))
    size = chain.get("count", "slidingWindowSize", 1)
    least = chain.get("count", "minimumNumberOfCalls", 1)
    rate = chain.get("number", "failureRateThreshold")
    timed = kind is not None and kind.value == "time_based"
    width, calls = min(MOST_CALLS, size.value if size else 100), (least.value if least else 100)
    layer.settings["failure_threshold"] = Setting(
        percent(_threshold(rate, 50, log) / 100), rate.shown if rate else "default", rate.at if rate else None
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
    _open_state(chain, layer, log)
    _half_open_state(chain, layer, log, calls)
    slow = chain.time("slowCallDurationThreshold")
    share = chain.get("number", "slowCallRateThreshold")
    if slow or share:
        layer.put("slow_call", Ns(slow.value if slow else 60_000_000_000), slow, "default")
        layer.settings["slow_threshold"] = Setting(
            percent(_threshold(share, 100, log) / 100), share.shown if share else "default", share.at if share else None
        )
    _errors(chain, layer, log)
    return layer


def _threshold(found: Value[float] | None, default: float, log: Log) -> float:
    if found is None:
        return default
    if not 0 < found.value <= 100:
        log.refused("the threshold is a percentage from 1 to 100: the application does not start", found.at)
        return default
    if found.value < 1:
        log.trap(
            "RL111", "the threshold is a percentage from 1 to 100: the application does not start", found.at,
            f"for a share of {found.value:g} write {found.value * 100:g}",
        )  # fmt: skip
    elif found.value == 1:
        log.add(
            "RL111", "warning", "1 means one per cent: of 100 calls one failure opens", found.at, "write 100 for all"
        )
    return found.value


def _multiplier(found: Value[float] | None, log: Log) -> float:
    if found is None:
        return 1.5
    if found.value < 1:
        log.refused("the multiplier of a backoff is 1 or more: the application does not start", found.at)
        return 1.0
    return found.value


def _idle_factor(spread: Value[float], log: Log) -> None:
    message = "`randomizedWaitFactor` has no effect without `enableRandomizedWait: true`"
    log.trap("RL102", message, spread.at, "add the flag")


def _open_state(chain: Chain, layer: Layer, log: Log) -> None:
    wait = chain.time("waitDurationInOpenState")
    if wait is not None and wait.value < 1_000_000:
        log.refused("`waitDurationInOpenState` is at least 1 ms: the application does not start", wait.at)
    layer.put("recovery_time", Ns(wait.value if wait else 60_000_000_000), wait, "default")
    growing = chain.get("flag", "enableExponentialBackoff")
    factor = chain.get("number", "exponentialBackoffMultiplier")
    cap = chain.time("exponentialMaxWaitDurationInOpenState")
    if growing and growing.value:
        body = (
            f"{{factor: {times(_multiplier(factor, log))}" + (f", max: {show_duration(cap.value)}" if cap else "") + "}"
        )
        layer.settings["backoff"] = Setting(body, ", ".join(v.shown for v in (growing, factor, cap) if v), growing.at)
    random, spread = chain.get("flag", "enableRandomizedWait"), chain.get("number", "randomizedWaitFactor")
    if not (random and random.value):
        if spread:
            _idle_factor(spread, log)
    elif (growing and growing.value) or not wait:
        grows = growing and growing.value
        why = "the exponential backoff goes before it" if grows else "without `waitDurationInOpenState` it does nothing"
        for each in (random, spread):
            if each:
                log.skipped(each.at, why)
    else:
        share = min(1.0, max(0.0, spread.value)) if spread else 0.5
        layer.settings["jitter"] = Setting(percent(share), ", ".join(v.shown for v in (random, spread) if v), random.at)
    chain.skip(
        automaticTransitionFromOpenToHalfOpenEnabled="without traffic the state makes no difference; the next call "
        "after the open time is a probe either way",
    )


def _half_open_state(chain: Chain, layer: Layer, log: Log, calls: int) -> None:
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


def _errors(chain: Chain, layer: Layer, log: Log) -> None:
    lists = {name: chain.get("texts", name) for name in ("ignoreExceptions", "recordExceptions")}
    put_outcomes(layer, lists["recordExceptions"] or (), lists["ignoreExceptions"] or ())
    for name, found in lists.items():
        if found:  # of an empty list nothing is made
            at = chain.at(name)
            log.trap(
                "RL113",
                f"an exception that is not recorded counts as a *success* ({len(found)} listed)"
                if name == "recordExceptions"
                else f"ignored exceptions count neither as failure nor as success ({len(found)} listed)",
                at,
                "list outcomes in `ignore:` of the scenario that match these classes",
            )
            log.skipped(at, CLASSES.format(what="counts"))
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


MAKERS: dict[str, Callable[[Chain, Log, str], Layer]] = {
    "retry": _retry,
    "circuitbreaker": _breaker,
    "ratelimiter": _rate_limiter,
    "timelimiter": _time_limiter,
    "bulkhead": _bulkhead,
    "thread-pool-bulkhead": _thread_pool,
}
