"""What the pseudo-terminal tests run: a live show on the real terminal, then a line on the normal screen."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from rich.console import Console

from resilience_sim.runs import endings
from resilience_sim.runs.simulation import Simulation
from resilience_sim.views.live.driver import Show, watch
from resilience_sim.views.live.look import look_for
from resilience_sim.views.live.terminal import Terminal
from views.scenes import OUTAGE, scenario


def main() -> None:
    """Play the outage at the speed given; with a second argument, fail in the middle."""
    plan = scenario(OUTAGE).plan
    console = Console()
    source = Simulation(plan, 1)
    with Terminal(console) as stage:
        if sys.argv[2:] == ["fail"]:
            stage.show = broken  # type: ignore[method-assign]
        watched = watch(stage, [Show(source)], float(sys.argv[1]), look=look_for(console.encoding, {"TERM": "xterm"}))
    print(f"ended {watched.ended} at {watched.now / 1e9:.1f}")
    if number := endings.terminated_by():  # as resilience_sim.cli.main does
        sys.exit(128 + number)


def broken(sheet: object) -> None:
    """Stand in for a bug while the terminal is taken."""
    raise ZeroDivisionError


main()
