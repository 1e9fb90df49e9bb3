""".NET: ``appsettings.json`` with Microsoft.Extensions.Http.Resilience (Polly 8), standard and hedging handlers.

Rules: dotnet/extensions 5862342, Polly 173d6d1 (docs/reference/config-formats.md section 2). The application names
the section.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import PurePath

from resilience_sim.interop import dotnet_env, durations, env_names
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.dotnet_sections import (
    DAY,
    KEYS,
    SECOND,
    SHORTEST,
    TELLING,
    handlers,
    is_handler,
    laid_over,
    unfolded,
)
from resilience_sim.interop.findings import At, Log, distinct, safe_name
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting, percent
from resilience_sim.interop.own import Own
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.traps import traps
from resilience_sim.interop.write_dotnet import write
from resilience_sim.scenario.text.tree import Mapping
from resilience_sim.settings.units import LONGEST, show_duration

__all__ = ["TRAPS", "convert", "instances", "own", "recognises", "write"]

TRAPS = traps(
    """
RL120 warning: Polly's rate limiter is a bulkhead
    `RateLimiter.DefaultRateLimiterOptions` of Microsoft.Extensions.Http.Resilience takes a ConcurrencyLimiter:
    PermitLimit is the number of requests under way at once. It limits no rate; a fast B gets any number a second.
RL121 info: MaxRetryAttempts does not count the first call
    Three retries are four calls. Load and time multiply by four.
RL123 info: Retry-After is not capped
    The .NET HTTP retry waits as long as the Retry-After header says; MaxDelay caps only its own backoff.
RL124 info: the code decides what the pipeline is
    A section with a `Timeout` beside `Retry` or `CircuitBreaker` is none of the standard handler's: the code reads it
    and builds a pipeline (AddResilienceHandler, AddResiliencePipeline), with the strategies and in the order it wants.
    Nothing but a `Retry` or a `CircuitBreaker` may be either. What was assumed is said.
