"""Dapr Resiliency: named policies and the targets that refer to them, one instance per target.

Rules: Dapr d845074 (docs/reference/config-formats.md section 6).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from resilience_sim.interop import durations
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import BAD_VALUE, REFUSED, At, Log, distinct, safe_name
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting
from resilience_sim.interop.mesh import code_outcomes
from resilience_sim.interop.own import Own
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.traps import SHARED, traps
from resilience_sim.interop.twins import Diagnostics, Twins
from resilience_sim.interop.write_dapr import EVERYTHING, write
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Mapping, Scalar

__all__ = ["TRAPS", "convert", "instances", "own", "recognises", "write"]

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
RL167 info: greater than, not at least
    `consecutiveFailures > 5` trips at the sixth failure in a row.
"""
)

NAME = "dapr"
SECOND = 1_000_000_000
SPAN = "durations are Go's: `300ms`, `1m30s`; a bare number is milliseconds"
UNLIMITED = 10_000
_TRIP = re.compile(r"\s*(consecutiveFailures|totalFailures|requests)\s*(>=|>)\s*([0-9]{1,6})\s*\Z")
_COUNTS = {"requests", "totalSuccesses", "totalFailures", "consecutiveSuccesses", "consecutiveFailures"}

CALLERS_FAULT = [str(code) for code in range(400, 500) if code not in (408, 429)]


def _documents(file: ConfigFile) -> Iterator[Mapping]:
    for document in file.documents:
        kind, version = (document.entries.get(name) for name in ("kind", "apiVersion"))
        words = [str(e.value.value) for e in (kind, version) if e and isinstance(e.value, Scalar)]
        if len(words) == 2 and words[0] == "Resiliency" and words[1].startswith("dapr.io/"):
            yield document


def recognises(file: ConfigFile) -> bool:
    """Whether a document is a Resiliency."""
    return any(True for _ in _documents(file))


FIELDS: dict[str, tuple[str, ...]] = {  # pkg/apis/resiliency/v1alpha1/types.go
    "": ("apiVersion", "kind", "metadata", "scopes", "spec"),
    "spec": ("policies", "targets"),
    "policies": ("timeouts", "retries", "circuitBreakers"),
    "retries": ("policy", "duration", "maxInterval", "maxRetries", "matching"),
    "matching": ("httpStatusCodes", "gRPCStatusCodes"),
    "circuitBreakers": ("maxRequests", "interval", "timeout", "trip"),
    "targets": ("apps", "actors", "components"),
    "apps": ("timeout", "retry", "circuitBreaker", "circuitBreakerCacheSize"),
    "actors": ("timeout", "retry", "circuitBreaker", "circuitBreakerScope", "circuitBreakerCacheSize"),
    "components": ("inbound", "outbound"),
    "inbound": ("timeout", "retry", "circuitBreaker"),
}
_KINDS = {"timeout": "timeouts", "retry": "retries", "circuitBreaker": "circuitBreakers"}
_PLURALS = {plural: name for name, plural in _KINDS.items()}
_WORDS = {"timeout": "Timeout", "retry": "Retry", "circuitBreaker": "CircuitBreaker"}
_LEVELS: dict[str, tuple[str, ...]] = {  # of Default{level}{Word}Policy, the most special first
    "other-apps": ("App", ""),
    "other-actors": ("Actor", ""),
    "other-components/outbound": ("ComponentOutbound", "Component", ""),
    "other-components/inbound": ("ComponentInbound", "Component", ""),
}
ASIDE = tuple(_LEVELS)  # instances that nobody means who names none
_BUILT_IN = "DaprBuiltInServiceRetries"
_PROTECTED = "DaprBuiltInActorNotFoundRetries"


def _targets(spec: Section) -> dict[str, tuple[Section, str]]:
    """The targets by their names: the section that each stands in, and its key there."""
    found: dict[str, tuple[Section, str]] = {}
    targets = spec.section("targets")
    for kind in ("apps", "actors"):
        group = targets.section(kind)
        for name in group.names():
            found[name if name not in found else f"{kind}/{name}"] = (group, name)
    components = targets.section("components")
    for name in components.names():
        component = components.section(name)
        for way in component.names():
            if way in FIELDS["components"]:
                found[f"{name}/{way}"] = (component, way)
            else:
                component.ignore(way)
                component.log.trap(
                    "RL169", "what stands directly under a component is ignored", component.at(way),
                    "put it under `outbound` (calls to the component) or `inbound` (calls from it)",
                )  # fmt: skip
    targets.rest()
    return found


