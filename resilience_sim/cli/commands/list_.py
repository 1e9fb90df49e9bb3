"""``resim list``: names and meanings, each list read from where the thing itself lives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from resilience_sim.cli import complete
from resilience_sim.cli import options as opt
from resilience_sim.cli.context import CommandContext

ABOUT = "List scenarios, policies, faults, metrics, templates, formats."
HINTS = {
    "scenarios": "resim run NAME watches one, resim compare NAME compares its variants",
    "policies": "resim explain NAME says what it does and what its settings mean",
    "faults": "resim explain NAME says what it does and what its settings mean",
    "metrics": "resim explain NAME says how it is measured",
    "templates": "resim init NAME --template TEMPLATE writes a scenario from it",
    "formats": "resim run SCENARIO --out FORMAT=PATH, resim export FILE.resim --to FORMAT",
}
KINDS = tuple(HINTS)


@dataclass(frozen=True)
class ListOptions:
    kind: Annotated[str, opt.argument("KIND", f"{opt.words(KINDS)}.", complete.words(*KINDS))] = "scenarios"


def list_(ctx: CommandContext, options: ListOptions) -> int:
    """List what there is, one line each: scenarios (default), policies, faults, metrics, templates or formats."""
    kind = opt.one_of("list", options.kind, KINDS)
    rows = items(kind)
    if ctx.json:
        ctx.reply(kind=kind, items=[{"name": name, "about": about} for name, about in rows])
        return 0
    for line in [name for name, _ in rows] if ctx.quiet else aligned(ctx, rows):
        ctx.out(line)
    if ctx.io.stdout_is_terminal and not ctx.quiet:
        ctx.err(f"\n{HINTS[kind]}")
    return 0


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


def items(kind: str) -> list[tuple[str, str]]:
    """Names and meanings."""
    if kind == "scenarios":
        from resilience_sim.scenario.text import shipped

        # those to begin with first
        names = sorted(shipped.names(), key=lambda name: (name != "first-look", name != "retry-storm", name))
        return [(name, shipped.about(name)) for name in names]
    if kind == "metrics":
        from resilience_sim.settings.metrics import METRICS

        return [(metric.name, metric.meaning) for metric in METRICS]
    if kind == "templates":
        from resilience_sim.scenario.describe.templates import TEMPLATES, about

        return [(name, about(name)) for name in TEMPLATES]
    if kind == "formats":
        from resilience_sim.interop.registry import FORMATS as LIBRARIES
        from resilience_sim.views.export.targets import FORMATS

        libraries = [
            (name, "the stack of a scenario as this library's configuration: resim export") for name in LIBRARIES
        ]
        return [*((known.name, known.meaning) for known in FORMATS), *libraries]
    from resilience_sim.settings.faults import FAULTS
    from resilience_sim.settings.registry import POLICIES

    kinds = POLICIES if kind == "policies" else FAULTS
    return [(name, each.table.about.rstrip(".")) for name, each in kinds.items()]
