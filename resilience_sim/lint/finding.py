"""What a rule is, what it says, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from resilience_sim.lint.subject import Subject
from resilience_sim.scenario.text.tree import Loc
from resilience_sim.settings.policy import PolicyConfig

if TYPE_CHECKING:
    from resilience_sim.interop.source.repeated import Copy, Place, Sample

ERROR, WARNING, INFO = "error", "warning", "info"
Check: TypeAlias = "Callable[[Subject], Iterator[Hit]]"


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule says about one place.

    ``at``: path in the scenario (``("stack", 1, "retry", "attempts")``). ``numbers``: what was computed, base units
    (seconds, shares, counts); a simulation shows them. ``needs``: parts of the scenario that the finding rests on
    (``traffic``, ``service``); ``assumes``: anything else that is not certain. ``severity``: "" for the rule's own.
    """

    at: Loc
    message: str
    remedy: str
    numbers: dict[str, float] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    assumes: tuple[str, ...] = ()
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """``severity`` is the usual one, ``worst`` the gravest that a hit can have. ``page``: what ``resim explain`` says.

    ``of_graph``: it looks at several services together, the others at one stack and what is inside. ``about``: kinds of
    policies without which it has nothing to say.
    """

    code: str
    title: str
    severity: str
    page: str
    check: Check
    worst: str
    of_graph: bool = False
    about: frozenset[str] = frozenset()


def rule(
    code: str,
    title: str,
    severity: str,
    of_graph: bool = False,
    worst: str = "",
    about: Sequence[type[PolicyConfig]] = (),
) -> Callable[[Check], Rule]:
    """Make a check a rule; its docstring is the page."""
    kinds = frozenset(each.kind for each in about)

    def made(check: Check) -> Rule:
        paragraphs = (check.__doc__ or title).strip().split("\n\n")
        page = "\n\n".join(" ".join(each.split()) for each in paragraphs)
        return Rule(code, title, severity, page, check, worst or severity, of_graph, kinds)

    return made


@dataclass(slots=True, unsafe_hash=True)  # not frozen: see scenario/text/tree.py
class Finding:
    """A finding with its place in the file that people wrote; a few fields tell nearly all apart, and are hashed."""

    code: str
    severity: str = field(hash=False)
    title: str = field(hash=False)
    message: str
    remedy: str = field(hash=False)
    file: str
    line: int = 0
    col: int = 0
    end_col: int = field(default=0, hash=False)
    path: str = field(default="", hash=False)
    source: str = field(default="", hash=False)
    assumes: tuple[str, ...] = field(default=(), hash=False)
    numbers: dict[str, float] = field(default_factory=dict, hash=False)
    instance: str = ""

    @property
    def headline(self) -> str:
        """The message, and whose it is."""
        return f"[{self.instance}] {self.message}" if self.instance else self.message

    @property
    def text(self) -> str:
        """The headline, with what it rests on."""
        return f"{self.headline} (assuming: {'; '.join(self.assumes)})" if self.assumes else self.headline


@dataclass(frozen=True, slots=True)
class InACopy:
    """What is found in a sample, to be said of its copies (interop/source/repeated.py)."""

    found: Finding
    line: int | None  # from the first one of the sample; None for a place outside of it
    message: Callable[[Place], str]
    remedy: Callable[[Place], str]
    path: Callable[[Place], str]
    source: Callable[[Place], str]
    assumes: tuple[Callable[[Place], str], ...]

    @classmethod
    def of(cls, found: Finding, sample: Sample) -> InACopy:
        """Take one apart."""
        line = found.line - sample.line if sample.owns(found.line) else None
        text = sample.text
        assumes = tuple(map(text, found.assumes))
        return cls(found, line, text(found.message), text(found.remedy), text(found.path), text(found.source), assumes)

    def made(self, copy: Copy, instance: str) -> Finding:
        """The same in a copy, which is known by this name."""
        found, place = self.found, copy.place
        return Finding(
            found.code, found.severity, found.title, self.message(place), self.remedy(place), found.file,
            found.line if self.line is None else place.line + self.line, found.col, found.end_col,
            self.path(place), self.source(place), tuple([each(place) for each in self.assumes]), found.numbers,
            instance if found.instance else "",
        )  # fmt: skip
