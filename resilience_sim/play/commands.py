"""Every command of the cockpit: keys, name, description. Bindings, footer, palette and help are made from this table.

What the commands do is in command_table.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from resilience_sim.views.text import Row


@dataclass(frozen=True, slots=True)
class Command:
    """``keys``: as Textual names them, the first one is shown as ``shown``. ``label``: one word for the footer."""

    id: str
    keys: str
    shown: str
    label: str
    about: str
    group: str
    everywhere: bool = False  # works whatever has the focus


TRANSPORT, HANDS, LOOK = "Transport", "Hands on", "Look"

COMMANDS: tuple[Command, ...] = (
    Command("pause", "space", "space", "pause", "Pause, or go on", TRANSPORT, True),
    Command("slower", "minus", "-", "slower", "Slower, down to 0.1x", TRANSPORT, True),
    Command("faster", "plus,equals_sign", "+", "faster", "Faster", TRANSPORT, True),
    Command("top_speed", "f", "f", "max", "As fast as it goes, and back", TRANSPORT, True),
    Command("step", "full_stop", ".", "event", "On by one event", TRANSPORT, True),
    Command("step_back", "comma", ",", "back", "Back by one event", TRANSPORT, True),
    Command("step_request", "n", "n", "request", "On until one more request has its outcome", TRANSPORT, True),
    Command("scrub_back", "left", "<-", "scrub", "Back by a fiftieth of the run", TRANSPORT, True),
    Command("scrub_on", "right", "->", "scrub", "On by a fiftieth of the run", TRANSPORT, True),
    Command("leap_back", "shift+left", "S-<-", "leap", "Back by a tenth of the run", TRANSPORT, True),
    Command("leap_on", "shift+right", "S-->", "leap", "On by a tenth of the run", TRANSPORT, True),
    Command("to_start", "home", "home", "start", "To the beginning", TRANSPORT, True),
    Command("to_live", "end,l", "end", "live", "Back to live: the head of the run", TRANSPORT, True),
    Command("next_transition", "t", "t", "change", "To the next change of a breaker's state", TRANSPORT, True),
    Command("last_transition", "T", "T", "change back", "To the change before", TRANSPORT, True),
    Command("next_failure", "x", "x", "failure", "To the next request that fails", TRANSPORT, True),
    Command("last_failure", "X", "X", "failure back", "To the failure before", TRANSPORT, True),
    Command("next_fault", "g", "g", "fault", "To the next beginning or end of a fault", TRANSPORT, True),
    Command("last_fault", "G", "G", "fault back", "To the beginning or end of a fault before", TRANSPORT, True),
    Command("outage", "o", "o", "outage", "Inject: B is gone", HANDS),
    Command("latency", "d", "d", "delay", "Inject: B takes longer", HANDS),
    Command("errors", "e", "e", "errors", "Inject: B answers with errors", HANDS),
    Command("brownout", "b", "b", "brownout", "Inject: B is weakened", HANDS),
    Command("lost", "r", "r", "lost", "Inject: B does the work and its answers get lost", HANDS),
    Command("spike", "s", "s", "spike", "Inject: more traffic", HANDS),
    Command("crash", "c", "c", "crash", "Inject: a replica of B goes down", HANDS),
    Command("limit", "m", "m", "429", "Inject: B answers 429 above a rate", HANDS),
    Command("cold", "M", "M", "cold", "Inject: B's cache is cold, it warms up", HANDS),
    Command("lift", "u", "u", "lift", "Lift the fault that began last", HANDS),
    Command("trip", "z", "z", "trip", "Open a breaker by hand", HANDS),
    Command("reset", "Z", "Z", "reset", "Close a breaker by hand", HANDS),
    Command("change", "p", "p", "set", "Change the settings of a policy from now on", HANDS),
    Command("add", "a", "a", "add", "Add a policy to the stack", HANDS),
    Command("remove", "k", "k", "remove", "Remove a policy from the stack", HANDS),
    Command("outwards", "left_square_bracket", "[", "outwards", "Move a policy outwards in the stack", HANDS),
    Command("inwards", "right_square_bracket", "]", "inwards", "Move a policy inwards in the stack", HANDS),
    Command("fork", "y", "y", "what if", "Fork here: what is done next is done in another future", HANDS),
    Command("take_fork", "K", "K", "keep fork", "Keep the fork: it is the run from here on", HANDS),
    Command("drop_fork", "Y", "Y", "drop fork", "Leave the fork: only the run itself again", HANDS),
    Command("save", "W", "W", "save", "Save the run, or its fork, as a recording", HANDS),
    Command("write", "w", "w", "write", "Write the run, or its fork, as a scenario file", HANDS),
    Command("up", "up", "up", "choose", "Choose the request (or, in the topology, the policy) above", LOOK),
    Command("down", "down", "down", "choose", "Choose the one below", LOOK),
    Command("page_up", "pageup", "pgup", "page", "Ten up; with the inspector open: its words", LOOK),
    Command("page_down", "pagedown", "pgdn", "page", "Ten down", LOOK),
    Command("filter", "v", "v", "filter", "All requests, failed, retried, slow, executed twice, open ones", LOOK),
    Command("search", "slash", "/", "search", "Search requests by number or outcome", LOOK),
    Command("newest", "escape", "esc", "newest", "Let go of the chosen request: follow the newest", LOOK),
    Command("inspect", "i,enter", "i", "inspect", "Inspect the chosen request: its attempts and every decision", LOOK),
    Command("next_tab", "apostrophe", "'", "panel", "Stream, inspector or log, where only one has room", LOOK),
    Command("tour_next", "j", "j", "next", "Tour: go on", LOOK),
    Command("theme", "ctrl+t", "^t", "light", "Light or dark", LOOK),
    Command("help", "question_mark,h", "?", "keys", "All keys", LOOK),
    Command("leave", "q,ctrl+c", "q", "quit", "Quit, keep the run, print the summary", LOOK, True),
)
# What the footer shows first, as far as there is room; the help and the palette have all of it.
FOOTER = (
    "pause", "faster", "step", "step_request", "outage", "change", "fork", "next_transition", "next_failure",
    "next_fault", "inspect", "filter", "save", "spike", "errors", "latency", "brownout", "lost", "crash", "limit",
    "lift", "trip", "reset", "add", "remove", "outwards", "inwards", "write", "search", "slower", "top_speed",
    "step_back", "scrub_back", "scrub_on", "next_tab", "cold", "theme", "to_start",
)  # fmt: skip
PINNED = ("help", "leave")  # always there, at the right end


def command(id: str) -> Command:
    """The command with that id."""
    return next(each for each in COMMANDS if each.id == id)


def help_rows(width: int) -> list[Row]:
    """The page of all keys."""
    rows: list[Row] = []
    group = ""
    for each in COMMANDS:
        if each.group != group:
            group = each.group
            rows += [Row(), Row(group, "title")] if rows else [Row(group, "title")]
        keys = each.shown if each.id not in ("to_live",) else "end l"
        rows.append(Row("  ").add(keys, "key").to(10).add(each.about).to(width))
    return [*rows, Row(), Row("  ").add("^p", "key").to(10).add("Every command by name")]
