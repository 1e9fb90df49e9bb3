"""``resim export SCENARIO --to resilience4j``: a stack in its library's own format.

Owns where the text goes; the formats are interop/'s.
"""

from __future__ import annotations

from pathlib import Path

from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.exits import usage


def export_config(ctx: CommandContext, source: str, to: str, output: str) -> int:
    """Write it, and say what the format cannot express."""
    from resilience_sim.cli.writing import write_file
    from resilience_sim.interop.writing import write
    from resilience_sim.scenario.load import load

    if source.endswith(".resim"):
        raise usage(
            f"--to {to} takes a scenario, not a recording", f"name the scenario: resim export SCENARIO --to {to}"
        )
    written = write(load(source).plan, to)
    if output == "-":
        ctx.out(written.text.rstrip("\n"))
    else:
        write_file(Path(output), written.text, force=True)
    if ctx.json:
        ctx.reply(format=to, wrote=[output], notes=list(written.notes))
        return 0
    for note in written.notes:
        ctx.note(note)
    if output != "-":
        ctx.note(f"wrote {output}")
    return 0
