"""The cockpit under a pilot: every key, every command of the palette, the mouse, the dialogs, all sizes and looks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from textual.widgets import Button, Label

from resilience_sim.play.commands import COMMANDS, FEW, FOOTER, PINNED, help_rows
from resilience_sim.play.dialogs import Ask, Choose, Form, Page
from resilience_sim.play.forms import FAULTS
from resilience_sim.play.panel_renderer import arrange
from resilience_sim.play.session import Session
from resilience_sim.play.state import TABS
from resilience_sim.play.theme import LIGHT
from resilience_sim.runs.simulate import drain
from resilience_sim.runs.simulation import Simulation
from resilience_sim.views.live.look import ASCII, UNICODE

from .lab import SECOND, Driver, drive, play, same_picture, same_screen, session, until_still

Check = Callable[[Driver], Awaitable[None]]


def at_20_seconds() -> Session:
    s = play(session(), 18)
    s.paused = True
    return s


# --- every key does something that can be seen ---


async def _pause(d: Driver) -> None:
    await d.press("space")
    assert not d.state.session.paused


async def _faster(d: Driver) -> None:
    await d.press("plus")
    assert d.state.session.speed == 5
    await d.press("minus", "minus")
    assert d.state.session.speed == 1


async def _top_speed(d: Driver) -> None:
    await d.press("f")
    assert d.state.session.speed == float("inf")


async def _step(d: Driver) -> None:
    before = d.state.session.run.position
    await d.press("full_stop")
    assert d.state.session.run.position == before + 1
    await d.press("comma", "comma")
    assert not d.state.session.live
    assert "REWOUND" in d.text()


async def _request(d: Driver) -> None:
    done = d.state.session.run.view.done
    await d.press("n")
    assert d.state.session.run.view.done == done + 1


async def _scrub(d: Driver) -> None:
    clock = d.state.session.clock
    await d.press("left")
    assert d.state.session.clock < clock
    earlier = d.state.session.clock
    await d.press("shift+left")
    assert d.state.session.clock < earlier
    await d.press("right", "shift+right", "shift+right")
    assert d.state.session.live
    await d.press("home")
    assert d.state.session.clock == 0
    await d.press("end")
    assert d.state.session.live
    await d.press("home", "l")
    assert d.state.session.live


async def _jumps(d: Driver) -> None:
    for key, back, kind in (("x", "X", "failure"), ("g", "G", "fault")):
        await d.press("home", key)
        await d.settle()
        first = d.state.session.run.position
        assert d.state.session.run.tape.mark_before(kind, first) == first - 1
        assert (d.state.stream.chosen is not None) == (kind == "failure")
        await d.press(key, back)
        assert d.state.session.run.position <= first
    await d.press("home", "T")
    assert "no transition" in d.text()
    await d.press("end", "t")
    assert d.state.session.hunting == "transition"
    await d.press("space")
    assert not d.state.session.hunting


async def _injects(d: Driver) -> None:
    kinds = {
        "o": "outage", "d": "latency", "e": "errors", "b": "brownout", "r": "errors", "s": "spike",
        "c": "crash_replica", "m": "rate_limit", "M": "cold_cache",
    }  # fmt: skip
    for key, kind in kinds.items():
        await d.press(key)
        assert d.state.session.run.plan_now.faults[-1].kind == kind
        assert len(d.state.session.run.view.faults_on) == 2
        await d.press("u")
        assert d.state.session.run.plan_now.faults[-1].duration < SECOND
    await d.press("u", "u")
    assert "no fault is active" in d.text()


async def _asked_faults(d: Driver) -> None:
    """With settings of one's own; the fault injected last is offered first."""
    for n, kind in enumerate(FAULTS):
        await d.press("O", *(["down"] if n else []), "enter")
        form = d.app.screen
        assert isinstance(form, Form)
        await d.press("9", "s", "enter")
        fault = d.state.session.run.plan_now.faults[-1]
        assert fault.kind == {"lost_responses": "errors"}.get(kind, kind)
        assert fault.duration == 9 * SECOND


async def _breakers(d: Driver) -> None:
    await d.press("z")
    assert "no circuit breaker" in d.text()
    await d.press("a")
    assert isinstance(d.app.screen, Choose)
    await d.press("down", "enter")
    assert isinstance(d.app.screen, Choose)  # by whose rules
    await d.press("enter")
    assert isinstance(d.app.screen, Form)
    await d.press("enter")
    assert [p.id for p in d.state.session.run.plan.stack] == ["circuit_breaker", "retry", "timeout"]
    await d.press("z")
    assert "OPEN" in d.text()
    await d.press("Z")
    assert "closed by hand" in d.text()


