"""What the cockpit knows besides its session: what is selected, searched for and looked at.

The helpers of the cockpit (dialogs, commands, panels) work on this state and ask a :class:`Ui` for the rest; only
app.py, screen.py and dialogs.py know Textual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from resilience_sim.play.panels.stream import Stream
from resilience_sim.play.run import Run
from resilience_sim.play.session import Session
from resilience_sim.views.live.look import UNICODE, Look
from resilience_sim.views.text import Row

if TYPE_CHECKING:
    from resilience_sim.play.command_line import Completion
    from resilience_sim.play.forms import Answers, Field
    from resilience_sim.play.tour import Guide
    from resilience_sim.settings.actions import Action

TABS = ("stream", "inspector", "log")  # where only one of them has room


@dataclass
class CockpitState:
    """``guide``: the tour that is on."""

    session: Session
    look: Look = UNICODE
    guide: Guide | None = None
    stream: Stream = field(default_factory=Stream)
    policy: str = ""  # id of the policy selected in the topology
    place: str = ""  # of several services: the one selected in the graph
    zoom: str = ""  # the one looked at from near; "": all of them
    tab: str = TABS[0]
    scroll: int = 0  # lines of the inspector that are scrolled past
    all_keys: bool = False  # the footer shows more than the most important keys
    what_if: bool = False  # the next action goes into a fork
    focused: str = ""  # name of the panel that has the focus

    @property
    def run(self) -> Run:
        """The run that is played; the fork, if there is one, is ``session.fork``."""
        return self.session.run

    def say(self, text: str) -> None:
        """Show a line of text on the timeline."""
        self.session.said = text


class Ui(Protocol):
    """What the helpers ask of the screen. A dialog that is cancelled calls nothing."""

    def choose(self, title: str, options: Sequence[str], then: Callable[[int], None], at: int = 0) -> None:
        """Let the user choose one of several; ``then`` gets its index."""

    def ask(self, title: str, value: str, then: Callable[[str], None], hint: str = "") -> None:
        """Ask for a line of text."""

    def form(
        self,
        title: str,
        about: str,
        fields: Sequence[Field],
        accept: Callable[[Answers], Action],
        verb: str,
        then: Callable[[Action], None],
    ) -> None:
        """Ask for settings; the form stays open while ``accept`` raises ValueError."""

    def line(self, hint: str, completion: Completion, accept: Callable[[str], None]) -> None:
        """Ask for a line that can be completed; it stays open while ``accept`` raises ValueError."""

    def page(self, title: str, rows: Sequence[Row]) -> None:
        """Show something to read."""

    def relayout(self) -> None:
        """Place the panels again: another tab has the room."""

    def switch_theme(self) -> None:
        """From dark to light, or back."""

    def leave(self) -> None:
        """Close the cockpit."""
