"""Light and dark: the colours behind the names of styles. Colour never carries meaning alone (NO_COLOR)."""

from __future__ import annotations

from functools import cache

from rich.style import Style
from textual.theme import Theme

from resilience_sim.views.text import STYLES

PALETTES: dict[str, dict[str, str]] = {
    "resim-dark": {
        "paper": "#10141c",
        "ink": "#cdd3de",
        "good": "#57c785",
        "bad": "#f06262",
        "odd": "#e8b955",
        "calm": "#50c3dc",
        "note": "#be82f0",
        "faint": "#6f7b90",
        "raised": "#1a2130",
        "rule": "#2a3140",
    },
    "resim-light": {
        "paper": "#fbfaf7",
        "ink": "#24292f",
        "good": "#1a7f37",
        "bad": "#c4232d",
        "odd": "#8f6400",
        "calm": "#0969a8",
        "note": "#7a45c8",
        "faint": "#76808b",
        "raised": "#efede6",
        "rule": "#d5d8dc",
    },
}
DARK, LIGHT = PALETTES


@cache
def style(name: str, theme: str) -> Style:
    """A style's name as Rich has it, on the theme's paper."""
    palette = PALETTES[theme]
    colour = {"key": "calm", "title": "ink", "strong": "ink", "": "ink"}.get(name, name.rstrip("!").split(" ")[0])
    bold = "bold" in STYLES.get(name, "")
    return Style(color=palette.get(colour, palette["ink"]), bgcolor=palette["paper"], bold=bold)


def themes() -> list[Theme]:
    """Both, for Textual's own widgets."""
    found = []
    for name, p in PALETTES.items():
        found.append(
            Theme(
                name=name,
                primary=p["calm"],
                secondary=p["note"],
                accent=p["odd"],
                success=p["good"],
                warning=p["odd"],
                error=p["bad"],
                foreground=p["ink"],
                background=p["paper"],
                surface=p["paper"],
                panel=p["raised"],
                dark=name == DARK,
            )
        )
    return found
