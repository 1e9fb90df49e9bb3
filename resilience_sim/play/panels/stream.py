"""The cockpit's request stream: which requests are in it and which are seen (how a row looks: views/live/stream.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from resilience_sim.kernel import events as ev
from resilience_sim.measure.story import BriefStory
from resilience_sim.play.run import Run
from resilience_sim.views.live.look import Look
from resilience_sim.views.live.stream import request_row
from resilience_sim.views.text import Row
from resilience_sim.views.words import outcome_name, short_outcome

LOOK_BACK = 200_000  # requests that a filter looks through before it gives up
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
        self._rows: dict[tuple[int, int], BriefStory] = {}

    def forget(self) -> None:
        """Reset for another run."""
        self._rows.clear()

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
        wanted = self.search.lower().lstrip("#")
        if wanted.isdigit():
            return str(rid).startswith(wanted)
        if known[0] < 0:
            return wanted in "open"
        return wanted in outcome_name(known[0]) or wanted in short_outcome(known[0])

    def backwards(self, run: Run, below: int) -> Iterator[int]:
        """Requests that pass the filter, from the one before ``below`` back."""
        every = self.thinned if self.filter == "all" and not self.search else 1
        for rid in range(below - 1, max(-1, below - 1 - LOOK_BACK), -1):
            if rid % every == 0 and self.fits(run, rid):
                yield rid

    def move(self, run: Run, by: int) -> None:
        """Choose the next request down (``by`` > 0) or up."""
        arrived = run.tape.requests_by(run.position)
        if self.chosen is None or self.chosen >= arrived:
            self.chosen = next(self.backwards(run, arrived), None)
            return
        self.thinned = 1
        for _ in range(abs(by)):
            if by < 0:
                found = next(self.backwards(run, self.chosen), None)
            else:
                later = (rid for rid in range(self.chosen + 1, arrived) if self.fits(run, rid))
                found = next(later, None)
            if found is None:
                return
            self.chosen = found

    def window(self, run: Run, rows: int) -> list[int]:
        """The requests on the screen, oldest first: the newest ones, or those around the chosen one."""
        arrived = run.tape.requests_by(run.position)
        below = arrived
        if self.chosen is not None:
            if self.chosen >= arrived:
                self.chosen = None
            else:
                later = (rid for rid in range(self.chosen + 1, min(arrived, self.chosen + 5000)) if self.fits(run, rid))
                for _, rid in zip(range(rows // 2), later, strict=False):
                    below = rid + 1
                below = max(self.chosen + 1, min(below, arrived))
        found = []
        for rid in self.backwards(run, below):
            found.append(rid)
            if len(found) == rows:
                break
        return found[::-1]

    def request(self, run: Run, rid: int) -> BriefStory:
        """A request as a row needs it, read from the tape; kept once it is over."""
        known = run.tape.outcome(rid, run.position)
        key = (id(run), rid)
        if known[0] >= 0 and key in self._rows:
            return self._rows[key]
        request = _request(run, rid)
        if known[0] >= 0:
            if len(self._rows) > 2000:
                self._rows.clear()
            self._rows[key] = request
        return request


def _request(run: Run, rid: int) -> BriefStory:
    request = BriefStory(rid, run.tape.time(run.tape.arrived[rid]))
    for _, kind, _, _, a, b in run.tape.of_request(rid, run.position, late=False):
        request.take(kind, a, b)
    return request


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
