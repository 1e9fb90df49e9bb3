"""What a breaker has seen lately, counted as each library counts it. The thresholds on those counts are trips.py.

A tally counts results, and besides the calls admitted and not yet answered, those left out of account and those
rejected. Windows and their alignment:

* :class:`Tally`: for ever (gobreaker without Interval, and all that only count failures in a row);
* :class:`RingTally`: the last N results (resilience4j COUNT_BASED, failsafe-go by count);
* :class:`GridTally`: slices on the grid of the clock (resilience4j TIME_BASED: whole seconds of the epoch;
  failsafe-go: tenths of the period, and reading does not age it; Hystrix: half seconds);
* :class:`AnchoredTally`: slices that begin with their first event (Polly, RollingHealthMetrics.cs);
* :class:`SingleTally`: one window (Polly below 200 ms, SingleHealthMetrics.cs);
* :class:`RollingTally`: slices counted from the entry into the state (gobreaker v2 with BucketPeriod, counter.go);
* :class:`CallTally`: slices of calls made and of failures, on a grid that a timer moves on (opossum, status.js);
* :class:`PushedTally`: slices that only a result moves on, one at a time (cockatiel SamplingBreaker);
* :class:`ErrorTally`: the instants of the last errors (semian, circuit_breaker.rb).
"""

from __future__ import annotations

from collections import deque

from mypy_extensions import i64

from resilience_sim.settings.breaker import LikeBreakerConfig

Counts = tuple[int, int, int]


class Tally:
    """Counts of results since it began. ``requests`` counts admissions, in flight included."""

    __slots__ = ("bad", "excluded", "min_calls", "rejected", "requests", "run_bad", "run_good", "slow", "total")

    total: i64
    bad: i64
    slow: i64
    run_bad: i64  # failures in a row
    run_good: i64
    requests: i64
    excluded: i64
    rejected: i64
    min_calls: i64  # no rate with fewer results

    def __init__(self, min_calls: i64) -> None:
        self.min_calls = min_calls
        self.total = 0
        self.bad = 0
        self.slow = 0
        self.run_bad = 0
        self.run_good = 0
        self.requests = 0
        self.excluded = 0
        self.rejected = 0

    def take(self, config: LikeBreakerConfig) -> None:
        """Other settings, which leave what was counted as it is."""
        self.min_calls = config.min_calls

    def request(self, now: i64) -> None:
        """A call was let in."""
        self.requests += 1

    def exclude(self, now: i64, since: i64) -> None:
        """A call let in at ``since`` is left out of account."""
        self.excluded += 1

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """A result (``bad`` and ``slow`` are 0 or 1) of a call let in at ``since``."""
        self.total += 1
        self.slow += slow
        self._run(bad)

    def _run(self, bad: i64) -> None:
        self.bad += bad
        if bad:
            self.run_bad += 1
            self.run_good = 0
        else:
            self.run_good += 1
            self.run_bad = 0

    def look(self, now: i64) -> None:
        """The counts are about to be read."""

    def counts(self, now: i64) -> Counts:
        """All, bad and slow results it would count if it were read now; nothing changes.

        A window that is not aged by reading (failsafe-go's) is given as it is.
        """
        return self.total, self.bad, self.slow

    def _without(self, gone: list[Counts]) -> Counts:
        """:meth:`counts`, less what has left the window."""
        total, bad, slow = self.total, self.bad, self.slow
        for piece in gone:
            total -= piece[0]
            bad -= piece[1]
            slow -= piece[2]
        return total, bad, slow


class RingTally(Tally):
    """The last ``size`` results."""

    __slots__ = ("_marks", "_size")

    _size: i64

    def __init__(self, min_calls: i64, size: i64) -> None:
        super().__init__(min_calls)
        self._size = size
        self._marks: deque[int] = deque()

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """The oldest result makes room."""
        if self._size <= 0:
            return
        marks = self._marks
        if len(marks) >= self._size:
            oldest = marks.popleft()
            self.total -= 1
            self.bad -= oldest & 1
            self.slow -= oldest >> 1
        marks.append(bad | slow << 1)
        super().add(now, since, bad, slow)


class Slice:
    """What happened since ``start``, or in the slice of that number."""

    __slots__ = ("bad", "slow", "start", "total")

    start: i64
    bad: i64
    slow: i64
    total: i64

    def __init__(self, start: i64) -> None:
        self.start = start
        self.bad = 0
        self.slow = 0
        self.total = 0


