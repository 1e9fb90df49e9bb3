"""Exit codes, and what ends a command early.

Owns the numbers scripts rely on, and the one exception for mistakes that the user can mend. Refuses to print.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from resilience_sim.measure.expectations import Verdict

OK: Final = 0
NO: Final = 1
NOTHING_DONE: Final = 2
FAULT: Final = 3
INCONCLUSIVE: Final = 4
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141

MEANINGS: Final = {
    OK: "done, and every expectation held",
    NO: "the answer is no: an expectation failed, or a replay diverged",
    NOTHING_DONE: "nothing was simulated: bad command line, scenario, recording or output",
    FAULT: "a fault in resim itself; the message names a file with the traceback",
    INCONCLUSIVE: "inconclusive: an expectation has no data, or more runs would tell",
    INTERRUPTED: "interrupted (Ctrl-C, `q`): what was simulated is summarised and kept",
    PIPE_CLOSED: "whoever read the output went away, as in `| head -1`",
}


class Problem(Exception):
    """Something the user can mend. ``code`` is a stable word for scripts, ``help`` the remedy."""

    def __init__(self, code: str, message: str, help: str = "", exit: int = NOTHING_DONE) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help
        self.exit = exit


def usage(message: str, help: str = "") -> Problem:
    """A command line that cannot be followed."""
    return Problem("usage", message, help)


def of_verdicts(verdicts: Iterable[Verdict]) -> int:
    """A failed expectation outranks an inconclusive one."""
    found = {verdict.verdict for verdict in verdicts}
    return NO if "fail" in found else INCONCLUSIVE if "inconclusive" in found else OK
