"""MicroProfile Fault Tolerance: the properties that configure its annotations, as SmallRye and Quarkus read them.

Rules: specification 4.1, SmallRye Fault Tolerance 5066307c, Quarkus 5e7a602 (docs/reference/config-formats.md, section
8). The annotations stand in the code: a file says what it changes about them.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

from resilience_sim.interop import env_names
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import At, Log, safe_name
from resilience_sim.interop.java_errors import CLASSES, put_outcomes
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting, percent, times
from resilience_sim.interop.microprofile_keys import (
    GLOBAL,
    MEMBERS,
    Properties,
    is_about_fault_tolerance,
    of_variables,
    read_properties,
)
from resilience_sim.interop.own import Own
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.traps import traps
from resilience_sim.interop.write_microprofile import write
from resilience_sim.scenario.text.tree import Entry, Mapping, Scalar
from resilience_sim.settings.units import show_duration

__all__ = ["TRAPS", "convert", "instances", "recognises", "write"]

TRAPS = traps(
    """
RL180 warning: settings of a class do not reach a method with an annotation of its own
    If the annotation stands on the method, the property must name the method; one that names the class is ignored
    there. Only a property that names neither applies to both.
RL181 info: a policy that is switched off
    `enabled=false`, or MP_Fault_Tolerance_NonFallback_Enabled, takes the policy away although the code has it.
RL182 info: maxRetries does not count the first call
    Three retries are four calls. Load and time multiply by four.
RL183 info: settings for every annotation of a kind
    Properties without a class change every annotation of that kind. Whether a method has the annotation stands in its
    code.
RL185 warning: a place that is no class
    Properties name a class in full, with its package: `com.acme.Svc/pay/Retry/maxRetries`. A name without a package,
    or with a dash in it, is that of no class in any usual program, and nothing reads the property.
RL184 warning: retries without limit
    `maxRetries=-1` retries until maxDuration has passed, three minutes unless set.
"""
)

NAME = "microprofile"
MILLI = 1_000_000
ALL = "global"
ASIDE = (ALL,)  # an instance that nobody means who names none
_UNITS = {
    "nanos": 1, "micros": 1_000, "millis": MILLI, "seconds": 1_000 * MILLI, "minutes": 60_000 * MILLI,
    "hours": 3_600_000 * MILLI, "half_days": 43_200_000 * MILLI, "days": 86_400_000 * MILLI,
    "weeks": 604_800_000 * MILLI, "months": 2_629_746_000 * MILLI, "years": 31_556_952_000 * MILLI,
}  # fmt: skip
_CLASSES = "classes of exceptions have no counterpart; every failure counts"
_CODE = "code is not read"
_REFUSED = "the application does not start"


def recognises(file: ConfigFile) -> bool:
    """Whether a property is one of the specification's or of SmallRye's."""
    return is_about_fault_tolerance(file)


def _properties(file: ConfigFile) -> Properties:
    known: Properties | None = file.memo.get(NAME)
    if known is None:
        known = file.memo[NAME] = read_properties(file, Log(traps=TRAPS))
    return known


def instances(file: ConfigFile) -> list[str]:
    """Methods, classes and guards; ``global`` is any other method, where there are settings for all."""
    properties = _properties(file)
    of_all = any(each.member != "enabled" for said in properties.said.get(GLOBAL, {}).values() for each in said)
    found = list(properties.shown)
    return [*found, ALL] if of_all or not found else found


def own(file: ConfigFile, instance: str) -> Own | None:
    """All that is said of one method or class alone (lint/twins.py), and its names."""
    properties = _properties(file)
    place = properties.shown.get(instance, GLOBAL)
    if place == GLOBAL or properties.clients:
        return None
    owner = _class_of(place)
    what = _no_class(owner)  # which depends on the name alone
    entries: dict[str, Entry] = {}
    for where in (place, owner) if owner else (place,):
        for annotation, said in sorted(properties.said.get(where, {}).items()):
            for each in said:
                entries[f"{what} {where == place} {annotation} {each.member} {each.rank} {len(entries)}"] = each.entry
    return Own((instance, owner) if owner else (instance,), [Mapping(env_names.place_of(entries), entries)])


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """The stack of one method or class; its order is that of the specification."""
    properties = _properties(file)
    log.of_all(properties.log.found, properties.log.assumed)
    place = properties.shown.get(instance, GLOBAL)
    result = Converted(NAME, f"MicroProfile Fault Tolerance, '{instance}'", instance)
    if all(map(of_variables, file.documents)):
        result.unsure.append(env_names.ALONE)
    first = properties.first(place)
    if first is not None:
        result.at = At(first.key, safe_name(place), safe_name(place))
    _is_a_class(properties, place, log)
    for annotation, maker in MAKERS.items():
        found = _found(properties, annotation, place, log)
        if found is None or not _enabled(properties, annotation, place, found, log):
            continue
        layer = maker(found, log, _Around(properties, place, log))
        if layer is not None:
            result.layers.append(layer)
        found.ignore("enabled")
        _rest(found, annotation)
    if _all_off(properties) and properties.enabled is not None:
        log.trap("RL181", _SWITCHED_OFF, At(properties.enabled.key, "enabled", "enabled: false"))
    _others(properties, place, log)
    _client(properties, place, result, log)
    if properties.profiles and properties.profiles != ("prod",):
        result.remarks.append(f"read with the profiles {', '.join(map(safe_name, properties.profiles))}")
    log.assumed.append("what the file does not say has the default of the annotation; the code may say otherwise")
    return result


def _is_a_class(properties: Properties, place: str, log: Log) -> None:
    """A name alone may be a guard's."""
    why, first = _no_class(_class_of(place)), properties.first(place)
    if first is not None and why:
        at = At(first.key, safe_name(place), safe_name(place))
        log.trap("RL185", why, at, "write `com.acme.Svc/method/…`, the class in full")


