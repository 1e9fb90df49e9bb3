"""The settings that tuning may choose: dimensions, points of the unit cube, and the settings they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import Any

from resilience_sim.experiments.specs import Range, Spec, SpecError, check_matters, parse_spec, quantity_of
from resilience_sim.scenario.describe.paths import has_none, text_at
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.read.overrides import NONE
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.scenario.text.spelling import plain
from resilience_sim.scenario.write import policy_text
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.registry import POLICIES
from resilience_sim.settings.retry import RetryConfig

STACK = "stack"
REMEMBERED = 256  # plans: those that get more runs in a search were made not long ago
BUDGETS = ("null", "5%", "10%", "20%", "50%")
Settings = Mapping[str, str]  # by path, as ``--set`` takes them
Cube = tuple[float, ...]


@dataclass(frozen=True)
class Space:
    """The dimensions, in a fixed order: the stack first, as the others are settings in it."""

    scenario: Scenario
    specs: tuple[Spec, ...]
    _plans: dict[tuple[tuple[str, str], ...], Plan] = field(default_factory=dict, compare=False, repr=False)

    def __reduce__(self) -> tuple[type[Space], tuple[Scenario, tuple[Spec, ...]]]:
        """What it remembers stays at home."""
        return Space, (self.scenario, self.specs)

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many values each has; 0: as many as one likes."""
        return tuple(0 if spec.continuous else len(spec.values()) for spec in self.specs)

    def settings(self, cube: Cube) -> dict[str, str]:
        """What a point of the unit cube stands for."""
        return {spec.path: _text(spec, at) for spec, at in zip(self.specs, cube, strict=True)}

    def cube(self, settings: Mapping[str, str | None]) -> Cube:
        """The point nearest to some settings; the middle where there is no telling."""
        return tuple(_place(spec, settings.get(spec.path)) for spec in self.specs)

    def today(self) -> Cube:
        """The point nearest to the scenario as written."""
        return self.cube(self.written())

    def written(self) -> dict[str, str | None]:
        """Today's values, as far as each is a single one; `null` where none is written and there is no default."""
        written = {spec.path: text_at(self.scenario, spec.path) or "null" for spec in self.specs}
        if any(spec.path == STACK for spec in self.specs):
            with suppress(ValueError):  # a policy that has no text
                written[STACK] = _stack_text(self.scenario, [policy.id for policy in self.scenario.plan.stack])
        return {**written}

    def plan(self, settings: Settings) -> Plan:
        """The configuration. ScenarioError when it is impossible."""
        key = tuple(settings.items())
        found = self._plans.get(key)
        if found is None:
            found = self.scenario.with_settings([f"{path}={text}" for path, text in key]).plan
            while len(self._plans) >= REMEMBERED:
                del self._plans[next(iter(self._plans))]
            self._plans[key] = found
        return found

    def defaults(self) -> list[dict[str, str]]:
        """For each library the values of its own defaults, where they fit the dimensions."""
        found: list[dict[str, str]] = []
        known = {spec.path: spec for spec in self.specs}
        kinds = {policy.id: policy.kind for policy in self.scenario.plan.stack}
        libraries = {name for kind in kinds.values() if kind in POLICIES for name in POLICIES[kind].table.libraries}
        for library in sorted(libraries):
            settings: dict[str, str] = {}
            for ident, kind in kinds.items():
                params = POLICIES[kind].table.libraries.get(library, {}) if kind in POLICIES else {}
                for param in params.values():
                    path = f"{ident}.{param.same_as}"
                    if param.same_as and path in known and _fits(known[path], param.default_text):
                        settings[path] = param.default_text
            if settings and settings not in found:
                found.append(settings)
        return found


def _text(spec: Spec, at: float) -> str:
    if spec.continuous:
        assert spec.range is not None
        return spec.range.at(at)
    values = spec.values()
    return values[min(len(values) - 1, int(at * len(values)))]


def _place(spec: Spec, text: str | None) -> float:
    if text is None:
        text = "null"
    if spec.continuous and spec.range is not None:
        kind = quantity_of(text)
        if kind is None or kind.unit != spec.range.quantity.unit:
            return 0.5
        return spec.range.share(spec.range.quantity.read(text))
    values = spec.values()
    if text in values:
        return (values.index(text) + 0.5) / len(values)
    kind = quantity_of(text)
    near = [
        (abs(kind.read(text) - kind.read(each)), n) for n, each in enumerate(values) if kind and _same(each, kind.name)
    ]
    return (min(near)[1] + 0.5) / len(values) if near else 0.5


def _same(text: str, name: str) -> bool:
    kind = quantity_of(text)
    return kind is not None and kind.name == name


def _fits(spec: Spec, text: str) -> bool:
    kind = quantity_of(text)
    if spec.range is None:
        return text in spec.choices
    if kind is None or kind.unit != spec.range.quantity.unit:
        return False
    value = kind.read(text)
    return min(spec.range.low, spec.range.high) <= value <= max(spec.range.low, spec.range.high)


