"""Finding a topic and putting its text together.

Owns the index over all texts, the settings tables made from the models, and "did you mean". Refuses to print.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

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
    from resilience_sim.cli.topics import concepts, faults, outcomes, policies
    from resilience_sim.measure.metrics import METRICS
    from resilience_sim.scenario.codes import EXPLANATIONS

    yield "exit-codes", "what a script can rely on"
    yield from ((name, POLICY) for name in policies.POLICIES)
    yield from ((name, FAULT) for name in faults.FAULTS)
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
    from resilience_sim.scenario.paths import settable_paths
    from resilience_sim.scenario.suggest import did_you_mean

    return did_you_mean(name, [known for known, _ in topic_names()]) or did_you_mean(name, settable_paths())


def _exit_codes() -> Topic:
    from resilience_sim.cli.errors import MEANINGS

    rows = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in MEANINGS.items())
    text = f"{rows}\n\nInterrupted outranks all; a failed expectation outranks an inconclusive one."
    return Topic("exit-codes", TOPIC, "what a script can rely on", text)


def _policies_and_faults(word: str) -> list[Topic]:
    from resilience_sim.cli.topics.faults import COMMON, FAULTS
    from resilience_sim.cli.topics.policies import POLICIES

    found = []
    short = {"breaker": "circuit_breaker", "limiter": "rate_limiter", "timeouts": "timeout", "retries": "retry"}
    word = short.get(word, word)
    if word in POLICIES:
        from resilience_sim.scenario.models_stack import PolicyItem

        field = PolicyItem.model_fields[word]
        text = POLICIES[word]
        if word == "circuit_breaker":
            text += f"\n\n{_transitions()}"
        found.append(Topic(word, POLICY, _sentence(field), text, _settings(field)))
    if word in FAULTS:
        from resilience_sim.scenario.models_faults import FaultItem

        field = FaultItem.model_fields[word]
        found.append(Topic(word, FAULT, _sentence(field), f"{FAULTS[word]}\n\n{COMMON}", _settings(field)))
    return found


def _transitions() -> str:
    """The breaker's whole state machine, from the table that also runs it."""
    from resilience_sim.kernel.events import STATE_NAMES
    from resilience_sim.policies.circuit_breaker import TRANSITIONS

    rows = [f"    {STATE_NAMES[old]:<9} to {STATE_NAMES[new]:<9} {why}" for (old, _), (new, why) in TRANSITIONS.items()]
    return "All changes of state there are:\n" + "\n".join(rows)


def _words(plain: str, word: str) -> list[Topic]:
    from resilience_sim.cli.topics import concepts, metrics, outcomes
    from resilience_sim.measure.metrics import metric
    from resilience_sim.scenario.codes import EXPLANATIONS

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
    from resilience_sim.scenario.models_file import FileModel

    found: list[Topic] = []
    for path, field in dict(_all_keys(FileModel, "", 4)).items():
        if path == word or (("." not in word) and path.rpartition(".")[2] == word):
            found.append(Topic(path, KEY, _sentence(field), "", _settings(field)))
    exact = [topic for topic in found if topic.name == word]
    return exact or found


def _all_keys(model: Any, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    from resilience_sim.scenario.fields import is_model, unwrap
    from resilience_sim.scenario.models_items import OneKey

    for name, field in model.model_fields.items():
        key = field.alias or name
        path = f"{prefix}{key}"
        below = _item(unwrap(field.annotation))
        one_key = is_model(below) and issubclass(below, OneKey)
        if not (is_model(model) and issubclass(model, OneKey)):
            yield path, field
        if depth and is_model(below):
            inner = "" if one_key and key == "stack" else f"{path}."
            yield from _all_keys(below, inner, depth - 1)


def _item(annotation: Any) -> Any:
    from typing import get_args, get_origin

    from resilience_sim.scenario.fields import unwrap

    return unwrap(get_args(annotation)[-1]) if get_origin(annotation) in (list, dict) else annotation


def _settings(field: Any) -> tuple[tuple[str, str, str], ...]:
    """Name, default and meaning of every key below."""
    from resilience_sim.scenario.fields import is_model, unwrap
    from resilience_sim.scenario.like_leaves import NATIVE

    model = _item(unwrap(field.annotation))
    if not is_model(model):
        return ()
    rows = []
    for name, below in model.model_fields.items():
        if (below.description or "").startswith(NATIVE):
            continue  # some sixty names of libraries: docs/libraries.md
        due = below.is_required() or name == getattr(model, "due", "")
        default = "required" if due else _default(below.default)
        rows.append((below.alias or name, default, below.description or ""))
    return tuple(rows)


def _default(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(str(each) for each in value)}]"
    return str(value)


def _sentence(field: Any) -> str:
    return str(field.description or "")
