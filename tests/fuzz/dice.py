"""Chance for the makers of cases: Hypothesis draws what the tables describe, a generator does the mutations."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Any, TypeVar

import strategies
from hypothesis import strategies as st
from scenario.extremes import ANYTHING, extremes
from scenario.test_fuzz import KINDS

from resilience_sim.settings import types
from resilience_sim.settings.table import Param

T = TypeVar("T")
WILD = 0.015  # of all values: an extreme, or something of another kind
_SCALAR = re.compile(r"(?<=[:=] )[^\s{}\[\],#][^{}\[\],#\n]*|(?<=: )[0-9.]+[a-z%/]*")


def small(kind: types.Type) -> st.SearchStrategy[str] | None:
    """Counts and times that keep a run short, mostly."""
    if isinstance(kind, types.Count):
        near = st.integers(kind.low, min(kind.high, kind.low + 3)).map(str)
        return st.one_of(*[near] * 20, st.integers(kind.low, kind.high).map(str))
    if isinstance(kind, types.Duration) and not kind.plain:
        return st.sampled_from(["1ns", "1ms", "5ms", "20ms", "80ms", "300ms", "2s", "1m", "26688d"])
    return None


class Dice:
    """``luck`` for everything that Hypothesis has no word for."""

    def __init__(self, luck: Random, draw: Callable[[st.SearchStrategy[Any]], Any]) -> None:
        self.luck = luck
        self.draw = draw

    def chance(self, share: float) -> bool:
        return self.luck.random() < share

    def one(self, options: Any) -> Any:
        return self.luck.choice(list(options))

    def some(self, options: Any, most: int) -> list[Any]:
        listed = list(options)
        return self.luck.sample(listed, self.luck.randint(0, min(most, len(listed))))

    def value(self, kind: types.Type, wild: float = WILD) -> str:
        """Of a type, as YAML."""
        if self.chance(wild):
            return self.one(extremes(kind))
        try:
            return str(self.draw(strategies.text_of(kind, small)))
        except TypeError:  # a type that the strategies have no values for
            return self.one(extremes(kind))

    def body(self, params: tuple[Param, ...], leave_out: tuple[str, ...] = ("id", "like"), dense: float = 0.3) -> str:
        """What must be written, and some of the rest."""
        found = {
            param.name: self.param(param)
            for param in params
            if param.name not in leave_out and (param.required or self.chance(dense))
        }
        return "{" + ", ".join(f"{name}: {text}" for name, text in found.items()) + "}"

    def param(self, param: Param) -> str:
        if param.name in strategies.TENACITY and not self.chance(WILD):
            return str(self.draw(strategies.TENACITY[param.name]))
        return self.value(param.type)

    def mutated(self, text: str) -> str:
        """A text as somebody's slip, or somebody's malice, leaves it."""
        for _ in range(self.luck.choice((1, 1, 1, 2, 4))):
            if self.chance(0.5):
                text = self.revalued(text)
            else:
                try:
                    text = self.one(KINDS)(text or "\n", self.luck)
                except (RecursionError, ValueError, AttributeError, TypeError):
                    continue  # the mutation that reads the text as YAML could not
        return text

    def revalued(self, text: str) -> str:
        """Some values replaced by others."""
        places = list(_SCALAR.finditer(text))
        for place in self.some(places, 3):
            text = text[: place.start()] + self.one(ANYTHING) + text[place.end() :]
            break
        return text

    def flipped(self, content: bytes) -> bytes:
        """Bytes changed, cut out, doubled."""
        data = bytearray(content)
        for _ in range(self.luck.choice((1, 1, 2, 5, 30))):
            if not data:
                break
            at, kind = self.luck.randrange(len(data)), self.luck.randrange(6)
            long = self.luck.choice((1, 1, 8, 100, 4096))
            if kind <= 2:
                data[at] = self.luck.choice((0, 255, 128, data[at] ^ 1, self.luck.randrange(256)))
            elif kind == 3:
                del data[at : at + long]
            elif kind == 4:
                data[at:at] = data[at : at + long]
            else:
                del data[at:]
        return bytes(data)
