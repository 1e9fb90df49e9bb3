"""Random values of every type of setting, and random bodies of every table of settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from resilience_sim.scenario.text.parse import scalar
from resilience_sim.scenario.text.spelling import duration, flow, number, plain, quoted, rate, share
from resilience_sim.settings import library_types, types
from resilience_sim.settings.budget import SCHEMES
from resilience_sim.settings.budget import TABLE as BUDGET
from resilience_sim.settings.calls import Pair
from resilience_sim.settings.policy import PolicyKind
from resilience_sim.settings.table import Nested, Param, Table
from resilience_sim.settings.urllib3 import Errors, Methods, Statuses

Text = st.SearchStrategy[str]
Body = st.SearchStrategy[dict[str, str]]

TIMES = st.one_of(
    st.sampled_from([0, 1, 200_000_000, 500_000_000, 10**9, 10**10, 60 * 10**9, 90 * 10**9]), st.integers(0, 10**13)
)
SHARES = st.one_of(st.sampled_from([0.07, 0.1, 0.29, 0.5, 1.0]), st.floats(0, 1).filter(lambda x: not 0 < x < 1e-15))
FACTORS = st.one_of(st.sampled_from([1.0, 1.5, 2.0, 3.0]), st.floats(1, 1e6))
OUTCOMES = st.lists(st.sampled_from(list(types.SEEN)), unique=True)
SECONDS = st.one_of(st.sampled_from([0, 1, 2, 0.1, 0.3]), st.floats(0, 1e5), st.integers(0, 100_000))
COUNTS = st.one_of(st.integers(1, 9), st.integers(1, types.MAX_CALLS)).map(str)
# formulas that the names of a library allow
FORMULAS = {
    "Requests": ["ConsecutiveFailures >= 3", "Requests >= 10 and TotalFailures / Requests >= 0.6"],
    "n": ["5 * 2 ** n", "min(60, 3 * (n + 1))"],
}


Narrow = Callable[[types.Type], Text | None]


def _anything(kind: types.Type) -> Text | None:
    return None


def _kind(name: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({"kind": st.just(name)}, optional=fields)


def _tree(leaves: list[st.SearchStrategy[Any]], words: list[str]) -> Text:
    """A tree of tenacity's."""
    inside = st.one_of(*leaves)
    several = st.lists(inside, min_size=1, max_size=3)
    return st.one_of(inside, st.fixed_dictionaries({"kind": st.sampled_from(words), "of": several})).map(plain)


TENACITY: dict[str, Text] = {
    "stop": _tree(
        [
            _kind("never"),
            _kind("after_attempt", value=st.integers(1, 99)),
            _kind("stop_after_delay", value=SECONDS),
            _kind("before_delay", value=SECONDS),
        ],
        ["any", "all"],
    ),
    "wait": _tree(
        [
            _kind("none"),
            _kind("fixed", seconds=SECONDS),
            _kind("random", min=SECONDS, max=SECONDS),
            _kind("incrementing", start=SECONDS, increment=SECONDS, max=SECONDS),
            _kind("wait_exponential", multiplier=SECONDS, exp_base=FACTORS, max=SECONDS, min=SECONDS),
            _kind("random_exponential", multiplier=SECONDS, max=SECONDS),
            _kind("retry_after", default=SECONDS),
            _kind("exponential_jitter", initial=SECONDS, jitter=SECONDS, max=SECONDS),
        ],
        ["sum", "chain"],
    ),
}


