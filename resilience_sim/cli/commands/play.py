"""``resim play``: the cockpit, full screen: break things by hand, look back, ask what if.

Owns what is played (a scenario, a recording, a tour) and what is said when it is over. Refuses everything on the
screen (play/). Textual is an extra: without it the answer is the command that installs it.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import Action, CommandContext

if TYPE_CHECKING:
    from resilience_sim.play.session import Session
    from resilience_sim.play.tour import Tour

ABOUT = "Play with failure: break things by hand, rewind, ask what if."
INSTALL = "pip install 'resim[play]'"
THEMES = ("auto", "dark", "light")


def play(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="SCENARIO|FILE.resim", help="A scenario as for run, or a recording.",
            autocompletion=complete.scenarios,
        ),
    ] = None,
    tour: Annotated[
        str | None, typer.Option("--tour", metavar="NAME", help="A guided tour: first-look, say; `list` names all.")
    ] = None,
    seed: opt.Seed = None,
    speed: opt.Speed = None,
    set_: opt.Set = None,
    save: opt.Save = None,
    theme: Annotated[str, typer.Option("--theme", metavar="THEME", help="auto, dark or light.")] = "auto",
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    color: opt.Color = "auto",
    version: opt.Version = False,
) -> Action:  # fmt: skip
    """Play a scenario full screen: pause, step, rewind, inject faults, change policies, fork the future.

    Everything done by hand belongs to the run: --save keeps it, resim replay --verify repeats it exactly. Needs the
    extra `play` (Textual).
    """
    asked = Asked(what, tour, seed, speed, set_ or [], save, theme)
    return lambda ctx: work(ctx, asked)


@dataclass(frozen=True)
class Asked:
    """The command line of ``play``."""

    what: str | None
    tour: str | None
    seed: int | None
    speed: str | None
    set: list[str]
    save: str | None
    theme: str


def work(ctx: CommandContext, asked: Asked) -> int:
    """Play it."""
    from resilience_sim.cli import values
    from resilience_sim.cli.exits import Problem, usage

    ctx.command, ctx.subject = "play", asked.what
    values.one_of("--theme", asked.theme, THEMES)
    if asked.tour == "list":
        return _list_tours(ctx)
    if ctx.json:
        raise usage("--json has no place in the cockpit", "`resim run --json` gives the figures of a run")
    if find_spec("textual") is None:
        raise Problem("missing_extra", "the cockpit needs Textual, which is not installed", f"install it: {INSTALL}")
    io = ctx.io
    if not (io.stdout_is_terminal and io.stderr_is_terminal) or io.environ.get("TERM", "") in ("", "dumb"):
        raise Problem("usage", "resim play needs a terminal", "`resim run` works everywhere")
    gc.disable()  # looking for garbage that is not there is a tenth of the time to the first frame; the app enables it
    speed = values.speed(asked.speed)
    tour = _tour(asked.tour) if asked.tour is not None else None
    what = asked.what or (tour.scenario if tour is not None else "first-look")
    if what.endswith(".resim"):
        return _play_recording(ctx, asked, what, speed)
    return _play_scenario(ctx, asked, what, speed, tour)


def _list_tours(ctx: CommandContext) -> int:
    from resilience_sim.cli.commands.list_ import aligned
    from resilience_sim.play.tour import tours

    for line in aligned(ctx, [(tour.name, f"{tour.title}: {tour.about}") for tour in tours()]):
        ctx.out(line)
    return 0


def _tour(name: str) -> Tour:
    from resilience_sim.cli.exits import usage
    from resilience_sim.cli.values import did_you_mean
    from resilience_sim.play.tour import TourError, load, names

    try:
        return load(name)
    except TourError:
        known = names()
        remedy = did_you_mean(name, known) or f"tours: {', '.join(known)}"
        raise usage(f"--tour: there is no tour `{name}`", remedy) from None


def _play_scenario(ctx: CommandContext, asked: Asked, what: str, speed: float | None, tour: Tour | None) -> int:
    from resilience_sim.cli import values
    from resilience_sim.cli.recorded import recorded
    from resilience_sim.play.session import Session
    from resilience_sim.runs.simulation import Simulation
    from resilience_sim.scenario.load import load

    scenario = load(what, asked.set)
    seed = asked.seed if asked.seed is not None else tour.seed if tour is not None else None
    seed = values.seeds(scenario.plan.seed if seed is None else seed, 1)[0]
    ctx.warnings(scenario.warnings)
    plan, variant = scenario.plan, "as-written"
    if tour is not None and tour.variant:
        variant = tour.variant
        plan = next(each.plan for each in scenario.variants if each.name == variant)
    with recorded(Simulation(plan, seed, []), scenario, asked.save, variant) as source:
        session = Session(scenario, source, speed, variant)
        first = session.run
        saved = _show(ctx, session, asked.theme, tour)
    if asked.save and session.run is not first:  # a fork was taken: it is the run that is kept
        from resilience_sim.play.keeping import keep

        keep(session.run, scenario, asked.save, variant)
    return _summarise(ctx, session, asked.save or saved)


def _play_recording(ctx: CommandContext, asked: Asked, path: str, speed: float | None) -> int:
    from resilience_sim import __version__
    from resilience_sim.cli.exits import usage
    from resilience_sim.play.session import Session
    from resilience_sim.recording.reader import open_recording
    from resilience_sim.runs.replay import Playback, actions_of, plan_of, scenario_of
    from resilience_sim.runs.simulation import Simulation, Source

    if asked.save or asked.set or asked.seed is not None or asked.tour is not None:
        raise usage("--save, --set, --seed and --tour are for scenarios", "a recording has all of that in it")
    with open_recording(path) as recording:
        scenario = scenario_of(recording)
        actions = actions_of(recording) or []
        source: Source
        if recording.meta.version == __version__:
            plan = plan_of(recording, scenario)
            source = Simulation(plan, recording.meta.seed, actions)
        else:
            source = Playback(recording)
            ctx.note(f"recorded by resim {recording.meta.version}: it is played back, but cannot be forked")
        session = Session(scenario, source, speed, recording.meta.variant)
        session.loading = True
        first = session.run
        session.load_until = None if recording.finished else recording.end
        saved = _show(ctx, session, asked.theme, None)
        whole = recording.finished and session.run is first and first.over
        if whole and first.source.digest() != recording.digest():
            ctx.note("this is not exactly what was recorded", "`resim replay --verify` says where it differs")
    return _summarise(ctx, session, saved or path)


def _show(ctx: CommandContext, session: Session, theme: str, tour: Tour | None) -> str:
    """The screen, until it is left; the terminal is given back whatever happens. Path of what was saved, or "".

    A recording that is still being written by then is written to its end.
    """
    import os

    from resilience_sim.play.app import Cockpit
    from resilience_sim.play.theme import DARK, LIGHT
    from resilience_sim.views.live.look import look_for

    io = ctx.io
    # Textual looks at the process' environment, and takes an empty NO_COLOR for one.
    if io.stdout_color:
        os.environ.pop("NO_COLOR", None)
    else:
        os.environ["NO_COLOR"] = "1"
    light = theme == "light" or (theme == "auto" and io.environ.get("COLORFGBG", "").endswith((";15", ";7")))
    look = look_for(getattr(io.stdout, "encoding", None), io.environ)
    guide = None
    if tour is not None:
        from resilience_sim.play.tour import Guide

        guide = Guide(tour, session)
    app = Cockpit(session, look, guide, LIGHT if light else DARK)
    try:
        app.run()
    finally:
        gc.enable()
    if app.return_code:
        raise RuntimeError("the cockpit broke down")
    app.files.finish()
    return app.files.saved


def _summarise(ctx: CommandContext, session: Session, saved: str) -> int:
    """The same summary as after any run."""
    from resilience_sim.cli import results
    from resilience_sim.play.figures import figures
    from resilience_sim.views.summary import render_summary

    run = session.run
    if not len(run.tape):
        ctx.err("nothing was simulated")
        return 0
    result, moments = figures(run)
    verdicts = results.judged(run.plan_now.expect, {"as-written": [result]}, run.over)
    scenario = replace(session.scenario, plan=run.plan_now)
    render_summary(
        ctx.io.console(), scenario, [result], verdicts, moments=moments, interrupted=not run.over, saved=saved
    )
    return 0
