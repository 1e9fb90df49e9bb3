"""What ``--version`` says.

Owns those lines. Refuses to decide when they are shown.
"""

from __future__ import annotations

import platform
import sys

from resilience_sim import __version__
from resilience_sim.cli.call import Call


def build() -> str:
    """``compiled`` when the core was built to machine code, else ``interpreted``, and why if it need not be."""
    from resilience_sim.form import describe

    return describe()


def show_version(call: Call) -> None:
    """The version; with ``-v`` also on what it runs."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    facts = {"python": python, "platform": platform.platform(), "core": build(), "executable": sys.executable}
    if call.json:
        call.command = "version"
        call.reply(version=__version__, **facts)
        return
    call.out(f"resim {__version__}")
    if call.verbose or any(word in ("-v", "--verbose") for word in call.argv):
        for name, value in facts.items():
            call.out(f"  {name:<10}  {value}")