"""
)

NAME = "dotnet"
SPAN = "durations are `[d.]hh:mm:ss[.fff]`, for example `00:00:04`"
FIELDS: dict[str, tuple[str, ...]] = {  # dotnet/extensions 5862342, Polly 173d6d1: what a file can set
    "handler": ("RateLimiter", "TotalRequestTimeout", "Retry", "CircuitBreaker", "AttemptTimeout"),
    "pipeline": ("RateLimiter", "Retry", "CircuitBreaker", "Timeout"),
    "hedging handler": ("TotalRequestTimeout", "Hedging", "Endpoint"),
    "Endpoint": ("RateLimiter", "CircuitBreaker", "Timeout"),
    "RateLimiter": ("Name", "DefaultRateLimiterOptions"),
    "DefaultRateLimiterOptions": ("PermitLimit", "QueueLimit", "QueueProcessingOrder"),
    "TotalRequestTimeout": ("Name", "Timeout"),
    "AttemptTimeout": ("Name", "Timeout"),
    "Timeout": ("Name", "Timeout"),
    "Retry": ("Name", "MaxRetryAttempts", "BackoffType", "UseJitter", "Delay", "MaxDelay", "ShouldRetryAfterHeader"),
    "CircuitBreaker": ("Name", "FailureRatio", "MinimumThroughput", "SamplingDuration", "BreakDuration"),
    "Hedging": ("Name", "MaxHedgedAttempts", "Delay"),
}
OF_CODE = (  # properties that are code: a file cannot set them
    "ShouldHandle", "DelayGenerator", "OnRetry", "Randomizer", "BreakDurationGenerator", "OnClosed", "OnOpened",
    "OnHalfOpened", "ManualControl", "StateProvider", "TimeoutGenerator", "OnTimeout", "OnRejected", "ActionGenerator",
    "OnHedging",
)  # fmt: skip
_OF_CODE = dict.fromkeys(OF_CODE, "it is code; a file cannot set it")
_OLDER = {  # of Polly 7 and of options that people wrote around it, in lower case
    "exceptionsallowedbeforebreaking": "`MinimumThroughput` with `FailureRatio`",
    "handledeventsallowedbeforebreaking": "`MinimumThroughput` with `FailureRatio`",
    "failurethreshold": "`FailureRatio`",
    "durationofbreak": "`BreakDuration`",
    "retrycount": "`MaxRetryAttempts`",
    "maxretries": "`MaxRetryAttempts`",
    "maxretrycount": "`MaxRetryAttempts`",
    "sleepduration": "`Delay`",
    "basedelay": "`Delay`",
    "medianfirstretrydelay": "`Delay`",
    "maxparallelization": "`DefaultRateLimiterOptions.PermitLimit`",
    "maxqueuingactions": "`DefaultRateLimiterOptions.QueueLimit`",
}
_STRICT = "the binder is strict, the application does not start"
_BACKOFF = {"0": "constant", "1": "linear", "2": "exponential"}


def recognises(file: ConfigFile) -> bool:
    """Whether a JSON file holds such a section, or variables of the environment do."""
    return (file.notation == "json" or beside(file)) and bool(_all(file))


def beside(file: ConfigFile) -> bool:
    """Whether a file that is read with others has something to say: variables with paths for names do."""
    return file.notation == "json" or bool(dotnet_env.variables(file.documents))


def _environment(document: Mapping) -> str:
    """``production`` of a document out of ``appsettings.Production.json``, "" of any other."""
    match = re.fullmatch(r"appsettings\.([^.]+)\.json", PurePath(document.span.source.name).name, re.IGNORECASE)
    return match.group(1).lower() if match else ""


def _together(file: ConfigFile) -> tuple[list[Mapping], list[Mapping]]:
    """The configurations to look at, and those left out: `appsettings.X.json` is for one environment, and lies over
    `appsettings.json`. Without a word about it the environment is Production.
    """
    known = file.memo.get("dotnet together")
    if known is None:
        known = file.memo["dotnet together"] = _apart(file)
    found: tuple[list[Mapping], list[Mapping]] = known
    return found


def _apart(file: ConfigFile) -> tuple[list[Mapping], list[Mapping]]:
    variables = dotnet_env.variables(file.documents)[:1]  # of several processes the first
    above = [dotnet_env.tree(each) for each in variables]
    documents = [unfolded(each) for each in file.documents if not variables or _is_json(each)]
    base = next((each for each in documents if _is_base(each)), None)
    if base is None or len(documents) == 1:
        return [_all_over(each, above) for each in documents] or above, []
    said = [name for each in variables if (name := dotnet_env.environment(each))]
    wanted = [word.strip().lower() for text in file.profiles for word in text.split(",")] or said or ["production"]
    out: list[Mapping] = []
    rest: list[Mapping] = []
    for each in documents:
        name = _environment(each)
        if name in wanted:
            base = laid_over(base, each)
        elif name:
            out.append(each)
        elif not _is_base(each):
            rest.append(each)
    return [_all_over(base, above), *rest], out


def _all_over(base: Mapping, above: list[Mapping]) -> Mapping:
    for each in above:
        base = laid_over(base, each)
    return base


def _is_json(document: Mapping) -> bool:
    return document.span.source.name.lower().endswith((".json", ".jsonc"))


def _is_base(document: Mapping) -> bool:
    return PurePath(document.span.source.name).name.lower() == "appsettings.json"


def _all(file: ConfigFile) -> dict[str, Mapping]:
    known: dict[str, Mapping] | None = file.memo.get(NAME)
    if known is not None:
        return known
    found: dict[str, Mapping] = {}
    for document in _together(file)[0]:
        if is_handler(document):
            found["default"] = document
        else:
            found.update((path.replace(":", "."), node) for path, node in handlers(document, ""))
    file.memo[NAME] = {shown: found[name] for shown, name in distinct(found).items()}
    return file.memo[NAME]  # type: ignore[no-any-return]


def instances(file: ConfigFile) -> list[str]:
    """The sections, by path."""
    return list(_all(file))


def own(file: ConfigFile, instance: str) -> Own:
    """All that is said of one handler alone (lint/twins.py), and its names."""
    return Own((instance,), [_all(file)[instance]])


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """The handler of one section."""
    top = Section(_all(file)[instance], instance, log, fold=True)
    for document in _together(file)[1]:
        name = safe_name(_environment(document))
        first = next(iter(document.entries.values()), None)
        if first is not None:
            log.skipped(At(first.key, name, ""), f"this file is for the environment {name} only: `--profile {name}`")
    for each in dotnet_env.variables(file.documents)[1:]:
        at = At(env_names.place_of(each.entries), safe_name(each.holder), "")
        log.skipped(at, "the variables of the process before it were read, these are another one's")
    result = Converted(NAME, f"Microsoft.Extensions.Http.Resilience, section '{instance}'", instance)
    hedging = "Hedging" in top or "Endpoint" in top
    present = [name for name in top.names() if name.lower() in KEYS]
    if "Timeout" in top and not any(name.lower() in TELLING for name in present):
        return _of_ones_own(top, result, log)
    if not any(name.lower() in TELLING for name in present):
        log.trap(
            "RL124",
            f"nothing but {' and '.join(f'`{name}`' for name in present)} stands here: taken for the standard handler, "
            "whose other strategies have their defaults; a pipeline that code builds (AddResilienceHandler) has none",
            top.at(present[0]),
            "delete in the scenario what the code does not add",
        )
    total = _timeout(top.section("TotalRequestTimeout"), 30 * SECOND, "total", log)
    if hedging:
        endpoint = top.section("Endpoint")
        hedge = _hedge(top.section("Hedging"), log, total)
        limiter = _limiter(endpoint.section("RateLimiter"), log)
        attempt = _timeout(endpoint.section("Timeout"), 10 * SECOND, "attempt", log)
        breaker = _breaker(endpoint.section("CircuitBreaker"), log, attempt)
        result.layers = [total, hedge, limiter, breaker, attempt]
        result.remarks.append(
            "standard hedging: limiter, breaker and attempt timeout are per endpoint; here there is one"
        )
        endpoint.rest(_STRICT, _OLDER)
    else:
        limiter = _limiter(top.section("RateLimiter"), log)
        retry = _retry(top.section("Retry"), log)
        attempt = _timeout(top.section("AttemptTimeout"), 10 * SECOND, "attempt", log)
        breaker = _breaker(top.section("CircuitBreaker"), log, attempt)
        result.layers = [limiter, total, retry, breaker, attempt]
    top.rest(_STRICT, _OLDER)
    _validate(total, attempt, top, log)
    result.remarks.append(
        "an absent section has the defaults of the standard handler, it is not absent from the pipeline"
    )
    return result


def _of_ones_own(top: Section, result: Converted, log: Log) -> Converted:
    """Strategies that the code puts together: those that stand here, in the usual order."""
    result.layers = [_limiter(top.section("RateLimiter"), log)] if "RateLimiter" in top else []
    if "Retry" in top:
        result.layers.append(_retry(top.section("Retry"), log))
    if "CircuitBreaker" in top:
        result.layers.append(_breaker(top.section("CircuitBreaker"), log, None))
    result.layers.append(_timeout(top.section("Timeout"), 30 * SECOND, "attempt", log))
    order = ", ".join(name for name in FIELDS["pipeline"] if name in top)
    log.trap(
        "RL124",
        "`Timeout` is no part of the standard handler: the code builds this pipeline. Its order was taken to be the "
        f"usual one, {order} from outside to inside, with nothing else in it",
        top.at("Timeout"),
        "put the policies into the order of the code",
    )
    top.rest()
    return result


def _time(section: Section, name: str, log: Log) -> Value[int] | None:
    """A TimeSpan in the range that Polly's validation allows."""
    found = section.duration(name, durations.timespan, SPAN)
    least = SHORTEST.get(name, 0)
    if found is None or least <= found.value <= DAY:
        return found
    bare = ":" not in found.at.text.partition(":")[2]
    log.refused(
        f"`{name}` must be from {show_duration(least)} to 24h: validation fails, the application does not start",
        found.at,
        "a bare number is days: write `00:00:30` for 30 seconds" if bare else "",
    )
    return None


