"""A loaded scenario, and the fast way from it to one with other settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

from resilience_sim.settings.plan import AS_WRITTEN, Plan, Variant, Warned
from resilience_sim.settings.tune import TuneConfig


class Origin(Protocol):
    """What a scenario was read from (load.py)."""

    def tree(self) -> dict[str, Any]:
        """The file as plain values, with what was set beside it."""

    def variants(self) -> tuple[Variant, ...]:
        """The variants of ``compare:``."""

    def with_settings(self, scenario: Scenario, settings: Mapping[str, Any] | Sequence[str]) -> Scenario:
        """The scenario with other settings."""


@dataclass(frozen=True)
class Scenario:
    """The plan as written, its variants, and what it was made from.

    Attributes:
        plan: The configuration as written.
        text: The YAML source.
        path: Where it came from: ``-`` for standard input, the name for a shipped scenario.
        baseline: The variant that the others are compared with.
        files: The content of every data file it names, by the name used in the scenario (a recording carries them, so
            that a replay needs nothing else).
        overrides: The settings given beside the file, as ``PATH=VALUE``.
        warnings: What is odd about it.
        tune: What ``resim tune`` may change, and what it is to reach.
        source: What it was read from; None for one that was put together from parts.
    """

    plan: Plan
    text: str
    path: str
    baseline: str = AS_WRITTEN
    files: tuple[tuple[str, str], ...] = ()
    overrides: tuple[str, ...] = ()
    warnings: tuple[Warned, ...] = ()
    tune: TuneConfig | None = None
    source: Origin | None = field(default=None, compare=False, repr=False)

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        """The named configurations of ``compare:``, without the scenario as written.

        Raises:
            ScenarioError: a setting given later makes a variant impossible.
        """
        return self.source.variants() if self.source is not None else ()

    @cached_property
    def digest(self) -> str:
        """16 hexadecimal digits over everything that decides the runs."""
        from resilience_sim.scenario.digest import digest

        return digest(self.plan, self.variants, self.baseline)

    def with_plan(self, plan: Plan) -> Scenario:
        """The same scenario with another plan as written."""
        return replace(self, plan=plan)

    def with_settings(self, settings: Mapping[str, Any] | Sequence[str]) -> Scenario:
        """The scenario with some settings changed, validated like a file: what ``--set`` makes of it.

        ``settings``: values by path, ``{"retry.attempts": 5, "retry.delay": "250ms"}``, as YAML would hold them (None:
        the default again), or ``PATH=VALUE`` texts. Only what a setting touches is read again.

        Raises:
            ScenarioError: a path that names nothing, or a value that cannot stand there.
        """
        assert self.source is not None, "a scenario put together from parts has no settings to change"
        return self.source.with_settings(self, settings)