@dataclass(frozen=True, slots=True)
class _Whole:
    """What every target needs of the file: names as shown, where each stands, every policy, what is said of all."""

    shown: dict[str, str]
    targets: dict[str, _Target]
    policies: dict[tuple[str, ...], dict[tuple[str, str], tuple[int, Section]]]  # by scopes; kind, name; where, which
    made: _Policies
    found: list[Diagnostic]
    assumed: list[str]

    def find(self, kind: str, name: str, scopes: tuple[str, ...]) -> Section | None:
        """Where the policy is, in all resources that are loaded together; of two with one name the last counts."""
        found = [at for each in {(), scopes} if (at := self.policies.get(each, {}).get((kind, name))) is not None]
        return max(found, key=lambda at: at[0])[1] if found else None

    def layer(self, kind: str, group: Section, name: str, log: Log) -> Layer:
        """A policy, made once for all targets that refer to it."""
        made, aside = self.made.of(kind, group, name)
        log.found += aside.found
        log.assumed += aside.assumed
        return replace(made, settings={**made.settings}, exact={**made.exact}, remarks=[*made.remarks])


@dataclass(frozen=True, slots=True)
class _Target:
    """One target: the resource that it is taken from, whom that is for, and its place there."""

    spec: Section
    scopes: tuple[str, ...]
    group: Section
    key: str


@dataclass(frozen=True, slots=True)
class _Policies:
    """Policies, each made when it is asked for, and once."""

    known: dict[tuple[str, int, str], tuple[Layer, Log]] = field(default_factory=dict)
    twins: Twins[Diagnostic] = field(default_factory=lambda: Twins(Diagnostics()))

    def of(self, kind: str, group: Section, name: str) -> tuple[Layer, Log]:
        """The layer, and what there is to say about it."""
        found = self.known.get((kind, id(group.node), name))
        if found is None:
            aside = Log(traps=SHARED | TRAPS)
            found = self.known[kind, id(group.node), name] = (_MAKERS[kind](group.anew(aside), name, aside), aside)
        return found

    def found(self, kind: str, group: Section, name: str) -> list[Diagnostic]:
        """What there is to say about one; one that is like others is not made for that."""
        alone = group.node is None or name.startswith("DaprBuiltIn")  # by its name it is treated differently
        entry = None if alone or group.node is None else group.node.entries[name]
        own = self.twins.of(Own((name,), [Scalar(entry.key, kind), entry])) if entry is not None else None
        said = own.known() if own is not None else None
        if said is None:
            said = self.of(kind, group, name)[1].found
            if own is not None:
                own.learn(said)
        return said


def _whole(file: ConfigFile) -> _Whole:
    """Made once."""
    known: _Whole | None = file.memo.get(NAME)
    if known is not None:
        return known
    log = Log(traps=SHARED | TRAPS)
    chosen: dict[str, _Target] = {}
    kept: dict[tuple[str, ...], dict[tuple[str, str], tuple[int, Section]]] = {}
    of_file = _Policies()
    used: set[tuple[str, str]] = set()  # by targets of any resource: Dapr keeps the policies of all in one place
    parts: list[tuple[Section, dict[str, Section]]] = []
    names: set[str] = set()
    for number, document in enumerate(_documents(file)):
        top = Section(document, "", log)
        top.skip(scopes="the policies apply to these applications only")
        spec = top.section("spec")
        targets = _targets(spec)
        policies = spec.section("policies")
        _misplaced(spec, policies, log)
        scopes = tuple(sorted(top.texts("scopes")))
        for name, (group, key) in targets.items():
            before = chosen.get(name)  # of several resources for one target the last counts, of those for all
            if before is None or before.scopes or not scopes:
                chosen[name] = _Target(spec, scopes, group, key)
            used |= _references(group.section(key), log)
        _actor_scopes(spec, log)
        sections = {kind: policies.section(plural) for kind, plural in _KINDS.items()}
        parts.append((policies, sections))
        _decoded(sections, of_file, log)
        for kind, section in sections.items():
            names.update(section.names())
            kept.setdefault(scopes, {}).update({(kind, name): (number, section) for name in section.names()})
    for policies, sections in parts:
        _unused(policies, sections, used, log)
    shown = distinct(_all_targets(chosen, names))
    made = _Whole(shown, chosen, kept, of_file, list(dict.fromkeys(log.found)), log.assumed)
    file.memo[NAME] = made
    return made


