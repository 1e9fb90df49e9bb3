"""How Spring Boot binds configuration files, and how resilience4j's instances inherit in them.

Spring flattens every document to dotted keys, compares names without dashes, underscores and case, and lays one
document over the other key by key: those with a condition only when it holds. Placeholders are filled in from the file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from operator import is_
from pathlib import PurePath
from typing import Any

from resilience_sim.interop import durations, env_names
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import At, Log, safe_name
from resilience_sim.interop.placeholders import filled_in
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.texts import meant
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Sequence, Span

DURATION = "Spring reads `1500ms`, `2s` or `PT1.5S`, and refuses `1.5s` and blanks around"
ORDER_KEYS: dict[str, str] = {
    "retry": "retryAspectOrder",
    "circuitbreaker": "circuitBreakerAspectOrder",
    "ratelimiter": "rateLimiterAspectOrder",
    "timelimiter": "timeLimiterAspectOrder",
    "bulkhead": "bulkheadAspectOrder",
}
_STEP = re.compile(r"\[([^\]]*)\]|([^.\[\]]+)")
_EXPRESSION = re.compile(r"[()&|!]|[^\s()&|!]+")


def steps_of(key: str) -> list[str]:
    """A key taken apart: ``a.b[0][some.name]`` has five steps."""
    if "." not in key and "[" not in key and "]" not in key:
        return [key] if key else []
    return [inner or plain for inner, plain in _STEP.findall(key)]


@lru_cache(maxsize=65536)
def uniform(name: str) -> str:
    """A name as Spring compares it."""
    return name.replace("-", "").replace("_", "").lower()


def heads(file: ConfigFile) -> set[str]:
    """The first steps of all keys, as Spring compares them."""
    written = {name.partition(".")[0] for document in file.documents for name in document.entries}
    return {uniform(name) for name in written}


# --- the properties of all documents in one tree ---


@dataclass(slots=True)
class _Branch:
    """A property, those below it, or both: ``spring.profiles`` once was a value and is a prefix too.

    ``whole``: what was put below it first, as long as nobody looks inside or puts something beside it.
    """

    name: str
    key: Span
    value: Node | None = None
    below: dict[str, _Branch] = field(default_factory=dict)
    whole: Mapping | None = None

    def put(self, steps: list[str], key: Span, value: Node) -> None:
        branch = self
        for step in steps:
            below, plain = branch.opened(), uniform(step)
            found = below.get(plain)
            if found is None:
                found = below[plain] = _Branch(step, key)
            branch = found
        if isinstance(value, Mapping):
            if value.entries and not branch.below and branch.whole is None:
                branch.whole = value
                return
            branch.opened()
            for name, entry in value.entries.items():
                branch.put(steps_of(name), entry.key, entry.value)
            return
        if isinstance(value, Sequence):
            branch.below.clear()  # a list is replaced as a whole
            branch.whole = None
        branch.key, branch.value = key, value

    def opened(self) -> dict[str, _Branch]:
        """What is below, each by itself."""
        if self.whole is not None:
            entries, self.whole = self.whole.entries, None
            for name, entry in entries.items():
                self.put(steps_of(name), entry.key, entry.value)
        return self.below

    def at(self, key: str) -> _Branch | None:
        branch: _Branch | None = self
        for step in steps_of(key):
            branch = branch.opened().get(uniform(step)) if branch else None
        return branch

    def words(self, key: str) -> list[str]:
        """The texts of a value that may be a list, or have commas."""
        branch = self.at(key)
        if branch is None:
            return []
        nodes = [branch.value] if branch.value else [each.value for each in branch.opened().values()]
        if isinstance(branch.value, Sequence):
            nodes = list(branch.value.items)
        texts = [str(n.value) for n in nodes if isinstance(n, Scalar) and n.value is not None]
        return [word.strip() for text in texts for word in text.split(",") if word.strip()]


class Environment:
    """The properties that apply, under the profiles asked for (or those that the file makes active itself)."""

    def __init__(self, file: ConfigFile, log: Log) -> None:
        self.log = log
        self.filled: list[str] = []
        self.unsure: list[str] = []  # what may be otherwise in files that are not here
        self._trees: dict[tuple[str, ...], Mapping] = {}
        sources = {id(each.span.source): each.span.source for each in file.documents}
        lines = (line for source in sources.values() for line in source.lines)
        self._fills = any("$" in line or "\\" in line for line in lines)  # written as it is, or as an escape
        self.memo: dict[str, Any] = {}  # what others made of the whole
        outside = env_names.variables(file.documents)
        read = [each for each in file.documents if id(each) not in outside]
        named, missing = _imported(read)
        read.sort(key=lambda each: _rank(each, named))
        own = [(document, _flat(document), _file_profile(document, file)) for document in read]
        self.root = _Branch("", own[0][0].span) if own else _Branch("", Span(None, 1, 1, 1, 1))  # type: ignore[arg-type]
        for document, flat, of_file in own:
            self._refuse(document, flat, of_file)
        always = [document for document, flat, of_file in own if not of_file and not any(_conditions(flat))]
        for document in always:
            self._lay_over(document)
        self.profiles = self._active(file.profiles)
        applied: list[Mapping] = []
        late: list[tuple[int, Mapping]] = []
        for document, flat, of_file in own:
            refused = [each for each in _conditions(flat) if not self._holds(*each)]
            if of_file and of_file not in self.profiles:
                refused.append(("on-profile", [of_file]))
            if refused:
                self._left_out(document, *refused[0])
            elif of_file:
                late.append((self.profiles.index(of_file), document))  # after all others
            else:
                applied.append(document)
        if len(applied) + len(late) > len(always):  # those without a condition are among them
            self.root = _Branch("", self.root.key)
            for document in (*applied, *(each for _, each in sorted(late, key=lambda one: one[0]))):
                self._lay_over(document)
        self._from_outside([each for found in outside.values() for each in found])
        imports = self.root.at("spring.config.import")
        if imports is not None and missing:
            at = At(imports.key, "spring.config.import", "spring.config.import:")
            log.skipped(at, "what it imports is not read, and may set other values")

    def _from_outside(self, found: list[env_names.Variables]) -> None:
        """Variables of the environment lie over all files. Of several processes those of the first are read."""
        if not found:
            return
        if self.root.at("resilience4j") is None:
            self.root.key = env_names.place_of(found[0].entries)
            self.unsure.append(env_names.ALONE)

        def known(module: str, holder: str) -> list[str]:
            branch = self.root.at(f"resilience4j.{module}.{holder}")
            return [each.name for each in branch.opened().values()] if branch else []

        for name, entry in found[0].entries.items():
            value = env_names.value_of(entry)
            if value is not None:
                self.root.put(env_names.steps(name, known), entry.key, value)
        for each in found[1:]:
            at = At(env_names.place_of(each.entries), each.holder, safe_name(next(iter(each.entries))))
            self.log.skipped(
                At(at.span, safe_name(each.holder), at.text),
                f"the variables of {safe_name(found[0].holder)} were read, these are another program's",
            )

    def _lay_over(self, document: Mapping) -> None:
        for name, entry in document.entries.items():
            self.root.put(steps_of(name), entry.key, entry.value)

    def _active(self, wanted: Collection[str]) -> list[str]:
        """The active profiles; of two that set the same the later counts."""
        active = list(wanted) or self._profiles_at("active") or self._profiles_at("default") or ["default"]
        named = [*self._profiles_at("include"), *active]  # included ones come before
        found = [each.strip() for text in named for each in text.split(",") if each.strip()]
        for name in found:  # grows while it is walked: groups may hold groups
            found += [each for each in self.root.words(f"spring.profiles.group.{name}") if each not in found]
        return list(dict.fromkeys(found))

    def _profiles_at(self, which: str) -> list[str]:
        return [text for word in self.root.words(f"spring.profiles.{which}") if (text := self._text(word))]

    def _refuse(self, document: Mapping, flat: _Branch, of_file: str) -> None:
        """What keeps the application from starting, whichever profiles are active."""
        conditions = list(_conditions(flat))
        about = next((name for name in document.entries if uniform(name).startswith("spring")), "")
        at = Section(document, "", self.log).at(about)
        for kind, words in conditions:
            if kind == "on-profile" and any(malformed(word) for word in words):
                self.log.refused(
                    "a profile expression that mixes `&` and `|`, or has a bracket too few: the application does not "
                    "start",
                    at, "put what belongs together in brackets: `a & (b | c)`",
                )  # fmt: skip
        old = flat.at("spring.profiles")
        if not (conditions or of_file) or (old is not None and old.value is not None):
            return
        for which in ("active", "include", "default"):
            if flat.words(f"spring.profiles.{which}"):
                self.log.refused(
                    f"`spring.profiles.{which}` in a document for one profile: the application does not start", at,
                    "set it in a document for all profiles, or write a `spring.profiles.group`",
                )  # fmt: skip

    def _holds(self, kind: str, words: list[str]) -> bool:
        return kind == "on-profile" and any(holds(word, self.profiles) for word in words)

    def _left_out(self, document: Mapping, kind: str, words: list[str]) -> None:
        first = next((name for name in document.entries if uniform(name).startswith("resilience4j")), None)
        if first is None:
            return
        what = ", ".join(safe_name(word) if " " not in word else "an expression" for word in words)
        why = f"this document is for one profile only ({what}): `--profile NAME` reads it"
        if kind != "on-profile":
            why = f"this document applies on the cloud platform {what} only"
        self.log.skipped(Section(document, "", self.log).at(first), why)

    def tree(self, *keys: str) -> Mapping:
        """The part below some top-level names, placeholders filled in. Made once."""
        if keys not in self._trees:
            self._trees[keys] = self._tree(keys)
        return self._trees[keys]

    def _tree(self, keys: tuple[str, ...]) -> Mapping:
        entries = {}
        for key in keys:
            branch = self.root.at(key)
            if branch is not None:
                entries[key] = Entry(branch.key, self._node(branch))
        return Mapping(self.root.key, entries)

    def _node(self, branch: _Branch) -> Node:
        if branch.whole is not None:
            if _plain(tuple(branch.whole.entries)):
                return self._as_it_is(branch.whole, branch.key)
            self._two_spellings(branch.whole)
        if branch.opened():
            entries = {each.name: Entry(each.key, self._node(each)) for each in branch.below.values()}
            return Mapping(branch.key, entries)
        value = branch.value if branch.value is not None else Mapping(branch.key, {})
        return self._deep(value, branch.name)

    def _two_spellings(self, mapping: Mapping) -> None:
        first: dict[str, str] = {}
        for name, entry in mapping.entries.items():
            before = first.setdefault(uniform(name), name)
            if before != name:
                self.log.add(
                    "RL191", "warning",
                    f"`{safe_name(name)}` and `{safe_name(before)}` are one key to Spring, and which of them counts is "
                    "not defined; the last one was taken",
                    At(entry.key, safe_name(name), f"{safe_name(name)}:"), "keep one",
                )  # fmt: skip

    def _as_it_is(self, mapping: Mapping, key: Span) -> Mapping:
        """A mapping that needs no taking apart; as much of it is kept as can be."""
        entries = mapping.entries
        new: Node
        for name, entry in mapping.entries.items():
            value = entry.value
            if isinstance(value, Mapping):
                plain = _plain(tuple(value.entries))
                new = self._as_it_is(value, entry.key) if plain else self._node(_Branch(name, entry.key, whole=value))
            elif isinstance(value, Sequence) or type(value.value) is str:
                new = self._deep(value, name)
            else:
                continue
            if new is not value:
                entries = dict(entries) if entries is mapping.entries else entries
                entries[name] = Entry(entry.key, new)
        return Mapping(key, entries)

    def _deep(self, node: Node, name: str) -> Node:
        """The values of a list too, and of mappings in it."""
        if not self._fills:
            return node
        if isinstance(node, Sequence):
            items = tuple([self._deep(each, name) for each in node.items])
            same = all(map(is_, items, node.items))
            return node if same else Sequence(node.span, items)
        if isinstance(node, Mapping):
            changed = {}
            for key, each in node.entries.items():
                new = self._deep(each.value, key)
                if new is not each.value:
                    changed[key] = Entry(each.key, new)
            return Mapping(node.span, node.entries | changed) if changed else node
        return self._filled_in(node, name)

    def _filled_in(self, node: Node, name: str) -> Node:
        if not isinstance(node, Scalar) or not isinstance(node.value, str) or "${" not in node.value:
            return node
        before = len(self.filled)
        text = self._text(node.value)
        if text is None:
            return node
        if len(self.filled) > before:
            self.log.assumed.append(f"{safe_name(name)} has the default of its placeholder")
        return Scalar(node.span, meant(text))

    def _text(self, text: str) -> str | None:
        return filled_in(text, self._known, self.filled.append)

    def _known(self, name: str) -> str | None:
        branch = self.root.at(name)
        if branch is None or not isinstance(branch.value, Scalar) or branch.value.value is None:
            return None
        value = branch.value.value
        return str(value).lower() if isinstance(value, bool) else str(value)


@lru_cache(maxsize=1024)
def _plain(keys: tuple[str, ...]) -> bool:
    """Whether keys of a mapping are single names that Spring does not take for the same."""
    together = "\n".join(keys)
    if "." in together or "[" in together or "]" in together or "" in keys:
        return False
    return len(set(map(uniform, keys))) == len(keys)


def _flat(document: Mapping) -> _Branch:
    """The part of a document that says when it applies."""
    root = _Branch("", document.span)
    for name, entry in document.entries.items():
        if uniform(name).startswith("spring"):
            root.put(steps_of(name), entry.key, entry.value)
    return root


def _conditions(flat: _Branch) -> Iterator[tuple[str, list[str]]]:
    """Old (``spring.profiles: prod``) and new forms."""
    old = flat.at("spring.profiles")
    if old is not None and old.value is not None and (words := flat.words("spring.profiles")):
        yield "on-profile", words
    for kind in ("on-profile", "on-cloud-platform"):
        if words := flat.words(f"spring.config.activate.{kind}"):
            yield kind, words


def profile_names(file: ConfigFile) -> list[str]:
    """The profiles that a file has something for."""
    found: dict[str, None] = {}
    for document in file.documents:
        for kind, words in _conditions(_flat(document)):
            if kind == "on-profile":
                found.update((name, None) for word in words for name in re.findall(r"[\w.\-]+", word))
    return list(found)


def _imported(documents: Collection[Mapping]) -> tuple[set[str], bool]:
    """The names of the files that others import, and whether one of these is not here."""
    here = {PurePath(each.span.source.name).name for each in documents}
    named: set[str] = set()
    missing = False
    for document in documents:
        for word in _flat(document).words("spring.config.import"):
            name = PurePath(word.rpartition(":")[2]).name
            own = name == PurePath(document.span.source.name).name
            named |= set() if own else {name}
            missing = missing or own or name not in here
    return named & here, missing


def _rank(document: Mapping, imported: Collection[str]) -> tuple[bool, bool, bool]:
    """``bootstrap`` is read before ``application``, what that imports after it; ``.properties`` lies over YAML."""
    path = PurePath(document.span.source.name)
    return not path.name.startswith("bootstrap"), path.name in imported, path.suffix == ".properties"


def _file_profile(document: Mapping, file: ConfigFile) -> str:
    """``prod`` of a document out of ``application-prod.yml``, when it is read together with others."""
    names = {each.span.source.name for each in file.documents}
    stem = PurePath(document.span.source.name).stem
    return stem.partition("-")[2] if len(names) > 1 and stem.startswith(("application-", "bootstrap-")) else ""


def holds(expression: str, profiles: Collection[str]) -> bool:
    """A profile expression: names with ``!``, ``&``, ``|`` and brackets."""
    if malformed(expression):
        return False
    tokens = _EXPRESSION.findall(expression)

    def either() -> bool:
        value = both()
        while tokens[:1] == ["|"]:
            tokens.pop(0)
            value = both() or value
        return value

    def both() -> bool:
        value = one()
        while tokens[:1] == ["&"]:
            tokens.pop(0)
            value = one() and value
        return value

    def one() -> bool:
        token = tokens.pop(0) if tokens else ""
        if token == "!":
            return not one()
        if token == "(":
            value = either()
            if tokens:
                tokens.pop(0)
            return value
        return token in profiles

    return either()


def malformed(expression: str) -> bool:
    """Whether Spring refuses it (ProfilesParser): `&` beside `|` without brackets, brackets that do not match."""
    operators = [""]
    for token in _EXPRESSION.findall(expression):
        if token == "(":
            operators.append("")
        elif token == ")":
            operators.pop()
            if not operators:
                return True
        elif token in ("&", "|"):
            if operators[-1] not in ("", token):
                return True
            operators[-1] = token
    return len(operators) != 1


# --- one instance of resilience4j ---


class Chain:
    """The settings of one instance: its own, then those it inherits. The first that has a key wins."""

    def __init__(self, sections: list[Section]) -> None:
        self.sections = [each for each in sections if each]

    def __bool__(self) -> bool:
        return bool(self.sections)

    def get(self, method: str, name: str, *args: Any) -> Any:
        """``section.method(name, …)`` of the first section that has ``name``; the others are ticked off."""
        result = None
        for section in self.sections:
            if name in section:
                if result is None:
                    result = getattr(section, method)(name, *args)
                else:
                    section.ignore(name)
        return result

    def time(self, name: str) -> Value[int] | None:
        """A duration."""
        found: Value[int] | None = self.get("duration", name, durations.spring, DURATION)
        return found

    def skip(self, **reasons: str) -> None:
        """Known, and not modelled."""
        for section in self.sections:
            section.skip(**reasons)

    def at(self, name: str) -> At:
        """Where a key stands, or the instance."""
        return next((s.at(name) for s in self.sections if name in s), self.sections[0].at())

    def rest(self, renamed: dict[str, str]) -> None:
        """Report what is left; ``renamed``: keys of older versions, and what they are called today."""
        for section in self.sections:
            section.ignore(
                "baseConfig",
                "registerHealthIndicator",
                "eventConsumerBufferSize",
                "allowHealthIndicatorToFail",
                "writableStackTraceEnabled",
                "subscribeForEvents",
                "tags",
            )
            if section.done:
                continue
            for old, new in renamed.items():
                if old in section:
                    section.ignore(old)
                    section.log.trap(
                        "RL114",
                        f"`{old}` is a key of older versions and is ignored today: it is called `{new}`",
                        section.at(old),
                        f"write `{new}`",
                    )
            section.rest()

    def unread(self) -> list[str]:
        """Keys whose values could not be read, so that a default stands in."""
        return [name for section in self.sections for name in section.unread]


def speaking(environment: Environment, modules: Collection[str], instance: str) -> list[str]:
    """The modules with something to say to an instance: one of theirs, or they have an order or a mistake for all."""
    known: dict[str, frozenset[str]] | None = environment.memo.get("silent to others")
    if known is None:
        log = Log(traps={}, values="Spring")
        root = Section(environment.tree("resilience4j"), "", log, relaxed=True).section("resilience4j")
        known = environment.memo["silent to others"] = {}
        for module in modules:
            before, section = len(log.found), root.section(module)
            configs, *held = (section.section(name) for name in ("configs", *holders(module)))
            names = {uniform(name) for each in held for name in each.names()}
            names |= {"default"} if "default" in configs else set()
            if len(log.found) == before and (module not in ORDER_KEYS or ORDER_KEYS[module] not in section):
                known[module] = frozenset(names)
    return [module for module in modules if module not in known or uniform(instance) in known[module]]


def chain_of(section: Section, module: str, instance: str, log: Log) -> Chain:
    """Own settings, the named base, and ``configs.default`` where it is inherited."""
    configs = section.section("configs")
    holding = [held for name in holders(module) if instance in (held := section.section(name))]
    own = next((found for held in holding if (found := held.section(instance))), None)
    if not holding and not (instance == "default" and "default" in configs):
        return Chain([])
    default = configs.section("default") if "default" in configs else None
    sections = [own] if own else []
    base = own.word("baseConfig", fold=False) if own else None
    named: list[str] = []
    while base is not None:  # a base may have a base
        if base.value in named or (base.value == instance and module == "circuitbreaker"):
            log.refused("`baseConfig` leads back to itself: the application does not start", base.at)
            break
        if base.value not in configs:
            log.add(
                "RL192", "error", "`baseConfig` names a configuration that is not in `configs`", base.at,
                "the application does not start",
            )  # fmt: skip
            break
        named.append(base.value)
        sections.append(configs.section(base.value))
        before, base = base, sections[-1].word("baseConfig", fold=False)
    if module == "circuitbreaker" and not named and instance != "default" and instance in configs:
        return Chain([*sections, configs.section(instance)])  # that of its own name before the default one
    if default and "default" not in named:
        if module != "circuitbreaker" or not named:
            sections.append(default)
        else:
            log.trap(
                "RL109",
                "a named base of a circuitbreaker does not inherit `configs.default`: what stands there does not "
                "apply here, the library's defaults do",
                before.at,
                "repeat what you need in the named base",
            )
    return Chain(sections)


def holders(module: str) -> tuple[str, ...]:
    """Where the instances of a module stand; the second name is kept by the library for older files."""
    older = {"ratelimiter": ("limiters",), "timelimiter": ()}
    return ("instances", *older.get(module, ("backends",)))