class GridTally(Tally):
    """``count`` slices of ``width`` ns on the grid of the clock; ``ages``: reading forgets what is too old.

    Only slices in which something happened are kept: neither memory nor time grows with their number.
    """

    __slots__ = ("_ages", "_count", "_slices", "_width")

    _count: i64
    _width: i64

    def __init__(self, min_calls: i64, width: i64, count: i64, ages: bool) -> None:
        super().__init__(min_calls)
        self._width = width
        self._count = count
        self._ages = ages
        self._slices: deque[Slice] = deque()  # by number, the oldest first

    def _roll(self, now: i64) -> i64:
        """Forget what is too old; the number of the slice of now."""
        head = now // self._width
        slices = self._slices
        while slices and slices[0].start <= head - self._count:
            gone = slices.popleft()
            self.total -= gone.total
            self.bad -= gone.bad
            self.slow -= gone.slow
        return head

    def _current(self, now: i64) -> Slice:
        head = self._roll(now)
        slices = self._slices
        if not slices or slices[-1].start < head:
            slices.append(Slice(head))
        return slices[-1]

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """Into the slice of now."""
        current = self._current(now)
        current.total += 1
        current.bad += bad
        current.slow += slow
        super().add(now, since, bad, slow)

    def look(self, now: i64) -> None:
        """Forget, if reading does."""
        if self._ages:
            self._roll(now)

    def counts(self, now: i64) -> Counts:
        if not self._ages:
            return self.total, self.bad, self.slow
        oldest = now // self._width - self._count
        return self._without([(each.total, each.bad, each.slow) for each in self._slices if each.start <= oldest])


class CallTally(GridTally):
    """``total`` counts calls when they are made, rejected ones too, ``bad`` failures when they are known.

    The grid begins with ``now``. A failure may be in the window when its call no longer is.
    """

    __slots__ = ("_start",)

    _start: i64

    def __init__(self, min_calls: i64, now: i64, width: i64, count: i64) -> None:
        super().__init__(min_calls, width, count, True)
        self._start = now

    def request(self, now: i64) -> None:
        """Into the slice of now."""
        self.requests += 1
        self._current(now - self._start).total += 1
        self.total += 1

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """A failure, into the slice of now."""
        self._current(now - self._start).bad += bad
        self._run(bad)

    def look(self, now: i64) -> None:
        self._roll(now - self._start)

    def counts(self, now: i64) -> Counts:
        return super().counts(now - self._start)


class AnchoredTally(Tally):
    """Slices of ``width`` ns, each begun by the first event after the end of the one before; gone after ``span``."""

    __slots__ = ("_slices", "_span", "_width")

    _span: i64
    _width: i64

    def __init__(self, min_calls: i64, span: i64, width: i64) -> None:
        super().__init__(min_calls)
        self._span = span
        self._width = width
        self._slices: deque[Slice] = deque()

    def _current(self, now: i64) -> Slice:
        slices = self._slices
        if not slices or now - slices[-1].start >= self._width:
            slices.append(Slice(now))
        while now - slices[0].start >= self._span:
            gone = slices.popleft()
            self.total -= gone.total
            self.bad -= gone.bad
        return slices[-1]

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """Into the current slice."""
        current = self._current(now)
        current.total += 1
        current.bad += bad
        super().add(now, since, bad, slow)

    def look(self, now: i64) -> None:
        """Reading begins slices too."""
        self._current(now)

    def counts(self, now: i64) -> Counts:
        return self._without([(each.total, each.bad, 0) for each in self._slices if now - each.start >= self._span])


class PushedTally(Tally):
    """``count`` slices; a result that comes ``width`` ns after the current one began moves on to the next one, once.

    The slices that nobody needed in between stay: after a pause old results are forgotten one slice at a time.
    """

    __slots__ = ("_count", "_slices", "_width")

    _width: i64
    _count: i64

    def __init__(self, min_calls: i64, width: i64, count: i64) -> None:
        super().__init__(min_calls)
        self._width = width
        self._count = count
        self._slices: deque[Slice] = deque()

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """Into the current slice, or the next one."""
        slices = self._slices
        if not slices or now - slices[-1].start >= self._width:
            slices.append(Slice(now))
            if len(slices) > self._count:
                gone = slices.popleft()
                self.total -= gone.total
                self.bad -= gone.bad
        current = slices[-1]
        current.total += 1
        current.bad += bad
        super().add(now, since, bad, slow)


class ErrorTally(Tally):
    """The instants of the last ``most`` errors, of those not older than ``keep`` ns (0: however old).

    An error less than ``lump`` ns after the last one kept is not kept. Successes leave no trace.
    """

    __slots__ = ("_instants", "_keep", "_lump", "_most")

    _most: i64
    _keep: i64
    _lump: i64

    def __init__(self, most: i64, keep: i64, lump: i64) -> None:
        super().__init__(0)
        self._most = most
        self._keep = keep
        self._lump = lump
        self._instants: deque[int] = deque()

    def take(self, config: LikeBreakerConfig) -> None:
        """The latest errors stay. A breaker that is closed has fewer than the old threshold: none is missing."""
        self._most = config.out_of
        self._lump = config.lumping
        while len(self._instants) > self._most:
            self._instants.popleft()
        self.total = len(self._instants)
        self.bad = self.total

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """Only an error forgets the old ones."""
        if not bad:
            return
        instants = self._instants
        while self._keep and instants and instants[0] + self._keep < now:
            instants.popleft()
        if not instants or instants[-1] <= now - self._lump:
            if len(instants) >= self._most:
                instants.popleft()
            instants.append(int(now))
        self.total = len(instants)
        self.bad = self.total

    def last(self) -> i64:
        """When the last error was; -1: never."""
        return self._instants[-1] if self._instants else -1

    def span(self) -> i64:
        """From the first error that is kept to the last."""
        return self._instants[-1] - self._instants[0] if self._instants else 0


