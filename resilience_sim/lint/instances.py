"""Every instance of a configuration in turn: in a large file those that are like others are not looked at.

Where many are left that must be, other processes look at them ahead of their turn. What is said depends on what was
said before, and what is learnt on the order; so all of that is settled here, as if this process had looked itself.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from resilience_sim.interop import section
from resilience_sim.interop.formats import copy_of, own_parts
from resilience_sim.lint.finding import Finding, InACopy
from resilience_sim.lint.look import Look, Seen
from resilience_sim.lint.subject import Instances
from resilience_sim.lint.twins import MOST_TRIES, Instance, Twins

if TYPE_CHECKING:
    from resilience_sim.interop.source.repeated import Copy

MOST_PROCESSES = 4
PAUSE = 0.1  # s of looking between two thoughts about other processes; the first such time tells nothing, for imports
WORTH = 0.4  # s of looking that is left
SHARES = 8  # for each process: one that is done helps with what is left


class _Part(NamedTuple):
    """One instance: what it is a copy of, or how it can be told whether another one is like it."""

    name: str
    copy: Copy | None
    own: Instance | None


def each_instance(instances: Instances, look: Look) -> Iterator[list[Finding]]:
    """What is found in each."""
    twins = Twins() if len(instances.names) > section.LARGE else None
    ahead = _Ahead(instances, look)
    samples: dict[str, list[InACopy]] = {}
    parts = [_part(instances, twins, name) for name in instances.names]
    for number, (name, copy, own) in enumerate(parts):

        def coming(after: int = number + 1) -> list[str]:
            return _to_look_at(parts[after:], samples)

        if copy is not None:
            said = samples.get(copy.of)
            if said is None:
                said = samples[copy.of] = [InACopy.of(each, copy.sample) for each in ahead.at(copy.of, coming)]
            yield [each.made(copy, name) for each in said]
            continue
        found = own.known() if own else None
        if found is None:
            found = ahead.at(name, coming)
            if own and number:  # with the first comes what is found in the whole file
                own.learn(found)
        yield found


def _part(instances: Instances, twins: Twins | None, name: str) -> _Part:
    copy = copy_of(*instances.opened, name)
    parts = own_parts(*instances.opened, name) if twins and copy is None else None
    return _Part(name, copy, twins.of(parts) if twins and parts else None)


def _to_look_at(parts: Iterable[_Part], samples: dict[str, list[InACopy]]) -> list[str]:
    """Those of some instances that are going to be looked at; of some that are alike the two that it takes to learn."""
    wanted: dict[str, None] = {}
    alike = Counter[int]()
    for name, copy, own in parts:
        if copy is not None:
            if copy.of not in samples:
                wanted[copy.of] = None
        elif own is None or own.shape.tries > MOST_TRIES:
            wanted[name] = None
        elif not own.shape.proven and alike[id(own.shape)] < 2:
            alike[id(own.shape)] += 1
            wanted[name] = None
    return list(wanted)


def hands() -> int:
    """How many processes may look at once: one where this one cannot be forked, or threads of it would be lost."""
    from resilience_sim.runs.batch import cores
    from resilience_sim.runs.workers import FORKS

    return min(cores(), MOST_PROCESSES) if FORKS and threading.active_count() == 1 else 1


class _Ahead:
    """Looks at instances when they are asked for, and has others look at those to come where that pays."""

    def __init__(self, instances: Instances, look: Look) -> None:
        self._instances = instances
        self._look = look
        self._known: dict[str, Seen | None] = {}
        self._hands = 0  # 0: not asked yet, which takes imports
        self._thought = False
        self._took = 0.0
        self._looked = 0

    def at(self, name: str, coming: Callable[[], list[str]]) -> list[Finding]:
        """What is found in one, of what was not said before; ``coming``: which ones will be asked for."""
        seen = self._known.pop(name, None) or self._here(name)
        if self._took > PAUSE and self._hands != 1:
            if self._thought:
                self._send_for([each for each in coming() if each not in self._known])
            self._thought = True
            self._took, self._looked = 0.0, 0
        return self._look.fresh(seen, self._instances.opened[1])

    def _here(self, name: str) -> Seen:
        begun = time.perf_counter()
        seen = self._look.all_of(self._instances.subject(name))
        self._took += time.perf_counter() - begun
        self._looked += 1
        return seen

    def _send_for(self, names: Sequence[str]) -> None:
        """Have others look, if there is enough to do. What is lost with a process is looked at here after all."""
        if self._took / self._looked * len(names) <= WORTH:
            return
        self._hands = self._hands or hands()
        if self._hands == 1:
            return
        from resilience_sim.runs.workers import Crew

        def take(share: Sequence[str], found: list[Seen | None]) -> None:
            self._known.update(zip(share, found, strict=True))

        def lose(share: Sequence[str], cause: str) -> None:
            self._hands = 1

        size = -(-len(names) // (self._hands * SHARES))
        shares = [names[first : first + size] for first in range(0, len(names), size)]
        Crew(self._hands, self._share, take, lose).work_through(shares)

    def _share(self, names: Sequence[str]) -> list[Seen | None]:
        """In another process: what there is to say of some instances, each by itself.

        None for one that comes with what is said of the whole file: whether it does depends on those before.
        """
        told = self._instances.told.copy()
        found: list[Seen | None] = []
        try:
            for name in names:
                number = len(self._instances.told)
                subject = self._instances.subject(name)
                found.append(self._look.all_of(subject) if len(self._instances.told) == number else None)
        except Exception:  # it will be raised where this instance is asked for
            found += [None] * (len(names) - len(found))
        self._instances.told = told
        return found
