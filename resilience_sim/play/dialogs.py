"""Dialogs: a form of settings, a choice, a line of text, a page to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from resilience_sim.play.command_line import Completion
from resilience_sim.play.forms import Field
from resilience_sim.play.theme import DARK, PALETTES, style
from resilience_sim.views.text import Row

CSS = """
.box { width: 84; max-width: 96%; height: auto; max-height: 92%; background: $panel; border: round $primary;
       padding: 0 1; }
.-ascii .box { border: ascii $primary; }
.box > .title { text-style: bold; color: $primary; width: 100%; }
.box > .about { color: $foreground 70%; width: 100%; }
.box > .hint { color: $foreground 70%; width: 100%; height: auto; max-height: 3; padding: 1 0 0 0; }
.box > .wrong { color: $error; width: 100%; height: auto; }
.fields { height: auto; max-height: 18; }
.field { height: 1; width: 100%; }
.field > .key { width: 19; color: $foreground; }
.field > Input { width: 22; height: 1; border: none; padding: 0 1; background: $background; }
.field > Input:focus { background: $primary 25%; }
.field > .meaning { width: 1fr; padding: 0 1; color: $foreground 60%; text-wrap: nowrap; text-overflow: ellipsis; }
.buttons { height: 1; width: 100%; align-horizontal: right; }
.buttons > Button { height: 1; border: none; min-width: 12; margin: 0 1; }
OptionList { height: auto; max-height: 16; border: none; background: $panel; }
.line { width: 100%; height: auto; background: $panel; padding: 0 1; }
.line > .words { width: 100%; height: auto; max-height: 4; color: $foreground 70%; }
.line > .words.-wrong { color: $error; }
.line .colon { width: 1; color: $primary; }
.line Input { width: 1fr; }
.page { width: 90; }
.page > VerticalScroll { height: auto; max-height: 30; }
"""
Answers = Mapping[str, str]


class Dialog(ModalScreen[Any]):
    """Escape closes it without an answer."""

    CSS = CSS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Cancel")]

    def __init__(self) -> None:
        super().__init__()
        self.styles.align = ("center", "middle")  # rules of a screen's CSS do not concern the screen itself


class Form(Dialog):
    """``accept`` makes something of the answers; while it raises ValueError, the form says so and stays open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", "Next", show=False, priority=True),
        Binding("up", "app.focus_previous", "Before", show=False, priority=True),
    ]

    def __init__(
        self, title: str, about: str, fields: Sequence[Field], accept: Callable[[Answers], Any], verb: str
    ) -> None:
        super().__init__()
        self._title, self._about, self._fields, self._accept, self._verb = title, about, fields, accept, verb

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Label(self._title, classes="title", markup=False)
            if self._about:
                yield Label(self._about, classes="about", markup=False)
            with VerticalScroll(classes="fields", can_focus=False):
                for field in self._fields:
                    with Horizontal(classes="field"):
                        yield Label(field.key, classes="key", markup=False)
                        yield Input(field.value, placeholder=field.default, id=f"f-{field.key}")
                        yield Label(field.about, classes="meaning", markup=False)
            yield Label("", classes="hint", markup=False)
            yield Label("", classes="wrong", markup=False)
            with Horizontal(classes="buttons"):
                yield Button(self._verb, variant="primary", id="accept")
                yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        longest = max(len(field.key) for field in self._fields)
        for label in self.query(".key").results(Label):
            label.styles.width = max(19, min(longest + 1, 42))
        self.query_one(".fields").styles.max_height = max(3, self.app.size.height - 10)

    def answers(self) -> dict[str, str]:
        """The text of every field."""
        return {field.key: self.query_one(f"#f-{field.key}", Input).value for field in self._fields}

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        about = next((each.about for each in self._fields if event.widget.id == f"f-{each.key}"), "")
        self.query_one(".hint", Label).update(about)

    def on_input_submitted(self) -> None:
        self._try()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "accept":
            self._try()
        else:
            self.dismiss(None)

    def _try(self) -> None:
        try:
            answer = self._accept(self.answers())
        except ValueError as error:
            self.query_one(".wrong", Label).update(str(error))
            wrong = getattr(error, "field", "")
            if any(field.key == wrong for field in self._fields):
                self.query_one(f"#f-{wrong}", Input).focus()
            return
        self.dismiss(answer)


class Choose(Dialog):
    """One of several; the answer is its index."""

    def __init__(self, title: str, options: Sequence[str], at: int = 0) -> None:
        super().__init__()
        self._title, self._options, self._at = title, options, at

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Label(self._title, classes="title", markup=False)
            choices = OptionList(*(Option(text) for text in self._options), markup=False)
            choices.highlighted = self._at
            yield choices

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_index)


class Ask(Dialog):
    """A line of text."""

    def __init__(self, title: str, value: str = "", hint: str = "") -> None:
        super().__init__()
        self._title, self._value, self._hint = title, value, hint

    def compose(self) -> ComposeResult:
        with Vertical(classes="box"):
            yield Label(self._title, classes="title", markup=False)
            with Horizontal(classes="field"):
                yield Input(self._value, placeholder=self._hint, id="f-text")

    def on_mount(self) -> None:
        self.query_one(Input).styles.width = "100%"

    def on_input_submitted(self, event: Input.Submitted) -> None:
        self.dismiss(event.value)


class Line(Dialog):
    """A line at the bottom; Tab completes it. While ``accept`` raises ValueError, it says so and stays open."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("tab", "complete", "Complete", show=False, priority=True)]

    def __init__(self, hint: str, completion: Completion, accept: Callable[[str], None]) -> None:
        super().__init__()
        self._hint, self._completion, self._accept = hint, completion, accept
        self.styles.align = ("left", "bottom")

    def compose(self) -> ComposeResult:
        with Vertical(classes="line"):
            yield Label(self._hint, classes="words", markup=False)
            with Horizontal(classes="field"):
                yield Label(":", classes="colon", markup=False)
                yield Input(id="f-line")

    def on_mount(self) -> None:
        self.say(self._hint)

    def say(self, text: str, wrong: bool = False) -> None:
        """Show what fits, what is meant or what is wrong above the line."""
        label = self.query_one(".words", Label)
        label.update(text)
        label.set_class(wrong, "-wrong")

    def on_input_changed(self, event: Input.Changed) -> None:
        self.say(self._completion.words(event.value) if event.value.strip() else self._hint)

    def action_complete(self) -> None:
        """As far as it is clear what is meant."""
        line = self.query_one(Input)
        line.value = self._completion.on(line.value)
        line.cursor_position = len(line.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            self.dismiss(None)
            return
        try:
            self._accept(event.value)
        except ValueError as error:
            self.say(str(error), wrong=True)
            return
        self.dismiss(True)


class Page(Dialog):
    """Something to read; space, Enter, Escape and a few others close it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark,h,enter,space", "dismiss(None)", "Close")]

    def __init__(self, title: str, rows: Sequence[Row]) -> None:
        super().__init__()
        self._title, self._rows = title, rows

    def compose(self) -> ComposeResult:
        from rich.text import Text

        theme = self.app.theme if self.app.theme in PALETTES else DARK
        text = Text()
        for row in self._rows:
            for piece, name in row.spans:
                found = style(name, theme)
                text.append(piece, found.without_color + _ink(found))
            text.append("\n")
        with Vertical(classes="box page"):
            yield Label(self._title, classes="title", markup=False)
            with VerticalScroll():
                yield Static(text)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()


def _ink(found: Any) -> Any:
    """Only the colour of the letters: the dialog has its own paper."""
    from rich.style import Style

    return Style(color=found.color, bold=found.bold)
