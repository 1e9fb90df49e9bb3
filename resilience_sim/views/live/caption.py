"""The caption of a run: one line that says what is happening now, in plain words."""

from __future__ import annotations

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.views.live.facts import most_attempts
from resilience_sim.views.live.look import Look
from resilience_sim.views.live.service_rows import troubles
from resilience_sim.views.live.state import BINS, LiveFold
from resilience_sim.views.text import Row
from resilience_sim.views.words import fault_kind, listed

ENOUGH = 30  # requests a ratio is computed from, where a tenth of the run has as many
LOOK_BACK, LONGEST = 40, 10  # the share of the run that is looked back on: at least a 40th, at most a 10th
MORE, LESS = 1.2, 0.8  # attempts per request at which B gets more, or less, than users ask for

Piece = tuple[str, str, str]  # in full, in short, style


def caption_row(state: LiveFold, look: Look, width: int) -> Row:
    """What is happening now, in at most ``width`` columns."""
    pieces = _pieces(state)
    texts = [(full, style) for full, _, style in pieces]
    for index, (_, short, style) in enumerate(pieces):
        if _joined(texts, look).width <= width:
            break
        texts[index] = (short, style)
    while texts and _joined(texts, look).width > width:
        texts.pop()
    return _joined(texts, look).to(width)


def _joined(pieces: list[tuple[str, str]], look: Look) -> Row:
    row = Row()
    for text, style in pieces:
        row.add(f" {look.dot} " if row.width else "", "faint").add(text, style)
    return row


def _pieces(state: LiveFold) -> list[Piece]:
    if state.over:
        share = fmt.share(state.succeeded / state.done) if state.done else "none"
        return [("over", "over", "faint"), (f"{share} of the requests succeeded", f"{share} succeeded", "")]
    faults = [fault for fault in state.plan.faults if fault.at <= state.clock]
    ended = bool(faults) and not state.faults_on
    pieces: list[Piece] = []
    if state.faults_on:
        kinds = list(dict.fromkeys(_fault(state, state.plan.faults[index]) for index in sorted(state.faults_on)))
        short = f"{kinds[0]} on" if len(kinds) == 1 else f"{len(state.faults_on)} faults on"
        pieces.append((f"{listed(kinds)} on", short, "bad!"))
    elif ended:
        pieces.append(("fault over", "fault over", "good!"))
    elif state.plan.faults:
        pieces.append(("no fault yet", "no fault yet", "faint"))
    first, now = _window(state)
    if state.graph is not None:
        pieces += _places(state)
        return pieces + _users(state, first, now)
    turned_away = any(lane.state == ev.OPEN for lane in state.breakers.values())
    if state.draining:
        pieces.append(_drain(state))
    elif turned_away:
        pieces.append(_open(state))
    else:
        pieces += _load(state, first, now, ended)
    pieces += _queue(state, first)
    return pieces + _users(state, first, now)


def _places(state: LiveFold) -> list[Piece]:
    """Of several services: who is in trouble, the innermost first."""
    pieces: list[Piece] = []
    if state.draining:
        left = fmt.count(state.in_flight)
        working = state.places is not None and any(each.held or each.queued for each in state.places.services)
        if state.in_flight:
            pieces.append((f"no more requests come, {left} still under way", f"{left} still under way", "calm"))
        elif working:
            pieces.append(("no caller is left, services work on for nobody", "work for nobody", "odd"))
    found = troubles(state)
    opened = [lane for lane in state.breakers.values() if lane.state == ev.OPEN]
    if opened:
        found.append(_open(state))
    return pieces + (found or ([] if state.draining else [("all services are well", "all well", "good")]))


def _users(state: LiveFold, first: int, now: int) -> list[Piece]:
    pieces: list[Piece] = []
    good, bad = sum(state.bins.good[first : now + 1]), sum(state.bins.bad[first : now + 1])
    if bad >= 5 and not good:
        pieces.append(("no request succeeds", "none succeeds", "bad!"))
    elif good >= 5 and not bad and not state.queue and not state.draining:
        pieces.append(("every request succeeds", "all succeed", "good"))
    return pieces


def _fault(state: LiveFold, fault: FaultConfig) -> str:
    """What a fault is, and of several services where it strikes."""
    kind = fault_kind(fault)
    if state.graph is None or not fault.place:
        return kind
    return f"{kind} of {fault.service}" if fault.service else f"{kind} from {fault.link[0]} to {fault.link[1]}"


def _open(state: LiveFold) -> Piece:
    count, some = len(state.breakers), sum(lane.state == ev.OPEN for lane in state.breakers.values())
    if count == 1:
        return ("the breaker is open and turns calls away", "breaker OPEN", "odd")
    return (f"{some} of {count} breakers open", f"{some}/{count} OPEN", "odd")


def _drain(state: LiveFold) -> Piece:
    if state.in_flight:
        left = fmt.count(state.in_flight)
        return (f"no more requests come, {left} still under way", f"{left} still under way", "calm")
    return ("no caller is left, B works on for nobody", "B works for nobody", "odd")


def _window(state: LiveFold) -> tuple[int, int]:
    """The bins of the recent past: long enough for a ratio to mean something."""
    bins = state.bins
    now = min(BINS - 1, state.clock // bins.width)
    whole = max(1, state.horizon // bins.width)
    first = max(0, now - whole // LOOK_BACK)
    seen = sum(bins.arrivals[first : now + 1])
    while first and seen < ENOUGH and now - first < whole // LONGEST:
        first -= 1
        seen += bins.arrivals[first]
    return first, now


def _load(state: LiveFold, first: int, now: int, ended: bool) -> list[Piece]:
    asked, sent = sum(state.bins.arrivals[first : now + 1]), sum(state.bins.sent[first : now + 1])
    if asked < 5:
        return []
    ratio = sent / asked
    most = most_attempts(state.plan)
    if most and not state.by_hand:
        ratio = min(ratio, most)  # attempts of earlier requests are among these: more than each can make says nothing
    factor = fmt.factor(float(f"{ratio:.2g}"))
    still = "still " if ended else ""
    if ratio >= MORE:
        style = "bad" if ratio >= 2 else "odd"
        return [(f"B {still}gets {factor} what users ask", f"B {still}gets {factor}", style)]
    if ratio < LESS:
        return [(f"B gets only {factor} what users ask", f"B gets only {factor}", "odd")]
    return [("B gets what users ask", "load normal", "")]


def _queue(state: LiveFold, first: int) -> list[Piece]:
    if not state.workers or state.queue <= state.workers:
        return []
    before, now = state.bins.queue[first], state.queue
    trend = " and growing" if now > 1.05 * before + 2 else " and shrinking" if now < 0.95 * before - 2 else ""
    text = f"queue {fmt.count(now)}{trend}"
    return [(text, text, "odd" if trend == " and shrinking" else "bad")]