async def _change(d: Driver) -> None:
    await d.press("p", "enter")
    assert isinstance(d.app.screen, Form)
    await d.press("backspace", "1", "enter")
    assert d.state.session.run.plan.stack[0].attempts == 1  # type: ignore[attr-defined]
    assert "attempts 1" in d.text()


async def _line(d: Driver) -> None:
    await d.press("colon", *"retry.attempts=1", "enter")
    assert d.state.session.run.plan.stack[0].attempts == 1  # type: ignore[attr-defined]
    await d.press("colon", *"until t > 20s", "enter")
    await d.settle()
    assert d.state.session.clock == 20 * SECOND + 1


async def _change_wrongly(d: Driver) -> None:
    """What cannot be read is said, and the dialog stays."""
    await d.press("p", "enter", "backspace", "x", "enter")
    assert isinstance(d.app.screen, Form)
    assert "integer" in str(d.app.screen.query_one(".wrong").render())
    await d.press("escape")
    assert not d.state.session.run.actions


async def _remove(d: Driver) -> None:
    await d.press("k", "down", "enter")
    assert [p.id for p in d.state.session.run.plan.stack] == ["retry"]
    await d.press("k")
    assert d.state.session.run.plan.stack == ()
    await d.press("k", "p")
    assert "no policies" in d.text()


async def _reorder(d: Driver) -> None:
    await d.press("right_square_bracket", "enter")
    assert [p.id for p in d.state.session.run.plan.stack] == ["timeout", "retry"]
    await d.press("left_square_bracket")
    assert [p.id for p in d.state.session.run.plan.stack] == ["retry", "timeout"]
    await d.press("left_square_bracket")
    assert "already outermost" in d.text()


async def _fork(d: Driver) -> None:
    await d.press("y", "o")
    await d.settle()
    assert d.state.session.fork is not None
    assert not d.state.session.run.actions
    assert "what if: outage (refuse) for 5s" in d.text()
    await d.pass_time(0.3)
    await d.press("space")
    await d.pass_time(1)
    assert "fares differently" in d.text()
    await d.press("Y")
    assert d.state.session.fork is None


async def _fork_in_the_past(d: Driver) -> None:
    """What is done while looking back is done in a fork."""
    await d.press("left", "o")
    await d.settle()
    assert d.state.session.fork is not None
    assert not d.state.session.run.actions


async def _stream(d: Driver) -> None:
    await d.press("up", "up", "down", "pageup", "pagedown")
    assert d.state.stream.chosen is not None
    for name in ("failed", "retried", "slow", "twice", "open", "all"):
        await d.press("v")
        assert d.state.stream.filter == name
    await d.press("slash")
    assert isinstance(d.app.screen, Ask)
    await d.press("1", "2", "3", "enter")
    assert d.state.stream.chosen == 123
    await d.press("slash", *"timeout", "enter")
    assert "`timeout`" in d.text()
    await d.press("escape")
    assert d.state.stream.search == ""
    assert d.state.stream.chosen is None


async def _inspect(d: Driver) -> None:
    await d.press("i")
    assert "took it on" in d.text()
    await d.press("apostrophe")
    assert d.state.tab == "log"


async def _focus(d: Driver) -> None:
    """Tab goes from panel to panel; in the topology the arrows choose a policy, in the inspector they scroll."""
    seen = set()
    for _ in range(8):
        await d.press("tab")
        focused = d.state.focused
        seen.add(focused)
        if focused == "topology":
            await d.press("down", "down")
            assert d.state.policy == "timeout"
        if focused == "inspector":
            await d.press("down")
            assert d.state.scroll >= 1
        await d.press("full_stop", "left", "end")  # transport works whatever has the focus
        assert d.state.session.live
    assert {"topology", "charts", "stream", "inspector", "log"} <= seen


async def _theme(d: Driver) -> None:
    await d.press("ctrl+t")
    assert d.app.theme == LIGHT


async def _help(d: Driver) -> None:
    await d.press("question_mark")
    assert isinstance(d.app.screen, Page)
    await d.press("escape", "h")
    assert isinstance(d.app.screen, Page)
    await d.press("space")
    assert not isinstance(d.app.screen, Page)


async def _enter(d: Driver) -> None:
    await d.press("enter")
    assert d.state.tab == "inspector"
    await d.press("enter")
    assert d.state.tab == "stream"


