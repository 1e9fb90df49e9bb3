"""The context of one command: its environment, the global options, and how it talks.

Data go to standard output, everything else to standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from resilience_sim.cli.environment import Environment

if TYPE_CHECKING:
    from pathlib import Path

    from resilience_sim.measure.result import RunResult
    from resilience_sim.scenario.diagnostics import Diagnostic
    from resilience_sim.settings.plan import Warned


def _safe(text: str) -> str:
    if text.replace("\n", "").isprintable():
        return text
    from resilience_sim.kernel.text import shown_safely

    return shown_safely(text)


class CommandContext:
    """One run of the program in its environment."""

    def __init__(self, environment: Environment, argv: Sequence[str]) -> None:
        self.io = environment
        self.started_at = environment.clock()
        self.argv = tuple(argv)
        ours = self.argv[: self.argv.index("--")] if "--" in self.argv else self.argv
        # Looked up before parsing: a command line that cannot be parsed still gets its answer as JSON.
        self.json = "--json" in ours
        self.quiet = False
        self.verbose = False
        self.command = ""
        self.subject: str | None = None  # the scenario or recording that the command is about
        self.results: Mapping[str, Sequence[RunResult]] = {}  # by variant, of the last run or comparison
        self.files: list[Path] = []  # what that has read

    def out(self, text: str) -> None:
        """Print a line of data."""
        self.io.stdout.write(_safe(text) + "\n")

    def err(self, text: str) -> None:
        """Print a line of anything else."""
        self.io.stderr.write(_safe(text) + "\n")

    def elapsed(self) -> float:
        """Seconds since the program started."""
        return self.io.clock() - self.started_at

    def document(self, document: Mapping[str, Any]) -> None:
        """Print the one JSON document, in ASCII if the stream takes nothing else."""
        from resilience_sim.views.document import dumps

        text = dumps(document)
        try:
            text.encode(self.io.encoding or "utf-8")
        except UnicodeEncodeError:
            import json

            text = json.dumps(document, indent=2, allow_nan=False)
        self.out(text)

    def reply(self, **facts: object) -> None:
        """Print the document of a command that simulates nothing: ``resim.COMMAND/1``, built like a result."""
        head = {"schema": f"resim.{self.command}/1", "command": self.command}
        self.document({**head, **facts, "warnings": [], "error": None})

    def note(self, text: str, help: str = "") -> None:
        """Say something worth knowing, unless ``-q``."""
        if not self.quiet:
            self._labelled("note", "36", text, help)

    def detail(self, text: str) -> None:
        """Say something only with ``-v``."""
        if self.verbose:
            self._labelled("detail", "2", text, "")

    def error(self, text: str, help: str = "") -> None:
        """Say what went wrong and how to mend it."""
        self._labelled("error", "1;31", text, help)

    def warnings(self, warnings: Sequence[Warned]) -> None:
        """Say what is odd about a scenario."""
        for warning in warnings:
            self._labelled(f"warning[{warning.code}]", "1;33", warning.message, "")

    def findings(self, findings: Sequence[Diagnostic]) -> None:
        """Say everything that is wrong with a scenario."""
        from resilience_sim.scenario.render import render

        self.err(self.fitting(render(findings, "full", self.io.stderr_color), self.io.stderr_is_terminal))

    def fitting(self, text: str, terminal: bool) -> str:
        """Text folded at blanks to the width of the terminal; as it is where there is none."""
        from resilience_sim.kernel.text import folded

        return folded(text, self.io.size()[0]) if terminal else text

    def _labelled(self, label: str, color: str, text: str, help: str) -> None:
        from resilience_sim.kernel.text import printable

        if self.io.stderr_color:
            label = f"\x1b[{color}m{label}\x1b[0m"
        said = f"{label}: " + printable(f"{text}\n  = help: {help}" if help else text, keep="\n")
        self.err(self.fitting(said, self.io.stderr_is_terminal))


Action: TypeAlias = Callable[[CommandContext], int]  # what to do once the command line has been parsed
