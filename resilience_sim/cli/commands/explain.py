"""``resim explain``: what a word means, or the story of an instant or a request of a run.

The texts come from cli/topics/, the models of the scenario file, the tables of the core, and views/story.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import Problem, usage

if TYPE_CHECKING:
    from resilience_sim.cli.topics.find import Topic
    from resilience_sim.runs.simulation import Source
    from resilience_sim.views.story_node import Node

ABOUT = "Explain a policy, fault, metric, outcome, error code or key."

_INSTANT = re.compile(r"(?P<run>.+)@(?P<at>[0-9][0-9.]*(?:ns|us|ms|s|min|m|h)(?:[0-9][0-9a-z.]*)?)\Z")
_REQUEST = re.compile(r"(?P<run>.+):#?(?P<rid>[0-9]{1,12})\Z")


@dataclass(frozen=True)
class ExplainOptions:
    topic: Annotated[
        str | None,
        opt.argument(
            "TOPIC", "retry, outage, p99, breaker_open, RS012, exit-codes, service.latency ...", complete.topics
        ),
    ] = None
    seed: opt.Seed = None


def explain(ctx: CommandContext, options: ExplainOptions) -> int:
    """Explain a policy, fault, metric, outcome, error code, the exit codes, or a key of the scenario file.

    SCENARIO shows who calls whom, through what, and how often at most. RUN@43.2s shows what every layer knew at that
    instant, RUN:17 the story of request 17; RUN is a recording or a scenario. Without a topic: list all topics.
    """
    from resilience_sim.cli.topics.find import find, near
    from resilience_sim.scenario.text.source import names_scenario

    name = options.topic
    if name is None:
        return _index(ctx)
    instant, request = _INSTANT.match(name), _REQUEST.match(name)
    if instant is not None:
        return _explain_run(ctx, instant.group("run"), options.seed, at=instant.group("at"))
    if request is not None:
        return _explain_run(ctx, request.group("run"), options.seed, rid=int(request.group("rid")))
    found = find(name)
    if not found and names_scenario(name):
        return _explain_graph(ctx, name)
    if not found:
        raise usage(
            f"no such topic: `{name}`",
            near(name) or "`resim explain` lists all topics; e.g. retry, outage, p99, breaker_open, RS012",
        )
    if ctx.json:
        ctx.reply(topics=[asdict(topic) for topic in found])
        return 0
    if len(found) > 3:
        for topic in found:
            ctx.out(f"{topic.name}  {topic.summary}")
        return 0
    for number, topic in enumerate(found):
        if number:
            ctx.out("")
        for line in lines(ctx, topic):
            ctx.out(line)
    return 0


def _index(ctx: CommandContext) -> int:
    """List all topics by kind."""
    from resilience_sim.cli.topics.find import CODE, FAULT, METRIC, OUTCOME, POLICY, topic_names

    names = list(topic_names())
    if ctx.json:
        ctx.reply(topics=[{"name": name, "summary": about} for name, about in names])
        return 0
    kinds = {POLICY: "policies", FAULT: "faults", METRIC: "metrics", OUTCOME: "outcomes", CODE: "error codes"}
    groups: dict[str, list[str]] = {}
    for name, about in names:
        groups.setdefault(kinds.get(about, "topics"), []).append(name)
    if CODE in kinds:
        groups["error codes"] = _ranges(groups.pop("error codes", []))
    for kind, members in groups.items():
        ctx.out(_bold(ctx, kind))
        for line in _folded(ctx, ", ".join(members), 2):
            ctx.out(line)
    return 0


def _ranges(codes: list[str]) -> list[str]:
    """``RS001 to RS031``: the codes of one kind as a range; each still has its page."""
    kinds: dict[str, list[str]] = {}
    for code in codes:
        kinds.setdefault(code.rstrip("0123456789"), []).append(code)
    return [f"{each[0]} to {each[-1]}" if len(each) > 1 else each[0] for each in map(sorted, kinds.values())]


def lines(ctx: CommandContext, topic: Topic) -> list[str]:
    """A topic as printed."""
    from resilience_sim.cli.topics.find import FAULT, POLICY

    found = [f"{_bold(ctx, topic.name)}  ({topic.kind})"]
    if topic.kind not in (POLICY, FAULT):  # whose texts begin with the summary
        found += [*_folded(ctx, topic.summary, 0), *([""] if topic.text else [])]
    if topic.text:
        found += _reflowed(ctx, topic.text)
    if topic.settings:
        found += ["", _bold(ctx, "settings")]
        names = max(len(name) for name, _, _ in topic.settings)
        defaults = min(16, max(len(default) for _, default, _ in topic.settings))
        for name, default, meaning in topic.settings:
            fits = len(default) <= defaults
            head = f"  {name:<{names}}  {default if fits else '':<{defaults}}  "
            folded = _folded(ctx, meaning if fits else f"{meaning} Default: {default}", len(head))
            found += [head + folded[0].lstrip() if folded else head.rstrip(), *folded[1:]]
    return [line.rstrip() for line in found]


def _bold(ctx: CommandContext, text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if ctx.io.stdout_color else text


def _reflowed(ctx: CommandContext, text: str) -> list[str]:
    """Paragraphs folded to the terminal; indented or aligned lines stay as they are."""
    found: list[str] = []
    paragraph: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line and not line.startswith(" ") and "  " not in line:
            paragraph.append(line)
            continue
        if paragraph:
            found += _folded(ctx, " ".join(paragraph), 0)
            paragraph = []
        found.append(line)
    return found[:-1]


def _folded(ctx: CommandContext, text: str, indent: int) -> list[str]:
    """``text`` folded to the terminal, elsewhere to 110 columns."""
    import textwrap

    width = max(30, min(110, ctx.io.size()[0])) if ctx.io.stdout_is_terminal else 110
    indent = indent if indent < width - 20 else 4
    return textwrap.wrap(text, width, initial_indent=" " * indent, subsequent_indent=" " * indent)


def _explain_graph(ctx: CommandContext, name: str) -> int:
    """Who calls whom in a scenario."""
    from resilience_sim.scenario.load import load
    from resilience_sim.views.services_story import graph_story

    ctx.subject = name
    plan = load(name).plan
    tree = graph_story(plan)
    if ctx.json:
        from resilience_sim.views.story_node import as_document

        ctx.reply(scenario=plan.name, story=as_document(tree))
        return 0
    _draw(ctx, tree)
    return 0


def _draw(ctx: CommandContext, tree: Node) -> None:
    from resilience_sim.kernel.text import printable
    from resilience_sim.views.story_node import draw

    width = max(40, min(140, ctx.io.size()[0])) if ctx.io.stdout_is_terminal else 140
    for line in draw(tree, width, plain=not _draws(ctx.io.encoding or "utf-8")):
        ctx.out(printable(line))


def _explain_run(ctx: CommandContext, run: str, seed: int | None, at: str = "", rid: int = -1) -> int:
    """Tell the story of an instant or of a request."""
    from resilience_sim.kernel.text import printable
    from resilience_sim.views.story import NothingThere, instant_story, request_story
    from resilience_sim.views.story_node import as_document

    ctx.subject = run
    with _source(run, seed) as source:
        try:
            tree = instant_story(source, opt.parse_time("@", at)) if at else request_story(source, rid)
        except NothingThere as error:
            raise Problem("nothing_there", f"{run}: {error}", error.help) from None
        name, seed = source.plan.name, source.seed
    if ctx.json:
        ctx.reply(scenario=name, seed=seed, story=as_document(tree))
        return 0
    if not ctx.quiet:
        ctx.err(f"{printable(name)}  seed {seed}")
    _draw(ctx, tree)
    return 0


def _draws(encoding: str) -> bool:
    """Whether an encoding has the lines of a tree."""
    try:
        "├└│─".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


@contextmanager
def _source(run: str, seed: int | None) -> Iterator[Source]:
    """The events of a run: a recording is played back, a scenario is simulated again."""
    if run.endswith(".resim"):
        from resilience_sim.recording.reader import open_recording
        from resilience_sim.runs.replay import Playback

        if seed is not None:
            raise usage("--seed: a recording has its own seed", "leave out --seed, or name the scenario")
        with open_recording(run) as recording:
            yield Playback(recording)
        return
    from resilience_sim.runs.simulation import Simulation
    from resilience_sim.scenario.load import load

    plan = load(run).plan
    yield Simulation(plan, plan.seed if seed is None else seed)
