"""Reading known keys out of a mapping, and accounting for every other.

Each key is read, named as not modelled with a reason, or reported as unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from resilience_sim.interop.findings import NOT_MODELLED, At, Log, safe_name
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Sequence, Span
from resilience_sim.settings.suggest import did_you_mean

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
_HARMLESS = re.compile(
    r"[0-9][0-9.:]{0,24}(?:ns|us|µs|ms|s|m|h|d|%)?\Z|(?:[0-9]{1,9}(?:ns|us|ms|s|m|h|d)){1,4}\Z|PT[0-9HMS.]{1,20}\Z"
)
_OCTAL = re.compile(r"[-+]?0[0-7_]*[1-7][0-7_]*\Z")
_SIXTY = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z")
_SPRING_HEX = re.compile(r"-?(?:0[xX]|#)[0-9a-fA-F]{1,8}\Z")
# Spring's converters and SmallRye's make nothing of an empty text, Dapr's JSON leaves it out (``omitempty``)
_EMPTY_IS_UNSET = ("Spring", "SmallRye", "Dapr")
# integers have 32 bits there, without a sign in protobuf, and in some of the resources of Kubernetes
_BEYOND = {".NET": 2**31, "Dapr": 2**31, "Spring": 2**31, "protobuf": 2**32, "Kubernetes": 2**32}
_TYPED = ("Kubernetes", "Dapr")
_BLANKS = " \t\n\r\f\v"
_FLAGS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(slots=True, unsafe_hash=True)  # not frozen: see scenario/text/tree.py
class Value(Generic[T_co]):
    """A value that was read: what it means, where it stands, and how to show it (``maxAttempts: 4``)."""

    value: T_co
    at: At

    @property
    def shown(self) -> str:
        """Key and value, harmless."""
        return self.at.text


LARGE = 50


@lru_cache(maxsize=65536)
def _as_compared(name: str, kind: str) -> str:
    if kind == "relaxed":
        name = name.replace("-", "").replace("_", "")
    return name.lower() if kind else name


@lru_cache(maxsize=1024)
def _all_as_compared(names: tuple[str, ...], kind: str) -> dict[str, str]:
    """The same as they are written, by what they are compared as."""
    return {_as_compared(name, kind): name for name in names}


def _written(node: Mapping, kind: str) -> dict[str, str]:
    """The keys as they are written, by what they are compared as; kept where there are many."""
    known = node.views.get(kind) if node.views else None
    if known is None:
        known = _all_as_compared(tuple(node.entries), kind)
        if len(known) > LARGE:
            node.views = {**(node.views or {}), kind: known}
    return known


class Section:
    """A mapping whose keys are ticked off as they are read. ``relaxed``: Spring's binding of ``max-attempts``."""

    __slots__ = (
        "_asked", "_entries", "_kind", "_name", "_read", "_written", "fold", "log", "node", "path", "relaxed", "span",
        "unread",
    )  # fmt: skip

    def __init__(
        self,
        node: Node | None,
        path: str,
        log: Log,
        relaxed: bool = False,
        span: Span | None = None,
        fold: bool = False,
        name: str = "",
    ) -> None:
        """``name``: its key, where the last part of the path is only some of that."""
        self.node = node if isinstance(node, Mapping) else None
        self.path = path
        self._name = name
        self.log = log
        self.relaxed = relaxed
        self.fold = fold or relaxed
        self.span = span or (node.span if node is not None else None)
        self._kind = "relaxed" if relaxed else "fold" if fold else ""
        self._entries: dict[str, Entry] = {} if self.node is None else self.node.entries
        self._written = _written(self.node, self._kind) if self._kind and self.node is not None else None
        self._read: set[str] = set()
        self._asked: dict[str | tuple[str, ...], None] = {}  # names that somebody looked for, by ones and by many
        self.unread: list[str] = []  # keys that were looked for, stand there, and could not be read

    def anew(self, log: Log) -> Section:
        """The same with no key read yet, for another log."""
        return Section(self.node, self.path, log, self.relaxed, self.span, self.fold, self._name)

    def _plain(self, name: str) -> str:
        return _as_compared(name, self._kind)

    def __bool__(self) -> bool:
        return self.node is not None

    def __contains__(self, name: str) -> bool:
        self._asked[name] = None
        return self.entry(name) is not None

    def entry(self, name: str) -> tuple[str, Entry] | None:
        """A key as it is written, with its value; not ticked off."""
        written = name if self._written is None else self._written.get(_as_compared(name, self._kind))
        entry = None if written is None else self._entries.get(written)
        return None if written is None or entry is None else (written, entry)

    def _asked_for(self, name: str) -> tuple[str, Entry] | None:
        """The same, ticked off."""
        self._asked[name] = None
        found = self.entry(name)
        if found is not None:
            self._read.add(found[0])
        return found

    def names(self) -> list[str]:
        """The keys as written."""
        return list(self._entries if self._written is None else self._written.values())

    def _among(self, names: tuple[str, ...]) -> list[tuple[str, str]]:
        """Those of some known keys that are there: as they are known, and as they are written."""
        known = _all_as_compared(names, self._kind)
        if self._written is None:
            return [(name, name) for name in self._entries if name in known]
        return [(known[plain], name) for plain, name in self._written.items() if plain in known]

    def at(self, name: str = "", value: str = "") -> At:
        """Where a key stands (or the section as a whole), as it may be shown."""
        found = self.entry(name) if name else None
        if found is None:
            span = self._head()
            return At(span, self.path, safe_name(self._name or self.path.rpartition(".")[2]) + ":")
        return self._at(*found, value)

    def _at(self, written: str, entry: Entry, value: str = "") -> At:
        shown = safe_name(written)
        path = f"{self.path}.{shown}" if self.path else shown
        return At(entry.key, path.lstrip("."), f"{shown}: {value}" if value else f"{shown}:")

    def _head(self) -> Span:
        assert self.span is not None
        if self.node is not None and self.node.entries and self.span is self.node.span:
            first, last = next(iter(self.node.entries.values())).key, self.span.end_line
            own = self.span.line <= first.line <= last  # and not merged from elsewhere
            return first if own and self.span.line != last else self.span
        return self.span

    def node_at(self, name: str) -> Node | None:
        """The value of a key, ticked off."""
        found = self._asked_for(name)
        return None if found is None else found[1].value

    def section(self, name: str) -> Section:
        """A mapping below; empty when there is none."""
        found = self._asked_for(name)
        if found is None:
            path = f"{self.path}.{name}" if self.path else name
            return Section(None, path, self.log, self.relaxed, self.span, self.fold)
        written, entry = found
        node = entry.value
        path = f"{self.path}.{safe_name(written)}".lstrip(".")
        if not isinstance(node, Mapping) and not _is_empty(node):
            self.log.bad("a mapping", self.at(name))
        return Section(node, path, self.log, self.relaxed, entry.key, self.fold, written)

    def sections(self, name: str) -> list[Section]:
        """The mappings of a list below; whatever else stands there cannot be read. Of one where a list belongs the
        settings are read all the same, after it is said that it is none.
        """
        node = self.node_at(name)
        path = f"{self.path}.{name}".lstrip(".")
        if node is not None and not isinstance(node, Sequence) and not _is_empty(node):
            self.log.bad("a list", self.at(name))
        items = node.items if isinstance(node, Sequence) else (node,) if isinstance(node, Mapping) else ()
        for number, item in enumerate(items):
            if not isinstance(item, Mapping):
                self.log.bad("a mapping", At(item.span, f"{path}.{number}", f"{safe_name(name)}:"))
        return [
            Section(item, f"{path}.{number}", self.log, self.relaxed, fold=self.fold)
            for number, item in enumerate(items)
        ]

    def _scalar(self, name: str) -> tuple[object, tuple[str, Entry]] | None:
        """A single value, ticked off, and the key as it is written."""
        found = self._asked_for(name)
        if found is None:
            return None
        node = found[1].value
        if not isinstance(node, Scalar):
            self.log.bad("a single value", self._at(*found, ""))
            self._not_read(name, found)
            return None
        value = node.value
        if value is None or (value == "" and self.log.values in _EMPTY_IS_UNSET):
            return None
        if isinstance(value, str) and self._elsewhere(name, (value,), found):
            return None
        if value.__class__ in (int, float) and node.span.end_col - node.span.col != len(shown := harmless(value)):
            self._not_as_written(name, node.span, shown, found)
        return value, found

    def elsewhere(self, name: str) -> bool:
        """Whether a value, or one in a list, is filled in later; that is said."""
        found = self.entry(name)
        node = None if found is None else found[1].value
        values = [
            each.value for each in (node.items if isinstance(node, Sequence) else [node]) if isinstance(each, Scalar)
        ]
        return found is not None and self._elsewhere(name, values, found)

    def _elsewhere(self, name: str, values: Iterable[object], found: tuple[str, Entry]) -> bool:
        why = next(filter(None, map(filled_in_elsewhere, values)), "")
        if why:
            self.log.add(
                "RL192", "warning", f"the value of `{safe_name(name)}` {why}; it was read as if it were not set",
                self._at(*found), "write the value, or read the file after it was filled in",
            )  # fmt: skip
            self._not_read(name, found)
        return bool(why)

    def _not_read(self, name: str, found: tuple[str, Entry]) -> None:
        self.unread.append(name)
        self.log.unread.append(self._at(*found).path)

    def _not_as_written(self, name: str, span: Span, value: str, found: tuple[str, Entry]) -> None:
        """A number of YAML 1.1 that people read as another one: ``0200`` and ``1:30``."""
        text = span.source.line(span.line)[span.col - 1 : span.end_col - 1]
        octal = _OCTAL.match(text)
        if octal and text.replace("_", "").lstrip("+-0") == value.lstrip("-"):
            return  # read as decimal all the same
        if octal or _SIXTY.match(text):
            why = "begins with 0, which is octal" if octal else "has a colon, which is base 60"
            message = f"`{safe_name(name)}` is {value} for this program: the number in the file {why}"
            help = "write the number that you mean, in decimal"
            self.log.add("RL196", "warning", message, self._at(*found, value), help)

    def read(self, name: str, reader: Callable[[object], T], what: str, help: str = "") -> Value[T] | None:
        """A value through a reader; a finding when the reader refuses it."""
        found = self._scalar(name)
        if found is None:
            return None
        value, (written, entry) = found
        try:
            return Value(reader(value), self._at(written, entry, harmless(value)))
        except (ValueError, ZeroDivisionError, OverflowError):
            self.log.bad(what, self.at(name), help)
            self._not_read(name, (written, entry))
            return None

    def duration(self, name: str, reader: Callable[[object], int], help: str = "") -> Value[int] | None:
        """A duration in the notation of the format."""
        found = self.read(name, reader, "a duration", help)
        if found is None or self.log.values != "Kubernetes":
            return found
        entry = self.entry(name)
        value = entry[1].value if entry is not None else None
        if isinstance(value, Scalar) and not isinstance(value.value, str):
            self.log.refused(
                f"the value of `{safe_name(name)}` is a number: the schema wants a text, and the resource is refused",
                found.at, "write it with a unit, or in quotes",
            )  # fmt: skip
        return found

    def count(self, name: str, least: int = 0) -> Value[int] | None:
        """An integer."""
        what, most = f"an integer of at least {least}", _BEYOND.get(self.log.values, 0)
        entry = self.entry(name)
        value = entry[1].value.value if entry and isinstance(entry[1].value, Scalar) else None
        if most and isinstance(value, int | float) and value >= most:
            what = f"an integer: it is more than {most - 1}"
        found = self.read(name, lambda value: self._whole(name, value, least), what)
        self._typed(name, found, "an integer")
        return found

    def number(self, name: str) -> Value[float] | None:
        """A number."""
        found = self.read(name, _number, "a number")
        self._typed(name, found, "a number")
        return found

    def flag(self, name: str) -> Value[bool] | None:
        """True or false, also in the words of YAML 1.1."""
        values = self.log.values
        reader = self._flag_of_spring(name) if values == "Spring" else _strict_flag if values == ".NET" else _flag
        found = self.read(name, reader, "true or false")
        self._typed(name, found, "true or false")
        return found

    def _flag_of_spring(self, name: str) -> Callable[[object], bool]:
        """Its StringToBooleanConverter knows the texts `1` and `0`, too, as properties have them; no number of YAML."""
        entry = self.entry(name)
        texts: tuple[type, ...] = (str,)
        if entry is not None and not entry[1].key.source.name.lower().endswith((".yml", ".yaml")):
            texts = (str, int)
        return lambda value: str(value) == "1" if type(value) in texts and str(value) in ("0", "1") else _flag(value)

    def _whole(self, name: str, value: object, least: int) -> int:
        """An integer by the rules of the program: Spring cuts decimals of YAML, and reads texts in hexadecimal;
        protobuf takes 50.0 for 50.
        """
        if self.log.values != "Spring":
            if self.log.values == "protobuf" and isinstance(value, float) and value.is_integer():
                value = int(value)
            return _count(value, least, _BEYOND.get(self.log.values))
        if isinstance(value, float) and least <= value < _BEYOND["Spring"]:
            number, text = int(value), harmless(value)
            self.log.add(
                "RL196", "warning", f"`{safe_name(name)}` is {number} for Spring: it cuts what follows the point",
                self.at(name, text), "write a whole number",
            )  # fmt: skip
            value = number
        elif isinstance(value, str) and _SPRING_HEX.match(value.strip()):
            value = int(re.sub("0[xX]|#", "", value.strip()), 16)
        return _count(value, least, _BEYOND["Spring"])

    def _typed(self, name: str, found: Value[Any] | None, what: str) -> None:
        """A number or flag in quotes is a text to the schemas of Kubernetes, which want none there."""
        if found is None or self.log.values not in _TYPED:
            return
        entry = self.entry(name)
        if entry is not None and isinstance(entry[1].value, Scalar) and isinstance(entry[1].value.value, str):
            self.log.refused(
                f"the value of `{safe_name(name)}` is a text, for it stands in quotes: the schema wants {what}, and "
                "the resource is refused",
                found.at, "write it without quotes",
            )  # fmt: skip

    def word(self, name: str, known: Collection[str] = (), fold: bool = True) -> Value[str] | None:
        """One of the known words (any harmless word if none are given), in lower case when ``fold``."""
        found = self._scalar(name)
        if found is None:
            return None
        value, (written, entry) = found
        text = str(value).strip()
        text = text.lower() if fold else text
        if self.relaxed:  # Spring and protobuf's JSON read `count-based` for COUNT_BASED
            text = next((each for each in known if self._plain(each) == self._plain(text)), text)
        if text not in known if known else safe_name(text) != text:
            self.log.bad("one of " + ", ".join(known) if known else "a name", self.at(name))
            self._not_read(name, (written, entry))
            return None
        return Value(text, self._at(written, entry, text))

    def texts(self, name: str) -> list[str]:
        """A list of words, or words separated by commas; what is not a word is left out silently."""
        node = self.node_at(name)
        if self.elsewhere(name):
            return []
        if isinstance(node, Sequence):
            return [str(item.value) for item in node.items if isinstance(item, Scalar)]
        if isinstance(node, Mapping):  # a properties file numbers its lists
            return [str(e.value.value) for e in node.entries.values() if isinstance(e.value, Scalar)]
        if isinstance(node, Scalar) and node.value is not None:
            return [each.strip() for each in str(node.value).split(",") if each.strip()]
        return []

    def skip(self, **reasons: str) -> None:
        """Known keys that are not modelled, with the reason."""
        names = tuple(reasons)
        self._asked[names] = None
        for name, written in self._among(names):
            self._read.add(written)
            self.log.skipped(self.at(written), reasons[name])

    def skip_together(self, why: str, *names: str) -> None:
        """Known keys that are not modelled for the same reason: one finding, at the first of them."""
        found = [written for _, written in self._among(names)]
        if not found:
            return
        self._read.update(found)
        if len(found) == 1:
            self.log.skipped(self.at(found[0]), why)
            return
        found.sort(key=lambda each: (self._entries[each].key.line, self._entries[each].key.col))
        listed = ", ".join(f"`{safe_name(name)}`" for name in found)
        self.log.add(NOT_MODELLED, "info", f"{listed} are not modelled: {why}", self.at(found[0]))

    def ignore(self, *names: str) -> None:
        """Known keys that decide nothing here."""
        self._read.update([written for _, written in self._among(names)])

    @property
    def done(self) -> bool:
        """Whether every key was read or skipped."""
        return self._read.issuperset(self.names())

    def rest(self, strict: str = "", older: dict[str, str] | None = None) -> None:
        """Report every key that was neither read nor skipped. ``strict``: who refuses to start with such a key.

        ``older``: keys of older versions, in lower case, and what is there today.
        """
        for name in [name for name in self.names() if name not in self._read]:
            if strict:
                today = (older or {}).get(name.lower(), "")
                help = f"that is {today} today" if today else _meant(name, tuple(self._asked))
                self.log.refused(f"`{safe_name(name)}` is no key of this section: {strict}", self.at(name), help)
            else:
                self.log.unknown(self.at(name), _meant(name, tuple(self._asked)))


