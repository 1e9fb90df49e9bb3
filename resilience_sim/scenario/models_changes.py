"""The section `changes` of a scenario file: what somebody changes while it runs, each at its instant.

Owns the keys of a change and that it does exactly one thing. Refuses to know which policies there are at that time
(resolve_changes.py).
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import model_validator

from resilience_sim.scenario import codes, leaves
from resilience_sim.scenario.leaves import Duration, Identifier, problem
from resilience_sim.scenario.models_base import Strict, key, required
from resilience_sim.scenario.models_stack import PolicyItem
from resilience_sim.scenario.suggest import one_of

VERBS = ("set", "trip", "reset", "add", "remove", "reorder")
PLACES = ("outside", "inside", "position")
MOST_POLICIES = 10_000


class ChangeModel(Strict):
    """Something that is changed while it runs: `{at: 30s, set: {retry.attempts: 1}}`."""

    at: Duration = required(description="When, from the start of the run: before everything else of that instant.")
    set: dict[str, Any] | None = key(
        None, description="PATH: value, like `retry.attempts: 1`; the policies go on with what they have learnt."
    )
    trip: Identifier | None = key(None, description="Id of a circuit breaker: it opens, at every client instance.")
    reset: Identifier | None = key(None, description="Id of a circuit breaker: it closes, at every client instance.")
    add: PolicyItem | None = key(None, description="One more policy, written as in `stack`; outermost unless said.")
    outside: Identifier | None = key(None, description="With `add`: id of the policy that it is to wrap.")
    inside: Identifier | None = key(None, description="With `add`: id of the policy that is to wrap it.")
    position: Annotated[int, leaves.count(0, MOST_POLICIES)] | None = key(
        None, description="With `add`: its place, counted from 0, the outermost."
    )
    remove: Identifier | None = key(None, description="Id of a policy: new calls no longer meet it.")
    reorder: list[Identifier] | None = key(None, description="The ids of all policies, outermost first.")

    @property
    def verb(self) -> str:
        """What is done."""
        return self._written(VERBS)[0]

    def _written(self, names: tuple[str, ...]) -> list[str]:
        return [name for name in names if getattr(self, name) is not None]

    @model_validator(mode="after")
    def _one_thing(self) -> Self:
        verbs = self._written(VERBS)
        if not verbs:
            raise problem(
                codes.MISSING, "the change does not say what is changed", one_of(VERBS),
                stand_in={"at": "0s", "reorder": []},
            )  # fmt: skip
        if len(verbs) > 1:
            remedy = "begin each with its own `-`; two changes of one instant happen in the order of the file"
            raise problem(codes.CONFLICT, f"`{verbs[0]}` and `{verbs[1]}` in one change", remedy, at=verbs[1])
        places = self._written(PLACES)
        if places and verbs != ["add"]:
            raise problem(codes.CONFLICT, f"`{places[0]}` goes with `add` only", "leave it away", at=places[0])
        if len(places) > 1:
            raise problem(codes.CONFLICT, f"`{places[0]}` and `{places[1]}` together", "keep one", at=places[1])
        return self
