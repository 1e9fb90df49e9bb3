"""ActionApplier: the dialogs behind the keys that act on a run, and the actions they lead to.

Owns which dialog is asked and what is made of its answer. Refuses transport and drawing (app.py).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from resilience_sim.play import forms
from resilience_sim.policies.config import PolicyConfig
from resilience_sim.runs.actions import position
from resilience_sim.scenario.write import Unwritable, policy_settings
from resilience_sim.views.actions_text import action_words
from resilience_sim.world.actions import Action, Add, Change, Inject, Lift, Remove, Reorder, Reset, Trip

if TYPE_CHECKING:
    from resilience_sim.play.app import Cockpit

TITLES = {
    "outage": "B is gone", "latency": "B takes longer", "errors": "B answers with errors", "brownout": "B is weakened",
    "lost_responses": "B's answers get lost", "spike": "More traffic", "crash_replica": "A replica of B goes down",
    "rate_limit": "B answers 429 above a rate", "cold_cache": "B's cache is cold",
}  # fmt: skip


def _about(kind: str, like: str) -> str:
    return f"a {kind} with the rules, names and defaults of {like}" if like else ""


class Acting:
    """Carries out the commands of the group "Hands on"."""

    def __init__(self, app: Cockpit) -> None:
        self.app = app
        self.forking = False  # the next action is done in another future

    @property
    def _where(self) -> str:
        session = self.app.session
        if self.forking or not session.live:
            return "in a fork, from this instant on"
        return "now"

    def do(self, action: Action) -> None:
        """Do it, or say why it cannot be done."""
        session = self.app.session
        before = session.run.plan
        try:
            if self.forking:
                session.branch(action)
            else:
                session.act(action)
        except ValueError as error:
            self.app.say(str(error))
            return
        self.forking = False
        self.app.say(action_words(action, before))

    # --- forks --------------------------------------------------------------------------------------------------------

    def fork(self) -> None:
        """The next action is done in another future; asked again: it is not."""
        session = self.app.session
        if session.run.simulation is None:
            session.said = "a recording that is only played back cannot be forked"
            return
        session.paused = True
        self.forking = not self.forking
        if self.forking:
            session.said = "what if: the next thing you do is done in another future only"

    def take_fork(self) -> None:
        """The fork is the run from here on."""
        try:
            self.app.session.take_fork()
        except ValueError as error:
            self.app.say(str(error))
            return
        self.forking = False
        self.app.stream.forget()
        self.app.say("the fork is the run from here on")

    def drop_fork(self) -> None:
        """One future only, again."""
        self.forking = False
        self.app.session.drop_fork()

    # --- faults -------------------------------------------------------------------------------------------------------

    def inject(self, kind: str) -> None:
        """Ask for its parameters, then inject it."""

        def accept(values: forms.Answers) -> Inject:
            session = self.app.session
            return forms.read_fault(kind, values, session.run.plan_now, session.instant())

        self._form(f"{TITLES[kind]} {self._where}", "", forms.fault_fields(kind), accept, "Inject")

    def lift(self) -> None:
        """End the fault that began last."""
        fault = self.app.session.last_fault()
        if not fault:
            self.app.say("no fault is active")
            return
        self.do(Lift(self.app.session.instant(), fault))

    # --- policies -----------------------------------------------------------------------------------------------------

    def by_hand(self, kind: type[Trip] | type[Reset]) -> None:
        """Open or close a breaker."""
        verb = "open" if kind is Trip else "close"
        breakers = [policy for policy in self._stack if policy.kind == "circuit_breaker"]
        if not breakers:
            self.app.say("there is no circuit breaker in the stack")
            return
        self._choose(f"Which breaker to {verb} {self._where}?", breakers, lambda p: self.do(kind(self._now, p.id)))

    def change(self, id: str = "") -> None:
        """Other settings for a policy: for the one with that id, or one to be chosen."""
        if self._no_stack():
            return

        def ask(policy: PolicyConfig) -> None:
            try:
                fields = forms.policy_fields(policy.kind, policy)
                like = policy_settings(policy).get("like", "")
            except Unwritable as error:
                self.app.say(str(error))
                return

            def accept(values: forms.Answers) -> Change:
                return Change(self._now, forms.read_policy(policy.kind, {"like": like, **values}, policy.id))

            when = self._where.replace("now", "from now on")
            self._form(f"Change {policy.id} {when}", _about(policy.kind, like), fields, accept, "Change")

        stack = [policy for policy in self._stack if policy.id == id] or list(self._stack)
        self._choose(f"Change which policy {self._where}?", stack, ask)

    def add(self) -> None:
        """One more policy, outside the chosen one: of which kind, and by whose rules."""
        from resilience_sim.play.dialogs import Choose
        from resilience_sim.play.forms_like import libraries

        kinds = list(forms.POLICIES)

        def whose(index: int | None) -> None:
            if index is None:
                return
            kind = kinds[index]
            likes = ["", *libraries(kind)]
            if len(likes) == 1:
                self._add(kind, "")
                return
            names = ["ours: the classic one", *(f"like {like}" for like in likes[1:])]
            self.app.push_screen(
                Choose(f"Add a {kind}: by whose rules?", names),
                lambda n: None if n is None else self._add(kind, likes[n]),
            )

        self.app.push_screen(Choose(f"Add which policy {self._where}?", kinds), whose)

    def _add(self, kind: str, like: str) -> None:
        at = next((i for i, policy in enumerate(self._stack) if policy.id == self.app.policy), 0)
        id = forms.new_policy_id(kind, self.app.session.run.plan)

        def accept(values: forms.Answers) -> Add:
            given = dict(values)
            place = int(given.pop("position") or 0) if given.get("position", "0").strip().isdigit() else -1
            if not 0 <= place <= len(self._stack):
                raise forms.FormError(f"position: a number from 0 (outermost) to {len(self._stack)} is due", "position")
            return Add(self._now, forms.read_policy(kind, {"like": like, **given}, id), place)

        source = forms.Field("position", str(at), f"0 is outermost, {len(self._stack)} next to B")
        fields = [source, *forms.policy_fields(kind, like=like)]
        self._form(f"Add a {kind} {self._where}", _about(kind, like), fields, accept, "Add")

    def remove(self) -> None:
        """One policy less."""
        if self._no_stack():
            return
        title = f"Remove which policy {self._where}?"
        self._choose(title, list(self._stack), lambda p: self.do(Remove(self._now, p.id)))

    def move(self, by: int) -> None:
        """The chosen policy goes one place outwards (-1) or inwards (1)."""
        order = [policy.id for policy in self._stack]
        if len(order) < 2:
            self.app.say("there is nothing to reorder")
            return

        def moved(policy: PolicyConfig) -> None:
            i = order.index(policy.id)
            j = i + by
            if not 0 <= j < len(order):
                self.app.say(f"{policy.id} is {'outermost' if by < 0 else 'innermost'} already")
                return
            order[i], order[j] = order[j], order[i]
            self.app.policy = policy.id
            self.do(Reorder(self._now, tuple(order)))

        if self.app.policy in order:
            moved(self._stack[position(self.app.session.run.plan, self.app.policy)])
        else:
            self._choose(f"Move which policy {'outwards' if by < 0 else 'inwards'}?", list(self._stack), moved)

    # --- asking -------------------------------------------------------------------------------------------------------

    @property
    def _stack(self) -> tuple[PolicyConfig, ...]:
        return self.app.session.run.plan.stack

    @property
    def _now(self) -> int:
        return self.app.session.instant()

    def _no_stack(self) -> bool:
        if not self._stack:
            self.app.say("the stack has no policies; `a` adds one")
        return not self._stack

    def _form(
        self, title: str, about: str, fields: list[forms.Field], accept: Callable[[forms.Answers], Action], verb: str
    ) -> None:
        from resilience_sim.play.dialogs import Form

        def done(action: Action | None) -> None:
            if action is not None:
                self.do(action)

        self.app.push_screen(Form(title, about, fields, accept, verb), done)

    def _choose(self, title: str, policies: list[PolicyConfig], then: Callable[[Any], None]) -> None:
        if len(policies) == 1:
            then(policies[0])
            return
        from resilience_sim.play.dialogs import Choose

        at = next((i for i, policy in enumerate(policies) if policy.id == self.app.policy), 0)

        def done(index: int | None) -> None:
            if index is not None:
                then(policies[index])

        self.app.push_screen(Choose(title, [policy.id for policy in policies], at), done)
