"""A film as an asciinema recording, version 2: what a terminal is sent, and when.

The format: one JSON object a line, the first a header, the others ``[seconds, "o", text]``
(docs.asciinema.org/manual/asciicast/v2).
"""

from __future__ import annotations

import io
import json

from rich.console import Console

from resilience_sim.views.film.film import FPS, Film
from resilience_sim.views.live.terminal import Painter
from resilience_sim.views.svg import COLOURS, INK, PAPER
from resilience_sim.views.text import Sheet

HIDE, SHOW = "\x1b[?25l\x1b[2J", "\x1b[?25h"  # the cursor; an empty screen
ORDER = ("red", "green", "yellow", "blue", "magenta", "cyan")  # of a terminal's palette, after black


def cast_of_film(film: Film) -> str:
    """The recording as text; the same film always gives the same. No instant of the real world is in it."""
    palette = [PAPER, *(COLOURS[name] for name in ORDER), INK]
    bright = [COLOURS["bright_black"], *palette[1:]]
    header = {
        "version": 2,
        "width": film.width,
        "height": film.height,
        "command": film.title,
        "title": film.title,
        "env": {"TERM": "xterm-256color"},
        "theme": {"fg": INK, "bg": PAPER, "palette": ":".join(palette + bright)},
    }
    lines = [json.dumps(header, ensure_ascii=False)]
    sent = io.StringIO()
    painter = Painter(Console(file=sent, force_terminal=True, color_system="standard", no_color=False, _environ={}))
    sent.write(HIDE)
    for number, rows in enumerate(film.frames):
        painter.paint(Sheet(rows, film.width, film.height), (film.width, film.height))
        if text := sent.getvalue():
            lines.append(_event(number / FPS, text))
        sent.seek(0)
        sent.truncate()
    lines.append(_event(film.seconds, SHOW))
    return "\n".join([*lines, ""])


def _event(t: float, text: str) -> str:
    return json.dumps([round(t, 3), "o", text], ensure_ascii=False)