def _no_class(owner: str) -> str:
    """Why a method's class is none, or hardly one: it has a package, and no dash. "" for any other."""
    if "-" in owner:
        return "a class has no dash in its name: nothing reads this"
    if owner and "." not in owner:
        return "the class is named without its package: only one in no package would read this"
    return ""


def _class_of(place: str) -> str:
    return place.partition("/")[0] if "/" in place else ""


def _found(properties: Properties, annotation: str, place: str, log: Log) -> Section | None:
    """The members of an annotation where it stands: on the method, or on the class; None where nobody speaks of it."""
    own = properties.entries(annotation, place) if place != GLOBAL else {}
    above = properties.entries(annotation, _class_of(place)) if _class_of(place) else {}
    of_all = properties.entries(annotation, GLOBAL)
    values = {name: entry for name, entry in own.items() if name != "enabled"}
    if values and (set(above) - {"enabled"}):
        log.trap(
            "RL180",
            f"the settings of the class do not reach this method: its `@{annotation}` is its own",
            _at(next(iter(above.values())), annotation),
            f"name the method, or nobody: `{annotation}/{next(iter(set(above) - {'enabled'}))}`",
        )
    if not own and not above and place != GLOBAL:
        if of_all:
            log.trap(
                "RL183",
                f"settings for every `@{annotation}`: whether this method has one stands in its code; it was left out",
                _at(next(iter(of_all.values())), annotation),
                f"write `{safe_name(place)}/{annotation}/enabled=true` into the file that is imported",
            )
        return None
    if place == GLOBAL and not of_all:
        return None
    merged = {**of_all, **(own if values or not above else {**above, **own})}
    switch = own.get("enabled") or above.get("enabled") or of_all.get("enabled")
    if switch is not None:
        merged["enabled"] = switch
    where = next(iter((own or above or of_all).values()))
    return Section(Mapping(where.key, merged), annotation, log, span=where.key)


def _at(entry: Entry, annotation: str) -> At:
    return At(entry.key, annotation, f"{annotation}:")


def _enabled(properties: Properties, annotation: str, place: str, found: Section, log: Log) -> bool:
    """Whether it is switched on; the switch for all policies but fallbacks has the last word."""
    own = found.read("enabled", _boolean, "true or false")
    if own is not None:
        if own.value == "":
            log.trap(
                "RL181", f"`@{annotation}` is switched off here: what is not true, yes, y, on or 1 is false", own.at
            )
        elif own.value == "false":
            log.trap("RL181", f"`@{annotation}` is switched off here", own.at)
        return own.value == "true"
    return annotation == "Fallback" or not _all_off(properties)


_SWITCHED_OFF = "all policies but fallbacks are switched off, unless one is switched on by itself"


def _all_off(properties: Properties) -> bool:
    """Whether the switch for all policies but fallbacks says no."""
    entry = properties.enabled
    return entry is not None and isinstance(entry.value, Scalar) and _boolean(entry.value.value) != "true"