async def _tour(d: Driver) -> None:
    await d.press("j")
    assert "--tour first-look" in d.text()


async def _leave(d: Driver) -> None:
    await d.press("q")
    assert not d.app.is_running or d.app._exit


async def _zoom(d: Driver) -> None:
    await d.press("S")
    assert "one service" in d.text()  # of several: test_graph.py


CHECKS: dict[str, Check] = {
    "pause": _pause, "faster slower": _faster, "top_speed": _top_speed, "step step_back": _step,
    "step_request": _request, "scrub_back scrub_on leap_back leap_on to_start to_live": _scrub,
    "next_failure last_failure next_fault last_fault next_transition last_transition": _jumps,
    "outage latency errors brownout lost spike crash limit cold lift": _injects,
    "inject": _asked_faults, "add trip reset": _breakers, "change": _change, "line": _line,
    "change (wrong)": _change_wrongly, "remove": _remove,
    "inwards outwards": _reorder, "fork drop_fork": _fork, "fork (past)": _fork_in_the_past,
    "up down page_up page_down filter search newest": _stream, "inspect next_tab": _inspect, "(focus)": _focus,
    "zoom": _zoom, "theme": _theme, "help": _help, "enter": _enter, "tour_next": _tour, "leave": _leave,
}  # fmt: skip


@pytest.mark.parametrize("check", CHECKS.values(), ids=list(CHECKS))
def test_every_key(check: Check) -> None:
    drive(check, at_20_seconds())


def test_no_command_is_untested_and_no_key_means_two_things(tmp_path, monkeypatch) -> None:
    tested = {word for name in CHECKS for word in name.split()}
    assert {each.id for each in COMMANDS} - tested == {"write", "save", "take_fork"}  # test_forks.py
    keys = [key for each in COMMANDS for key in each.keys.split(",")]
    assert len(keys) == len(set(keys))
    assert {*FOOTER, *PINNED} <= {each.id for each in COMMANDS}


def test_writing_a_scenario_file(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def check(d: Driver) -> None:
        await d.press("o", "w", "enter")
        assert "written" in d.text()
        await d.press("w", "enter")
        assert "already exists" in d.text()

    drive(check, at_20_seconds())
    assert "outage: {at: 18.000000001s" in (tmp_path / "retry-storm-played.yaml").read_text()


def test_every_command_is_in_the_palette() -> None:
    async def check(d: Driver) -> None:
        titles = [each.title for each in d.app.get_system_commands(d.app.screen)]
        assert len(titles) == len(COMMANDS)
        await d.press("ctrl+p")
        assert type(d.app.screen).__name__ == "CommandPalette"
        await d.press("escape")

    drive(check, at_20_seconds())


def test_a_command_of_the_palette_does_what_its_key_does() -> None:
    """Called from the palette, one after the other, nothing breaks, and whatever was opened can be closed."""

    async def check(d: Driver) -> None:
        for found, each in zip(list(d.app.get_system_commands(d.app.screen)), COMMANDS, strict=True):
            if each.id in ("leave", "top_speed"):
                continue
            found.callback()
            await d.pilot.pause()
            await d.settle()
            d.app.tick()
            while len(d.app.screen_stack) > 1:
                await d.press("escape")

    drive(check, at_20_seconds(), size=(100, 30))


def test_what_was_injected_by_keys_happens_again() -> None:
    """From the keys to the digest of a replay."""
    s = session()

    async def check(d: Driver) -> None:
        await d.pass_time(2)
        await d.press("o")
        await d.pass_time(1)
        await d.press("p", "enter", "backspace", "2", "enter", "s")

    drive(check, s)
    s.speed = float("inf")
    while not s.over:
        s.paused = False
        s.frame(0.1)
    assert len(s.run.actions) == 3
    again = Simulation(s.run.source.plan, 1, s.run.actions)
    drain(again)
    assert s.run.source.digest() == again.digest()


def test_keys_typed_into_a_dialog_stay_there() -> None:
    """A space or a dot in a field is no transport key."""

    async def check(d: Driver) -> None:
        await d.press("O", "enter", "2", "full_stop", "5", "s", "enter")
        assert d.state.session.run.plan_now.faults[-1].duration == 2_500_000_000
        assert d.state.session.paused

    drive(check, at_20_seconds())


def test_in_a_form_arrows_go_from_field_to_field_and_say_what_it_is_about() -> None:
    async def check(d: Driver) -> None:
        await d.press("p", "enter", "down")
        form = d.app.screen
        assert form.focused is not None
        assert form.focused.id == "f-delay"
        assert str(form.query_one(".hint", Label).render()) == "Wait before the first retry."
        await d.press("up", "up")
        assert form.focused.id == "cancel"

    drive(check, at_20_seconds(), size=(80, 24))


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (140, 42)], ids=str)
@pytest.mark.parametrize(
    "keys", [("p",), ("p", "enter"), ("O", "enter"), ("a", "down", "enter", "down", "enter"), ("slash",)]
)
def test_dialogs_stand_in_the_middle_and_are_seen_whole(size: tuple[int, int], keys: tuple[str, ...]) -> None:
    """A bug once: they clung to the upper left corner, and long forms lost their buttons below the screen."""

    async def check(d: Driver) -> None:
        await d.press(*keys)
        box = d.app.screen.query_one(".box").region
        assert abs(box.x - (size[0] - box.right)) <= 1
        assert abs(box.y - (size[1] - box.bottom)) <= 1
        for button in d.app.screen.query(Button):
            assert box.contains_region(button.region)

    drive(check, size=size)


