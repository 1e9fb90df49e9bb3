"""``--record``: a moving picture of the live view, beside whatever else a run gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING

from resilience_sim.cli.context import CommandContext
from resilience_sim.cli.errors import Problem, usage

if TYPE_CHECKING:
    from resilience_sim.settings.plan import Plan
    from resilience_sim.views.export.files import OutputFile
    from resilience_sim.views.film.film import Film

INSTALL = "install it: pip install 'resilience-sim[gif]', in a clone pip install '.[gif]'; or record .svg or .cast"


class Camera:
    """Takes the picture of a run that is over, by running it once more, and writes it to an open file."""

    def __init__(self, ctx: CommandContext, kind: str, path: Path, file: OutputFile, speed: float) -> None:
        self.path = path
        self._ctx = ctx
        self._kind = kind
        self._file = file
        self._speed = speed

    def take(self, plans: Mapping[str, Plan], seed: int, end: int, title: str, name: str = "") -> bool:
        """Write the picture of the runs of ``plans`` with ``seed`` until the virtual instant ``end`` (ns).

        ``title`` is that of its window, ``name`` that in its first line. False after Ctrl-C, which leaves no picture.
        ExportError when it cannot be written.
        """
        try:
            self._take(plans, seed, end, title, name)
        except KeyboardInterrupt:  # the answer has been given already
            self._ctx.err(f"interrupted: {self.path} is not written")
            return False
        return True

    def _take(self, plans: Mapping[str, Plan], seed: int, end: int, title: str, name: str) -> None:
        from resilience_sim.cli.watching import Progress
        from resilience_sim.runs.simulation import Simulation
        from resilience_sim.views.export.files import ExportError, problem
        from resilience_sim.views.film.film import shoot
        from resilience_sim.views.live.driver import Show

        shows = [Show(Simulation(plan, seed), each) for each, plan in plans.items()]
        with Progress(self._ctx, "drawing", end) as progress:
            film = shoot(shows, self._speed, end, title, name, progress.at)
            data = _encoded(film, self._kind)
        try:
            if self._kind == "gif":
                self._file.stream.buffer.write(data)
            else:
                self._file.stream.write(data.decode())
            self._file.complete()
        except OSError as error:
            raise ExportError(str(self.path), *problem(error)) from error
        size = f"{len(data) / 1e6:.1f} MB" if len(data) >= 1e6 else f"{len(data) / 1e3:.0f} kB"
        self._ctx.note(f"{self.path}: {film.seconds:.1f} s, {size}")


def open_camera(
    ctx: CommandContext,
    spec: str | None,
    stack: ExitStack,
    inputs: Iterable[str | Path | None],
    force: bool,
    speed: float | None,
    *plans: Plan,
) -> Camera | None:
    """What ``--record`` asks for, its file open before anything is simulated; None where nothing is asked for.

    ``inputs``: files that the command uses, which the picture may not replace. ``speed``: that of the picture, in
    virtual seconds per second; None or infinite: such that it takes about ten seconds.
    """
    if spec is None:
        return None
    from resilience_sim.views.export.files import opened
    from resilience_sim.views.export.targets import OF_FILM, parse_target
    from resilience_sim.views.film.film import LONGEST, film_length, film_speed

    target = parse_target(spec, OF_FILM)
    path = target.paths[""]
    if path is None:
        raise usage(f"--record {spec}: a picture goes to a file", f"{target.format.name}=run{target.format.suffix}")
    if target.format.name == "gif":
        from resilience_sim.views.film.gif import missing

        if absent := missing():
            raise Problem("missing_extra", f"a GIF needs {absent}, which is not installed", INSTALL)
    if speed in (None, inf):
        speed = film_speed(*plans)
    assert speed is not None
    if (length := film_length(speed, *plans)) > LONGEST:
        least = length * speed / LONGEST
        raise usage(
            f"--record: at {speed:g}x the picture would play for about {length:.0f} s; it may for {LONGEST:.0f} s",
            f"`--speed {least:.3g}x` or faster; without --speed it takes about ten seconds",
        )
    file = opened(path, force, [each for each in inputs if each], target.format.begins)
    stack.callback(file.discard)
    return Camera(ctx, target.format.name, path, file, speed)


def _encoded(film: Film, kind: str) -> bytes:
    if kind == "gif":
        from resilience_sim.views.film.gif import gif_of_film

        return gif_of_film(film)
    if kind == "svg":
        from resilience_sim.views.film.svg import svg_of_film

        return svg_of_film(film).encode()
    from resilience_sim.views.film.cast import cast_of_film

    return cast_of_film(film).encode()
