"""What has been found wrong or odd about one scenario."""

from __future__ import annotations

from dataclasses import dataclass, field

from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Loc, Node, place
from resilience_sim.settings.plan import Warned


class Places:
    """Paths, and whether one lies at, above or below any of them: asked for each mistake, and there may be many."""

    def __init__(self) -> None:
        self._here: set[Loc] = set()
        self._above: set[Loc] = set()
        self._count = 0

    def append(self, loc: Loc) -> None:
        self._count += 1
        self._here.add(loc)
        self._above.update(loc[:length] for length in range(len(loc) + 1))

    def __len__(self) -> int:
        return self._count

    def touches(self, loc: Loc) -> bool:
        if not self._count:
            return False
        return loc in self._above or any(loc[:length] in self._here for length in range(len(loc) + 1))


@dataclass
class Findings:
    """Mistakes and warnings about one tree.

    ``tainted`` are the paths at which checking went on with a stand-in: nothing that rests on them is reported again.
    """

    root: Node
    errors: list[Diagnostic] = field(default_factory=list)
    warnings: list[Warned] = field(default_factory=list)
    tainted: Places = field(default_factory=Places)

    def touches(self, loc: Loc) -> bool:
        """Whether a path lies at, above or below something already reported."""
        return self.tainted.touches(loc)

    def error(
        self, loc: Loc, code: str, message: str, help: str = "", key: bool = False, rests_on: tuple[Loc, ...] = ()
    ) -> None:
        """Report a mistake, unless it rests on something that was wrong already. ``key``: point at the key."""
        if self.tainted and any(self.touches(each) for each in (loc, *rests_on)):
            return
        self.errors.append(place(self.root, loc, key).finding(code, message, help, loc))
        self.tainted.append(loc)

    def warn(self, code: str, message: str) -> None:
        """Remember something odd that does not stop a run."""
        self.warnings.append(Warned(code, message))
