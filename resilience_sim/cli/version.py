"""What ``--version`` says.

Owns those lines. Refuses to decide when they are shown.
"""

from __future__ import annotations

import platform
import sys

from resilience_sim import __version__
from resilience_sim.cli.context import CommandContext


def build() -> str:
    """``compiled`` when the core was built to machine code, else ``interpreted``, and why if it need not be."""
    from resilience_sim._build_mode import describe

    return describe()


def show_version(ctx: CommandContext) -> None:
    """The version; with ``-v`` also on what it runs."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    facts = {"python": python, "platform": platform.platform(), "core": build(), "executable": sys.executable}
    if ctx.json:
        ctx.command = "version"
        ctx.reply(version=__version__, **facts)
        return
    ctx.out(f"resim {__version__}")
    if ctx.verbose or any(word in ("-v", "--verbose") for word in ctx.argv):
        for name, value in facts.items():
            ctx.out(f"  {name:<10}  {value}")
