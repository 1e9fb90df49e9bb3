"""Runs whole commands in process, in surroundings made for the test."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jsonschema

from resilience_sim.cli.environment import Environment
from resilience_sim.cli.main import execute
from resilience_sim.views.document import schema

VALIDATOR = jsonschema.Draft7Validator(schema())

QUICK = """\
resim: 1
name: quick
about: three requests in ten fail
service: {latency: 50ms, failure_rate: 30%}
traffic: {rate: 10/s, requests: 200, arrivals: even}
stack:
  - retry: {attempts: 3, delay: 100ms}
compare:
  variants:
    alone: {without: [retry]}
    eager: {set: {retry.attempts: 6}}
expect:
  - availability >= 90%
"""


@dataclass
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on standard output, held against the schema of results."""
        found: dict[str, Any] = json.loads(self.out)
        if found["schema"] == "resim.result/1":
            VALIDATOR.validate(found)
        return found


class Typed(io.TextIOWrapper):
    """Standard input with something in it."""

    def __init__(self, text: str) -> None:
        super().__init__(io.BytesIO(text.encode()), encoding="utf-8")


def resim(
    *argv: str,
    stdin: str = "",
    terminal: bool = False,
    columns: int = 80,
    env: dict[str, str] | None = None,
    stdout: Any = None,
    pause: Callable[[float], None] = time.sleep,
) -> Answer:
    """One command line, run in process."""
    out, err = stdout if stdout is not None else io.StringIO(), io.StringIO()
    environ = {"TERM": "xterm-256color", **(env or {})}
    environment = Environment(
        Typed(stdin), out, err, environ, terminal, terminal, columns=columns, rows=24, pause=pause
    )
    code = execute(argv, environment)
    return Answer(code, out.getvalue() if isinstance(out, io.StringIO) else "", err.getvalue())
