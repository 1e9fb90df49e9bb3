"""From a source to a Scenario: the front door of this room.

Owns the order of the steps. YAML and pydantic are imported only when something is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from resilience_sim.scenario import source as sources
from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError
from resilience_sim.scenario.plan import Scenario

__all__ = ["Diagnostic", "ScenarioError", "load", "load_text"]


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


def _load(
    text: str, path: str, folder: Path, stem: str, overrides: Sequence[str], files: Mapping[str, str] | None
) -> Scenario:
    from resilience_sim.scenario.datafiles import DataFiles
    from resilience_sim.scenario.digest import digest
    from resilience_sim.scenario.overrides import apply_command_line
    from resilience_sim.scenario.parse import parse
    from resilience_sim.scenario.resolve import resolve
    from resilience_sim.scenario.tree import Mapping as MappingNode
    from resilience_sim.scenario.tree import Source
    from resilience_sim.scenario.variants import resolve_variants, variant_nodes

    errors: list[Diagnostic] = []
    origin = Source.of(path, text)
    root = parse(text, origin, errors)
    if root is None:
        raise ScenarioError(errors or [_empty(path)])
    if isinstance(root, MappingNode):
        root = apply_command_line(root, overrides, errors)
    data = DataFiles(folder, files)
    plan, model, findings = resolve(root, data, stem or "scenario", variant_nodes(root))
    findings.errors[:0] = errors
    variants = resolve_variants(root, model, data, stem or "scenario", findings)
    if findings.errors or plan is None or model is None:
        raise ScenarioError(_sorted(findings.errors, path))
    baseline = model.compare.baseline if model.compare else "as-written"
    return Scenario(
        plan=plan,
        text=text,
        path=path,
        digest=digest(plan, variants, baseline),
        variants=variants,
        baseline=baseline,
        files=tuple(sorted(data.texts.items())),
        overrides=tuple(overrides),
        warnings=tuple(findings.warnings),
    )


def _empty(path: str) -> Diagnostic:
    from resilience_sim.scenario import codes

    return Diagnostic(codes.WRONG_TYPE, "the scenario is empty", path, help="begin with `resim: 1`")


def _sorted(found: Sequence[Diagnostic], path: str) -> list[Diagnostic]:
    """In the order of the file, what came from the command line first; each finding once."""
    unique = dict.fromkeys(found)
    return sorted(unique, key=lambda each: (each.file == path, each.line, each.col))