def _boolean(value: object) -> str:
    """As MicroProfile Config 3.1 reads it: five words are true, any other is false; "" for one that nobody means so."""
    word = str(value).strip().lower()
    if word in ("true", "yes", "y", "on", "1"):
        return "true"
    return "false" if word in ("false", "no", "n", "off", "0") else ""


def _rest(found: Section, annotation: str) -> None:
    """Members that no such annotation has."""
    from resilience_sim.settings.suggest import did_you_mean, one_of

    for name in found.names():
        if name not in MEMBERS[annotation] and name != "enabled":
            found.ignore(name)
            remedy = did_you_mean(name, MEMBERS[annotation]) or one_of(MEMBERS[annotation])
            found.log.unknown(found.at(name), remedy)
    found.rest()


def _others(properties: Properties, place: str, log: Log) -> None:
    """Annotations that are no policy by themselves."""
    reasons = {"CustomBackoff": _CODE, "RetryWhen": _CODE, "BeforeRetry": _CODE, "ApplyGuard": _CODE}
    for annotation, why in reasons.items():
        for where in dict.fromkeys((place, _class_of(place) or GLOBAL, GLOBAL)):
            for name, entry in properties.entries(annotation, where).items():
                log.skipped(At(entry.key, f"{annotation}.{name}", f"{annotation}:"), why)


class _Around:
    """What one annotation may ask about the others of its place."""

    def __init__(self, properties: Properties, place: str, log: Log) -> None:
        self.properties = properties
        self.place = place
        self.log = log

    def section(self, annotation: str) -> Section | None:
        """Its members, where it stands and is on."""
        found = _found(self.properties, annotation, self.place, self.log)
        return (
            found if found is not None and _enabled(self.properties, annotation, self.place, found, self.log) else None
        )


