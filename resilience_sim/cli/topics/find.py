"""Finding a topic of ``resim explain`` and putting its text together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resilience_sim.settings.table import Param, Table
    from resilience_sim.settings.types import Type

POLICY, FAULT, METRIC, OUTCOME, CODE, KEY, TOPIC = (
    "policy", "fault", "metric", "outcome", "error code", "scenario key", "topic",
)  # fmt: skip


@dataclass(frozen=True)
class Topic:
    """One answer of ``explain``. ``settings``: name, default, meaning."""

    name: str
    kind: str
    summary: str
    text: str = ""
    settings: tuple[tuple[str, str, str], ...] = ()


def topic_names() -> Iterator[tuple[str, str]]:
    """Every topic worth completing, with what it is."""
    from resilience_sim.cli.topics import concepts, outcomes
    from resilience_sim.settings.codes import EXPLANATIONS
    from resilience_sim.settings.faults import FAULTS
    from resilience_sim.settings.metrics import METRICS
    from resilience_sim.settings.registry import POLICIES

    yield "exit-codes", "what a script can rely on"
    yield from ((name, POLICY) for name in POLICIES)
    yield from ((name, FAULT) for name in FAULTS)
    yield from ((metric.name, METRIC) for metric in METRICS)
    yield from ((name, OUTCOME) for name in outcomes.OUTCOMES)
    yield from ((name, summary) for name, (summary, _) in concepts.CONCEPTS.items())
    yield from ((code, CODE) for code in EXPLANATIONS)
    yield from ((code, CODE) for code in lint_pages())


def lint_pages() -> dict[str, Any]:
    """The pages of ``resim lint``, by code."""
    from resilience_sim.lint.pages import pages

    return pages()


def find(name: str) -> list[Topic]:
    """What is known by that name: mostly one topic, several where a word has several meanings."""
    word = name.strip()
    plain = word.lower().replace("-", "_")
    found = [_exit_codes()] if plain in ("exit_codes", "exit_code", "exits") else []
    found += _policies_and_faults(plain)
    found += _words(plain, word)
    if not found:
        found += _keys(word)
    return found


def near(name: str) -> str:
    """``did you mean …`` over all topics and keys."""
    from resilience_sim.scenario.describe.paths import settable_paths
    from resilience_sim.settings.suggest import did_you_mean

    return did_you_mean(name, [known for known, _ in topic_names()]) or did_you_mean(name, settable_paths())


def _exit_codes() -> Topic:
    from resilience_sim.cli.errors import MEANINGS

    rows = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())
    text = f"{rows}\n\nInterrupted outranks all; a failed expectation outranks an inconclusive one."
    return Topic("exit-codes", TOPIC, "what a script can rely on", text)


def _policies_and_faults(word: str) -> list[Topic]:
    from resilience_sim.settings.faults import COMMON, FAULTS
    from resilience_sim.settings.registry import POLICIES

    found = []
    short = {"breaker": "circuit_breaker", "limiter": "rate_limiter", "timeouts": "timeout", "retries": "retry"}
    word = short.get(word, word)
    if word in POLICIES:
        table = POLICIES[word].table
        text = f"{table.page}\n\n{_transitions()}" if word == "circuit_breaker" else table.page
        found.append(Topic(word, POLICY, table.about, text, _settings(table)))
    if word in FAULTS:
        table = FAULTS[word].table
        found.append(Topic(word, FAULT, table.about, f"{table.page}\n\n{COMMON}", _settings(table)))
    return found


def _transitions() -> str:
    """The breaker's whole state machine, from the table that also runs it."""
    from resilience_sim.kernel.events import STATE_NAMES
    from resilience_sim.policies.circuit_breaker import TRANSITIONS

    rows = [f"    {STATE_NAMES[old]:<9} to {STATE_NAMES[new]:<9} {why}" for (old, _), (new, why) in TRANSITIONS.items()]
    return "All changes of state there are:\n" + "\n".join(rows)


def _words(plain: str, word: str) -> list[Topic]:
    from resilience_sim.cli.topics import concepts, metrics, outcomes
    from resilience_sim.settings.codes import EXPLANATIONS
    from resilience_sim.settings.metrics import metric

    found = []
    known = metric(plain)
    if known is not None:
        better = {1: "higher is better", -1: "lower is better", 0: "neither better nor worse"}[known.better]
        text = metrics.METRICS.get("p99" if plain[:1] == "p" and plain[1:2].isdigit() else plain, "")
        unit = {"ratio": "a share, 99%", "seconds": "a duration, 800ms", "factor": "a factor, 1.5x"}
        of = {"per_second": "per second, 80/s", "count": "a count"}
        summary = f"{known.meaning} ({unit.get(known.unit) or of.get(known.unit, known.unit)}; {better})"
        found.append(Topic(known.name, METRIC, summary, text))
    if plain in outcomes.OUTCOMES:
        found.append(Topic(plain, OUTCOME, outcomes.OUTCOMES[plain]))
    concept = plain if plain in concepts.CONCEPTS else f"{plain}s"
    if concept in concepts.CONCEPTS:
        summary, text = concepts.CONCEPTS[concept]
        found.append(Topic(concept, TOPIC, summary, text))
    code = word.upper()
    if code in EXPLANATIONS:
        found.append(Topic(code, CODE, EXPLANATIONS[code]))
    written = lint_pages().get(code) if code.startswith("RL") else None
    if written is not None:
        found.append(Topic(code, CODE, f"{written.title} ({written.severity})", written.text))
    return found


def _keys(word: str) -> list[Topic]:
    """A path in the scenario file (``service.latency``), or the last part of some."""
    from resilience_sim.settings.registry import FILE

    found: list[Topic] = []
    for path, param in dict(_all_keys(FILE, "", 4)).items():
        if path == word or (("." not in word) and path.rpartition(".")[2] == word):
            table = _table(param)
            found.append(Topic(path, KEY, param.about, "", _settings(table) if table else ()))
    exact = [topic for topic in found if topic.name == word]
    return exact or found


def _all_keys(table: Table, prefix: str, depth: int) -> Iterator[tuple[str, Param]]:
    from resilience_sim.settings.table import OneOf

    for param in table.params:
        path = f"{prefix}{param.name}"
        yield path, param
        if not depth:
            continue
        item = _item(param.type)
        if isinstance(item, OneOf):
            inner = "" if param.name == "stack" else f"{path}."
            for kind, below in item.kinds.items():
                yield from _all_keys(below, f"{inner}{kind}.", depth - 2)
        else:
            nested = _table(param)
            if nested is not None:
                yield from _all_keys(nested, f"{path}.", depth - 1)


def _item(kind: Type) -> Type:
    from resilience_sim.settings.table import ListOf, MapOf, OneOrMany

    if isinstance(kind, OneOrMany):
        kind = kind.many
    return kind.item if isinstance(kind, ListOf | MapOf) else kind


def _table(param: Param) -> Table | None:
    from resilience_sim.settings.table import Nested

    item = _item(param.type)
    return item.table if isinstance(item, Nested) else None


def _settings(table: Table) -> tuple[tuple[str, str, str], ...]:
    """Name, default and meaning of every parameter of our own; those of libraries are in docs/libraries.md."""
    return tuple((param.name, "required" if param.required else param.default_text, param.about) for param in table.own)