def _ns(layer: Layer, key: str) -> int:
    return _duration(layer.settings[key].value)


@lru_cache(maxsize=4096)
def _duration(text: str) -> int:
    from resilience_sim.settings.units import duration

    return duration(text)


def _validate(total: Layer, attempt: Layer, top: Section, log: Log) -> None:
    if _ns(attempt, "after") > _ns(total, "after"):
        where = attempt.settings["after"].at or total.settings["after"].at or top.at()
        log.refused(
            f"the attempt timeout {attempt.settings['after'].value} is longer than the total timeout "
            f"{total.settings['after'].value}: validation fails, the application does not start",
            where,
            "make the total timeout the longer one",
        )


def _timeout(section: Section, default: int, name: str, log: Log) -> Layer:
    title = f"{section.path or name}: {'the whole request' if name == 'total' else 'each attempt'}"
    layer = Layer("timeout", title, section.at() if section else None, id=name, like="polly")
    after = _time(section, "Timeout", log)
    layer.put("after", Ns(after.value if after else default), after, "default")
    _names(section, log)
    if name == "attempt":
        layer.remarks.append(
            "the attempt is cancelled; code that ignores the token makes its caller wait, "
            "and a success that comes late is a success"
        )
    return layer


def _names(section: Section, log: Log) -> None:
    section.ignore("Name")
    section.skip(**_OF_CODE)
    if section:
        section.rest(_STRICT, _OLDER)