def instances(file: ConfigFile) -> list[str]:
    """The targets, and what is none of them where something is said about those."""
    return list(_whole(file).shown)


def _all_targets(chosen: Iterable[str], policies: set[str]) -> dict[str, None]:
    """Those that are named, and what is none of them where a policy is about that."""
    found = dict.fromkeys(chosen)
    for other, levels in _LEVELS.items():
        named = {f"Default{level}{word}Policy" for level in levels[:1] for word in _WORDS.values()}
        of_all = {f"Default{word}Policy" for word in _WORDS.values()}
        if policies & named or (other == "other-apps" and (policies & (of_all | {_BUILT_IN}) or not found)):
            found[other] = None
    return found


def own(file: ConfigFile, instance: str) -> Own | None:
    """All that is said of one target and its policies alone (interop/twins.py), and its names."""
    known = _whole(file)
    target = known.targets.get(known.shown[instance])
    if target is None or target.group.node is None:
        return None
    entry = target.group.node.entries[target.key]
    names, parts = [instance, target.key], [entry]
    for kind in _MAKERS:
        said = entry.value.entries.get(kind) if isinstance(entry.value, Mapping) else None
        name = said.value.value if said and isinstance(said.value, Scalar) else None
        group = known.find(kind, name, target.scopes) if isinstance(name, str) else None
        if isinstance(name, str) and group is not None and group.node is not None:
            names.append(name)
            parts.append(group.node.entries[name])
    return Own(tuple(names), parts, inside=True)


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """retry(breaker(timeout(target)))."""
    result = Converted(NAME, f"Dapr Resiliency, target '{instance}'", instance)
    known = _whole(file)
    wanted = known.shown[instance]
    log.of_all(known.found, known.assumed)
    target = known.targets.get(wanted)
    if target is not None:
        holder = target.group.anew(log)
        section = holder.section(target.key)
        result.layers = _stack(section, known, target.scopes, log)
        _app_trap(target.spec, wanted, section, log)
    elif wanted in _LEVELS:
        result.layers = _others(file, known, wanted, log)
        result.instead.append("RL003")  # the retry that is built in is no setting, and does not try again what hangs
        result.remarks.append("what is listed under no target: named defaults, and what is built in")
    return result


def _others(file: ConfigFile, known: _Whole, wanted: str, log: Log) -> list[Layer]:
    """What applies to those that are listed nowhere."""
    others: dict[str, tuple[Section, str]] = {}  # by kind
    built_in: tuple[Section, str] | None = None
    for document in _documents(file):
        policies = Section(document, "", log).section("spec").section("policies")
        for kind, plural in _KINDS.items():
            group = policies.section(plural)
            for level in reversed(_LEVELS[wanted]):
                if (name := f"Default{level}{_WORDS[kind]}Policy") in group:
                    others[kind] = (group, name)
            if kind == "retry" and _BUILT_IN in group:
                built_in = (group, _BUILT_IN)
    found = [known.layer(kind, *others[kind], log) for kind in _MAKERS if kind in others]
    return [*found, _built_in_retry(built_in, log)] if wanted == "other-apps" else found


def _misplaced(spec: Section, policies: Section, log: Log) -> None:
    if "targets" in policies:
        policies.ignore("targets")
        log.trap(
            "RL169", "`targets` stands under `policies`: it is ignored, and no policy applies to anything",
            policies.at("targets"), "move it out, beside `policies`",
        )  # fmt: skip
    spec.rest()


def _built_in_retry(replaced: tuple[Section, str] | None, log: Log) -> Layer:
    """Around the call to an app that no target lists: when it cannot be reached, three more tries, a second apart."""
    if replaced is not None:
        layer = _retry(*replaced, log)
    else:
        layer = Layer("retry", "built in: the app is listed under no target", like="dapr")
        layer.put("attempts", 4, None, "built in: 3 retries")
        layer.put("delay", Ns(SECOND), None, "built in")
    layer.id = "built-in"
    layer.settings["on"] = Setting("[unavailable, refused, reset]", "only when the app cannot be reached")
    return layer


