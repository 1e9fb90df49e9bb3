"""Shell completion: one function for everything that has names. Nothing heavy is imported until the shell asks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

Pairs: TypeAlias = Iterator[tuple[str, str]]  # names with their meanings
Completion: TypeAlias = Callable[[str], list[tuple[str, str] | str]]


def completion(find: Callable[[str], Pairs]) -> Completion:
    """The names that begin with what was typed. Never raises: an error means no completion."""

    def complete(incomplete: str) -> list[tuple[str, str] | str]:
        found: list[tuple[str, str] | str] = []
        with suppress(Exception):
            found.extend(pair for pair in find(incomplete) if pair[0].startswith(incomplete))
        return found

    return complete


def words(*names: str) -> Completion:
    """A fixed list of names."""

    def complete(incomplete: str) -> list[tuple[str, str] | str]:
        return [name for name in names if name.startswith(incomplete)]

    return complete


def _files(incomplete: str, *endings: str) -> Pairs:
    """Files with one of these endings, and folders that may hold some."""
    folder, _, start = incomplete.rpartition("/")
    place = Path(f"{folder}/" if "/" in incomplete else ".").expanduser()
    for path in sorted(place.iterdir()):
        if path.name.startswith(".") and not start.startswith("."):
            continue
        name = f"{folder}/{path.name}" if "/" in incomplete else path.name
        if path.is_dir():
            yield f"{name}/", "folder"
        elif path.suffix in endings:
            yield name, "file"


def _typed_words() -> list[str]:
    """The words typed after the command. Typer does not tell: it gives up parsing at an unfinished option."""
    return _typed_line()[2:]


def _typed_line() -> list[str]:
    return (os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or "").split()


def _typed_scenario() -> str:
    """The scenario among the words typed so far, else the default one."""
    from resilience_sim.scenario.text import shipped, source

    for word in _typed_words():
        if not word.startswith("-") and (shipped.find(word) or (source.is_file(word) and not word.endswith(".resim"))):
            return word
    return "retry-storm" if _typed_line()[1:2] == ["run"] else "first-look"


def _scenarios(incomplete: str) -> Pairs:
    from resilience_sim.scenario.text import shipped

    if "/" not in incomplete:
        for name in shipped.names():
            yield name, shipped.about(name)
    yield from _files(incomplete, ".yaml", ".yml")


@completion
def scenarios(incomplete: str) -> Pairs:
    """Shipped scenarios and YAML files."""
    return _scenarios(incomplete)


@completion
def scenarios_and_recordings(incomplete: str) -> Pairs:
    """What the cockpit opens."""
    yield from _scenarios(incomplete)
    yield from _files(incomplete, ".resim")


@completion
def scenario_files(incomplete: str) -> Pairs:
    """YAML files."""
    return _files(incomplete, ".yaml", ".yml")


@completion
def config_files(incomplete: str) -> Pairs:
    """Scenarios, and configuration files of known libraries."""
    return _files(incomplete, ".yaml", ".yml", ".json", ".properties", ".ini", ".py")


@completion
def folders(incomplete: str) -> Pairs:
    """Folders."""
    yield from _files(incomplete)


@completion
def recordings(incomplete: str) -> Pairs:
    return _files(incomplete, ".resim")


@completion
def settings(incomplete: str) -> Pairs:
    """Paths for ``--set``: those of the scenario typed before, or all if it cannot be loaded."""
    return _settings()


def _settings() -> Pairs:
    from resilience_sim.scenario.describe.paths import settable_paths
    from resilience_sim.scenario.diagnostics import ScenarioError
    from resilience_sim.scenario.load import load

    plan = None
    with suppress(ScenarioError):
        plan = load(_typed_scenario()).plan
    for path in settable_paths(plan):
        yield f"{path}=", ""


@completion
def metrics(incomplete: str) -> Pairs:
    """What may be expected of a run."""
    from resilience_sim.settings.metrics import METRICS

    yield from ((each.name, each.meaning) for each in METRICS)


@completion
def variants(incomplete: str) -> Pairs:
    """Variants of the scenario typed before."""
    from resilience_sim.scenario.load import load

    yield "as-written", "the scenario without changes"
    for variant in load(_typed_scenario()).variants:
        yield variant.name, ""


@completion
def beside(incomplete: str) -> Pairs:
    """What ``--beside`` takes: variants and settings of the scenario typed before."""
    from resilience_sim.scenario.load import load

    for variant in load(_typed_scenario()).variants:
        yield variant.name, ""
    yield from _settings()


@completion
def outputs(incomplete: str) -> Pairs:
    """``FORMAT=`` for every format of ``--out``."""
    from resilience_sim.views.export.targets import FORMATS

    for known in FORMATS:
        yield f"{known.name}=", known.meaning


@completion
def formats(incomplete: str) -> Pairs:
    """Formats of ``export``: of recordings, and of configuration files."""
    from resilience_sim.interop.registry import WRITTEN as LIBRARIES
    from resilience_sim.views.export.targets import FORMATS

    for known in FORMATS:
        yield known.name, known.meaning
    for library in LIBRARIES:
        yield library, "the stack as its configuration"


@completion
def films(incomplete: str) -> Pairs:
    """Formats of ``--record``."""
    from resilience_sim.views.export.targets import OF_FILM

    for each in OF_FILM:
        yield f"{each.name}=", each.meaning


@completion
def topics(incomplete: str) -> Pairs:
    """Topics of ``explain``."""
    from resilience_sim.cli.topics.find import topic_names

    return topic_names()


@completion
def templates(incomplete: str) -> Pairs:
    """Templates of ``init``, and shipped scenarios."""
    from resilience_sim.scenario.describe.templates import TEMPLATES, about
    from resilience_sim.scenario.text import shipped

    for name in TEMPLATES:
        yield name, about(name)
    for name in shipped.names():
        yield name, shipped.about(name)


@completion
def tours(incomplete: str) -> Pairs:
    """Tours of the cockpit, and ``list``."""
    from resilience_sim.play.tour import tours as all_tours

    yield "list", "show all tours"
    for tour in all_tours():
        yield tour.name, tour.title


@completion
def profiles(incomplete: str) -> Pairs:
    """Profiles of Spring's in the configuration file typed before."""
    from resilience_sim.interop.documents import read_documents
    from resilience_sim.interop.spring import profile_names
    from resilience_sim.scenario.text import source

    text = source.read(next(word for word in _typed_words() if source.is_file(word)))
    for name in profile_names(read_documents(text.path, text.text)):
        yield name, ""


@completion
def routes(incomplete: str) -> Pairs:
    """Routes of a mesh in the configuration file typed before."""
    from resilience_sim.interop import formats
    from resilience_sim.scenario.text import source

    text = source.read(next(word for word in _typed_words() if source.is_file(word)))
    opened = formats.open_config(text.path, text.text)
    if opened is not None:
        yield from formats.route_names(*opened)


@completion
def instances(incomplete: str) -> Pairs:
    """Instances in the configuration file typed before."""
    from resilience_sim.interop import formats
    from resilience_sim.scenario.text import source

    file = next(word for word in _typed_words() if source.is_file(word))
    text = source.read(file)
    opened = formats.open_config(text.path, text.text)
    if opened is not None:
        for name in formats.instance_names(*opened):
            yield name, ""
