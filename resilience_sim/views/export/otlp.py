"""OpenTelemetry's traces as OTLP/JSON, one ``TracesData`` object a line, as collectors read them.

A request is a trace. Service A has a server span for it, a service one for each attempt that it received; around each
attempt stands a client span of its caller, whose child the server span is. A call between services is a span of its own
around its attempts. What policies decide are events of the span of their call. A resource is a service. Names follow
the semantic conventions (1.27) where they have one: ``server.address``, ``http.request.resend_count``,
``http.response.status_code``, ``error.type``; ours begin with ``resim.``. Ids are hashes of scenario, seed, request and
attempt. Virtual time begins with the year 2000.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, TextIO

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.events import Event
from resilience_sim.kernel.text import escaped
from resilience_sim.measure.call_tree import CallNode, CallTree, Places
from resilience_sim.measure.story import Attempt, Step
from resilience_sim.views.export.base import About, Export
from resilience_sim.views.export.decode import kind_name, payload

BEGINNING = 946_684_800_000_000_000  # 2000-01-01T00:00:00Z, ns after the beginning of 1970
INTERNAL, SERVER, CLIENT = 1, 2, 3  # kinds of spans
ERROR = 2  # a status; 0 is none
STATUS = {
    ev.SUCCESS: 200, ev.ERROR: 500, ev.UNAVAILABLE: 503, ev.RATE_LIMITED: 429, ev.SHED: 503, ev.CLIENT_ERROR: 400,
}  # fmt: skip
SERVICE_A = "A"
_REQUESTS = 64  # a line

Span = dict[str, Any]


class OtlpExport(Export):
    """Writes the spans of a request when nothing more can happen to it; what is open at the end is cut there."""

    def __init__(self, stream: TextIO, facts: About) -> None:
        super().__init__()
        self._stream = stream
        self._facts = facts
        self._places = Places(facts.components)
        self._components = {component.id: component for component in facts.components}
        self._encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
        self._trees: dict[int, CallTree] = {}
        self._spans: dict[str, list[Span]] = {}  # by service: those to write
        self._waiting = 0  # requests among them
        self._end = 0  # of the run, when it is over
        self._cut = 0  # where spans without an end are cut
        self._ripe: dict[int, None] = {}  # over, but more may be said of them at the present instant
        self._now = 0
        self._key = f"{facts.name}\n{facts.seed}\n".encode()

    def sees_services(self) -> bool:
        return True

    def take(self, events: list[Event]) -> None:
        for t, kind, source, rid, a, b in events:
            if t != self._now:
                self._now = t
                self._release()
            if rid < 0:
                continue
            if kind == ev.ARRIVE:
                self._trees[rid] = CallTree(rid, self._places)
            tree = self._trees.get(rid)
            if tree is None:
                continue  # a word after everything was over
            tree.take(t, kind, source, a, b)
            if kind in _ENDS and tree.over:
                self._ripe[rid] = None

    def finish(self, end: int) -> None:
        """Write what is open, as far as it came."""
        self._release()
        self._end = max(self._now, end)
        for tree in self._trees.values():
            self._tell(tree)
        self._trees.clear()
        self._write()

    def _release(self) -> None:
        """The instant is over."""
        for rid in self._ripe:
            if self._trees[rid].over:
                self._tell(self._trees.pop(rid))
        self._ripe.clear()
        if self._waiting >= _REQUESTS:
            self._write()

    def _write(self) -> None:
        if not self._spans:
            return
        scope = {"name": "resim", "version": self._facts.version}
        data = [
            {
                "resource": {"attributes": _attributes({"service.name": name, "service.namespace": self._facts.name})},
                "scopeSpans": [{"scope": scope, "spans": spans}],
            }
            for name, spans in self._spans.items()
        ]
        self._stream.write(escaped(self._encoder.encode({"resourceSpans": data})) + "\n")
        self._spans = {}
        self._waiting = 0

    # --- spans --------------------------------------------------------------------------------------------------------

    def _tell(self, tree: CallTree) -> None:
        self._waiting += 1
        self._cut = max(self._end, tree.end)
        self._call(tree, tree.root, "", SERVICE_A)

    def _call(self, tree: CallTree, call: CallNode, parent: str, caller: str) -> None:
        """A call (0: the request of the user) with its attempts, and what those called."""
        rid = tree.rid
        link = self._components.get(call.link)
        callee = link.node.partition(">")[2] if link is not None else ""
        name, kind = ("call " + callee, INTERNAL) if callee else ("request", SERVER)
        about: dict[str, Any] = {"resim.request": rid, "resim.outcome": self._outcome(call.outcome)}
        if callee:
            about["server.address"] = callee
        about["resim.attempts"] = len(call.attempts)
        span = self._span(rid, f"call {call.number}", parent, name, kind, call.began, call.ended, about)
        _judge(span, call.outcome, kind)
        told = [
            {
                "timeUnixNano": str(BEGINNING + step.t),
                "name": kind_name(step.kind),
                "attributes": _attributes(
                    {"resim.policy": self._name(step.source), **payload(step.kind, step.a, step.b)}
                ),
            }
            for step in call.steps
        ]
        if told:
            span["events"] = told
        self._spans.setdefault(caller, []).append(span)
        for attempt in call.attempts:
            self._attempt(tree, attempt, span["spanId"], caller)

    def _event(self, step: Step) -> dict[str, Any]:
        """What a policy decided."""
        said = {f"resim.{name}": value for name, value in payload(step.kind, step.a, step.b).items()}
        about = _attributes({"resim.policy": self._name(step.source), **said})
        return {"timeUnixNano": str(BEGINNING + step.t), "name": kind_name(step.kind), "attributes": about}

    def _attempt(self, tree: CallTree, attempt: Attempt, parent: str, caller: str) -> None:
        """An attempt as its caller sees it, then as the service does that received it."""
        rid, number = tree.rid, attempt.number
        service = self._components[tree.services[number]].node
        tries = int(number & ev.TRIES)
        about: dict[str, Any] = {"server.address": service, "resim.attempt": tries}
        about["resim.outcome"] = self._outcome(attempt.outcome)
        if tries > 1:
            about["http.request.resend_count"] = tries - 1
        span = self._span(rid, f"client {number}", parent, service, CLIENT, attempt.sent, attempt.answered, about)
        _judge(span, attempt.outcome, CLIENT)
        self._spans.setdefault(caller, []).append(span)
        if attempt.received < 0:
            return
        told: dict[str, Any] = {"resim.replica": self._name(attempt.replica), "resim.attempt": tries}
        told["resim.reception"] = ev.RECEPTION_NAMES[attempt.reception]
        if attempt.began >= 0:
            told["resim.waited"] = (attempt.began - attempt.received) / 1e9
        if attempt.worked >= 0:
            told["resim.worked"] = attempt.worked / 1e9
        if attempt.abandoned:
            told["resim.abandoned"] = True
        if attempt.effect:
            told["resim.effect"] = ev.EFFECT_NAMES[attempt.effect]
        ended, outcome = max(attempt.ended, attempt.closed), attempt.work
        if attempt.reception in (ev.TURNED_DOWN, ev.TOO_LATE):
            ended, outcome = attempt.received, attempt.outcome
        told["resim.outcome"] = ev.LEFT_NAMES[attempt.left] if attempt.left else self._outcome(outcome)
        inner = self._span(rid, f"server {number}", span["spanId"], service, SERVER, attempt.received, ended, told)
        _judge(inner, outcome, SERVER)
        self._spans.setdefault(service, []).append(inner)
        for call in tree.calls_of(number):
            self._call(tree, call, inner["spanId"], service)

    def _span(
        self, rid: int, which: str, parent: str, name: str, kind: int, start: int, end: int, about: dict[str, Any]
    ) -> Span:
        """``end`` -1: nobody knows of one; it is then the last instant known of the request, or of the run."""
        if end < 0:
            about = {**about, "resim.unfinished": True}
            end = max(self._cut, start)
        span: Span = {"traceId": self._id(f"{rid}", 16), "spanId": self._id(f"{rid} {which}", 8)}
        if parent:
            span["parentSpanId"] = parent
        times = {"startTimeUnixNano": str(BEGINNING + start), "endTimeUnixNano": str(BEGINNING + end)}
        return {**span, "name": name, "kind": kind, **times, "attributes": _attributes(about)}

    def _id(self, which: str, size: int) -> str:
        return blake2b(self._key + which.encode(), digest_size=size).hexdigest()

    def _name(self, source: int) -> str:
        component = self._components.get(source)
        return component.name if component is not None else str(source)

    def _outcome(self, outcome: int) -> str | None:
        return ev.OUTCOME_NAMES[outcome] if outcome >= 0 else None


_ENDS = frozenset((ev.DONE, ev.END, ev.RESULT, ev.RECEIVED, ev.CALL_OVER, ev.ANSWERED, ev.LEFT_QUEUE))


def _judge(span: Span, outcome: int, kind: int) -> None:
    """Status and error of a span; a client error is none of the server."""
    if outcome in STATUS and kind != INTERNAL:
        span["attributes"] += _attributes({"http.response.status_code": STATUS[outcome]})
    if outcome <= ev.FALLBACK or (outcome == ev.LOST and kind == SERVER):
        return
    name = ev.OUTCOME_NAMES[outcome]
    span["attributes"] += _attributes({"error.type": name})
    if not (outcome == ev.CLIENT_ERROR and kind == SERVER):
        span["status"] = {"code": ERROR, "message": name}


def _attributes(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value} for key, value in _typed(values)]


def _typed(values: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The values as OTLP spells them; what is not known is left out."""
    for key, value in values.items():
        if isinstance(value, bool):
            yield key, {"boolValue": value}
        elif isinstance(value, int):
            yield key, {"intValue": str(value)}  # 64 bits are more than JSON's numbers hold
        elif isinstance(value, float):
            yield key, {"doubleValue": value}
        elif value is not None:
            yield key, {"stringValue": str(value)}