def _actor_scopes(spec: Section, log: Log) -> None:
    """A breaker of actors needs its scope; without it the targets are not decoded."""
    actors = spec.section("targets").section("actors")
    for name in actors.names():
        actor = actors.section(name)
        if "circuitBreaker" not in actor:
            continue
        scope = actor.word("circuitBreakerScope", fold=False)
        if scope is None or scope.value not in ("type", "id", "both"):
            log.refused(
                "a circuit breaker of an actor needs a `circuitBreakerScope`: Dapr refuses the whole resource",
                actor.at("circuitBreaker"), "`type`, `id` or `both`",
            )  # fmt: skip


def _decoded(sections: dict[str, Section], of_file: _Policies, log: Log) -> None:
    """Dapr decodes every policy of a resource, whether a target refers to it or not; one bad refuses all."""
    bad: list[At] = []
    for kind, section in sections.items():
        for name in section.names():
            said = of_file.found(kind, section, name)
            errors = [each for each in said if each.code in (BAD_VALUE, REFUSED)]
            log.found += [*errors, *(each for each in said if each.code == "RL168")]
            bad += [section.at(name)] if errors else []
    for at in bad:
        log.refused(
            f"`{at.path.rpartition('.')[2]}` cannot be decoded: Dapr refuses the whole resource, none of its policies "
            "applies",
            at,
            "correct it, or remove it",
        )


def _references(target: Section, log: Log) -> set[tuple[str, str]]:
    found = set()
    for key, group in _KINDS.items():
        name = target.word(key, fold=False)
        if name:
            found.add((group, name.value))
    target.skip(circuitBreakerScope="one target is simulated", circuitBreakerCacheSize="one target is simulated")
    for plural, right in _PLURALS.items():
        if plural in target:
            target.ignore(plural)
            log.trap("RL169", f"a target has no `{plural}`: it is ignored", target.at(plural), f"write `{right}`")
    target.rest()
    return found


def _app_trap(spec: Section, instance: str, target: Section, log: Log) -> None:
    apps = spec.section("targets").section("apps")
    if apps.node is not None and instance in apps.node.entries and "retry" not in target:
        log.trap(
            "RL164",
            "listing an app takes its built-in retries away (3, a second apart): without `retry` "
            "here nothing is retried",
            target.at(),
            "add a `retry` to the target",
        )


def _unused(policies: Section, sections: dict[str, Section], used: set[tuple[str, str]], log: Log) -> None:
    for kind, section in sections.items():
        for name in section.names():
            if (_KINDS[kind], name) in used or name == _PROTECTED:
                continue
            if re.fullmatch(r"Default\w*Policy|DaprBuiltIn\w+", name):
                built_in = name.startswith("DaprBuiltIn")
                log.trap(
                    "RL165",
                    f"`{safe_name(name)}` is a reserved name: "
                    + ("it replaces Dapr's own policy wherever no target is listed" if built_in
                       else "it applies to those of its kind that no target lists"),
                    section.at(name),
                )  # fmt: skip
            else:
                log.trap(
                    "RL160",
                    f"no target refers to `{safe_name(name)}`: it does nothing",
                    section.at(name),
                    "name it under `targets`, or remove it",
                )
    policies.rest()


def _stack(target: Section, known: _Whole, scopes: tuple[str, ...], log: Log) -> list[Layer]:
    layers: list[Layer] = []
    for key in _MAKERS:
        name = target.word(key, fold=False)
        if name is None:
            continue
        group = known.find(key, name.value, scopes)
        if group is None:
            message = f"`{key}` names `{safe_name(name.value)}`, which is not among the {_KINDS[key]}"
            log.add("RL192", "error", message, name.at)
        else:
            layers.append(known.layer(key, group, name.value, log))
    return layers


def _timeout(group: Section, name: str, log: Log) -> Layer:
    layer = Layer("timeout", f"{group.path}.{safe_name(name)}: each attempt", group.at(name), like="dapr")
    after = _time(group, name, log)
    layer.put("after", Ns(after.value if after and after.value else 60 * SECOND), after, "unreadable")
    return layer