def _limiter(section: Section, log: Log) -> Layer:
    layer = Layer(
        "bulkhead",
        f"{section.path or 'RateLimiter'}: a concurrency limit",
        section.at() if section else None,
        like="polly",
    )
    options = section.section("DefaultRateLimiterOptions")
    permits = options.count("PermitLimit", 1)
    queue = options.count("QueueLimit")
    layer.put("max_concurrent", permits.value if permits else 1000, permits, "default")
    layer.put("queue", queue.value if queue else 0, queue, "default")
    if permits:
        log.trap(
            "RL120",
            f"`RateLimiter` limits no rate: it is a bulkhead that lets {permits.value} requests be under way at "
            "once, however many begin each second",
            permits.at,
            "for a rate, configure a limiter in code; keep this one as a bulkhead",
        )
    layer.remarks.append("despite its name a bulkhead: requests at once, not requests per second")
    section.skip(RateLimiter=_OF_CODE["OnRejected"])
    options.skip(QueueProcessingOrder="waiting calls are served in the order in which they came")
    if options:
        options.rest(_STRICT, _OLDER)
    _names(section, log)
    return layer


def _retry(section: Section, log: Log) -> Layer:
    layer = Layer("retry", section.path or "Retry", section.at() if section else None, like="polly")
    layer.remedies["RL014"] = "write `UseJitter: true`"
    layer.remedies["RL016"] = "write a `Delay`, `BackoffType: Exponential` and `UseJitter: true`"
    retries = section.count("MaxRetryAttempts", 1)
    layer.put("attempts", (retries.value if retries else 3) + 1, retries, "default 3")
    if retries:
        log.trap(
            "RL121",
            f"`MaxRetryAttempts` {retries.value} does not count the first call: up to {retries.value + 1} calls",
            retries.at,
            "subtract one if you meant calls",
        )
    delay = _time(section, "Delay", log)
    shape = section.word("BackoffType", ("constant", "linear", "exponential", *_BACKOFF))
    layer.put("delay", Ns(delay.value if delay else 2 * SECOND), delay, "default")
    kind = _BACKOFF.get(shape.value, shape.value) if shape else "exponential"
    layer.put("backoff", kind, shape, "default of HttpRetryStrategyOptions")
    jitter = section.flag("UseJitter")
    if jitter is None or jitter.value:
        if kind == "exponential":
            layer.settings["jitter"] = Setting(
                "50%",
                (jitter.shown if jitter else "default") + "; Polly's own smoothed formula",
                jitter.at if jitter else None,
            )
            layer.generic_remarks.append(
                "Polly's jitter of exponential waits is its own (decorrelated, median as without); 50% comes near"
            )
        else:
            layer.put("jitter", "25%", jitter, "default")
    layer.exact["jitter"] = None
    layer.exact["UseJitter"] = Setting("false" if jitter and not jitter.value else "true", "UseJitter")
    layer.exact["backoff"] = None
    layer.exact["BackoffType"] = Setting(
        kind.capitalize(), shape.shown if shape else "default of HttpRetryStrategyOptions"
    )
    cap = _time(section, "MaxDelay", log)
    if cap:
        layer.put("max_delay", Ns(cap.value), cap)
    listens = section.flag("ShouldRetryAfterHeader")
    layer.put("honor_retry_after", listens.value if listens else True, listens, "default")
    if cap and (listens is None or listens.value):
        log.trap(
            "RL123",
            "`MaxDelay` does not cap a Retry-After header: if B asks for longer than "
            f"{layer.settings['max_delay'].value}, "
            "the retry waits as long as B asks",
            cap.at,
            "the total timeout is what bounds it",
        )
    _names(section, log)
    return layer


