"""What the shell may complete, found only when it asks.

Owns the callbacks. Never raises: a completion that fails is no completion. Imports nothing heavy until called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

Found = list[tuple[str, str] | str]


def _quietly(find: Callable[[str], Iterator[tuple[str, str]]], incomplete: str) -> Found:
    found: Found = []
    with suppress(Exception):
        found.extend(pair for pair in find(incomplete) if pair[0].startswith(incomplete))
    return found


def _files(incomplete: str, *endings: str) -> Iterator[tuple[str, str]]:
    """Files with such an ending, and folders on the way to some."""
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


def scenarios(incomplete: str) -> Found:
    """Shipped scenarios with what they are about, and YAML files."""

    def find(word: str) -> Iterator[tuple[str, str]]:
        from resilience_sim.scenario import shipped

        if "/" not in word:
            for name in shipped.names():
                yield name, shipped.about(name)
        yield from _files(word, ".yaml", ".yml")

    return _quietly(find, incomplete)


def scenario_files(incomplete: str) -> Found:
    """YAML files."""
    return _quietly(lambda word: _files(word, ".yaml", ".yml"), incomplete)


def recordings(incomplete: str) -> Found:
    """Recordings."""
    return _quietly(lambda word: _files(word, ".resim"), incomplete)


def _scenario_asked_for() -> str:
    """The scenario among the words typed so far. Typer does not say: it gives up parsing at an unfinished option."""
    from resilience_sim.scenario import shipped

    typed = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or ""
    for word in typed.split()[2:]:
        if not word.startswith("-") and (shipped.find(word) or (Path(word).is_file() and not word.endswith(".resim"))):
            return word
    return "first-look"


def settings(incomplete: str) -> Found:
    """Paths for ``--set``: of the scenario named before, else all there are."""

    def find(word: str) -> Iterator[tuple[str, str]]:
        from resilience_sim.cli.settings import setting_paths

        for path, meaning in setting_paths(_scenario_asked_for()):
            yield f"{path}=", meaning

    return _quietly(find, incomplete)


def variants(incomplete: str) -> Found:
    """Variants of the scenario named before."""

    def find(word: str) -> Iterator[tuple[str, str]]:
        from resilience_sim.scenario.load import load

        yield "as-written", "the scenario as it stands"
        for variant in load(_scenario_asked_for()).variants:
            yield variant.name, ""

    return _quietly(find, incomplete)


def outputs(incomplete: str) -> Found:
    """``FORMAT=`` of every format."""

    def find(word: str) -> Iterator[tuple[str, str]]:
        from resilience_sim.views.export.formats import FORMATS

        for known in FORMATS:
            yield f"{known.name}=", known.meaning

    return _quietly(find, incomplete)


def formats(incomplete: str) -> Found:
    """Formats of ``export``."""

    def find(word: str) -> Iterator[tuple[str, str]]:
        from resilience_sim.views.export.formats import FORMATS

        for known in FORMATS:
            yield known.name, known.meaning

    return _quietly(find, incomplete)


def topics(incomplete: str) -> Found:
    """Topics of ``explain``."""

    def find(word: str) -> Iterator[tuple[str, str]]:
        from resilience_sim.cli.topics.find import topic_names

        yield from topic_names()

    return _quietly(find, incomplete)


def templates(incomplete: str) -> Found:
    """Templates of ``init``."""

    def find(word: str) -> Iterator[tuple[str, str]]:
        from resilience_sim.cli.templates import all_templates

        yield from all_templates()

    return _quietly(find, incomplete)


def _of(*words: str) -> Callable[[str], Found]:
    def words_that_fit(incomplete: str) -> Found:
        return [word for word in words if word.startswith(incomplete)]

    return words_that_fit


colors = _of("auto", "always", "never")
user_interfaces = _of("auto", "plain", "live")
speeds = _of("max", "1x", "2x", "5x", "10x", "50x")
lists = _of("scenarios", "policies", "faults", "metrics", "templates", "formats")
finding_formats = _of("full", "concise", "json", "github")
