"""A finding about a scenario, and the error that carries all of them. render.py lays them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from resilience_sim.kernel.text import printable

# A dense configuration of two megabytes has a hundred thousand of these: not frozen for the reason given in
# text/tree.py. Nobody changes them.


@dataclass(slots=True, unsafe_hash=True)
class Diagnostic:
    """One finding: what, where, and what to do about it.

    ``line`` and ``col`` count from 1, in characters; ``end_col`` is the column after the last one concerned. ``line`` 0
    means that the finding is about the file as a whole. ``path`` is the YAML path (``stack.1.retry.attempts``), lists
    counted from 0. ``source`` is the line of text concerned. ``file`` is ``--set`` for a setting given on the command
    line.
    """

    code: str
    message: str
    file: str
    line: int = 0
    col: int = 0
    end_col: int = 0
    path: str = ""
    help: str = ""
    severity: str = "error"
    source: str = ""

    def __str__(self) -> str:
        """The concise form, in one line."""
        place = f"{self.file}:{self.line}:{self.col}" if self.line else self.file
        remedy = f" ({self.help})" if self.help else ""
        return printable(f"{place}: {self.severity}[{self.code}]: {self.message}{remedy}")


class ScenarioError(Exception):
    """The scenario cannot be run. ``diagnostics`` holds every finding, in the order of the file."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics: tuple[Diagnostic, ...] = tuple(diagnostics)
        super().__init__("\n".join(str(finding) for finding in self.diagnostics))

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[tuple[Diagnostic, ...]]]:
        """Pickle as the findings, so that a worker process can report them."""
        return (ScenarioError, (self.diagnostics,))
