"""A film as a GIF, drawn cell by cell with Pillow (the extra ``gif``).

What fills its cell or runs from edge to edge is drawn as boxes, as in the SVG pictures; letters are those of DejaVu
Sans Mono as matplotlib ships it, not of whatever fonts a machine has. Colours are shades between paper and ink, so
that one palette serves all frames.
"""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len

from resilience_sim.kernel.text import printable
from resilience_sim.views.film.cells import Change, changes
from resilience_sim.views.film.film import FPS, HOLD, Film
from resilience_sim.views.svg import BUTTONS, COLOURS, DIM, FRAME, INK, PAPER, boxes_of, look_of

if TYPE_CHECKING:
    from PIL import Image, ImageFont

WIDE, HIGH, SIZE = 8, 16, 13  # of a cell and of the font, in px
PAD, BAR = 12, 30
BASE = 12  # where letters stand, below the top of their line
SHADES = 16
FINE = 4  # how much larger circles are drawn before they are made small
FONTS = "mpl-data/fonts/ttf"
MADE = "resim run --record"


def missing() -> str:
    """The packages that are not installed, joined by "and"; nothing is imported to know that."""
    needed = (("PIL", "Pillow"), ("matplotlib", "matplotlib (for its font)"))
    return " and ".join(name for module, name in needed if find_spec(module) is None)


def gif_of_film(film: Film) -> bytes:
    """The picture; the same film always gives the same with the same versions of Pillow and matplotlib."""
    studio = _Studio()
    canvas = studio.window(film)
    frames: list[Image.Image] = []
    lengths: list[int] = []  # ms
    before = None
    for rows in film.frames:
        found = list(changes(before, rows))
        if found or not frames:
            canvas = canvas.copy()
            for change in found:
                studio.draw(canvas, change)
            frames.append(canvas)
            lengths.append(0)
        lengths[-1] += 1000 // FPS
        before = rows
    lengths[-1] += round(1000 * HOLD) - 1000 // FPS
    out = io.BytesIO()
    comment = f"{film.title}; {MADE}".encode()
    frames[0].save(
        out, "GIF", save_all=True, append_images=frames[1:], duration=lengths, loop=0, optimize=True, comment=comment
    )
    return out.getvalue()


class _Studio:
    """Draws cells. A picture's colours are numbers of the palette: ``SHADES`` from paper to each ink."""

    def __init__(self) -> None:
        inks = [FRAME, DIM, *BUTTONS, INK, *COLOURS.values()]
        self._first = {ink: 1 + index * SHADES for index, ink in enumerate(inks)}
        paper = _rgb(PAPER)
        self._palette = [*paper]
        for ink in inks:
            for shade in range(1, SHADES + 1):
                part = shade / SHADES
                self._palette += [round(p + (i - p) * part) for p, i in zip(paper, _rgb(ink), strict=True)]
        self._tiles: dict[tuple[str, str], Image.Image] = {}
        self._fonts = {bold: _font(bold) for bold in (False, True)}

    def window(self, film: Film) -> Image.Image:
        """An empty window with its title."""
        from PIL import Image, ImageDraw

        size = (film.width * WIDE + 2 * PAD, film.height * HIGH + BAR + PAD)
        canvas = Image.new("P", size, 0)
        canvas.putpalette(self._palette)
        draw = ImageDraw.Draw(canvas)
        draw.rectangle((0, 0, size[0] - 1, size[1] - 1), outline=self._first[FRAME] + SHADES - 1)
        for number, ink in enumerate(BUTTONS):
            across = 10
            large = Image.new("L", (across * FINE, across * FINE))
            ImageDraw.Draw(large).ellipse((0, 0, across * FINE - 1, across * FINE - 1), fill=255)
            canvas.paste(
                self._shaded(large.resize((across, across), Image.Resampling.BOX), ink), (12 + 16 * number, 11)
            )
        title = printable(film.title)
        mask = Image.new("L", (len(title) * WIDE, HIGH))
        for number, character in enumerate(title):
            self._write(mask, number * WIDE, character, False)
        canvas.paste(self._shaded(mask, DIM), ((size[0] - mask.width) // 2, 9))
        return canvas

    def draw(self, canvas: Image.Image, change: Change) -> None:
        """Put what changed on the canvas."""
        x, y = PAD + change.column * WIDE, BAR + change.row * HIGH
        for text, style in change.spans:
            for character in text:
                tile = self._tile(character, style)
                canvas.paste(tile, (x, y))
                x += tile.width

    def _tile(self, character: str, style: str) -> Image.Image:
        if (character, style) not in self._tiles:
            from PIL import Image, ImageDraw

            colour, bold = look_of(style)
            mask = Image.new("L", (max(1, cell_len(character)) * WIDE, HIGH))
            draw = ImageDraw.Draw(mask)
            boxes = boxes_of(character)
            for left, up, wide, high, opacity in boxes:
                x, y = round(left * WIDE), round(up * HIGH)
                right, below = int((left + wide) * WIDE + 0.3), round((up + high) * HIGH)
                draw.rectangle((x, y, max(x, right - 1), max(y, below - 1)), fill=round(255 * opacity))
            if not boxes:
                self._write(mask, 0, character, bold)
            self._tiles[character, style] = self._shaded(mask, colour)
        return self._tiles[character, style]

    def _write(self, mask: Image.Image, x: int, character: str, bold: bool) -> None:
        from PIL import ImageDraw

        ImageDraw.Draw(mask).text((x, BASE), character, fill=255, font=self._fonts[bold], anchor="ls")

    def _shaded(self, mask: Image.Image, ink: str) -> Image.Image:
        """The mask's shades as colours of the palette."""
        first = self._first[ink]
        numbers = [0 if not (shade := round(value * SHADES / 255)) else first + shade - 1 for value in range(256)]
        tile = mask.point(numbers, "P")
        tile.putpalette(self._palette)
        return tile


def _font(bold: bool) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    found = find_spec("matplotlib")  # does not import it
    assert found is not None
    assert found.origin is not None
    name = "DejaVuSansMono-Bold.ttf" if bold else "DejaVuSansMono.ttf"
    return ImageFont.truetype(str(Path(found.origin).parent / FONTS / name), SIZE, layout_engine=ImageFont.Layout.BASIC)


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
