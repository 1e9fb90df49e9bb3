"""Every command of the cockpit: keys, name, description. Bindings, footer, palette and help are made from this table.

What the commands do is in command_table.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from resilience_sim.views.text import Row


@dataclass(frozen=True, slots=True)
class Command:
    """``keys``: as Textual names them; ``shown``: to people, the first of them in the footer too, with ``label``."""

    id: str
    keys: str
    shown: str
    label: str
    about: str
    group: str
    everywhere: bool = False  # works whatever has the focus


TRANSPORT, HANDS, LOOK = "Transport", "Actions", "Look"

COMMANDS: tuple[Command, ...] = (
    Command("pause", "space", "space", "pause", "Pause or resume", TRANSPORT, True),
    Command("slower", "minus", "-", "slower", "Slower, down to 0.1x", TRANSPORT, True),
    Command("faster", "plus,equals_sign", "+ =", "faster", "Faster, up to 10,000x", TRANSPORT, True),
    Command("top_speed", "f", "f", "max", "As fast as possible, and back", TRANSPORT, True),
    Command("step", "full_stop", ".", "event", "Forward by one event", TRANSPORT, True),
    Command("step_back", "comma", ",", "back", "Back by one event", TRANSPORT, True),
    Command("step_request", "n", "n", "request", "Forward until one more request has its outcome", TRANSPORT, True),
    Command("scrub_back", "left", "<-", "scrub", "Back by a fiftieth of the run", TRANSPORT, True),
    Command("scrub_on", "right", "->", "scrub", "Forward by a fiftieth of the run", TRANSPORT, True),
    Command("leap_back", "shift+left", "S-<-", "leap", "Back by a tenth of the run", TRANSPORT, True),
    Command("leap_on", "shift+right", "S-->", "leap", "Forward by a tenth of the run", TRANSPORT, True),
    Command("to_start", "home", "home", "start", "To the beginning", TRANSPORT, True),
    Command("to_live", "end,l", "end l", "live", "Back to live: the head of the run", TRANSPORT, True),
    Command("next_transition", "t", "t", "transition", "To the next transition of a breaker", TRANSPORT, True),
    Command("last_transition", "T", "T", "back", "To the previous transition", TRANSPORT, True),
    Command("next_failure", "x", "x", "failure", "To the next request that fails", TRANSPORT, True),
    Command("last_failure", "X", "X", "back", "To the previous failure", TRANSPORT, True),
    Command("next_fault", "g", "g", "fault", "To the next start or end of a fault", TRANSPORT, True),
    Command("last_fault", "G", "G", "back", "To the previous start or end of a fault", TRANSPORT, True),
    Command("outage", "o", "o", "outage", "Inject: B is down", HANDS),
    Command("latency", "d", "d", "delay", "Inject: B is slower", HANDS),
    Command("errors", "e", "e", "errors", "Inject: B answers with errors", HANDS),
    Command("brownout", "b", "b", "brownout", "Inject: B has less capacity", HANDS),
    Command("lost", "r", "r", "lost", "Inject: B does the work, its answers get lost", HANDS),
    Command("spike", "s", "s", "spike", "Inject: more traffic", HANDS),
    Command("crash", "c", "c", "crash", "Inject: a replica of B goes down", HANDS),
    Command("limit", "m", "m", "429", "Inject: B answers 429 above a rate", HANDS),
    Command("cold", "M", "M", "cold", "Inject: B's cache is cold and warms up", HANDS),
    Command("inject", "O", "O", "fault...", "Inject a fault with settings of your own", HANDS),
    Command("lift", "u", "u", "lift", "Lift the fault that began last", HANDS),
    Command("trip", "z", "z", "open", "Open a breaker", HANDS),
    Command("reset", "Z", "Z", "close", "Close a breaker", HANDS),
    Command("change", "p", "p", "settings", "Change the settings of a policy from now on", HANDS),
    Command("add", "a", "a", "add", "Add a policy to the stack", HANDS),
    Command("remove", "k", "k", "remove", "Remove a policy from the stack", HANDS),
    Command("outwards", "left_square_bracket", "[", "outwards", "Move a policy outwards in the stack", HANDS),
    Command("inwards", "right_square_bracket", "]", "inwards", "Move a policy inwards in the stack", HANDS),
    Command("line", "colon", ":", "set", "Type a setting (retry.attempts=2) or a stop (until queue > 500)", HANDS),
    Command("fork", "y", "y", "what if", "Fork here: your next action happens in a fork only", HANDS),
    Command("take_fork", "K", "K", "keep fork", "Keep the fork: it becomes the run", HANDS),
    Command("drop_fork", "Y", "Y", "drop fork", "Drop the fork, go on with the run", HANDS),
    Command("save", "W", "W", "save", "Save the run, or its fork, as a recording", HANDS),
    Command("write", "w", "w", "write", "Write the run, or its fork, as a scenario file", HANDS),
    Command("up", "up", "up", "select", "Select the request (or, in the topology, the policy) above", LOOK),
    Command("down", "down", "down", "select", "Select the one below", LOOK),
    Command("page_up", "pageup", "pgup", "page", "Ten up; with the inspector open, scroll it", LOOK),
    Command("page_down", "pagedown", "pgdn", "page", "Ten down", LOOK),
    Command("filter", "v", "v", "filter", "Show all requests, failed, retried, slow, executed twice, open ones", LOOK),
    Command("search", "slash", "/", "search", "Search requests by number or outcome", LOOK),
    Command("zoom", "S", "S", "service", "Several services: look at the selected one, the next one, then all", LOOK),
    Command("newest", "escape", "esc", "newest", "Deselect: follow the newest requests; zoom out of a service", LOOK),
    Command("inspect", "i", "i", "inspect", "Inspect the selected request: attempts and decisions", LOOK),
    Command("next_tab", "apostrophe", "'", "panel", "Stream, inspector or log, where only one has room", LOOK),
    Command("enter", "enter", "enter", "next", "Next step of the tour, else as i; in a graph of services, as S", LOOK),
    Command("tour_next", "j", "j", "next", "Next step of the tour", LOOK),
    Command("theme", "ctrl+t", "^t", "light", "Light or dark", LOOK),
    Command("help", "question_mark,h", "? h", "all keys", "All keys", LOOK),
    Command("leave", "q,ctrl+c", "q ^c", "quit", "Quit, keep the run, print the summary", LOOK, True),
)
# The footer starts with FEW keys; after the first look at the help it shows as many as there is room for.
FEW = 8
FOOTER = (
    "pause", "faster", "outage", "change", "line", "fork", "next_transition", "inspect", "step", "step_request",
    "next_failure", "next_fault", "filter", "save", "spike", "errors", "latency", "brownout", "lost", "crash", "limit",
    "inject", "lift", "trip", "reset", "add", "remove", "outwards", "inwards", "write", "search", "slower",
    "top_speed", "step_back", "scrub_back", "scrub_on", "next_tab", "cold", "theme", "to_start",
)  # fmt: skip
PINNED = ("help", "leave")  # always there, at the right end
# Keys that no command of ours is bound to.
OTHERS = (("tab S-tab", "From panel to panel: arrows act on the one with the focus"), ("^p", "Every command by name"))


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
            rows += [*([Row()] if rows else []), Row(group, "title")]
        rows.append(_help(each.shown, each.about).to(width))
    return [*rows, *(_help(keys, about).to(width) for keys, about in OTHERS)]


def _help(keys: str, about: str) -> Row:
    return Row("  ").add(keys, "key").to(13).add(about)