def _hedge(section: Section, log: Log, total: Layer) -> Layer:
    layer = Layer("hedge", section.path or "Hedging", section.at() if section else None, like="polly")
    most = section.count("MaxHedgedAttempts", 1)
    delay = section.duration("Delay", durations.timespan, SPAN)  # of any length; below zero without end
    extra, wait = most.value if most else 1, delay.value if delay else 2 * SECOND
    layer.put("delay", Ns(wait if wait >= 0 else LONGEST), delay, "default")
    if wait < 0:
        layer.remarks.append("without end: the next attempt starts only when the one before has failed")
        wait = 0
    layer.put("max_extra", extra, most, "default")
    if extra > 10:
        log.refused("`MaxHedgedAttempts` is from 1 to 10", most.at if most else section.at())
    if extra * wait > _ns(total, "after"):
        at = (delay or most).at if delay or most else section.at()  # type: ignore[union-attr]
        log.refused(
            f"{extra} hedges x {layer.settings['delay'].value} are longer than the total timeout "
            f"{total.settings['after'].value}: validation fails",
            at,
            "shorten the delay",
        )
    layer.generic_remarks.append("a handled failure starts the next one at once; generic rules wait for the delay")
    _names(section, log)
    return layer


def _breaker(section: Section, log: Log, attempt: Layer | None) -> Layer:
    """``attempt``: the timeout that the standard handler validates it against."""
    layer = Layer("circuit_breaker", section.path or "CircuitBreaker", section.at() if section else None, like="polly")
    ratio = section.number("FailureRatio")
    least = section.count("MinimumThroughput")
    window = _time(section, "SamplingDuration", log)
    pause = _time(section, "BreakDuration", log)
    share = ratio.value if ratio else 0.1
    if not 0 <= share <= 1:
        assert ratio is not None
        log.refused("`FailureRatio` is a share from 0 to 1", ratio.at, "write 0.25 for a quarter")
        share = 0.1
    layer.settings["failure_threshold"] = _setting(percent(share or 1e-8), ratio)  # of 0 any failure opens
    span = window.value if window else 30 * SECOND
    layer.put("window", Ns(span), window, "default")
    layer.put("min_calls", max(1, least.value if least else 100), least, "default")
    if least and least.value < 2:
        log.refused("`MinimumThroughput` must be at least 2", least.at)
    layer.put("recovery_time", Ns(pause.value if pause else 5 * SECOND), pause, "default")
    layer.put("probes", 1, None, "always exactly one")
    if attempt is not None and span < 2 * _ns(attempt, "after"):
        at = window.at if window else section.at() if section else attempt.settings["after"].at
        if at is not None:
            log.refused(
                f"`SamplingDuration` {layer.settings['window'].value} is shorter than twice the attempt timeout "
                f"{attempt.settings['after'].value}: validation fails, the application does not start",
                at,
                "make it at least twice as long",
            )
    _names(section, log)
    return layer


def _setting(value: str, source: Value[float] | None) -> Setting:
    return Setting(value, source.shown if source else "default", source.at if source else None)