class SingleTally(Tally):
    """One window of ``span`` ns, begun anew by the first event after its end."""

    __slots__ = ("_span", "_start")

    _span: i64
    _start: i64

    def __init__(self, min_calls: i64, now: i64, span: i64) -> None:
        super().__init__(min_calls)
        self._span = span
        self._start = now

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """In the window of now."""
        self.look(now)
        super().add(now, since, bad, slow)

    def look(self, now: i64) -> None:
        """Begin anew, if it is over."""
        if now - self._start >= self._span:
            self._start = now
            self.total = 0
            self.bad = 0

    def counts(self, now: i64) -> Counts:
        if now - self._start >= self._span:
            return 0, 0, 0
        return self.total, self.bad, self.slow


class RollingTally(Tally):
    """``count`` slices of ``width`` ns from ``now`` on; a result belongs to the slice its call was let in.

    Only slices in which something happened are kept, by number.
    """

    __slots__ = ("_age", "_count", "_slices", "_start", "_width")

    _start: i64
    _width: i64
    _count: i64
    _age: i64

    def __init__(self, min_calls: i64, now: i64, width: i64, count: i64) -> None:
        super().__init__(min_calls)
        self._start = now
        self._width = width
        self._count = count
        self._age = 0
        self._slices: dict[int, Tally] = {}

    def request(self, now: i64) -> None:
        """Into the current slice."""
        self.requests += 1
        self._slice(self._age).requests += 1

    def _slice(self, age: int) -> Tally:
        found = self._slices.get(age)
        if found is None:
            found = self._slices[age] = Tally(0)
        return found

    def _slice_of(self, since: i64) -> Tally | None:
        # half open the slices do not grow: all belongs to the first
        age = min((since - self._start) // self._width, self._age)
        return self._slice(age) if 0 <= self._age - age < self._count else None

    def exclude(self, now: i64, since: i64) -> None:
        """In the slice of its call, while there is one."""
        piece = self._slice_of(since)
        if piece is not None:
            self.excluded += 1
            piece.excluded += 1

    def add(self, now: i64, since: i64, bad: i64, slow: i64) -> None:
        """In the slice of its call, while there is one."""
        piece = self._slice_of(since)
        if piece is not None:
            super().add(now, since, bad, slow)
            piece.add(now, since, bad, slow)

    def look(self, now: i64) -> None:
        """Forget slices that have left the window."""
        age = (now - self._start) // self._width
        if age - self._age >= self._count:
            self._slices = {}
            self.total = 0
            self.bad = 0
            self.slow = 0
            self.run_bad = 0
            self.run_good = 0
            self.requests = 0
            self.excluded = 0
            self._age = age
        if age > self._age:
            for oldest in self._leaving(age):
                self._drop(self._slices.pop(oldest))
            self._age = age

    def _leaving(self, age: i64) -> list[int]:
        """The numbers of the slices that are gone at that age, the oldest first."""
        first, last = int(self._age - self._count + 1), int(age - self._count)
        if last - first < len(self._slices):
            return [number for number in range(first, last + 1) if number in self._slices]
        return sorted([number for number in self._slices if number <= last])

    def _drop(self, gone: Tally) -> None:
        """Take a slice out; a row of equal results loses its part only if it reaches back that far."""
        bad = self.bad - gone.bad
        good = self.total - gone.total - bad
        if self.run_good == good + gone.run_good:
            self.run_good = max(0, self.run_good - gone.run_good)
        if self.run_bad == bad + gone.run_bad:
            self.run_bad = max(0, self.run_bad - gone.run_bad)
        self.total -= gone.total
        self.bad -= gone.bad
        self.requests = max(0, self.requests - gone.requests)
        self.excluded -= gone.excluded

    def counts(self, now: i64) -> Counts:
        oldest = (now - self._start) // self._width - self._count
        return self._without([(each.total, each.bad, each.slow) for age, each in self._slices.items() if age <= oldest])


def make_tally(config: LikeBreakerConfig, now: i64) -> Tally:
    """An empty tally as the settings want it, begun now."""
    least = config.min_calls
    span = config.window_time
    kind = config.window
    if kind == "ring":
        return RingTally(least, config.window_calls)
    if kind == "grid":
        return GridTally(least, span // config.slices, config.slices, config.ages_when_read)
    if kind == "anchored":
        return AnchoredTally(least, span, span // config.slices)
    if kind == "single":
        return SingleTally(least, now, span)
    if kind == "rolling":
        return RollingTally(least, now, span // config.slices, config.slices)
    if kind == "calls":
        return CallTally(least, now, span // config.slices, config.slices)
    if kind == "pushed":
        return PushedTally(least, span // config.slices, config.slices)
    if kind == "errors":
        return ErrorTally(config.out_of, span, config.lumping)
    return Tally(least)
