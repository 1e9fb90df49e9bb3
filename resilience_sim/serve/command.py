"""The command that is run against the server: ``resim serve SCENARIO -- COMMAND``."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final

from resilience_sim.serve.errors import ServeError

PATIENCE: Final = 2.0  # s that it has to end when it is told to


class Command:
    """A process that knows where the server is: ``RESIM_URL``."""

    def __init__(self, words: Sequence[str], url: str, environ: Mapping[str, str], output: IO[Any] | None) -> None:
        """``output``: where it writes, in place of our own streams. ServeError when it cannot be started."""
        self.words = list(words)
        try:
            self._process = subprocess.Popen(
                self.words, env={**environ, "RESIM_URL": url}, stdout=output, stderr=None if output is None else output
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise ServeError(f"cannot start `{self.words[0]}`: {why}", "what stands after -- is a command") from None

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    @property
    def code(self) -> int:
        """Its exit code; of one that a signal ended 128 and its number, as shells say it."""
        code = self._process.returncode or 0
        return code if code >= 0 else 128 - code

    def end(self) -> None:
        """End it if it has not: kindly, then not."""
        if self.over:
            return
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