def space_of(scenario: Scenario, vary: Iterable[tuple[str, Any]]) -> Space:
    """The space that ``vary`` describes; without any, that of what is written in the stack.

    Raises:
        SpecError: values that cannot be read, or a path that names nothing.
    """
    given = list(vary)
    specs = [_spec(scenario, path, value) for path, value in given] if given else own_space(scenario)
    if not specs:
        raise SpecError("the stack has no settings to vary", "add --vary PATH=SPEC, e.g. --vary service.workers=1..6")
    if len({spec.path for spec in specs}) < len(specs):
        raise SpecError("a setting is to be varied twice", "give all its values in one --vary")
    specs.sort(key=lambda spec: spec.path != STACK)
    return Space(scenario, tuple(specs))


def _spec(scenario: Scenario, path: str, value: Any) -> Spec:
    check_matters(path)
    if path == STACK:
        return Spec(path, None, tuple(dict.fromkeys(_stack_text(scenario, each) for each in _items(value))))
    if isinstance(value, list | tuple):
        found = Spec(path, None, tuple(plain(each) for each in value))
    else:
        found = parse_spec(path, str(value))
    if NONE in found.choices and not has_none(scenario, path):  # one name for today's where nothing is written
        found = Spec(path, None, tuple("null" if each == NONE else each for each in found.choices))
    return replace(found, choices=tuple(dict.fromkeys(found.choices)))


def _items(value: Any) -> list[Any]:
    if isinstance(value, str):
        from resilience_sim.experiments.specs import split
        from resilience_sim.scenario.text.parse import parse
        from resilience_sim.scenario.text.tree import Source
        from resilience_sim.scenario.text.tree import plain as data

        nodes = [parse(text, Source.of("vary", text), []) for text in split(value)]
        found = [data(node) for node in nodes if node is not None]
        alone = found[0] if len(found) == 1 else None
        if isinstance(alone, list) and alone and all(isinstance(each, list) for each in alone):
            return alone  # as the file has them
        return found
    return list(value)


def _stack_text(scenario: Scenario, stack: Any) -> str:
    """A whole stack, or names of policies as written, as the value of ``--set stack=``."""
    written = {policy.id: policy for policy in scenario.plan.stack}
    items = []
    for each in stack if isinstance(stack, list | tuple) else [stack]:
        if isinstance(each, str) and each in written:
            items.append(f"{{{policy_text(written[each])}}}")
        elif isinstance(each, str) and each not in POLICIES:
            raise SpecError(f"stack: no policy `{each}`", f"the stack has {', '.join(written) or 'none'}")
        else:
            items.append(plain(each))
    return f"[{', '.join(items)}]"


def own_space(scenario: Scenario) -> list[Spec]:
    """What is written in the stack, widened: counts to three times, durations a decade to both sides, shares to four
    times; a budget for a retry without one; the orders of retry and breaker.
    """
    specs: list[Spec] = []
    for policy in scenario.plan.stack:
        body = policy.written or {}
        for name, value in body.items():
            path = f"{policy.id}.{name}"
            found = _widened(path, plain(value) if not isinstance(value, str) else value)
            if found is not None and _possible(scenario, found):
                specs.append(found)
        if isinstance(policy, RetryConfig) and policy.budget is None:
            specs.append(Spec(f"{policy.id}.budget", None, BUDGETS))
    names = [policy.id for policy in scenario.plan.stack]
    pair = [policy.id for policy in scenario.plan.stack if policy.kind in ("retry", "circuit_breaker")]
    if len(pair) == 2:
        orders = []
        for order in permutations(pair):
            turn = iter(order)
            orders.append([next(turn) if name in pair else name for name in names])
        with suppress(ValueError):  # a policy that has no text
            specs.append(_spec(scenario, STACK, orders))
    return specs


def _widened(path: str, text: str) -> Spec | None:
    kind = quantity_of(text)
    if kind is None:
        return None
    value = kind.read(text)
    if value <= 0:
        return None
    if kind.whole:
        low, high = max(1, round(value / 3)), max(round(value * 3), round(value) + 3)
        return Spec(path, Range(low, high, kind, 0 if high - low < 40 else 24, high - low >= 40))
    if kind.name == "duration":
        return Spec(path, Range(value / 10, value * 10, kind, 0, True))
    if kind.name == "ratio":
        return Spec(path, Range(value / 4, min(1.0, value * 4), kind)) if value < 1 else None
    if kind.name in ("factor", "rate"):
        return Spec(path, Range(value / 4 if kind.name == "rate" else max(1.0, value / 4), value * 4, kind, 0, True))
    return None


def _possible(scenario: Scenario, spec: Spec) -> bool:
    """Whether both ends may stand there."""
    assert spec.range is not None
    try:
        for share in (0.0, 1.0):
            scenario.with_settings([f"{spec.path}={spec.range.at(share)}"])
    except ScenarioError:
        return False
    return True


def spread_evenly(count: int, dimensions: int, shift: Sequence[float]) -> list[Cube]:
    """Points that fill the unit cube evenly, however many are taken: Roberts' R sequence, moved by ``shift``.

    Kronecker's sequence with the generalised golden ratio, the root of x^(d+1) = x + 1 (M. Roberts, The unreasonable
    effectiveness of quasirandom sequences, 2018).
    """
    root = 2.0
    for _ in range(60):
        root = (1 + root) ** (1 / (dimensions + 1))
    steps = [root ** -(axis + 1) for axis in range(dimensions)]
    return [
        tuple((shift[axis] + (number + 1) * steps[axis]) % 1.0 for axis in range(dimensions)) for number in range(count)
    ]
