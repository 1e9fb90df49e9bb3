"""Dapr Resiliency: named policies and the targets that refer to them, one instance per target.

Rules: Dapr d845074 (docs/reference/config-formats.md section 6).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from resilience_sim.interop.dapr_policies import MAKERS, PROTECTED, SECOND, TRAPS, Policies, retry, without_end
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import BAD_VALUE, REFUSED, UNKNOWN_KEY, At, Log, distinct, safe_name
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting
from resilience_sim.interop.own import Own, the_same
from resilience_sim.interop.section import LARGE, Section
from resilience_sim.interop.traps import SHARED
from resilience_sim.interop.write_dapr import write
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar

__all__ = ["TRAPS", "convert", "instances", "own", "recognises", "write"]

NAME = "dapr"


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
    used: Counter[tuple[str, str]]  # by how many targets
    made: Policies
    found: list[Diagnostic]
    assumed: list[str]

    def find(self, kind: str, name: str, scopes: tuple[str, ...]) -> Section | None:
        """Where the policy is, in all resources that are loaded together; of two with one name the last counts."""
        key = kind, name
        of_all = self.policies[()].get(key) if () in self.policies else None
        own = self.policies[scopes].get(key) if scopes and scopes in self.policies else None
        last = of_all if own is None or (of_all is not None and of_all[0] > own[0]) else own
        return None if last is None else last[1]

    def layer(self, kind: str, group: Section, name: str, log: Log) -> Layer:
        """A policy, made once for all targets that refer to it."""
        made, aside = self.made.of(kind, group, name)
        log.take(aside)
        return replace(made, settings={**made.settings}, exact={**made.exact}, remarks=[*made.remarks])


@dataclass(frozen=True, slots=True)
class _Target:
    """One target: the resource that it is taken from, whom that is for, and its place there."""

    spec: Section
    scopes: tuple[str, ...]
    group: Section
    key: str


def _whole(file: ConfigFile) -> _Whole:
    """Made once."""
    known: _Whole | None = file.memo.get(NAME)
    if known is not None:
        return known
    log = Log(traps=SHARED | TRAPS)
    chosen: dict[str, _Target] = {}
    kept: dict[tuple[str, ...], dict[tuple[str, str], tuple[int, Section]]] = {}
    of_file = Policies()
    used: Counter[tuple[str, str]] = Counter()  # by targets of any resource: Dapr keeps all policies in one place
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
            used.update(_references(group, key, log))
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
    made = _Whole(shown, chosen, kept, used, of_file, list(dict.fromkeys(log.found)), log.assumed)
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
    """All that is said of one target and its policies alone (lint/twins.py), and its names."""
    known = _whole(file)
    target = known.targets.get(known.shown[instance])
    if target is None or target.group.node is None:
        return None
    entry = target.group.node.entries[target.key]
    names = [instance, target.key]
    parts: list[Entry | Node] = [entry]
    for kind in MAKERS:
        said = entry.value.entries.get(kind) if isinstance(entry.value, Mapping) else None
        name = said.value.value if said and isinstance(said.value, Scalar) else None
        group = known.find(kind, name, target.scopes) if isinstance(name, str) else None
        if isinstance(name, str) and group is not None and group.node is not None:
            names.append(name)
            policy = group.node.entries[name]
            parts.append(the_same(policy.value) if known.used[_KINDS[kind], name] > LARGE else policy)
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
    found = [known.layer(kind, *others[kind], log) for kind in MAKERS if kind in others]
    found = [layer for layer in found if not without_end(layer)]
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
        layer = retry(*replaced, log)
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


def _decoded(sections: dict[str, Section], of_file: Policies, log: Log) -> None:
    """Dapr decodes every policy of a resource, whether a target refers to it or not; one bad refuses all."""
    bad: list[At] = []
    for kind, section in sections.items():
        for name in section.names():
            said = of_file.grave(kind, section, name)
            if said:
                log.found += sorted(said, key=lambda each: (each.code == "RL168", each.code == UNKNOWN_KEY))
                bad += [section.at(name)] if any(each.code in (BAD_VALUE, REFUSED) for each in said) else []
    for at in bad:
        log.refused(
            f"`{at.path.rpartition('.')[2]}` cannot be decoded: Dapr refuses the whole resource, none of its policies "
            "applies",
            at,
            "correct it, or remove it",
        )


def _references(group: Section, name: str, log: Log) -> set[tuple[str, str]]:
    """The policies that a target names, by their groups."""
    said = group.node.entries[name].value if group.node is not None else None
    if isinstance(said, Mapping) and said.entries.keys() <= _KINDS.keys():  # as most are: nothing can be wrong with it
        words = [each.value.value for each in said.entries.values() if isinstance(each.value, Scalar)]
        names = [word for word in words if isinstance(word, str) and safe_name(word) == word]
        if len(names) == len(said.entries):
            return set(zip(map(_KINDS.__getitem__, said.entries), names, strict=True))
    target = group.section(name)
    found = set()
    for key, kind in _KINDS.items():
        policy = target.word(key, fold=False)
        if policy:
            found.add((kind, policy.value))
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


def _unused(policies: Section, sections: dict[str, Section], used: Collection[tuple[str, str]], log: Log) -> None:
    for kind, section in sections.items():
        for name in section.names():
            if (_KINDS[kind], name) in used or name == PROTECTED:
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
            elif not log.unread:  # a target may name it in what could not be read
                log.trap(
                    "RL160",
                    f"no target refers to `{safe_name(name)}`: it does nothing",
                    section.at(name),
                    "name it under `targets`, or remove it",
                )
    policies.rest()


def _stack(target: Section, known: _Whole, scopes: tuple[str, ...], log: Log) -> list[Layer]:
    layers: list[Layer] = []
    for key in MAKERS:
        name = target.word(key, fold=False)
        if name is None:
            continue
        group = known.find(key, name.value, scopes)
        if group is None:
            message = f"`{key}` names `{safe_name(name.value)}`, which is not among the {_KINDS[key]}"
            log.add("RL192", "error", message, name.at)
        else:
            layer = known.layer(key, group, name.value, log)
            layers += [] if without_end(layer) else [layer]
    return layers
