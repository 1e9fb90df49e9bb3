"""Dapr's policies: retries, circuit breakers and timeouts by their names, each as a layer.

Rules: Dapr d845074 (docs/reference/config-formats.md section 6).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from resilience_sim.interop import durations
from resilience_sim.interop.dapr_conditions import COUNTS, read_condition
from resilience_sim.interop.findings import BAD_VALUE, UNKNOWN_KEY, At, Log, safe_name
from resilience_sim.interop.layers import Layer, Ns, Setting
from resilience_sim.interop.mesh import code_outcomes
from resilience_sim.interop.own import wording
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.traps import SHARED, traps
from resilience_sim.interop.write_dapr import EVERYTHING
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Scalar

TRAPS = traps(
    """
RL160 warning: a policy that nobody refers to
    A named Dapr policy does nothing until a target names it.
RL161 warning: a setting of the other kind of retry
    Dapr's exponential policy starts at 500 ms whatever `duration` says; the constant policy ignores `maxInterval`.
RL162 warning: retries without limit
    Dapr's `maxRetries` is unlimited unless set. A constant policy then retries for as long as the caller waits; an
    exponential one for 15 minutes.
RL163 info: a bare number of milliseconds
    Dapr reads a duration without a unit as milliseconds.
RL164 warning: listing an app removes its built-in retries
    Dapr retries service invocations three times, a second apart. Naming the app under `targets` replaces this by
    what the target says, which may be nothing.
RL165 info: a reserved name
    Policies named Default...Policy apply to all targets that are not listed.
RL166 info: errors of the caller are retried
    Unless a retry policy has `matching`, Dapr retries every status that is not a success: a 404 or a 422 as well, which
    will be the same next time. A circuit breaker of the target counts them as failures and opens on them. In scenarios
    it is the outcome `client_error`.
RL168 warning: a built-in policy that does not take this
    `DaprBuiltIn…` policies have at least three retries: fewer, or none named, become three.
    `DaprBuiltInActorNotFoundRetries` cannot be replaced at all.
RL169 error: policies in a place where Dapr does not look
    `targets` belongs beside `policies`; a target names one `timeout`, `retry` and `circuitBreaker`; those of a
    component stand under `inbound` or `outbound`. Anything else is ignored without a word.
RL167 info: greater than, not at least; whole numbers, not shares
    `consecutiveFailures > 5` trips at the sixth failure in a row. `totalFailures / requests > 0.5` divides whole
    numbers: in CEL that is 0 until every request has failed, and then 1. `double(totalFailures) / double(requests)`
    is the share.
