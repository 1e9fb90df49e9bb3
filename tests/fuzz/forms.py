"""The two forms of the core, each in a process that judges cases; what one says and the other does not is a finding."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from pathlib import Path

from compiled.forms import ROOT

from .case import Case
from .oracle import Judgement

LONGEST = 180.0  # s of wall time for one case; beyond, the process is killed


class Form:
    """``folder``: where the package is."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        env = {**os.environ, "PYTHONPATH": str(folder), "RESIM_PURE": "1"}
        if name == "compiled":
            del env["RESIM_PURE"]
        self._env = env
        self._process: subprocess.Popen[bytes] | None = None
        self._begin()

    def _begin(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self._env, cwd="/",
        )  # fmt: skip
        form = json.loads(self._line() or '"nothing"')
        if form.split()[0] != self.name:
            raise RuntimeError(f"wanted the {self.name} core, got: {form}")

    def give(self, case: Case) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(json.loads(case.to_json())).encode() + b"\n")
        self._process.stdin.flush()

    def take(self) -> Judgement:
        answer = self._line()
        if answer:
            return Judgement(*json.loads(answer))
        assert self._process is not None
        code = self._process.poll()
        how = f"no answer in {LONGEST:.0f} s" if code is None else f"the process ended with {code}"
        self.close()
        self._begin()
        return Judgement([f"whole case: {how}"])

    def _line(self) -> bytes:
        """A line of its answers; empty when it is dead or takes too long."""
        assert self._process is not None
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            return self._process.stdout.readline() if selector.select(LONGEST) else b""

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


class Forms:
    """The interpreted one, and the compiled one of the package in ``compiled``, if there is such."""

    def __init__(self, compiled: Path | None) -> None:
        self.forms = [Form("interpreted", compiled or ROOT)] + ([Form("compiled", compiled)] if compiled else [])

    def judge(self, case: Case) -> tuple[list[str], list[str]]:
        """What is wrong, and how the steps ended."""
        for form in self.forms:
            form.give(case)
        found = [form.take() for form in self.forms]
        problems = [f"{form.name}: {what}" for form, each in zip(self.forms, found, strict=True)
                    for what in each.problems]  # fmt: skip
        if not problems and len(found) == 2:
            for ours, theirs in zip(found[0].same, found[1].same, strict=False):
                if ours != theirs:
                    first = next(
                        (pair for pair in zip(ours.splitlines(), theirs.splitlines(), strict=False)
                         if pair[0] != pair[1]), (ours[-100:], theirs[-100:]),
                    )  # fmt: skip
                    step = ours.partition("\n")[0]
                    problems.append(f"the forms differ: {step[:100]}: {first[0][:150]!r}, compiled {first[1][:150]!r}")
                    break
        return problems, found[0].ends

    def close(self) -> None:
        for form in self.forms:
            form.close()
