"""``resim serve``: the services of a scenario as a real server, for clients in any language."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import IO, TYPE_CHECKING, Annotated, Any, TextIO

from resilience_sim.cli import complete, errors
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import Problem, need, usage

if TYPE_CHECKING:
    from rich.console import Console

    from resilience_sim.measure.expectations import Verdict
    from resilience_sim.measure.result import RunResult
    from resilience_sim.scenario.scenario import Scenario
    from resilience_sim.serve.world import Served

ABOUT = "Serve a scenario's services over HTTP, for real clients: faults, queues, ledger and all."
INSTALL = "pip install 'resilience-sim[serve]'"


@dataclass(frozen=True)
class ServeOptions:
    scenario: opt.ScenarioName
    command: Annotated[
        list[str] | None,
        opt.argument("-- COMMAND", "What to run against it, told the address as RESIM_URL; its end ends the server."),
    ] = None
    port: Annotated[int, opt.option("--port", "PORT", "Where to listen; 0 takes a free port.", opt.MAIN)] = 8080
    host: Annotated[
        str, opt.option("--host", "ADDRESS", "Whom to listen to; 127.0.0.1: this machine alone.", opt.MAIN)
    ] = "127.0.0.1"
    seed: opt.Seed = None
    settings: opt.Set = field(default_factory=list)
    speed: Annotated[
        str | None,
        opt.option(
            "--speed",
            "SPEED",
            "Seconds of the scenario in one of the clock (e.g. 10x). Default: 1x.",
            opt.MAIN,
            complete.words("1x", "2x", "5x", "10x"),
        ),
    ] = None
    ui: opt.Ui = "auto"
    out: opt.Out = field(default_factory=list)
    save: opt.Save = None
    force: opt.Overwrite = False
    series: opt.Series = None


def serve(ctx: CommandContext, options: ServeOptions) -> int:
    """Serve the scenario's services over HTTP on the real clock, until Ctrl-C or the end of COMMAND; then figures.

    Every fault is what it is on the wire: refused, reset, silent, cut short, 429 with Retry-After. See docs/serve.md.
    Exit code: that of COMMAND if it is not 0, else of the expectations (0, 1 or 4); 2: it could not begin; 130: Ctrl-C.
    """
    from resilience_sim.cli import results
    from resilience_sim.cli.serving import Watched
    from resilience_sim.cli.watching import LIVE, PLAIN, WatchOptions, way_to_watch
    from resilience_sim.scenario.load import load
    from resilience_sim.settings.own_code import SERVED, with_own_code
    from resilience_sim.settings.plan import AS_WRITTEN

    need("h11", "resim serve speaks HTTP with h11", INSTALL)
    from resilience_sim.serve.command import Command
    from resilience_sim.serve.errors import ServeError
    from resilience_sim.serve.server import Server
    from resilience_sim.serve.world import Served

    ctx.subject = options.scenario
    speed = opt.parse_speed(options.speed) or 1.0
    if speed == inf:
        raise usage("--speed max: real clients live on a real clock", "expected e.g. `10x`")
    if not 0 <= options.port <= 65535:
        raise usage(f"--port: {options.port} is no port", "expected 1 to 65535, or 0 for a free one")
    series = opt.parse_time("--series", options.series, least=1)
    opt.parse_seeds(options.seed or 0, 1)
    scenario = load(options.scenario, options.settings)
    scenario = scenario.with_plan(with_own_code(scenario.plan, SERVED))
    ctx.files = results.files_of(scenario)
    words = list(options.command or ())
    with ExitStack() as stack:
        outputs = results.open_outputs(ctx, options.out, stack, ctx.files, options.force, options.save)
        series = results.bins(series, outputs, scenario.plan)
        taken = results.stdout_taken(outputs)
        way = way_to_watch(ctx, WatchOptions("plain" if words and options.ui == "auto" else options.ui), taken)
        if words and options.ui == "auto":
            way = ""
        if not ctx.json:
            ctx.warnings(scenario.warnings)
        for fault in scenario.plan.faults:
            if fault.kind == "spike":
                ctx.note(f"the fault `{fault.id}` does nothing here: a spike is of traffic, which your clients make")
        run = Served(scenario.plan, scenario.plan.seed if options.seed is None else options.seed)
        source = stack.enter_context(results.recorded(run, scenario, options.save, force=options.force))
        measured = Measured(ctx, scenario, run, source, series)
        if outputs is not None:
            outputs.attach(source)
        server = Server(run, source, options.host, options.port, speed)
        server.control.document = measured.document
        spoken, later = _output(ctx, stack, way == LIVE, ctx.json or taken) if words else (None, None)
        start = partial(Command, words, environ=ctx.io.environ, output=spoken) if words else None
        watched = Watched(ctx, server, start)

        def said(url: str) -> None:
            what = "Ctrl-C ends it" if not words else "until the command ends"
            ctx.note(f"serving {', '.join(run.names)} at {url}, {what}")
            if server.listener.everywhere:
                ctx.note(f"--host {options.host}: whoever reaches this machine can use it; docs/serve.md says what for")

        try:
            if way == LIVE:
                from resilience_sim.views.live.state import LiveFold

                fold = LiveFold(run.plan, run.seed, run.components, "")
                source.attach(fold)
                with ctx.io.stage() as stage:
                    watched.run(lambda url: None, stage, fold)
            else:
                if way == PLAIN:
                    from resilience_sim.views.plain import PlainFold

                    lines = PlainFold(ctx.io.stdout, run.plan, run.components, ctx.io.stdout_color, ())
                    source.attach(lines)
                    watched.each_tick = ctx.io.stdout.flush
                watched.run(said)
                if way == PLAIN:
                    lines.finish(source.now)
                    ctx.out("")
        except ServeError as error:
            raise Problem("serve", error.cause, error.remedy) from None
        if spoken is not None and later is not None:
            spoken.seek(0)
            later.write(spoken.read())
        result, verdicts = measured.judged()
        ctx.results = {AS_WRITTEN: [result]}
        results.finish(ctx, outputs, measured.document, partial(measured.say, saved=options.save or ""))
    if watched.interrupted:
        return errors.INTERRUPTED
    if watched.command is not None and watched.command.code:
        ctx.note(f"`{words[0]}` ended with exit code {watched.command.code}")
        return watched.command.code
    return results.exit_code(verdicts, True)


def _output(ctx: CommandContext, stack: ExitStack, live: bool, taken: bool) -> tuple[IO[Any] | None, TextIO | None]:
    """Where the command writes, None: where we do; and where that is to be shown afterwards.

    ``live``: the screen is in use until then; ``taken``: standard output is for a document.
    """
    import tempfile

    later = ctx.io.stderr if taken else ctx.io.stdout
    if not live and not taken:
        return None, None
    try:
        if not live:
            later.fileno()
            return later, None
    except (OSError, ValueError):
        pass  # no stream of the system
    return stack.enter_context(tempfile.TemporaryFile("w+")), later


class Measured:
    """The figures of a server, at any time."""

    def __init__(self, ctx: CommandContext, scenario: Scenario, run: Served, source: Any, series: int) -> None:
        from resilience_sim.measure.services_fold import figures_of
        from resilience_sim.measure.violations import ViolationFold
        from resilience_sim.views.moments import MomentsFold

        self._ctx = ctx
        self._scenario = scenario
        self._run = run
        self._source = source
        self._figures = figures_of(source.plan, source.components, series)
        source.attach(self._figures)
        self._violations = ViolationFold(source.plan)
        if self._violations.needed:
            source.attach(self._violations)
        self._moments = MomentsFold(source.plan, source.components)
        source.attach(self._moments)

    def judged(self) -> tuple[RunResult, list[Verdict]]:
        """What is known now, and whether it is as expected."""
        from resilience_sim.cli import results
        from resilience_sim.measure.violations import overdue
        from resilience_sim.settings.plan import AS_WRITTEN

        source, scenario = self._source, self._scenario
        self._figures.in_force = self._run.plan_in_force
        result = self._figures.result(source.seed, source.digest(), source.now, False)
        violated = {**overdue(source.plan, source.plan.expect), **self._violations.instants()}
        unchanged = False  # what a scenario is there to show, it shows of its own traffic
        verdicts = results.judged(
            scenario.plan.expect, {AS_WRITTEN: [result]}, True, unchanged=unchanged, violated=violated
        )
        return result, verdicts

    def document(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        from resilience_sim.settings.plan import AS_WRITTEN
        from resilience_sim.views.document import result_document

        result, verdicts = self.judged()
        return result_document(
            "serve",
            scenario=self._scenario,
            seeds=[result.seed],
            variants={AS_WRITTEN: [result]},
            expectations=verdicts,
            warnings=self._scenario.warnings,
        )

    def say(self, console: Console, quiet: bool, saved: str) -> None:
        """The summary."""
        from resilience_sim.views.summary import render_summary

        result, verdicts = self.judged()
        scenario = self._scenario.with_plan(self._run.plan_in_force)  # with the faults by hand
        render_summary(console, scenario, [result], verdicts, moments=self._moments, saved=saved, quiet=quiet)
