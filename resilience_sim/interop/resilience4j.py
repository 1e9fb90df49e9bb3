"""Spring Boot with resilience4j: ``application.yml`` and ``application.properties``.

Owns the fields of its five modules, how instances inherit, and where Spring does something else than the file suggests.
Source of the rules: resilience4j af9e7c9 (reference/CONFIG_FORMATS.md, with its corrections).
"""

from __future__ import annotations

from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import Log
from resilience_sim.interop.flat_trees import unfold
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting
from resilience_sim.interop.resilience4j_chain import ORDER_KEYS, Chain, chain_of
from resilience_sim.interop.section import Section
from resilience_sim.scenario.units import show_duration

NAME = "resilience4j"
MODULES = ("retry", "circuitbreaker", "ratelimiter", "timelimiter", "bulkhead", "thread-pool-bulkhead")
# outermost first: Retry(CircuitBreaker(RateLimiter(TimeLimiter(Bulkhead))))
ORDER = ("retry", "circuitbreaker", "ratelimiter", "timelimiter", "bulkhead", "thread-pool-bulkhead")


def recognises(file: ConfigFile) -> bool:
    """Whether some document has a ``resilience4j`` section."""
    return any("resilience4j" in unfold(document).entries for document in file.documents)


def _roots(file: ConfigFile, log: Log) -> list[Section]:
    """The sections that always apply; those of a profile are left out, and said to be."""
    roots = []
    for document in map(unfold, file.documents):
        top = Section(document, "", log, relaxed=True)
        profile = Section(document, "", Log(), relaxed=True).section("spring").section("config").section("activate")
        root = top.section("resilience4j")
        if not root:
            continue
        root.path = "resilience4j"
        if "on-profile" in profile:
            log.skipped(top.at("resilience4j"), "this document is for one profile only; import it as a file of its own")
        else:
            roots.append(root)
    return roots


def instances(file: ConfigFile) -> list[str]:
    """Every instance of any module; the default configuration when only that is there."""
    found: dict[str, None] = {}
    default = False
    for root in _roots(file, Log()):
        for module in MODULES:
            section = root.section(module)
            for holder in ("instances", "backends"):
                found.update(dict.fromkeys(section.section(holder).names()))
            default = default or "default" in section.section("configs")
    return list(found) or (["default"] if default else [])


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """The stack of one instance."""
    from resilience_sim.interop import resilience4j_breaker, resilience4j_retry

    result = Converted(NAME, f"resilience4j, instance '{instance}'", instance)
    makers = {
        "retry": resilience4j_retry.retry,
        "circuitbreaker": resilience4j_breaker.breaker,
        "ratelimiter": _rate_limiter,
        "timelimiter": _time_limiter,
        "bulkhead": _bulkhead,
        "thread-pool-bulkhead": _thread_pool,
    }
    made: dict[str, Layer] = {}
    order: dict[str, int] = {}
    for root in _roots(file, log):
        for module in MODULES:
            chain = chain_of(root, module, instance, log)
            if chain:
                made[module] = makers[module](chain, log, f"resilience4j.{module}.instances.{instance}")
                chain.rest()
            _aspect_order(root, module, order, log)
    places = [*ORDER]
    if order:
        rank = {module: order.get(module, -4 + ORDER.index(module) - len(ORDER)) for module in ORDER}
        places.sort(key=lambda module: rank[module])
        result.remarks.append("the order is overridden: the smaller number is further out")
    result.layers = [made[module] for module in places if module in made]
    if "circuitbreaker" in made and any(m in made for m in ("ratelimiter", "timelimiter", "bulkhead")):
        made["circuitbreaker"].remarks.append(
            "it records rejections by the limiter and the bulkhead inside it, and timeouts, as failures"
        )
    return result


def _aspect_order(root: Section, module: str, order: dict[str, int], log: Log) -> None:
    key = ORDER_KEYS.get(module)
    section = root.section(module)
    if key is None:
        return
    found = section.read(key, lambda value: int(str(value)), "a whole number")
    if found is not None:
        order[module] = found.value
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
    permits, per = (limit.value if limit else 50), (period.value if period else 500)
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
        log.trap("RL110", "`maxConcurrentCalls: 0` lets nothing through; 1 was taken", most.at)
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
