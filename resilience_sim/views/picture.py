"""Pictures of what the terminal shows, as SVG: the README's pictures are made by the program itself.

Owns the window around a picture and its colours. Refuses to own what is in it: the same pure frames and tables as in
the terminal. The SVG needs no network: it names fonts that systems have, and every run of text is held to its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO

from rich.console import Console, RenderableType
from rich.terminal_theme import TerminalTheme

from resilience_sim.runs.simulation import Simulation
from resilience_sim.scenario.plan import Plan
from resilience_sim.views.live.driver import Player, Show
from resilience_sim.views.live.facts import default_speed
from resilience_sim.views.live.frame import frame
from resilience_sim.views.live.panels import Surroundings
from resilience_sim.views.live.race import race_frame

FONT = "DejaVu Sans Mono, Menlo, Consolas, Liberation Mono, monospace"
THEME = TerminalTheme(
    background=(16, 20, 28),
    foreground=(205, 211, 222),
    normal=[
        (36, 42, 54), (240, 98, 98), (87, 199, 133), (232, 185, 85),
        (97, 160, 245), (190, 130, 240), (80, 195, 220), (205, 211, 222),
    ],
    bright=[
        (104, 114, 132), (255, 125, 125), (120, 225, 160), (250, 205, 110),
        (130, 185, 255), (210, 160, 255), (115, 215, 240), (255, 255, 255),
    ],
)  # fmt: skip

# Rich's own window without its web font.
FORMAT = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: FONTS; font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 16px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal"><rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" /></clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
""".replace("FONTS", FONT)  # noqa: E501


def svg(renderable: RenderableType, width: int, title: str, identity: str = "resim") -> str:
    """Anything Rich can draw, as the SVG of a terminal window ``width`` columns wide; always the same bytes."""
    console = Console(
        record=True, width=width, height=100, file=StringIO(), force_terminal=True, color_system="standard",
        legacy_windows=False, no_color=False, _environ={},
    )  # fmt: skip
    console.print(renderable)
    return console.export_svg(title=title, theme=THEME, code_format=FORMAT, unique_id=identity)


def svg_of_live_frame(plan: Plan, seed: int, at: int, width: int = 100, height: int = 30) -> str:
    """The live view of a run at the virtual instant ``at`` (ns)."""
    return svg_of_race([(plan.name, plan)], seed, at, width, height)


def svg_of_race(plans: Sequence[tuple[str, Plan]], seed: int, at: int, width: int = 140, height: int = 34) -> str:
    """The live view of several variants at the virtual instant ``at`` (ns)."""
    speed = default_speed(*(plan for _, plan in plans))
    player = Player([Show(Simulation(plan, seed), name) for name, plan in plans])
    phases = plans[0][1].traffic.phases
    for fold in player.folds:
        fold.sample = max(1, round(phases[0].rate * speed / 5)) if phases else 1
    player.advance(at, lambda: True)
    around = Surroundings(speed)
    if len(player.folds) == 1:
        sheet = frame(player.folds[0], width, height, around)
    else:
        sheet = race_frame(player.folds, player.clock, width, height, around)
    return svg(sheet, width, f"resim {'run' if len(plans) == 1 else 'compare'} {plans[0][1].name}")
