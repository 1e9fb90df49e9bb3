"""``resim explain``: what a word means.

Owns the layout of an answer. The texts are cli/topics/, the models of the scenario file, and the tables of the core.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import Action, CommandContext

if TYPE_CHECKING:
    from resilience_sim.cli.topics.find import Topic

ABOUT = "Explain a policy, fault, metric, outcome, code or key."


def explain(
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="TOPIC", help="retry, outage, p99, breaker_open, RS012, exit-codes, service.latency ...",
            autocompletion=complete.topics,
        ),
    ] = None,
    seed: opt.Seed = None,
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    color: opt.Color = "auto",
    version: opt.Version = False,
) -> Action:  # fmt: skip
    """Explain a policy, fault, metric, outcome, error code, exit codes, or a key of the scenario file.

    RUN@43.2s tells what every layer knew at that instant, RUN:17 the story of request 17; RUN is a recording or a
    scenario. Without a topic: what there is to explain.
    """
    return lambda ctx: work(ctx, topic, seed)


def work(ctx: CommandContext, name: str | None, seed: int | None = None) -> int:
    """Explain it."""
    from resilience_sim.cli.exits import usage
    from resilience_sim.cli.explain_run import explain_run, run_in
    from resilience_sim.cli.topics.find import find, near

    ctx.command = "explain"
    if name is None:
        return _index(ctx)
    if run_in(name) is not None:
        return explain_run(ctx, name, seed)
    found = find(name)
    if not found:
        raise usage(f"nothing is known about `{name}`", near(name) or "`resim explain` lists all topics")
    if ctx.json:
        ctx.reply(topics=[asdict(topic) for topic in found])
        return 0
    shown = found if len(found) <= 3 else found[:0]
    for number, topic in enumerate(shown):
        if number:
            ctx.out("")
        for line in lines(ctx, topic):
            ctx.out(line)
    if not shown:
        for topic in found:
            ctx.out(f"{topic.name}  {topic.summary}")
    return 0


def _index(ctx: CommandContext) -> int:
    """All topics by kind."""
    from resilience_sim.cli.topics.find import CODE, FAULT, METRIC, OUTCOME, POLICY, topic_names

    names = list(topic_names())
    if ctx.json:
        ctx.reply(topics=[{"name": name, "summary": about} for name, about in names])
        return 0
    kinds = {POLICY: "policies", FAULT: "faults", METRIC: "metrics", OUTCOME: "outcomes", CODE: "error codes"}
    groups: dict[str, list[str]] = {}
    for name, about in names:
        groups.setdefault(kinds.get(about, "topics"), []).append(name)
    for kind, members in groups.items():
        ctx.out(_bold(ctx, kind))
        for line in _folded(ctx, ", ".join(members), 2):
            ctx.out(line)
    return 0


def lines(ctx: CommandContext, topic: Topic) -> list[str]:
    """One answer, as it is printed."""
    from resilience_sim.cli.topics.find import FAULT, POLICY

    found = [f"{_bold(ctx, topic.name)}  ({topic.kind})"]
    if topic.kind not in (POLICY, FAULT):  # their texts begin with it
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
    """Paragraphs folded to the terminal; what is indented or aligned by hand stays as it is."""
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
    """Folded to the terminal, or to a line that reads well elsewhere."""
    import textwrap

    width = max(30, min(110, ctx.io.size()[0])) if ctx.io.stdout_is_terminal else 110
    indent = indent if indent < width - 20 else 4
    return textwrap.wrap(text, width, initial_indent=" " * indent, subsequent_indent=" " * indent)
