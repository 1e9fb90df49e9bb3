"""The cockpit's request stream: which requests are in it and which are seen (how a row looks: views/live/stream.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice

from resilience_sim.kernel import events as ev
from resilience_sim.measure.story import BriefStory
from resilience_sim.play.run import Run
from resilience_sim.play.tape import OPEN, OUTCOMES, RETRIED, TWICE
from resilience_sim.views.live.look import Look
from resilience_sim.views.live.stream import request_row
from resilience_sim.views.text import Row
from resilience_sim.views.words import outcome_name, short_outcome

LOOK_BACK = 200_000  # requests that a filter looks through before it gives up
LOOKS = 10_000  # of those, requests of which more is asked than the byte on the tape
BLOCK = 4096
Known = tuple[int, int, int, int]  # outcome (-1: not yet), latency, attempts, effects


def _slow(known: Known, latency: int) -> bool:
    return known[0] >= 0 and known[1] > latency


FILTERS: dict[str, Callable[[Known, int], bool]] = {
    "all": lambda known, slow: True,
    "failed": lambda known, slow: known[0] > ev.FALLBACK,
    "retried": lambda known, slow: known[2] > 1,
    "slow": _slow,
    "twice": lambda known, slow: known[3] > 1,
    "open": lambda known, slow: known[0] < 0,
}


class Stream:
    """What the user has chosen to see: a filter, a search, one request. ``thinned``: one of that many is shown."""

    def __init__(self) -> None:
        self.filter = "all"
        self.search = ""
        self.chosen: int | None = None
        self.thinned = 1
        self._rows: dict[int, tuple[BriefStory, int]] = {}  # by request: what was read of it, up to which position
        self._run: Run | None = None  # of which run

    def thin(self, rate: float) -> None:
        """Show one request in ``rate``, rounded up to a round number."""
        self.thinned = next((n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if n >= rate), 5000)

    def cycle(self) -> None:
        names = list(FILTERS)
        self.filter = names[(names.index(self.filter) + 1) % len(names)]

    def fits(self, run: Run, rid: int) -> bool:
        known = run.tape.outcome(rid, run.position)
        slow = int(max(run.view.plan.traffic.deadline, 0)) or 1_000_000_000
        if not FILTERS[self.filter](known, slow):
            return False
        if not self.search:
            return True
        number = self._number()
        return str(rid).startswith(number) if number else _named(known[0], self.search)

    def _number(self) -> str:
        """The digits that are searched for, if they are."""
        wanted = self.search.lstrip("#")
        return wanted if wanted.isascii() and wanted.isdigit() else ""

    def backwards(self, run: Run, below: int) -> Iterator[int]:
        """Requests that pass the filter, from the one before ``below`` back."""
        return self._passing(run, range(below - 1, max(-1, below - 1 - LOOK_BACK), -1))

    def forwards(self, run: Run, above: int, stop: int) -> Iterator[int]:
        """Requests that pass the filter, from the one after ``above`` on."""
        return self._passing(run, range(above + 1, min(stop, above + 1 + LOOK_BACK)))

    def _passing(self, run: Run, rids: range) -> Iterator[int]:
        looks = LOOKS
        for rid in self._candidates(run, rids):
            looks -= 1
            if looks < 0:
                return
            if self.fits(run, rid):
                yield rid

    def _candidates(self, run: Run, rids: range) -> Iterator[int]:
        """Those of ``rids`` that may pass, as far as the tape's bytes and their numbers tell."""
        number = self._number()
        if number:
            yield from _beginning_with(number, rids)
            return
        if self.filter == "all" and not self.search:
            first = next((rid for rid in rids if rid % self.thinned == 0), None)
            yield from () if first is None else range(first, rids.stop, rids.step * self.thinned)
            return
        tape, position, live = run.tape, run.position, run.live
        passing = _passing_fates(self.filter, self.search)
        for at in range(0, len(rids), BLOCK):
            block = rids[at : at + BLOCK]
            low = min(block[0], block[-1])
            found = tape.fates[low : low + len(block)].translate(passing)
            if not live:  # what ends later on the tape is open here
                ended = tape.ended[low : low + len(block)]
                found = bytearray(
                    each if 0 <= end < position else passing[OPEN] for each, end in zip(found, ended, strict=True)
                )
            find, i = (found.rfind, len(found)) if rids.step < 0 else (found.find, -1)
            while (i := find(1, 0, i) if rids.step < 0 else find(1, i + 1)) >= 0:
                yield low + i

    def move(self, run: Run, by: int) -> None:
        """Choose the next request down (``by`` > 0) or up."""
        arrived = run.tape.requests_by(run.position)
        if self.chosen is None or self.chosen >= arrived:
            self.chosen = next(self.backwards(run, arrived), None)
            return
        self.thinned = 1
        there = self.backwards(run, self.chosen) if by < 0 else self.forwards(run, self.chosen, arrived)
        for self.chosen in islice(there, abs(by)):
            pass

    def window(self, run: Run, rows: int) -> list[int]:
        """The requests on the screen, oldest first: the newest ones, or those around the chosen one."""
        arrived = run.tape.requests_by(run.position)
        below = arrived
        if self.chosen is not None:
            if self.chosen >= arrived:
                self.chosen = None
            else:
                later = self.forwards(run, self.chosen, min(arrived, self.chosen + 5000))
                for _, rid in zip(range(rows // 2), later, strict=False):
                    below = rid + 1
                below = max(self.chosen + 1, min(below, arrived))
        return list(islice(self.backwards(run, below), max(0, rows)))[::-1]

    def request(self, run: Run, rid: int) -> BriefStory:
        """A request as a row needs it; read on from where it was read last."""
        if run is not self._run or len(self._rows) > 2000:
            self._run, self._rows = run, {}
        over = run.tape.outcome(rid, run.position)[0] >= 0
        request, read = self._rows.get(rid, (None, 0))
        if request is None or (request.outcome >= 0 and not over) or (request.outcome < 0 and read > run.position):
            request, read = BriefStory(rid, run.tape.time(run.tape.arrived[rid])), 0
        if request.outcome < 0:
            for _, kind, _, _, a, b in run.of_user(rid, False, read):
                request.take(kind, a, b)
        self._rows[rid] = request, run.position
        return request


def _named(outcome: int, search: str) -> bool:
    """Whether a text that is searched for is part of an outcome's name; -1: open."""
    wanted = search.lower().lstrip("#")
    return wanted in "open" if outcome < 0 else wanted in outcome_name(outcome) or wanted in short_outcome(outcome)


@lru_cache(8)
def _passing_fates(name: str, search: str) -> bytes:
    """For each byte of ``Tape.fates`` whether such a request may pass a filter and a search, 1 or 0."""
    found = bytearray(256)
    for fate in range(256):
        outcome = -1 if OUTCOMES[fate] == OPEN else OUTCOMES[fate]
        if outcome >= len(ev.OUTCOME_NAMES):
            continue
        known = (outcome, 0, 2 if fate & RETRIED else 1, 2 if fate & TWICE else 1)
        passes = outcome >= 0 if name == "slow" else FILTERS[name](known, 0)
        found[fate] = passes and (not search or _named(outcome, search))
    return bytes(found)


def _beginning_with(digits: str, rids: range) -> Iterator[int]:
    """Those of ``rids`` whose number begins with these digits, in the order of ``rids``."""
    if not rids:
        return
    low, high = sorted((rids[0], rids[-1]))
    if digits.startswith("0"):
        parts = [range(1)] if digits == "0" else []
    else:
        parts = [range(int(digits) * 10**n, (int(digits) + 1) * 10**n) for n in range(max(0, 20 - len(digits)))]
    cut = [range(max(part.start, low), min(part.stop, high + 1)) for part in parts]
    for part in cut if rids.step > 0 else reversed(cut):
        yield from part if rids.step > 0 else reversed(part)


def stream_rows(stream: Stream, run: Run, look: Look, width: int, height: int) -> tuple[list[Row], list[int]]:
    rids = stream.window(run, height)
    rows = []
    for rid in rids:
        row = Row(">" if rid == stream.chosen else " ", "calm!")
        row.join(request_row(stream.request(run, rid), look, width - 1))
        rows.append(_marked(row) if rid == stream.chosen else row)
    return rows, rids


def _marked(row: Row) -> Row:
    """The chosen row: its plain pieces stand out."""
    marked = Row()
    for text, style in row.spans:
        marked.add(text, "strong" if style in ("", "faint") else style)
    return marked


def stream_title(stream: Stream) -> str:
    parts = [] if stream.filter == "all" else [stream.filter]
    if stream.search:
        parts.append(f"`{stream.search}`")
    if not parts and stream.thinned > 1:
        parts.append(f"1 of {stream.thinned}")
    return ", ".join(parts)
