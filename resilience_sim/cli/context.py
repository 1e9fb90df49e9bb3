"""One call of the program: what was asked for on the command line and belongs to every command.

Owns the shared flags and the ways to say something: data to standard output, everything else to standard error.
Refuses to know any command.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from resilience_sim.cli.environment import Environment

if TYPE_CHECKING:
    from resilience_sim.scenario.diagnostics import Diagnostic
    from resilience_sim.scenario.plan import Warned


class CommandContext:
    """One run of the program in its surroundings."""

    def __init__(self, environment: Environment, argv: Sequence[str]) -> None:
        self.io = environment
        self.begun = environment.clock()
        self.argv = tuple(argv)
        ours = self.argv[: self.argv.index("--")] if "--" in self.argv else self.argv
        # Looked for beforehand: a command line that cannot be parsed still has to be answered as was asked for.
        self.json = "--json" in ours
        self.quiet = False
        self.verbose = False
        self.command = ""
        self.subject: str | None = None  # the scenario or recording that was asked for

    def out(self, text: str) -> None:
        """A line of data."""
        self.io.stdout.write(text + "\n")

    def err(self, text: str) -> None:
        """A line of anything else."""
        self.io.stderr.write(text + "\n")

    def took(self) -> float:
        """Seconds since the call began."""
        return self.io.clock() - self.begun

    def document(self, document: Mapping[str, Any]) -> None:
        """The one JSON document, in ASCII where the stream takes nothing else."""
        from resilience_sim.views.document import dumps

        text = dumps(document)
        try:
            text.encode(getattr(self.io.stdout, "encoding", None) or "utf-8")
        except UnicodeEncodeError:
            import json

            text = json.dumps(document, indent=2, allow_nan=False)
        self.out(text)

    def reply(self, **facts: object) -> None:
        """The document of a command that simulates nothing: ``resim.COMMAND/1``, in the manner of the result."""
        head = {"schema": f"resim.{self.command}/1", "command": self.command}
        self.document({**head, **facts, "warnings": [], "error": None})

    def note(self, text: str, help: str = "") -> None:
        """Something worth knowing; silent with ``-q``."""
        if not self.quiet:
            self._labelled("note", "36", text, help)

    def detail(self, text: str) -> None:
        """Something for those who asked for more, with ``-v``."""
        if self.verbose:
            self._labelled("detail", "2", text, "")

    def error(self, text: str, help: str = "", code: str = "") -> None:
        """What went wrong and what to do about it."""
        self._labelled(f"error[{code}]" if code else "error", "1;31", text, help)

    def warnings(self, warnings: Sequence[Warned]) -> None:
        """Oddities of a scenario."""
        for warning in warnings:
            self._labelled(f"warning[{warning.code}]", "1;33", warning.message, "")

    def findings(self, findings: Sequence[Diagnostic]) -> None:
        """Everything that is wrong with a scenario."""
        from resilience_sim.scenario.render import render

        self.err(render(findings, "full", self.io.stderr_color))

    def _labelled(self, label: str, color: str, text: str, help: str) -> None:
        from resilience_sim.kernel.text import printable

        if self.io.stderr_color:
            label = f"\x1b[{color}m{label}\x1b[0m"
        self.err(f"{label}: " + printable(f"{text}\n  = help: {help}" if help else text, keep="\n"))


Action: TypeAlias = Callable[[CommandContext], int]  # what a command is to do once its command line was understood
