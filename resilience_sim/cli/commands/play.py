"""``resim play``: the cockpit, full screen. The screen itself is play/; this opens what is played and sums it up after.

Textual is an extra; without it the answer is the command that installs it.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import need, usage

if TYPE_CHECKING:
    from resilience_sim.play.session import Session
    from resilience_sim.play.tour import Tour

ABOUT = "Play with failure: break things live, rewind, ask what if."
WEB = "pip install 'resilience-sim[web]', in a clone pip install '.[web]'"
INSTALL = "pip install 'resilience-sim[play]', in a clone pip install '.[play]'"
THEMES = ("auto", "dark", "light")


@dataclass(frozen=True)
class PlayOptions:
    what: Annotated[
        str | None,
        opt.argument(
            "SCENARIO|FILE.resim", "A scenario as for run, or a recording.", complete.scenarios_and_recordings
        ),
    ] = None
    tour: Annotated[
        str | None,
        opt.option("--tour", "NAME", "Take a guided tour, e.g. first-look; list shows them.", opt.MAIN, complete.tours),
    ] = None
    seed: opt.Seed = None
    settings: opt.Set = field(default_factory=list)
    speed: opt.Speed = None
    theme: Annotated[str, opt.choice("--theme", "THEME", THEMES, "Colors of the cockpit", opt.WATCHING)] = "auto"
    web: Annotated[
        bool, opt.switch("--web", "Open it in a browser: prints the address; this machine only.", opt.WATCHING)
    ] = False
    port: Annotated[int, opt.option("--port", "PORT", "Where --web listens.", opt.WATCHING)] = 8000
    host: Annotated[str, opt.option("--host", "ADDRESS", "Another loopback address for --web.", opt.WATCHING)] = (
        "127.0.0.1"
    )
    save: opt.Save = None
    force: opt.Overwrite = False


def play(ctx: CommandContext, options: PlayOptions) -> int:
    """Play a scenario full screen: pause, step, rewind, inject faults, change policies, fork the future.

    Whatever you do becomes part of the run: --save keeps it, and resim replay --verify repeats it exactly.

    Needs Textual: pip install 'resilience-sim[play]'.
    """
    ctx.subject = options.what
    if options.tour == "list":
        return _list_tours(ctx)
    tour = _tour(options.tour) if options.tour is not None else None
    if ctx.json:
        raise usage("--json: the cockpit prints no document", "`resim run --json` gives the figures of a run")
    need("textual", "the cockpit needs Textual", INSTALL)
    if options.web:
        return _serve(ctx, options, tour)
    io = ctx.io
    if not _in_a_tab(ctx) and not (io.stdout_is_terminal and io.stderr_is_terminal and io.capable):
        raise usage("resim play needs a terminal", "`resim run` works everywhere")
    gc.disable()  # collections take a tenth of the time to the first frame; the app enables them again
    speed = opt.parse_speed(options.speed)
    what = options.what or (tour.scenario if tour is not None else "first-look")
    from resilience_sim.cli.results import recording_file

    what = recording_file(ctx, what)
    if what.endswith(".resim"):
        return _play_recording(ctx, options, what, speed)
    return _play_scenario(ctx, options, what, speed, tour)


def _in_a_tab(ctx: CommandContext) -> bool:
    """Whether textual-serve has started this process, and shows it in a browser."""
    return "TEXTUAL_DRIVER" in ctx.io.environ


def _serve(ctx: CommandContext, options: PlayOptions, tour: Tour | None) -> int:
    """Serve the cockpit to browsers on this machine until Ctrl-C."""
    from resilience_sim.cli.results import recording_file
    from resilience_sim.recording.reader import open_recording
    from resilience_sim.scenario.load import load

    need("textual_serve", "--web needs textual-serve", WEB)
    from resilience_sim.play.web import PortTaken, is_loopback, serve_cockpit

    if not is_loopback(options.host):
        raise usage(
            f"--host {options.host}: whoever reaches that address could play as you, and `w` and `W` write files here",
            "--host 127.0.0.1; from another machine: ssh -L 8000:127.0.0.1:8000 THIS-MACHINE",
        )
    if not 1 <= options.port <= 65535:
        raise usage(f"--port: {options.port} is no port", "expected 1 to 65535")
    if options.save is not None:
        raise usage("--web excludes --save: every tab plays a session of its own", "`W` in the cockpit saves one")
    what = recording_file(ctx, options.what or (tour.scenario if tour is not None else "first-look"))
    if what == "-":
        raise usage("--web cannot read a scenario from standard input", "write it to a file")
    if what.endswith(".resim"):  # what is wrong with it is said here and not in the browser
        with open_recording(what):
            pass
    else:
        ctx.warnings(load(what, options.settings).warnings)
    words = [what, "--theme", options.theme]
    words += ["--tour", options.tour] if options.tour is not None else []
    words += ["--seed", str(options.seed)] if options.seed is not None else []
    words += ["--speed", options.speed] if options.speed is not None else []
    words += [word for setting in options.settings for word in ("--set", setting)]

    def say(address: str) -> None:
        ctx.out(f"the cockpit is at {address}")
        ctx.out("every tab plays by itself; Ctrl-C ends them all")
        ctx.io.stdout.flush()

    try:
        serve_cockpit(words, options.host, options.port, say)
    except PortTaken as error:
        raise usage(f"--port {options.port}: {error}", f"another one: --port {options.port + 1}") from None
    return 0


def _list_tours(ctx: CommandContext) -> int:
    from resilience_sim.cli.commands.list_ import aligned
    from resilience_sim.play.tour import tours

    for line in aligned(ctx, [(tour.name, f"{tour.title}: {tour.about}") for tour in tours()]):
        ctx.out(line)
    return 0


def _tour(name: str) -> Tour:
    from resilience_sim.play.tour import TourError, load, names

    try:
        return load(name)
    except TourError:
        known = names()
        remedy = opt.did_you_mean(name, known) or f"tours: {', '.join(known)}"
        raise usage(f"--tour: no such tour: `{name}`", remedy) from None


def _play_scenario(ctx: CommandContext, options: PlayOptions, what: str, speed: float | None, tour: Tour | None) -> int:
    from resilience_sim.cli.results import files_of, recorded
    from resilience_sim.play.session import Session
    from resilience_sim.runs.simulation import Simulation
    from resilience_sim.scenario.load import load
    from resilience_sim.settings.plan import AS_WRITTEN
    from resilience_sim.views.export.files import same_file

    scenario = load(what, options.settings)
    seed = options.seed if options.seed is not None else tour.seed if tour is not None else None
    seed = opt.parse_seeds(scenario.plan.seed if seed is None else seed, 1)[0]
    ctx.warnings(scenario.warnings)
    plan, variant = scenario.plan, AS_WRITTEN
    if tour is not None and tour.variant:
        variant = tour.variant
        plan = next(each.plan for each in scenario.variants if each.name == variant)
    if options.save is not None and any(same_file(Path(options.save), each) for each in files_of(scenario)):
        raise usage(f"--save {options.save}: this command itself uses that file", "choose another path")
    with recorded(Simulation(plan, seed, []), scenario, options.save, variant, options.force) as source:
        session = Session(scenario, source, speed, variant)
        first = session.run
        saved = _show(ctx, session, options.theme, tour)
    if options.save and session.run is not first:  # a fork was adopted: that is the run to keep
        from resilience_sim.play.save_recording import save_recording

        save_recording(session.run, scenario, options.save, variant)
    return _summarise(ctx, session, options.save or saved or _keep(ctx, session, 0))


def _play_recording(ctx: CommandContext, options: PlayOptions, path: str, speed: float | None) -> int:
    from resilience_sim import __version__
    from resilience_sim.play.session import Session
    from resilience_sim.recording.reader import open_recording
    from resilience_sim.runs.replay import Playback, actions_of, plan_of, scenario_of
    from resilience_sim.runs.simulation import Simulation, Source
    from resilience_sim.settings.own_code import is_served

    if options.save or options.settings or options.seed is not None or options.tour is not None:
        raise usage("--save, --set, --seed and --tour are for scenarios", "a recording fixes all of them")
    with open_recording(path) as recording:
        scenario = scenario_of(recording)
        actions = actions_of(recording) or []
        source: Source
        plan = plan_of(recording, scenario)
        if recording.meta.version == __version__ and not is_served(plan):
            source = Simulation(plan, recording.meta.seed, actions)
        else:
            source = Playback(recording)
            why = "recorded of real clients" if is_served(plan) else f"recorded by resim {recording.meta.version}"
            ctx.note(f"{why}: it can be played back, but not forked")
        session = Session(scenario, source, speed, recording.meta.variant)
        session.loading = True
        first = session.run
        session.load_until = None if recording.finished else recording.end
        saved = _show(ctx, session, options.theme, None)
        whole = recording.finished and session.run is first and first.over
        if whole and first.source.digest() != recording.digest():
            ctx.note("this run differs from the recorded one", "`resim replay --verify` says where")
    return _summarise(ctx, session, saved or _keep(ctx, session, len(actions)) or path)


def _show(ctx: CommandContext, session: Session, theme: str, tour: Tour | None) -> str:
    """Run the cockpit until the user leaves it; the path of what was saved, or "".

    The terminal is restored whatever happens, and a recording still being written is completed.
    """
    import os
    import signal

    from resilience_sim.play.app import Cockpit
    from resilience_sim.play.theme import DARK, LIGHT
    from resilience_sim.runs.endings import NUMBERS
    from resilience_sim.views.live.look import UNICODE, look_for

    io = ctx.io
    tab = _in_a_tab(ctx)
    # Textual reads the process' environment, where even an empty NO_COLOR counts.
    if io.stdout_color or (tab and not io.environ.get("NO_COLOR")):
        os.environ.pop("NO_COLOR", None)
    else:
        os.environ["NO_COLOR"] = "1"
    light = theme == "light" or (theme == "auto" and io.environ.get("COLORFGBG", "").endswith((";15", ";7")))
    look = UNICODE if tab else look_for(io.encoding, io.environ)
    guide = None
    if tour is not None:
        from resilience_sim.play.tour import Guide

        guide = Guide(tour, session)
    app = Cockpit(session, look, guide, LIGHT if light else DARK)
    handlers = {number: signal.getsignal(number) for number in NUMBERS}
    if tab:
        _end_with_the_server()
    try:
        app.run()
    finally:
        gc.enable()
        for number, handler in handlers.items():  # its event loop leaves these signals to the system
            if handler is not None:
                signal.signal(number, handler)
    if app.return_code:
        raise RuntimeError("the cockpit failed")
    app.files.finish()
    return app.files.saved if app.files.has_all_of(session.run) else ""


def _end_with_the_server() -> None:
    """End the cockpit as SIGTERM does once the process that shows it in a browser is gone, however it went."""
    import os
    import signal
    import threading
    import time

    server = os.getppid()

    def watch() -> None:
        while os.getppid() == server:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def _keep(ctx: CommandContext, session: Session, known: int) -> str:
    """Keep a session in which something was done, beyond the ``known`` actions, and that was not saved."""
    from resilience_sim.play.save_recording import last_session, save_recording, user_actions
    from resilience_sim.recording.layout import RecordingError

    run = session.run
    if run.simulation is None or len(user_actions(run)) <= known:
        return ""
    path = last_session(ctx.io.environ)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_recording(run, session.scenario, path, session.variant)
    except (OSError, RecordingError) as error:
        ctx.note(f"what you did could not be kept: {error}")
        return ""
    ctx.note("what you did is kept until the next time", "resim replay last")
    return "last"


def _summarise(ctx: CommandContext, session: Session, saved: str) -> int:
    """Print the summary that follows any run."""
    from resilience_sim.cli import results
    from resilience_sim.play.run import final_result
    from resilience_sim.play.save_recording import user_actions
    from resilience_sim.settings.plan import AS_WRITTEN
    from resilience_sim.views.summary import render_summary

    run = session.run
    if not len(run.tape):
        ctx.err("nothing was simulated")
        return 0
    result, moments = final_result(run)
    unchanged = not (session.scenario.overrides or session.variant != AS_WRITTEN or user_actions(run))
    verdicts = results.judged(run.plan_now.expect, {AS_WRITTEN: [result]}, run.over, unchanged=unchanged)
    scenario = replace(session.scenario, plan=run.plan_now)
    console = ctx.io.console(stderr=_in_a_tab(ctx))  # what it writes to standard output is for the browser
    render_summary(console, scenario, [result], verdicts, moments=moments, interrupted=not run.over, saved=saved)
    return 0
