"""``resim explain RUN@T`` and ``RUN:REQUEST``: the story of an instant or of a request.

Owns the spelling and where the events come from: a recording is played back, a scenario is simulated again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from resilience_sim.cli.context import CommandContext

if TYPE_CHECKING:
    from resilience_sim.runs.simulation import Source

_INSTANT = re.compile(r"(?P<run>.+)@(?P<at>[0-9][0-9.]*(?:ns|us|ms|s|min|m|h)(?:[0-9][0-9a-z.]*)?)\Z")
_REQUEST = re.compile(r"(?P<run>.+):#?(?P<rid>[0-9]{1,12})\Z")


def run_in(name: str) -> str | None:
    """The run that is meant; None when the word is an ordinary topic."""
    match = _INSTANT.match(name) or _REQUEST.match(name)
    return match.group("run") if match else None


def explain_run(ctx: CommandContext, name: str, seed: int | None) -> int:
    """Tell the story."""
    from resilience_sim.cli import values
    from resilience_sim.cli.exits import Problem
    from resilience_sim.views.story import NothingThere, as_document, draw, instant_story, request_story

    instant, request = _INSTANT.match(name), _REQUEST.match(name)
    run = run_in(name) or name
    ctx.subject = run
    with _source(run, seed) as source:
        try:
            if instant is not None:
                tree = instant_story(source, values.time("@", instant.group("at")))
            else:
                assert request is not None
                tree = request_story(source, int(request.group("rid")))
        except NothingThere as error:
            raise Problem("nothing_there", f"{run}: {error}", error.help) from None
        plan, chance = source.plan, source.seed
    if ctx.json:
        ctx.reply(scenario=plan.name, seed=chance, story=as_document(tree))
        return 0
    if not ctx.quiet:
        ctx.err(f"{plan.name}  seed {chance}")
    io = ctx.io
    width = max(40, min(140, io.size()[0])) if io.stdout_is_terminal else 140
    encoding = getattr(io.stdout, "encoding", None) or "utf-8"
    for line in draw(tree, width, plain=not _draws(encoding)):
        ctx.out(line)
    return 0


def _draws(encoding: str) -> bool:
    """Whether the stream takes the lines of a tree."""
    try:
        "├└│─".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


@contextmanager
def _source(run: str, seed: int | None) -> Iterator[Source]:
    if run.endswith(".resim"):
        from resilience_sim.cli.exits import usage
        from resilience_sim.recording.reader import open_recording
        from resilience_sim.runs.replay import Playback

        if seed is not None:
            raise usage("a recording has its seed", "leave --seed away, or name the scenario")
        with open_recording(run) as recording:
            yield Playback(recording)
        return
    from resilience_sim.runs.simulation import Simulation
    from resilience_sim.scenario.load import load

    plan = load(run).plan
    yield Simulation(plan, plan.seed if seed is None else seed)