"""
)

SECOND = 1_000_000_000
SPAN = "durations are Go's: `300ms`, `1m30s`; a bare number is milliseconds"
UNLIMITED = 10_000
_TRIP = re.compile(r"\s*(consecutiveFailures|totalFailures|requests)\s*(>=|>)\s*([0-9]{1,6})\s*\Z")

CALLERS_FAULT = [str(code) for code in range(400, 500) if code not in (408, 429)]
PROTECTED = "DaprBuiltInActorNotFoundRetries"


@dataclass(frozen=True, slots=True)
class Policies:
    """Policies, each made when it is asked for, and once."""

    known: dict[tuple[str, int, str], tuple[Layer, Log]] = field(default_factory=dict)
    harmless: set[tuple[object, ...]] = field(default_factory=set)  # what policies say of which nothing is grave

    def of(self, kind: str, group: Section, name: str) -> tuple[Layer, Log]:
        """The layer, and what there is to say about it."""
        found = self.known.get((kind, id(group.node), name))
        if found is None:
            aside = Log(traps=SHARED | TRAPS, values="Dapr")
            found = self.known[kind, id(group.node), name] = (MAKERS[kind](group.anew(aside), name, aside), aside)
        return found

    def grave(self, kind: str, group: Section, name: str) -> list[Diagnostic]:
        """What there is to say about one whether it is used or not."""
        node = None if group.node is None else group.node.entries[name].value
        of_name = name.startswith("DaprBuiltIn")  # by its name it is treated differently
        said = None if node is None or of_name else (kind, *wording(node))
        if said in self.harmless:
            return []
        every = self.of(kind, group, name)[1].found
        found = [each for each in every if each.severity == "error" or each.code == "RL168"]
        if said is not None and not found:
            self.harmless.add(said)
        return found


def _timeout(group: Section, name: str, log: Log) -> Layer:
    layer = Layer("timeout", f"{group.path}.{safe_name(name)}: each attempt", group.at(name), like="dapr")
    after = _time(group, name, log)
    if after is not None and after.value <= 0:
        log.add(
            BAD_VALUE, "warning", "a timeout that is not above 0 is none: a call may take for ever", after.at,
            "write how long a call may take, or remove it",
        )  # fmt: skip
        return layer
    if after is None and name in group.unread:
        return layer
    if after is None:
        log.refused("a timeout without a duration: Dapr refuses the whole resource", group.at(name), SPAN)
    layer.put("after", Ns(after.value if after else 60 * SECOND), after, "unreadable")
    return layer


def without_end(layer: Layer) -> bool:
    """Whether it is a timeout that never comes, or that nobody knows."""
    return layer.kind == "timeout" and "after" not in layer.settings


def _time(section: Section, name: str, log: Log) -> Value[int] | None:
    found = section.duration(name, durations.dapr, SPAN)
    if found and found.at.text.rpartition(":")[2].strip().isdigit():
        log.trap("RL163", f"a bare number is milliseconds: {found.value // 1_000_000} ms", found.at, "write the unit")
    return found


def retry(group: Section, name: str, log: Log) -> Layer:
    section = group.section(name)
    layer = Layer("retry", section.path, section.at(), like="dapr")
    layer.remedies["RL014"] = layer.remedies["RL016"] = "write `policy: exponential`: its waits grow, and are spread"
    kind = section.word("policy", ("constant", "exponential"))
    growing = kind is not None and kind.value == "exponential"
    most = _built_in_least(section, name, section.read("maxRetries", _signed, "an integer"), log)
    pause = _time(section, "duration", log)
    cap = _time(section, "maxInterval", log)
    if most is None and "maxRetries" in section:
        layer.put("attempts", UNLIMITED, None, "unreadable")
    elif most is None or most.value < 0:
        where = most.at if most else section.at()
        log.trap(
            "RL162",
            ("`maxRetries` is -1" if most else "no `maxRetries`")
            + ": it retries without limit"
            + (", for 15 minutes" if growing else ""),
            where,
            "set `maxRetries: 3`",
        )
        layer.put("attempts", UNLIMITED, most, "no maxRetries: unlimited")
    else:
        layer.put("attempts", most.value + 1, most)
    if growing:
        if pause:
            log.trap(
                "RL161", "`duration` is ignored by the exponential policy: it starts at 500 ms", pause.at, "remove it"
            )
        layer.put("delay", Ns(SECOND // 2), None, "always")
        layer.put("backoff", "exponential", kind)
        layer.exact["backoff"] = None
        layer.exact["policy"] = Setting("exponential", "policy: exponential")
        layer.put("factor", "1.5x", None, "always")
        layer.put("max_delay", Ns(cap.value if cap and cap.value > 0 else 60 * SECOND), cap, "default")
        layer.put("jitter", "50%", None, "always")
        layer.put("max_elapsed", Ns(900 * SECOND), None, "always: 15 min")
    else:
        layer.put("delay", Ns(max(0, pause.value) if pause else 5 * SECOND), pause, "default")
        if cap and "policy" not in section.unread:
            log.trap("RL161", "`maxInterval` is ignored by the constant policy", cap.at, "write `policy: exponential`")
    _matching(section, layer, log)
    section.rest()
    return layer


def _built_in_least(section: Section, name: str, most: Value[int] | None, log: Log) -> Value[int] | None:
    """The number of retries as Dapr takes it: for policies of its own at least three."""
    if name == PROTECTED:
        log.trap("RL168", "this built-in policy cannot be replaced: what stands here is ignored", section.at())
    elif name.startswith("DaprBuiltIn") and (most is None or most.value < 3):
        at = most.at if most else section.at()
        log.trap("RL168", "a built-in policy has at least three retries: three were taken", at, "write `maxRetries: 3`")
        return Value(3, at)
    return most


def _matching(section: Section, layer: Layer, log: Log) -> None:
    matching = section.section("matching")
    if not matching:
        log.trap(
            "RL166",
            "without `matching` every failure is retried, answers of 400 to 499 too, and a breaker counts them",
            section.at(),
            'write `matching: {httpStatusCodes: "408,429,500-599"}`',
        )
        layer.put("on", list(EVERYTHING), None, "default: everything; an open breaker ends the retries")
        return
    ranges = _ranges(matching, "httpStatusCodes", 100, 599, log)
    _ranges(matching, "gRPCStatusCodes", 0, 16, log)
    at = matching.at("httpStatusCodes")
    outcomes: dict[str, None] = {} if ranges else dict.fromkeys(EVERYTHING)
    for low, high in ranges:
        for code in ("429", "500", "503", "504", "408", *CALLERS_FAULT):
            if low <= int(code) <= high:
                outcomes.update(dict.fromkeys(code_outcomes(code)))
        hopeless = [c for c in (400, 401, 403, 404, 405, 409, 410, 422) if low <= c <= high]
        if hopeless:
            log.trap(
                "RL119",
                f"{', '.join(map(str, hopeless))} {'is' if len(hopeless) == 1 else 'are'} retried, and "
                "cannot succeed: the same request gets the same answer",
                at,
                "list 429 and 500-599 only",
            )
    outcomes.update(dict.fromkeys(("refused", "reset", "timeout")))
    layer.settings["on"] = Setting(
        "[" + ", ".join(outcomes) + "]", "matching; broken connections are always retried", at
    )
    matching.skip(gRPCStatusCodes="statuses of HTTP decide here")
    matching.rest()


def _ranges(matching: Section, name: str, least: int, most: int, log: Log) -> list[tuple[int, int]]:
    """Codes and ranges, as strictly as Dapr reads them: no blanks, no code beyond its bounds."""
    node = matching.node_at(name)
    if node is None or matching.elsewhere(name):
        return []
    found: list[tuple[int, int]] = []
    text = str(node.value) if isinstance(node, Scalar) and node.value is not None else " "
    for word in text.split(","):
        match = re.fullmatch(r"([0-9]{1,3})(?:-([0-9]{1,3}))?", word)
        low, high = (int(match.group(1)), int(match.group(2) or match.group(1))) if match else (1, 0)
        if word and not least <= low <= high <= most:
            log.bad(f"codes and ranges from {least} to {most}", matching.at(name), "no blanks: `429,500-599`")
            return []
        if word:
            found.append((low, high))
    return found


def _breaker(group: Section, name: str, log: Log) -> Layer:
    section = group.section(name)
    layer = Layer("circuit_breaker", section.path, section.at(), like="dapr")
    probes = section.count("maxRequests", 0)
    interval = _time(section, "interval", log)
    pause = _time(section, "timeout", log)
    _trip(section, layer, log)
    layer.put("recovery_time", Ns(pause.value if pause and pause.value > 0 else 60 * SECOND), pause, "default")
    number = probes.value if probes and probes.value else 1
    layer.put("probes", number, probes, "default")
    layer.put("success_threshold", number, None, "as many as maxRequests")
    if interval and interval.value > 0:
        layer.exact["interval"] = Setting(_show(interval.value), interval.shown, interval.at)
        log.skipped(
            interval.at,
            "failures in a row are counted without a window; the counter is cleared every interval only in Dapr",
        )
    section.rest()
    return layer


def _trip(section: Section, layer: Layer, log: Log) -> None:
    """The CEL expression: failures in a row, or any comparison of the counters under Dapr's own rules."""
    at: At = section.at("trip")
    found = section.texts("trip")
    match = _TRIP.match(found[0]) if len(found) == 1 else None
    if not found:
        why = "stands in for what is not known" if "trip" in section.unread else "default: consecutiveFailures > 5"
        layer.put("failure_threshold", 6, None, why)
        return
    if match is None or match.group(1) != "consecutiveFailures":
        log.skipped(at, "only `consecutiveFailures > N` is simulated; the default, more than 5 in a row, was taken")
        layer.put("failure_threshold", 6, None, "stands in for the expression of the file")
        condition = read_condition(", ".join(found))
        if not condition.valid:
            log.bad("a condition", at, "it compares " + ", ".join(sorted(COUNTS)))
        if condition.stranger:
            log.add(
                UNKNOWN_KEY, "error",
                f"`trip` names `{safe_name(condition.stranger)}`, which Dapr does not count: the condition fails each "
                "time, and the breaker never opens",
                at, "it may name " + ", ".join(sorted(COUNTS)),
            )  # fmt: skip
        if condition.whole:
            log.trap(
                "RL167",
                "the counters are whole numbers, and CEL cuts what a division leaves over: `totalFailures / requests` "
                "is 0 until all of them failed",
                at, "write `double(totalFailures) / double(requests) > 0.5`",
            )  # fmt: skip
        if condition.text:
            layer.exact["failure_threshold"] = None
            layer.exact["trip"] = Setting(f'"{condition.text}"', "trip", at)
        return
    number = int(match.group(3)) + (match.group(2) == ">")
    if match.group(2) == ">" and number > 1:
        log.trap("RL167", f"`> {number - 1}` trips after {number} failures in a row", at, f"write `>= {number - 1}`")
    shown = f"trip: consecutiveFailures {match.group(2)} {match.group(3)}"
    layer.settings["failure_threshold"] = Setting(str(max(1, number)), shown, at)


MAKERS: dict[str, Callable[[Section, str, Log], Layer]] = {  # outermost first
    "retry": retry,
    "circuitBreaker": _breaker,
    "timeout": _timeout,
}


def _show(ns: int) -> str:
    from resilience_sim.settings.units import show_duration

    return show_duration(ns)


def _signed(value: object) -> int:
    if isinstance(value, bool) or not isinstance(
        value, int
    ):  # "3" in quotes is a text, which Go does not make a number
        raise ValueError
    return value