@lru_cache(maxsize=4096)
def _meant(name: str, asked: tuple[str | tuple[str, ...], ...]) -> str:
    return did_you_mean(name, [each for one in asked for each in ((one,) if isinstance(one, str) else one)])


def filled_in_elsewhere(value: object) -> str:
    """Why a text is no value yet: placeholders and templates; "" for anything else."""
    if not isinstance(value, str):
        return ""
    if "${" in value:
        return "comes from the environment, which is not known here"
    if "{{" in value or "<%" in value:
        return "is filled in by a template"
    built = value[:1] == "@" and re.fullmatch(r"@[A-Za-z][\w.\-]*@", value)
    return "is filled in when the project is built" if built else ""


def harmless(value: object) -> str:
    """A value as it may be shown: numbers, durations, flags; nothing else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return _harmless(str(value))


@lru_cache(maxsize=4096)
def _harmless(value: str) -> str:
    text = value.strip()
    return text if _HARMLESS.match(text) or text.lower() in _FLAGS else "…"


def _is_empty(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def _count(value: object, least: int, beyond: int | None = None) -> int:
    if isinstance(value, bool):
        raise ValueError
    number = int(value) if isinstance(value, int) else int(_digits(value))
    if not least <= number < (beyond or 2**63 + 1):
        raise ValueError
    return number


def _digits(value: object) -> str:
    """The text of a number; Python alone takes `1_000`, and no-break spaces around it."""
    text = str(value).strip(_BLANKS)
    if "_" in text or text != text.strip():
        raise ValueError
    return text


def _number(value: object) -> float:
    if isinstance(value, bool):
        raise ValueError
    number = float(_digits(value))
    if not abs(number) < 1e15:
        raise ValueError
    return number


def _flag(value: object) -> bool:
    text = str(value).strip(_BLANKS).lower()
    if text not in _FLAGS:
        raise ValueError
    return _FLAGS[text]


def _strict_flag(value: object) -> bool:
    """``bool.Parse``, in any case."""
    text = str(value).strip().lower()
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"
