"""Exit codes, and the one exception for mistakes that the user can mend."""

from __future__ import annotations

from typing import Final

OK: Final = 0
NO: Final = 1
NOTHING_DONE: Final = 2
INTERNAL: Final = 3
INCONCLUSIVE: Final = 4
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141

MEANINGS: Final = {
    OK: "done, and every expectation held",
    NO: "no: an expectation failed, a replay diverged, or lint found errors",
    NOTHING_DONE: "nothing was simulated: bad command line, scenario, recording or output",
    INTERNAL: "internal error; the message names a file with the traceback",
    INCONCLUSIVE: "inconclusive: an expectation has no data or needs more runs to decide",
    INTERRUPTED: "interrupted (by SIGTERM 143, by SIGHUP 129): what was simulated is kept",
    PIPE_CLOSED: "the reader of the output closed the pipe, as in `| head -1`",
}


class Problem(Exception):
    """Something the user can mend. ``code`` is a stable word for scripts, ``help`` the remedy."""

    def __init__(self, code: str, message: str, help: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help


def need(module: str, message: str, install: str) -> None:
    """Problem where the package of an extra is not installed; nothing is imported to know that."""
    from importlib.util import find_spec

    if find_spec(module) is None:
        raise Problem("missing_extra", f"{message}, which is not installed", f"install it: {install}")


def usage(message: str, help: str = "") -> Problem:
    """A command line that is well formed, but asks for something impossible."""
    return Problem("usage", message, help)
