"""From a text to a Scenario: the front door of this room. YAML is imported only when something is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.scenario.text import source as sources
from resilience_sim.settings.plan import AS_WRITTEN, Variant
from resilience_sim.settings.traffic import TrafficConfig

if TYPE_CHECKING:
    from resilience_sim.scenario.read.tables import Memory
    from resilience_sim.scenario.text.datafiles import DataFiles
    from resilience_sim.scenario.text.tree import Node

__all__ = ["Diagnostic", "ScenarioError", "load", "load_text"]

MOST_LISTED = 200  # mistakes of one scenario


def load(source: str, overrides: Sequence[str] = ()) -> Scenario:
    """Load a scenario from a path, a shipped name or ``-`` (standard input).

    ``overrides`` are settings like ``retry.attempts=5``. Raises ScenarioError with every mistake that was found.
    """
    text = sources.read(source)
    return _load(text.text, text.path, text.folder, text.stem, overrides, None)


def load_text(text: str, path: str, overrides: Sequence[str] = (), files: Mapping[str, str] | None = None) -> Scenario:
    """Load a scenario from its text; with ``files``, data files are taken from there and nothing is read from disk."""
    place = Path(path)
    return _load(text, path, place.parent, place.stem if path != sources.STDIN else "stdin", overrides, files)


@dataclass
class TreeOrigin:
    """What a scenario was read from: enough to read it again with other settings."""

    root: Node
    files: DataFiles
    name: str
    path: str
    memory: Memory
    known_variants: tuple[Variant, ...] | None = None

    def tree(self) -> dict[str, Any]:
        """The file as plain values, with what was set beside it."""
        from resilience_sim.scenario.text.tree import plain

        found = plain(self.root)
        return found if isinstance(found, dict) else {}

    def variants(self) -> tuple[Variant, ...]:
        """The variants of ``compare:``."""
        from resilience_sim.scenario.read.findings import Findings
        from resilience_sim.scenario.read.tables import Reader
        from resilience_sim.scenario.read.variants import resolve_variants

        if self.known_variants is None:
            findings = Findings(self.root)
            file = Reader(findings, self.memory).file()
            self.known_variants = resolve_variants(self.root, file, self.files, self.name, findings)
            if findings.errors:
                raise ScenarioError(_sorted(findings.errors, self.path))
        return self.known_variants

    def with_settings(self, scenario: Scenario, settings: Mapping[str, Any] | Sequence[str]) -> Scenario:
        """The scenario with other settings; what they do not touch is not read again."""
        from resilience_sim.scenario.read.overrides import apply_command_line, put_value
        from resilience_sim.scenario.text.spelling import plain
        from resilience_sim.scenario.text.tree import Source, Span, node_of

        errors: list[Diagnostic] = []
        root = self.root
        texts: list[str] = []
        if isinstance(settings, Mapping):
            for path, value in settings.items():
                text = f"{path}={plain(value)}"
                texts.append(text)
                if isinstance(value, str):
                    root = apply_command_line(root, (text,), errors)
                    continue
                source = Source("--set", (text,))
                whole = Span(source, 1, 1, 1, len(path) + 1)
                node = node_of(value, Span(source, 1, len(path) + 2, 1, len(text) + 1))
                root = put_value(root, path, whole, node, errors)
        else:
            texts += settings
            root = apply_command_line(root, settings, errors)
        return self._scenario(root, errors, scenario, (*scenario.overrides, *texts))

    def _scenario(
        self, root: Node, errors: list[Diagnostic], scenario: Scenario, overrides: tuple[str, ...]
    ) -> Scenario:
        from resilience_sim.scenario.read.resolve import resolve
        from resilience_sim.scenario.read.variants import variant_nodes

        plan, _, findings = resolve(root, self.files, self.name, variant_nodes(root), memory=self.memory)
        found = errors + findings.errors
        if found or plan is None:
            raise ScenarioError(_sorted(found, self.path))
        return replace(
            scenario,
            plan=plan,
            files=tuple(sorted(self.files.texts.items())),
            overrides=overrides,
            warnings=tuple(findings.warnings),
            source=TreeOrigin(root, self.files, self.name, self.path, self.memory),
        )


def _load(
    text: str, path: str, folder: Path, stem: str, overrides: Sequence[str], files: Mapping[str, str] | None
) -> Scenario:
    from resilience_sim.scenario.read.overrides import apply_command_line
    from resilience_sim.scenario.read.resolve import resolve
    from resilience_sim.scenario.read.tables import Memory
    from resilience_sim.scenario.read.variants import resolve_variants, variant_nodes
    from resilience_sim.scenario.text.datafiles import DataFiles
    from resilience_sim.scenario.text.parse import parse
    from resilience_sim.scenario.text.tree import Mapping as MappingNode
    from resilience_sim.scenario.text.tree import Source

    errors: list[Diagnostic] = []
    root = parse(text, Source.of(path, text), errors)
    if root is None:
        raise ScenarioError(_sorted(errors, path) or [_empty(path)])
    if isinstance(root, MappingNode):
        root = apply_command_line(root, overrides, errors)
    data, name, memory = DataFiles(folder, files), stem or "scenario", Memory()
    plan, file, findings = resolve(root, data, name, variant_nodes(root), memory=memory)
    memory.frozen = True
    findings.errors[:0] = errors
    variants = resolve_variants(root, file, data, name, findings)
    tune = None
    if file is not None and file.tune is not None:
        from resilience_sim.scenario.read.expectations import expectations, known
        from resilience_sim.scenario.read.pieces import known_in
        from resilience_sim.settings.tune import tune_config

        names = known((), TrafficConfig(), ()) if plan is None else known_in(plan)
        wanted = expectations(file.tune.subject_to or [], ("tune", "subject_to"), names, findings)
        tune = tune_config(file.tune, wanted)
    if findings.errors or plan is None or file is None:
        raise ScenarioError(_sorted(findings.errors, path))
    return Scenario(
        plan=plan,
        text=text,
        path=path,
        baseline=file.compare.baseline if file.compare else AS_WRITTEN,
        files=tuple(sorted(data.texts.items())),
        overrides=tuple(overrides),
        warnings=tuple(findings.warnings),
        tune=tune,
        source=TreeOrigin(root, data, name, path, memory, variants),
    )


def _empty(path: str) -> Diagnostic:
    from resilience_sim.settings import codes

    return Diagnostic(codes.WRONG_TYPE, "the scenario is empty", path, help="begin with `resim: 1`")


def _sorted(found: Sequence[Diagnostic], path: str) -> list[Diagnostic]:
    """In the order of the file, what came from the command line first; each finding once, and not too many."""
    unique = dict.fromkeys(found)
    ordered = sorted(unique, key=lambda each: (each.file == path, each.line, each.col))
    more = len(ordered) - MOST_LISTED
    if more <= 0:
        return ordered
    from resilience_sim.settings import codes

    rest = f"{more:,} more mistake{'s are' if more > 1 else ' is'} not listed"
    return [*ordered[:MOST_LISTED], Diagnostic(codes.TOO_MUCH, rest, path, help="mend those that are listed first")]