def _time(found: Section, name: str, unit: str, default: int, default_unit: str = "millis") -> Value[int] | None:
    """A number with the unit beside it, in whole milliseconds; a unit alone is one for the default number."""
    word = found.word(unit, (*_UNITS, *(each.replace("_", "-") for each in _UNITS if "_" in each)))
    value = found.read(name, _long, "a whole number", f"the unit stands in `{unit}`")
    if value is not None and unit in found.unread:
        found.log.unread.append(value.at.path)
        return None
    if value is None and word is None:
        return None
    size = _UNITS[word.value.replace("-", "_")] if word else _UNITS[default_unit]
    if value is None:
        assert word is not None
        return Value(default * size // MILLI * MILLI, At(word.at.span, word.at.path, f"{default} {word.at.text}"))
    at = At(value.at.span, value.at.path, f"{value.at.text} {word.value.upper()}") if word else value.at
    return Value(value.value * size // MILLI * MILLI, at)


def _long(value: object) -> int:
    if isinstance(value, bool | float):
        raise ValueError
    number = int(str(value).strip())
    if not -(2**63) <= number < 2**63:
        raise ValueError
    return number


def _double(value: object) -> float:
    """As Java reads it: `0.75d` too."""
    text = str(value).strip()
    if isinstance(value, bool) or "_" in text:
        raise ValueError
    return float(text[:-1] if text[-1:] in "dDfF" and text[:1] not in "iInN" else text)


def _not_below(value: Value[int] | None, least: int, log: Log, what: str = "") -> Value[int] | None:
    if value is not None and value.value < least:
        name = value.at.path.rpartition(".")[2]
        log.refused(f"`{name}` is {what or f'at least {least}'}: {_REFUSED}", value.at)
        return None
    return value


def _whole(found: Section, name: str, least: int, log: Log) -> Value[int] | None:
    return _not_below(found.read(name, _long, "a whole number"), least, log)


def _fallback(found: Section, log: Log, around: _Around) -> Layer:
    found.skip(value=_CODE, fallbackMethod=_CODE, applyOn=_CLASSES, skipOn=_CLASSES)
    return Layer("fallback", found.path, found.at())


def _retry(found: Section, log: Log, around: _Around) -> Layer:
    layer = Layer("retry", found.path, found.at(), like="smallrye")
    retries = _whole(found, "maxRetries", -1, log)
    delay = _not_below(_time(found, "delay", "delayUnit", 0), 0, log)
    longest = _not_below(_time(found, "maxDuration", "durationUnit", 180_000), 0, log)
    jitter = _not_below(_time(found, "jitter", "jitterDelayUnit", 200), 0, log)
    number, wait = retries.value if retries else 3, delay.value if delay else 0
    limit = longest.value if longest else 180_000 * MILLI
    around_it = jitter.value if jitter else 200 * MILLI
    if 0 < limit <= wait:
        at = longest.at if longest else delay.at if delay else found.at()
        log.refused(f"`maxDuration` must be longer than `delay`: {_REFUSED}", at)
    if number < 0:
        assert retries is not None
        until = f"until {show_duration(limit)} have passed" if limit else "for ever"
        log.trap("RL184", f"`maxRetries` -1 retries {until}", retries.at, "set a number")
        layer.exact["attempts"] = None
        layer.exact["maxRetries"] = Setting("-1", retries.shown, retries.at)
    elif retries:
        log.trap(
            "RL182", f"`maxRetries` {number} does not count the first call: up to {number + 1} calls", retries.at,
            "subtract one if you meant calls",
        )  # fmt: skip
    layer.put("attempts", number + 1 if number >= 0 else 10_000, retries, "default 3 retries")
    layer.put("delay", Ns(wait), delay, "default")
    _backoff(layer, wait, log, around)
    if around_it and wait:
        layer.put("jitter", percent(min(1.0, around_it / wait)), jitter, "default: 200 ms to either side")
        layer.exact["jitter"] = None
    shown = jitter.shown if jitter else "default; to either side of the wait"
    layer.exact["jitterDelay"] = Setting(show_duration(around_it), shown, jitter.at if jitter else None)
    if limit:
        layer.put("max_elapsed", Ns(limit), longest, "default")
    else:
        layer.exact["maxDuration"] = Setting("0ms", longest.shown if longest else "", longest.at if longest else None)
    put_outcomes(layer, found.texts("retryOn"), found.texts("abortOn"))
    if "jitter" not in layer.settings and around_it:
        layer.generic_remarks.append("the waits of up to 200 ms that jitter alone makes are left out")
    found.skip(retryOn=CLASSES.format(what="is retried"), abortOn=CLASSES.format(what="is retried"))
    return layer


def _backoff(layer: Layer, wait: int, log: Log, around: _Around) -> None:
    """``@ExponentialBackoff`` or ``@FibonacciBackoff`` beside the retry."""
    for annotation in ("ExponentialBackoff", "FibonacciBackoff"):
        found = around.section(annotation)
        if found is None:
            continue
        grows = annotation == "ExponentialBackoff"
        factor = _whole(found, "factor", 1, log) if grows else None
        cap = _not_below(_time(found, "maxDelay", "maxDelayUnit", 60_000), 0, log)
        most = cap.value if cap else 60_000 * MILLI
        if 0 < most <= wait:
            log.refused(f"`maxDelay` must be longer than `delay`: {_REFUSED}", cap.at if cap else found.at())
        layer.settings["backoff"] = Setting("exponential", f"@{annotation}", found.at())
        number = factor.value if factor else 2
        layer.put("factor", times(number if grows else 1.62), factor, "default" if grows else "comes near")
        if most:
            layer.put("max_delay", Ns(most), cap, "default")
        body = f"factor: {number}, " if grows else ""
        layer.exact |= {"backoff": None, "factor": None, "max_delay": None}
        shown = ", ".join(each.shown for each in (factor, cap) if each) or "defaults"
        layer.exact[annotation] = Setting(f"{{{body}maxDelay: {show_duration(most)}}}", shown, found.at())
        found.ignore("enabled")
        _rest(found, annotation)


def _breaker(found: Section, log: Log, around: _Around) -> Layer:
    layer = Layer("circuit_breaker", found.path, found.at(), like="smallrye")
    window = _whole(found, "requestVolumeThreshold", 1, log)
    ratio = found.read("failureRatio", _double, "a number")
    pause = _not_below(_time(found, "delay", "delayUnit", 5_000), 0, log)
    probes = _whole(found, "successThreshold", 1, log)
    if ratio is not None and not 0 <= ratio.value <= 1:
        log.refused(f"`failureRatio` is a share from 0 to 1: {_REFUSED}", ratio.at, "write 0.5 for a half")
        ratio = None
    calls, share = window.value if window else 20, ratio.value if ratio else 0.5
    needed = max(1, ceil(share * calls))
    if share == 0:
        assert ratio is not None
        log.skipped(ratio.at, "0 opens it after any full window; one failure in the window was taken")
        share = 1 / calls
    layer.settings["failure_threshold"] = Setting(
        percent(needed / calls), ratio.shown if ratio else "default", ratio.at if ratio else None
    )
    layer.exact["failure_threshold"] = None
    layer.exact["failureRatio"] = Setting(
        f"{share:.9g}", ratio.shown if ratio else "default", ratio.at if ratio else None
    )
    layer.put("window", calls, window, "default; it must be full")
    layer.put("recovery_time", Ns(pause.value if pause else 5_000 * MILLI), pause, "default")
    number = probes.value if probes else 1
    layer.put("probes", number, probes, "default")
    layer.exact["probes"] = None
    layer.put("success_threshold", number, probes, "default: as many as are let in")
    put_outcomes(layer, found.texts("failOn"), found.texts("skipOn"))
    found.skip(failOn=CLASSES.format(what="counts"), skipOn=CLASSES.format(what="counts"))
    return layer


def _limiter(found: Section, log: Log, around: _Around) -> Layer:
    layer = Layer("rate_limiter", found.path, found.at())
    most = _whole(found, "value", 1, log)
    window = _not_below(_time(found, "window", "windowUnit", 1, "seconds"), 1, log, "longer than nothing")
    kind = found.word("type", ("fixed", "rolling", "smooth"))
    per = window.value if window else 1_000 * MILLI
    shown = ", ".join(each.shown for each in (most, window) if each) or "default"
    at = (most or window).at if most or window else None  # type: ignore[union-attr]
    layer.settings["limit"] = Setting(f"{most.value if most else 100}/{show_duration(max(MILLI, per))}", shown, at)
    if kind is None or kind.value != "smooth":
        layer.put("kind", "fixed_window", kind, "default: fixed windows")
    layer.remarks.append("what is rejected counts towards the limit there (but for `smooth`); here it does not")
    if kind is not None and kind.value == "rolling":
        log.skipped(
            kind.at, "a window that rolls; fixed windows were taken, which let twice as many pass around an end"
        )
    found.skip(minSpacing="calls that come close together are not held apart", minSpacingUnit="beside `minSpacing`")
    return layer


def _timeout(found: Section, log: Log, around: _Around) -> Layer | None:
    layer = Layer("timeout", found.path, found.at(), like="smallrye")
    after = _not_below(_time(found, "value", "unit", 1_000), 0, log)
    if after is not None and after.value == 0:
        log.skipped(after.at, "0 means no timeout, and SmallRye refuses it")
        return None
    layer.put("after", Ns(after.value if after else 1_000 * MILLI), after, "default")
    layer.remarks.append("the caller's thread is interrupted, or goes on by itself; B's work goes on")
    return layer


def _bulkhead(found: Section, log: Log, around: _Around) -> Layer:
    layer = Layer("bulkhead", found.path, found.at(), like="smallrye")
    most = _whole(found, "value", 1, log)
    queue = _whole(found, "waitingTaskQueue", 1, log)
    layer.put("max_concurrent", most.value if most else 10, most, "default")
    asynchronous = around.section("Asynchronous") or around.section("AsynchronousNonBlocking")
    if queue is not None or asynchronous:
        layer.put("queue", queue.value if queue else 10, queue, "default of asynchronous methods")
        layer.remarks.append("the queue is for asynchronous methods only; others are refused at once")
    return layer


def _client(properties: Properties, place: str, result: Converted, log: Log) -> None:
    """The timeouts of the REST client behind the same interface."""
    owner = _class_of(place) or place
    named = [name for name in properties.clients if name == owner or owner.endswith(f".{name}")]
    if not named or place == GLOBAL:
        return
    entries = properties.clients[named[0]]
    section = Section(Mapping(next(iter(entries.values())).key, entries), "mp-rest", log)
    read = section.read("readTimeout", _long, "a whole number of milliseconds")
    section.skip(connectTimeout="connections are made at once")
    if read is not None and read.value > 0:
        layer = Layer("timeout", "the read timeout of the REST client", read.at, id="client", like="smallrye")
        layer.put("after", Ns(read.value * MILLI), read)
        result.layers.append(layer)


MAKERS: dict[str, Callable[[Section, Log, _Around], Layer | None]] = {  # outermost first: the specification's order
    "Fallback": _fallback,
    "Retry": _retry,
    "CircuitBreaker": _breaker,
    "RateLimit": _limiter,
    "Timeout": _timeout,
    "Bulkhead": _bulkhead,
}
