"""``resim list``: what there is.

Owns the tables of names and meanings. Refuses to own the names: every list is read from where the thing itself lives.
"""

from __future__ import annotations

from typing import Annotated

import typer

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import Action, CommandContext

ABOUT = "List scenarios, policies, faults, metrics, templates."
KINDS = ("scenarios", "policies", "faults", "metrics", "templates", "formats")


def list_(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT", help="scenarios, policies, faults, metrics, templates or formats.",
            autocompletion=complete.lists,
        ),
    ] = "scenarios",
    json: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    color: opt.Color = "auto",
    version: opt.Version = False,
) -> Action:  # fmt: skip
    """List what there is, one line each: scenarios (default), policies, faults, metrics, templates or formats."""
    return lambda ctx: work(ctx, what)


def work(ctx: CommandContext, what: str) -> int:
    """List it."""
    from resilience_sim.cli import values

    ctx.command = "list"
    values.one_of("list", what, KINDS)
    rows = items(what)
    if ctx.json:
        ctx.reply(kind=what, items=[{"name": name, "about": about} for name, about in rows])
        return 0
    if ctx.quiet:
        for name, _ in rows:
            ctx.out(name)
        return 0
    for line in aligned(ctx, rows):
        ctx.out(line)
    if ctx.io.stdout_is_terminal:
        ctx.err(HINTS[what])
    return 0


HINTS = {
    "scenarios": "\nresim run NAME watches one, resim compare NAME its variants",
    "policies": "\nresim explain NAME says what it does and what its settings mean",
    "faults": "\nresim explain NAME says what it does and what its settings mean",
    "metrics": "\nresim explain NAME says how it is measured",
    "templates": "\nresim init NAME --template TEMPLATE writes one",
    "formats": "\nresim run SCENARIO --out FORMAT=PATH, resim export FILE.resim --to FORMAT",
}


def aligned(ctx: CommandContext, rows: list[tuple[str, str]]) -> list[str]:
    """Names and meanings in two columns; on a terminal the meanings are folded to its width."""
    import textwrap

    wide = max((len(name) for name, _ in rows), default=0)
    lines = []
    for name, about in rows:
        shown = f"\x1b[1;36m{name}\x1b[0m" if ctx.io.stdout_color else name
        if not ctx.io.stdout_is_terminal:
            lines.append(f"{shown}{' ' * (wide - len(name))}  {about}".rstrip())
            continue
        folded = textwrap.wrap(about, max(20, ctx.io.size()[0] - wide - 2)) or [""]
        lines.append(f"{shown}{' ' * (wide - len(name))}  {folded[0]}".rstrip())
        lines += [f"{' ' * (wide + 2)}{more}" for more in folded[1:]]
    return lines


def items(what: str) -> list[tuple[str, str]]:
    """Names and meanings."""
    if what == "scenarios":
        from resilience_sim.scenario import shipped

        # the default first, as the one to begin with
        names = sorted(shipped.names(), key=lambda name: (name != "first-look", name))
        return [(name, shipped.about(name)) for name in names]
    if what == "metrics":
        from resilience_sim.measure.metrics import METRICS

        return [(metric.name, metric.meaning) for metric in METRICS]
    if what == "templates":
        from resilience_sim.scenario.init_templates import TEMPLATES, about

        return [(name, about(name)) for name in TEMPLATES]
    if what == "formats":
        from resilience_sim.views.export.formats import FORMATS

        return [(known.name, known.meaning) for known in FORMATS]
    from resilience_sim.scenario.models_faults import FaultItem
    from resilience_sim.scenario.models_stack import PolicyItem

    fields = PolicyItem.model_fields if what == "policies" else FaultItem.model_fields
    return [(name, (field.description or "").rstrip(".")) for name, field in fields.items()]