@pytest.mark.parametrize("size", [(80, 24), (60, 20), (240, 70), (100, 30)], ids=str)
def test_the_footer_always_says_how_to_find_all_keys(size: tuple[int, int]) -> None:
    """And what the moment asks for: back to live, keep or drop the fork."""

    async def check(d: Driver) -> None:
        for words in ("? all keys", "q quit", "space resume", *(["o outage"] if size[0] >= 80 else [])):
            assert words in d.text()
        await d.press("left")
        assert "end live" in d.text()
        await d.press("end", "y", "o")
        await d.settle()
        for words in ("? all keys", "K keep fork", "Y drop fork"):
            assert words in d.text()
        place = next(p for p in d.app.renderer.places if p[3] == "help")
        await d.pilot.click("#keys", offset=(place[1] + 1, place[0]))
        assert isinstance(d.app.screen, Page)

    drive(check, at_20_seconds(), size=size)


def test_the_footer_shows_eight_keys_until_somebody_asks_for_all() -> None:
    async def check(d: Driver) -> None:
        assert len(d.app.renderer.places) == FEW + len(PINNED)
        await d.press("question_mark", "escape")
        assert len(d.app.renderer.places) > 2 * FEW

    drive(check, at_20_seconds(), size=(140, 42))


def test_the_help_names_every_key() -> None:
    """A bug once: not Tab, =, Enter, h, ctrl+c."""
    text = "\n".join(row.plain() for row in help_rows(84))
    for keys in ("tab S-tab", "+ =", "enter", "? h", "q ^c", "end l", "^p"):
        assert f"  {keys} " in text
    for each in COMMANDS:
        assert each.about in text


def test_time_stands_still_while_a_dialog_is_open() -> None:
    async def check(d: Driver) -> None:
        await d.press("space", "O")
        clock = d.state.session.clock
        await d.pass_time(1)
        assert d.state.session.clock == clock
        await d.press("enter", "enter")
        assert d.state.session.run.actions[-1].t == clock + 1
        await d.pass_time(1)
        assert d.state.session.clock > clock + SECOND

    drive(check, at_20_seconds())


def test_typing_into_a_field_replaces_what_was_there() -> None:
    async def check(d: Driver) -> None:
        await d.press("O", "enter", "7", "s", "enter")
        assert d.state.session.run.plan_now.faults[-1].duration == 7 * SECOND

    drive(check, at_20_seconds())


def test_where_one_panel_has_room_the_inspector_gets_the_focus_with_it() -> None:
    """A bug once: it went to the topology, and the arrows chose policies."""

    async def check(d: Driver) -> None:
        await d.press("up", "up", "i")
        assert d.state.focused == "inspector"
        await d.press("pagedown", "up")
        assert d.state.scroll == 3
        await d.press("i")
        assert d.state.focused == "stream"
        chosen = d.state.stream.chosen
        await d.press("up")
        assert d.state.stream.chosen != chosen
        assert d.state.scroll == 0

    drive(check, at_20_seconds(), size=(80, 24))


def test_what_was_changed_is_said_in_a_few_words() -> None:
    async def check(d: Driver) -> None:
        await d.press("p", "enter", "backspace", "1", "enter")
        assert d.state.session.said == "retry: attempts 1"

    drive(check, at_20_seconds())


# --- the mouse ---


