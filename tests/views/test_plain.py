"""Plain lines: exact, greppable, fixed columns, no colour unless asked, no Rich."""

from __future__ import annotations

import io
import subprocess
import sys

from resilience_sim.kernel import events as ev
from resilience_sim.kernel.events import Component
from resilience_sim.runs.simulation import Simulation
from resilience_sim.views.plain import PlainFold
from views.scenes import BUSY, OUTAGE, PAYMENT, scenario


def plain(text: str, colour: bool = False) -> list[str]:
    plan = scenario(text).plan
    simulation = Simulation(plan, 1)
    out = io.StringIO()
    fold = PlainFold(out, plan, simulation.components, colour)
    simulation.attach(fold)
    simulation.run()
    fold.finish(simulation.now)
    return out.getvalue().splitlines()


def test_requests_transitions_and_faults_exactly() -> None:
    lines = plain(OUTAGE)
    assert lines[7:13] == [
        "     3.550s  request  #7                success           50ms  1 success",
        "     4.000s  fault    main              on                      outage (error), until 10s",
        "     4.300s  request  #8                error            300ms  1 error, 2 error",
        "     4.800s  breaker  circuit_breaker   OPEN                    was CLOSED; 2 failures in a row",
        "     4.800s  request  #9                error            300ms  1 error, 2 error",
        "     5.000s  request  #10               breaker_open        0s  breaker_open",
    ]
    assert lines[19:22] == [
        "     8.300s  breaker  circuit_breaker   OPEN                    was HALF_OPEN; probe failed: error",
        "     8.300s  request  #16               error            300ms  1 error, 2 error",
        "     8.500s  request  #17               breaker_open        0s  breaker_open",
    ]
    assert sum("  request  " in line for line in lines) == 40


def test_what_attempts_did_to_b_stands_beside_them() -> None:
    assert plain(PAYMENT) == [
        "     0.500s  request  #0                timeout          500ms  1 timeout [applied], 2 timeout [DUPLICATE]",
        "     1.500s  request  #1                timeout          500ms  1 timeout [applied], 2 timeout [DUPLICATE]",
    ]


def test_hand_made_events_late_results_crashes_orphans_and_the_unanswered() -> None:
    plan = scenario(BUSY).plan
    parts = (Component(0, "client", "A#1", 0), Component(1, "circuit_breaker", "circuit_breaker", 1, 0))
    out = io.StringIO()
    fold = PlainFold(out, plan, parts)
    s = 10**9
    for event in (
        (0, ev.ARRIVE, 0, 0, ev.ADMITTED, 0),
        (0, ev.SENT, 0, 0, 1, 0),
        (s, ev.ARRIVE, 0, 1, ev.ADMITTED, 0),
        (s, ev.RETRY_DENIED, 0, 1, 2, 0),
        (s, ev.DONE, 0, 1, ev.pack_done(ev.SUCCESS, 1, 1, 0), 3 * s),
        (2 * s, ev.LATE_RESULT, 1, 0, ev.ERROR, ev.CLOSED << 8 | ev.OPEN),
        (2 * s, ev.EFFECT, 0, 1, ev.pack_attempt(2, ev.DUPLICATE, 0), 1),
        (3 * s, ev.CRASH, 0, -1, 17, 8 * s),
        (8 * s, ev.RESTART, 0, -1, 0, 0),
    ):
        fold.on_event(*event)
    fold.finish(9 * s)
    assert out.getvalue().splitlines() == [
        "     1.000s  request  #1                success             3s  no budget for a retry, late: deadline 2s",
        "     2.000s  late     circuit_breaker@1  error                   changes nothing: result of #0, admitted while"
        " CLOSED, now OPEN",
        "     2.000s  effect   #1                DUPLICATE               attempt 2 took effect after the request was"
        " reported failed",
        "     3.000s  client   A#1               crashed                 17 requests went down with it, back at 8s",
        "     8.000s  client   A#1               restarted               fresh policy state",
        "     9.000s  request  #0                unanswered           –  1 unfinished",
    ]


def test_colour_only_when_asked_and_nothing_else_changes() -> None:
    bare, coloured = plain(OUTAGE), plain(OUTAGE, colour=True)
    assert not any("\x1b" in line for line in bare)
    strip = [line.replace("\x1b[0m", "") for line in coloured]
    for code in ("31", "32", "33", "2"):
        strip = [line.replace(f"\x1b[{code}m", "") for line in strip]
    assert [line.rstrip() for line in strip] == bare
    assert any("\x1b[31m" in line for line in coloured)


def test_a_name_cannot_steer_the_terminal() -> None:
    out = io.StringIO()
    fold = PlainFold(out, scenario(OUTAGE).plan, (Component(0, "client", "\x1b[2Jevil\n", 0),))
    fold.on_event(0, ev.RESTART, 0, -1, 0, 0)
    assert out.getvalue().count("\n") == 1
    assert "\x1b" not in out.getvalue()


def test_memory_is_bounded_by_the_requests_in_flight() -> None:
    plan = scenario(BUSY).plan
    simulation = Simulation(plan, 1)
    fold = PlainFold(io.StringIO(), plan, simulation.components)
    simulation.attach(fold)
    simulation.run()
    assert not fold._open


def test_rich_is_not_needed() -> None:
    code = "import sys, resilience_sim.views.plain; assert not any(m.split('.')[0] == 'rich' for m in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
