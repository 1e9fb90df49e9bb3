"""``/__resim/``: what can be asked of the server itself. Such questions are no attempts and meet no fault.

Browsers may not ask: a page that somebody looks at could send requests here, but not without saying where it comes
from, nor with this type of content.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import chain, count
from typing import Any, Final, Protocol

from resilience_sim.kernel.format import SECOND
from resilience_sim.runs.actions import ActionError
from resilience_sim.runs.record import Recorded
from resilience_sim.runs.simulation import Source
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.read.pieces import fault_from
from resilience_sim.serve.question import CONTROL, Question
from resilience_sim.serve.world import Served
from resilience_sim.settings.actions import Action, Inject, Lift
from resilience_sim.settings.faults import FAULTS, FaultConfig

MOST_FAULTS: Final = 1_000  # of the scenario and by hand
JSON: Final = "application/json"
Answer = tuple[int, list[tuple[str, str]], bytes]

HELP: Final = {
    "POST /__resim/fault": 'a fault begins now: {"outage": {"how": "hang", "for": "10s"}}, as in a file, without `at`',
    "DELETE /__resim/fault/ID": "it ends now",
    "GET /__resim/fault": "the faults that are on",
    "GET /__resim/result": "the result so far, as `--json` prints it at the end",
}


class Run(Protocol):
    """The server, as far as it is asked about."""

    run: Served
    source: Source

    def advance(self, at_least: int = 0) -> int:
        """Bring the run to this instant."""


class Refused(Exception):
    """A question that cannot be answered."""

    def __init__(self, status: int, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.status = status
        self.remedy = remedy


class Control:
    """Answers questions about one server."""

    def __init__(self, server: Run) -> None:
        self._server = server
        self.document: Callable[[], Mapping[str, Any]] | None = None  # the result so far
        self.open_to_names: frozenset[str] = frozenset()  # further names that the server goes by

    def answer(self, question: Question) -> Answer:
        """Status, headers and body."""
        try:
            self._admit(question)
            status, said = self._answer(question)
        except Refused as refused:
            help = {"help": refused.remedy} if refused.remedy else {}
            status, said = refused.status, {"error": str(refused), **help}
        body = (json.dumps(said, indent=2, allow_nan=False) + "\n").encode()
        return status, [("Content-Type", JSON), ("Content-Length", str(len(body)))], body

    def _admit(self, question: Question) -> None:
        headers = question.headers
        if "origin" in headers or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Refused(403, "pages of other sites may not ask here", "ask from a program")
        host = question.host
        known = host in ("", "localhost", *self.open_to_names) or host.endswith((".localhost", ".resim"))
        if not known and not host.replace(".", "").isdigit() and ":" not in host:
            raise Refused(403, f"Host: {host} is no name of this server", "ask by its address")

    def _answer(self, question: Question) -> tuple[int, Mapping[str, Any]]:
        method, words = question.method, question.path.removeprefix(CONTROL[:-1]).strip("/").split("/")
        if words == [""] and method in ("GET", "HEAD"):
            return 200, HELP
        if words == ["result"] and method in ("GET", "HEAD") and self.document is not None:
            self._server.advance()
            return 200, self.document()
        if words == ["fault"] and method in ("GET", "HEAD"):
            return 200, {"faults": self._active()}
        if words == ["fault"] and method == "POST":
            return 201, self._inject(question)
        if words[0] == "fault" and len(words) == 2 and method == "DELETE":
            return 200, self._lift(words[1])
        known = words[0] in ("", "fault", "result")
        raise Refused(
            405 if known else 404, f"{method} {question.path}: nothing of that kind", "GET /__resim/ says what"
        )

    def _active(self) -> list[dict[str, Any]]:
        now = self._server.advance()
        faults = self._server.run.plan_in_force.faults
        return [_told(fault) for fault in faults if fault.at <= now < fault.at + fault.duration]

    def _inject(self, question: Question) -> dict[str, Any]:
        if question.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
            raise Refused(415, "a fault is JSON", f"send Content-Type: {JSON}")
        kind, settings = _read(question.body)
        run = self._server.run
        plan = run.plan_in_force
        try:
            fault = fault_from(kind, settings, plan.service.replicas, plan)
        except ScenarioError as error:
            first = error.diagnostics[0]
            raise Refused(400, first.message, first.help) from None
        if fault.kind == "spike":
            raise Refused(400, "a spike is of traffic, and that comes from your clients", "let them send more")
        if len(plan.faults) >= MOST_FAULTS:
            raise Refused(409, f"there have been {MOST_FAULTS} faults", "start the server anew")
        now = max(self._server.advance(), self._server.source.now) + 1
        taken = {each.id for each in plan.faults}
        names = chain((kind,), (f"{kind}-{number}" for number in count(2)))
        ident = str(json.loads(settings["id"])) if "id" in settings else next(n for n in names if n not in taken)
        fault = replace(fault, at=now, id=ident)
        self._act(Inject(now, fault))
        return _told(fault)

    def _lift(self, ident: str) -> dict[str, Any]:
        now = max(self._server.advance(), self._server.source.now) + 1
        self._act(Lift(now, ident))
        return {"fault": ident, "to": now / SECOND}

    def _act(self, action: Action) -> None:
        source = self._server.source
        assert isinstance(source, Served | Recorded)
        try:
            source.act(action)
        except ActionError as error:
            raise Refused(409, str(error)) from None
        self._server.advance()


def _told(fault: FaultConfig) -> dict[str, Any]:
    kind = fault.written[0] if fault.written else fault.kind
    return {"fault": fault.id, "kind": kind, "from": fault.at / SECOND, "to": (fault.at + fault.duration) / SECOND}


def _read(body: bytes) -> tuple[str, dict[str, str]]:
    """Kind and settings, the values as YAML text."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is no JSON", 'send e.g. {"outage": {"how": "hang", "for": "10s"}}') from None
    if not isinstance(said, dict) or len(said) != 1:
        raise Refused(400, "expected one kind of fault with its settings", f"kinds: {', '.join(FAULTS)}")
    ((kind, settings),) = said.items()
    if kind not in FAULTS:
        raise Refused(400, f"there is no fault {kind[:40]!r}", f"kinds: {', '.join(FAULTS)}")
    if not isinstance(settings, dict):
        raise Refused(400, f"{kind} needs settings", '{"for": "10s"} at least')
    if "at" in settings:
        raise Refused(400, "it begins now", "leave `at` away")
    return kind, {str(name): json.dumps(value) for name, value in settings.items()}