def _time(section: Section, name: str, log: Log) -> Value[int] | None:
    found = section.duration(name, durations.dapr, SPAN)
    if found and found.at.text.rpartition(":")[2].strip().isdigit():
        log.trap("RL163", f"a bare number is milliseconds: {found.value // 1_000_000} ms", found.at, "write the unit")
    return found


def _retry(group: Section, name: str, log: Log) -> Layer:
    section = group.section(name)
    layer = Layer("retry", section.path, section.at(), like="dapr")
    layer.remedies["RL014"] = layer.remedies["RL016"] = "write `policy: exponential`: its waits grow, and are spread"
    kind = section.word("policy", ("constant", "exponential"))
    growing = kind is not None and kind.value == "exponential"
    most = _built_in_least(section, name, section.read("maxRetries", _signed, "an integer"), log)
    pause = _time(section, "duration", log)
    cap = _time(section, "maxInterval", log)
    if most is None or most.value < 0:
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
        layer.put("max_delay", Ns(cap.value if cap and cap.value else 60 * SECOND), cap, "default")
        layer.put("jitter", "50%", None, "always")
        layer.put("max_elapsed", Ns(900 * SECOND), None, "always: 15 min")
    else:
        layer.put("delay", Ns(pause.value if pause else 5 * SECOND), pause, "default")
        if cap:
            log.trap("RL161", "`maxInterval` is ignored by the constant policy", cap.at, "write `policy: exponential`")
    _matching(section, layer, log)
    section.rest()
    return layer


def _built_in_least(section: Section, name: str, most: Value[int] | None, log: Log) -> Value[int] | None:
    """The number of retries as Dapr takes it: for policies of its own at least three."""
    if name == _PROTECTED:
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
    if node is None:
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
    layer.put("recovery_time", Ns(pause.value if pause and pause.value else 60 * SECOND), pause, "default")
    number = probes.value if probes and probes.value else 1
    layer.put("probes", number, probes, "default")
    layer.put("success_threshold", number, None, "as many as maxRequests")
    if interval and interval.value:
        layer.exact["interval"] = Setting(_show(interval.value), interval.shown, interval.at)
        log.skipped(
            interval.at,
            "failures in a row are counted without a window; the counter is cleared every interval only in Dapr",
        )
    section.rest()
    return layer


def _trip(section: Section, layer: Layer, log: Log) -> None:
    """The CEL expression, as far as it is one comparison."""
    at: At = section.at("trip")
    found = section.texts("trip")
    match = _TRIP.match(found[0]) if len(found) == 1 else None
    if not found:
        layer.put("failure_threshold", 6, None, "default: consecutiveFailures > 5")
        return
    if match is None or match.group(1) != "consecutiveFailures":
        log.skipped(at, "only `consecutiveFailures > N` is simulated; the default, more than 5 in a row, was taken")
        layer.put("failure_threshold", 6, None, "stands in for the expression of the file")
        words = set(re.findall(r"[A-Za-z_]+", found[0])) if len(found) == 1 else {""}
        if len(found) == 1 and not words <= _COUNTS | {"true", "false"}:
            log.bad("a condition", at, "it may name " + ", ".join(sorted(_COUNTS)))
        if words <= _COUNTS and re.fullmatch(r"[A-Za-z0-9_ .()<>=!&|+*/%-]{1,200}", found[0]):
            layer.exact["failure_threshold"] = None
            layer.exact["trip"] = Setting(f'"{found[0]}"', "trip", at)
        return
    number = int(match.group(3)) + (match.group(2) == ">")
    if match.group(2) == ">":
        log.trap(
            "RL167",
            f"`> {match.group(3)}` trips at the {number}th failure in a row",
            at,
            f"write `>= {match.group(3)}` for the {match.group(3)}th",
        )
    shown = f"trip: consecutiveFailures {match.group(2)} {match.group(3)}"
    layer.settings["failure_threshold"] = Setting(str(max(1, number)), shown, at)


_MAKERS: dict[str, Callable[[Section, str, Log], Layer]] = {  # outermost first
    "retry": _retry,
    "circuitBreaker": _breaker,
    "timeout": _timeout,
}


def _show(ns: int) -> str:
    from resilience_sim.settings.units import show_duration

    return show_duration(ns)


def _signed(value: object) -> int:
    if isinstance(value, bool):
        raise ValueError
    return int(str(value))
