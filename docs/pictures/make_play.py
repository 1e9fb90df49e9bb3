"""Makes the pictures of the cockpit: ``python docs/pictures/make_play.py``. Needs the extra ``play``."""

from __future__ import annotations

from pathlib import Path

from resilience_sim.kernel.events import CALL, DUPLICATE, EFFECT
from resilience_sim.play.app import Cockpit
from resilience_sim.play.forms import read_fault, read_policy
from resilience_sim.play.session import Session
from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.load import load
from resilience_sim.scenario.write import policy_settings
from resilience_sim.settings.actions import Change

HERE = Path(__file__).parent
SECOND = 1_000_000_000


def cockpit(name: str) -> Cockpit:
    """The cockpit on a shipped scenario, standing still."""
    scenario = load(name)
    return Cockpit(Session(scenario, Simulation(scenario.plan, 1, [])), auto=False)


def play_to(app: Cockpit, t: float) -> None:
    """Let the run go on to an instant."""
    session = app.state.session
    session.paused, session.speed = False, 10.0
    while session.clock < t * SECOND and not session.over:
        session.frame(min(0.1, (t * SECOND - session.clock) / session.speed / SECOND))


def storm() -> Cockpit:
    """A retry storm being born: the brownout is over, and the load on B is not; an injected outage on top of it."""
    app = cockpit("retry-storm")
    play_to(app, 24.5)
    app.state.stream.filter = "retried"
    app.state.stream.thinned = 1
    app.state.stream.move(app.state.session.run, -1)
    app.state.stream.move(app.state.session.run, -12)
    app.state.policy = "retry"
    return app


def twice() -> Cockpit:
    """The inspector on a request that was charged twice."""
    app = cockpit("double-charge")
    play_to(app, 16)
    tape = app.state.session.run.tape
    found = next(e for e in tape.slice(0, len(tape)) if e[1] == EFFECT and e[4] & 0xFF == DUPLICATE and e[3] >= 10)
    app.state.stream.filter = "twice"
    app.state.stream.chosen = found[3]
    app.state.session.paused = True
    return app


def fork() -> Cockpit:
    """A fork: the same storm, with and without a budget for retries."""
    app = cockpit("retry-storm")
    session = app.state.session
    play_to(app, 18)
    retry = session.run.plan.stack[0]
    settings = {**policy_settings(retry), "budget": "10%"}
    session.branch(Change(session.instant(), read_policy(retry.kind, settings, retry.id)))
    play_to(app, 46)
    app.state.stream.filter = "failed"
    difference = session.difference()
    app.state.stream.chosen = difference.rid if difference else None
    return app


def hands() -> Cockpit:
    """An injected outage, and the breaker that saw it."""
    app = cockpit("hard-outage")
    session = app.state.session
    play_to(app, 6)
    session.act(read_fault("lost_responses", {"for": "4s", "rate": "50%"}, session.run.plan_now, session.instant()))
    play_to(app, 21)
    app.state.stream.move(session.run, -1)
    return app


def cascade() -> Cockpit:
    """Several services: the graph with its flows, a cascade climbing, and a request as a tree of calls."""
    app = cockpit("cascade")
    play_to(app, 19)
    run = app.state.session.run
    app.state.stream.thinned = 1
    app.state.place = "stock"
    asked = (
        rid for rid in range(560, 700) if any(event[1] == CALL for event in run.tape.of_request(rid, run.position))
    )
    app.state.stream.chosen = max(asked, key=lambda rid: len(run.tape.of_request(rid, run.position)))
    return app


if __name__ == "__main__":
    pictures = {"storm": storm, "charged-twice": twice, "fork": fork, "hands-on": hands, "cascade": cascade}
    for name, make in pictures.items():
        (HERE / f"play-{name}.svg").write_text(make().renderer.svg(), encoding="utf-8")