def text_of(kind: types.Type, narrow: Narrow = _anything) -> Text:
    """Any value of a type, as YAML. A type that nobody has thought of here is an error, not a gap.

    ``narrow`` may answer with other values of a type, at any depth.
    """
    narrower = narrow(kind)
    if narrower is not None:
        return narrower
    if isinstance(kind, types.Duration):
        times = TIMES.filter(bool) if kind.low else TIMES
        return times.map(duration) if not kind.plain else st.one_of(times.map(duration), SECONDS.map(number))
    if isinstance(kind, types.Ratio):
        return (SHARES.filter(bool) if kind.over else SHARES).map(share)
    if isinstance(kind, types.RateType):
        return st.one_of(st.sampled_from(["50/s", "600/min", "5/100ms", "1/3h"]), FACTORS.map(rate))
    if isinstance(kind, types.Factor):
        times = FACTORS.map(lambda x: f"{number(x)}x")
        return st.one_of(times, FACTORS.map(number)) if kind.bare else times
    if isinstance(kind, types.Number):
        return (FACTORS if kind.over else st.one_of(SHARES, FACTORS)).map(number)
    if isinstance(kind, types.Count):
        near = st.integers(kind.low, min(kind.high, kind.low + 9))
        word = [st.just("unlimited")] if kind.unlimited is not None else []
        return st.one_of(near.map(str), st.integers(kind.low, kind.high).map(str), *word)
    if isinstance(kind, types.Choice | library_types.LibraryName):
        return st.sampled_from(kind.words).map(quoted)
    if isinstance(kind, types.Flag):
        return st.booleans().map(plain)
    if isinstance(kind, Pair):
        return st.just("[client, shop]")
    if isinstance(kind, types.Text):
        return st.sampled_from(["a", "b-2", "it"])
    if isinstance(kind, types.Threshold):
        return st.one_of(COUNTS, SHARES.filter(bool).map(share))
    if isinstance(kind, types.Window):
        word = [st.just("all")] if kind.all else []
        return st.one_of(COUNTS, TIMES.filter(bool).map(duration), *word)
    if isinstance(kind, types.Jitter):
        return st.one_of(st.sampled_from(kind.words), SHARES.map(share))
    if isinstance(kind, types.Outcomes):
        return OUTCOMES.map(plain)
    if isinstance(kind, types.Growth):
        return st.one_of(st.sampled_from(list(kind.words)), FACTORS.map(lambda x: f"{number(x)}x"))
    if isinstance(kind, library_types.LibraryShare):
        if kind.under:
            return st.floats(0, kind.whole * 0.999).map(number)
        plain_numbers = st.one_of(st.integers(0, int(kind.whole)), st.floats(0, kind.whole))
        return st.one_of(plain_numbers.map(number), SHARES.map(share))
    if isinstance(kind, library_types.LibraryNumber):
        return FACTORS.filter(lambda x: x >= kind.low).map(number)
    if isinstance(kind, library_types.Expression):
        return st.sampled_from(FORMULAS[kind.names[0]]).map(quoted)
    if isinstance(kind, library_types.Nest):
        each = {name: text_of(of, narrow) for name, of in kind.keys.items()}
        needed = {name: text for name, text in each.items() if name not in kind.defaults}
        optional = {name: text for name, text in each.items() if name in kind.defaults}
        return st.fixed_dictionaries(needed, optional=optional).map(flow)
    if isinstance(kind, library_types.Several):
        return st.lists(text_of(kind.of, narrow), min_size=1, max_size=4).map(lambda texts: f"[{', '.join(texts)}]")
    if isinstance(kind, Errors):
        return st.one_of(st.sampled_from(["false", "unlimited", "0"]), st.integers(1, 9).map(str))
    if isinstance(kind, Methods):
        return st.one_of(st.just("any"), st.lists(st.sampled_from(kind.words), min_size=1, max_size=3).map(plain))
    if isinstance(kind, Statuses):
        return st.lists(st.sampled_from([413, 429, 500, 502, 503, 504]), max_size=4).map(plain)
    if isinstance(kind, Nested):
        return nested(kind.table, narrow)
    raise TypeError(f"no random values of {type(kind).__name__}")


def nested(table: Table, narrow: Narrow = _anything) -> Text:
    """A mapping, or its short spelling."""
    long = budgets(narrow) if table is BUDGET else body(table.params, narrow=narrow).map(flow)
    return long if table.short is None else st.one_of(text_of(table.short, narrow), long)


def budgets(narrow: Narrow = _anything) -> Text:
    """A scheme with its own parameters."""
    return st.one_of(
        *(
            st.fixed_dictionaries(
                {"kind": st.just(scheme)}, optional={name: text_of(BUDGET.by_name[name].type, narrow) for name in names}
            ).map(flow)
            for scheme, (names, _) in SCHEMES.items()
        )
    )


def body(
    params: tuple[Param, ...],
    leave_out: tuple[str, ...] = ("id", "like"),
    narrow: Narrow = _anything,
    whole: bool = False,
) -> Body:
    """The parameters that must be written, and any of the others; ``whole``: all of them."""
    known = {
        each.name: TENACITY[each.name] if each.name in TENACITY else text_of(each.type, narrow)
        for each in params
        if each.name not in leave_out
    }
    needed = {each.name for each in params if each.required or whole}
    return st.fixed_dictionaries(
        {name: text for name, text in known.items() if name in needed},
        optional={name: text for name, text in known.items() if name not in needed},
    )


def classic(kind: PolicyKind) -> Body:
    """A policy under our own rules."""
    return body(kind.table.own)


def emulated(kind: PolicyKind, library: str) -> Body:
    """A policy under a library's rules: its own parameters, and what all of its kind may have."""
    shared = tuple(kind.table.by_name[name] for name in kind.shared)
    own = kind.libraries[library]
    if library == "envoy" and kind.table.name == "circuit_breaker":
        shared = ()  # replicas are ejected for what they answer
    return st.builds(lambda found: {"like": library, **found}, body((*own, *shared)))


def readable(param: Param) -> None:
    """What the cockpit proposes is a value that the parameter takes."""
    param.type.read(scalar(param.first))