def test_the_mouse() -> None:
    async def check(d: Driver) -> None:
        await d.pilot.click("#transport", offset=(10, 1))
        assert d.state.session.clock < 6 * SECOND
        await d.press("end")
        await d.pilot.click("#stream", offset=(20, 5))
        assert d.state.stream.chosen is not None
        await d.pilot.click("#topology", offset=(8, 2))
        assert d.state.policy == "retry"
        await d.pilot.click("#topology", offset=(8, 2))
        assert isinstance(d.app.screen, Form)
        await d.pilot.click("#cancel")
        await d.pilot.click("#log", offset=(12, 1))
        assert not d.state.session.live
        place = next(p for p in d.app.renderer.places if p[3] == "outage")
        await d.pilot.click("#keys", offset=(place[1] + 1, place[0]))
        assert "outage (refuse)" in d.state.session.said
        await d.pilot.click("#transport", offset=(3, 0))
        assert not d.state.session.paused

    drive(check, at_20_seconds())


# --- sizes and looks ---

SIZES = [(80, 24), (100, 30), (120, 40), (160, 50), (240, 70), (60, 20), (200, 25)]


@pytest.mark.parametrize("look", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_every_size_and_look(look) -> None:
    """The terminal may be resized at any time; nothing is wider than its place, ASCII is ASCII."""

    async def shown(d: Driver, size: tuple[int, int]) -> None:
        await d.pilot.resize_terminal(*size)
        await d.pilot.pause()
        text = d.text()
        assert len(text.splitlines()) == size[1]
        assert all(len(line) <= size[0] for line in text.splitlines())
        if look is ASCII:
            assert text.isascii(), [c for c in text if not c.isascii()]

    async def check(d: Driver) -> None:
        await d.press("up", "i")
        for size in SIZES:
            await shown(d, size)
        await d.press("y", "o")
        await d.settle()
        for size in SIZES:
            await shown(d, size)
            assert "what if" in d.text()

    drive(check, at_20_seconds(), look=look)


@pytest.mark.parametrize("size", [*SIZES, (20, 8), (400, 120)], ids=str)
def test_panels_never_overlap(size: tuple[int, int]) -> None:
    for tab in TABS:
        for forked in (False, True):
            for tour in (False, True):
                cells: set[tuple[int, int]] = set()
                for rect in arrange(*size, tab, forked, tour).values():
                    mine = {
                        (x, y) for x in range(rect.x, rect.x + rect.width) for y in range(rect.y, rect.y + rect.height)
                    }
                    assert not mine & cells
                    assert rect.x + rect.width <= size[0]
                    cells |= mine


def test_without_colour_nothing_is_lost(monkeypatch) -> None:
    """NO_COLOR: the same words, in greys only."""
    import re

    monkeypatch.setenv("NO_COLOR", "1")
    pictures = []

    async def check(d: Driver) -> None:
        pictures.append(d.app.export_screenshot())

    drive(check, at_20_seconds())
    panel = pictures[0].partition("<g transform")[2]
    used = set(re.findall(r"\.terminal-\d+-r\d+ \{ fill: #([0-9a-f]{6})", pictures[0])) - {"c5c8c6"}  # the frame's
    assert used
    assert all(c[:2] == c[2:4] == c[4:] for c in used), [c for c in used if not c[:2] == c[2:4] == c[4:]]
    assert "PAUSED" in panel


# --- pictures ---


def test_picture_with_its_colours() -> None:
    async def check(d: Driver) -> None:
        await d.press("up", "pageup")
        same_picture(d.app, "small")

    drive(check, at_20_seconds(), size=(80, 24))


def test_a_large_screen() -> None:
    async def check(d: Driver) -> None:
        await d.press("up", "pageup")
        same_screen(d.app, "large")

    drive(check, at_20_seconds(), size=(150, 46))


def test_a_dialog_in_the_light() -> None:
    async def check(d: Driver) -> None:
        await d.press("O", *["down"] * list(FAULTS).index("brownout"), "enter")
        same_screen(d.app, "dialog")

    drive(check, at_20_seconds(), size=(100, 30), theme=LIGHT)


def test_the_screen_of_a_fork() -> None:
    s = play(session(), 20)
    s.seek(16 * SECOND)

    async def check(d: Driver) -> None:
        await d.press("k", "enter")
        await d.settle()
        await d.pass_time(4)
        await d.press("space")
        same_screen(d.app, "fork")

    drive(check, until_still(s), size=(130, 40))
