"""The commands that act on a run: the dialog each of them shows, and the action made of the answers."""

from __future__ import annotations

from collections.abc import Callable

from resilience_sim.play import forms
from resilience_sim.play.condition import Condition
from resilience_sim.play.panels.graph import policies_near
from resilience_sim.play.state import CockpitState, Ui
from resilience_sim.scenario.text.spelling import Unwritable
from resilience_sim.scenario.write import policy_settings
from resilience_sim.settings.actions import Action, Add, Change, Inject, Lift, Remove, Reorder, Reset, Trip
from resilience_sim.settings.calls import CLIENT_NAME
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.views.actions_text import action_words

TITLES = {
    "outage": "B is down", "latency": "B is slower", "errors": "B answers with errors",
    "brownout": "B has less capacity", "lost_responses": "B's answers get lost", "spike": "More traffic",
    "crash_replica": "A replica of B goes down", "rate_limit": "B answers 429 above a rate",
    "cold_cache": "B's cache is cold",
}  # fmt: skip


def _about(kind: str, like: str) -> str:
    return f"a {kind} with the rules, names and defaults of {like}" if like else ""


class ActionDialogs:
    """An action is done to the run at the instant shown, or to a fork that begins there."""

    def __init__(self, state: CockpitState, ui: Ui) -> None:
        self._state = state
        self._ui = ui
        self._last_fault = forms.FAULTS[0]

    def perform(self, action: Action) -> None:
        """Do it, or say why it cannot be done."""
        try:
            self._do(action)
        except ValueError as error:
            self._state.say(str(error))

    def _do(self, action: Action) -> None:
        session = self._state.session
        before = session.run.plan
        (session.branch if self._state.what_if else session.act)(action)
        self._state.what_if = False
        self._state.say(action_words(action, before))

    @property
    def _stack(self) -> tuple[PolicyConfig, ...]:
        """The policies that can be meant: all, or of several services those around the one looked at."""
        plan, zoom = self._state.run.plan, self._state.zoom
        near = policies_near(self._state.run, zoom) if zoom else ()
        found = (*plan.stack, *(policy for link in plan.links for policy in link.stack))
        return tuple(policy for policy in found if not zoom or policy.id in near)

    @property
    def _places(self) -> list[str]:
        """The links (Service A's as "") whose stacks can be meant."""
        plan, zoom = self._state.run.plan, self._state.zoom
        links = [link.name for link in plan.links if zoom in ("", link.caller, link.callee)]
        return [*([""] if zoom in ("", CLIENT_NAME, plan.service.name) else []), *links]

    @property
    def _now(self) -> int:
        return self._state.session.instant()

    @property
    def _when(self) -> str:
        return "in a fork, from here on" if self._state.what_if or not self._state.session.live else "now"

    # --- forks --------------------------------------------------------------------------------------------------------

    def fork(self) -> None:
        """Do the next action in a fork; pressed again: do not."""
        state, session = self._state, self._state.session
        if session.run.simulation is None:
            state.say("this recording can only be played back; it cannot be forked")
            return
        session.paused = True
        state.what_if = not state.what_if
        if state.what_if:
            state.say("what if: your next action happens in a fork only")

    def take_fork(self) -> None:
        """Go on with the fork as the run."""
        try:
            self._state.session.take_fork()
        except ValueError as error:
            self._state.say(str(error))
            return
        self._state.what_if = False
        self._state.say("the fork is the run from here on")

    def drop_fork(self) -> None:
        """Go on without the fork."""
        self._state.what_if = False
        self._state.session.drop_fork()

    # --- faults -------------------------------------------------------------------------------------------------------

    @property
    def _struck(self) -> str:
        """Of several services, the one that a fault strikes: the one looked at, else the first; "" of one."""
        plan = self._state.run.plan
        if not plan.several:
            return ""
        return self._state.zoom if self._state.zoom not in ("", CLIENT_NAME) else plan.service.name

    def inject(self, kind: str) -> None:
        """Inject a fault with the settings that the form begins with."""
        values = {field.key: field.value for field in forms.fault_fields(kind, self._struck)}
        try:
            action = forms.read_fault(kind, values, self._state.run.plan_now, self._now)
        except ValueError as error:
            self._state.say(str(error))
            return
        self._last_fault = kind
        self.perform(action)

    def ask_fault(self) -> None:
        """Ask which fault to inject, and with which settings."""
        kinds = list(forms.FAULTS)
        names = [f"{kind:<15} {TITLES[kind]}" for kind in kinds]
        at = kinds.index(self._last_fault)
        self._ui.choose(f"Inject which fault {self._when}?", names, lambda index: self._ask_fault(kinds[index]), at)

    def _ask_fault(self, kind: str) -> None:
        self._last_fault = kind

        def accept(values: forms.Answers) -> Inject:
            return forms.read_fault(kind, values, self._state.run.plan_now, self._now)

        self._form(f"{TITLES[kind]} {self._when}", "", forms.fault_fields(kind, self._struck), accept, "Inject")

    def lift(self) -> None:
        """End the fault that began last."""
        fault = self._state.session.last_fault()
        if fault:
            self.perform(Lift(self._now, fault))
        else:
            self._state.say("no fault is active")

    # --- a line -------------------------------------------------------------------------------------------------------

    def line(self) -> None:
        """Ask for a setting as ``--set`` takes it, or for a condition to stop at."""
        from resilience_sim.play.command_line import HINT, Completion, read_line

        session, plan = self._state.session, self._state.run.plan
        run = session.run
        active = [run.plan_now.faults[index].id for index in sorted(run.view.faults_on)]

        def accept(text: str) -> None:
            asked = read_line(text, plan, self._now)
            if isinstance(asked, Condition):
                session.play_until(asked)
            else:
                self._do(asked)

        self._ui.line(f"{self._when}: {HINT}", Completion(plan, active), accept)

    # --- policies -----------------------------------------------------------------------------------------------------

    def switch_breaker(self, kind: type[Trip] | type[Reset]) -> None:
        """Open or close a breaker."""
        breakers = [policy for policy in self._stack if policy.kind == "circuit_breaker"]
        if not breakers:
            self._state.say("there is no circuit breaker in the stack")
            return
        verb = "open" if kind is Trip else "close"
        self._choose(
            f"{verb.capitalize()} which breaker {self._when}?", breakers, lambda p: self.perform(kind(self._now, p.id))
        )

    def change(self, id: str = "") -> None:
        """Change the settings of a policy: the one with that id, or one to be chosen."""
        if self._is_empty():
            return

        def ask(policy: PolicyConfig) -> None:
            try:
                fields = forms.policy_fields(policy.kind, policy)
                like = policy_settings(policy).get("like", "")
            except Unwritable as error:
                self._state.say(str(error))
                return

            def accept(values: forms.Answers) -> Change:
                return Change(self._now, forms.read_policy(policy.kind, {"like": like, **values}, policy.id))

            when = self._when.replace("now", "from now on")
            self._form(f"Change {policy.id} {when}", _about(policy.kind, like), fields, accept, "Change")

        stack = [policy for policy in self._stack if policy.id == id] or list(self._stack)
        self._choose(f"Change which policy {self._when}?", stack, ask)

    def add(self) -> None:
        """Add a policy outside the selected one: of which kind, and by whose rules."""
        from resilience_sim.play.forms import libraries

        kinds = list(forms.POLICIES)

        def rules(index: int) -> None:
            kind = kinds[index]
            likes = ["", *libraries(kind)]
            if len(likes) == 1:
                self._add(kind, "")
                return
            names = ["resim's own (classic)", *(f"like {like}" for like in likes[1:])]
            self._ui.choose(f"Add a {kind}: by whose rules?", names, lambda n: self._add(kind, likes[n]))

        self._ui.choose(f"Add which policy {self._when}?", kinds, rules)

    def _add(self, kind: str, like: str) -> None:
        plan = self._state.run.plan
        chosen = self._state.policy
        if any(policy.id == chosen for policy in self._stack) or len(self._places) == 1:
            self._add_at(kind, like, plan.place_of(chosen) if chosen else self._places[0])
            return
        names = ["A > " + plan.service.name if not place else place.replace(">", " > ") for place in self._places]
        self._ui.choose(f"Add a {kind} to the calls of which link?", names,
                        lambda index: self._add_at(kind, like, self._places[index]))  # fmt: skip

    def _add_at(self, kind: str, like: str, link: str) -> None:
        stack = self._state.run.plan.stack_of(link)
        at = next((i for i, policy in enumerate(stack) if policy.id == self._state.policy), 0)
        id = forms.new_policy_id(kind, self._state.run.plan, link)
        inside = link.partition(">")[2] or self._state.run.plan.service.name

        def accept(values: forms.Answers) -> Add:
            given = dict(values)
            text = given.pop("position", "").strip() or "0"
            place = int(text) if text.isdigit() else -1
            if not 0 <= place <= len(stack):
                raise forms.FormError(f"position: expected a number from 0 (outermost) to {len(stack)}", "position")
            return Add(self._now, forms.read_policy(kind, {"like": like, **given}, id), place)

        where = forms.Field("position", str(at), f"0 is outermost, {len(stack)} next to {inside}")
        fields = [where, *forms.policy_fields(kind, like=like)]
        self._form(f"Add a {kind} {self._when}", _about(kind, like), fields, accept, "Add")

    def remove(self) -> None:
        """Remove a policy."""
        if not self._is_empty():
            title = f"Remove which policy {self._when}?"
            self._choose(title, list(self._stack), lambda p: self.perform(Remove(self._now, p.id)))

    def move(self, by: int) -> None:
        """Move the selected policy one place outwards (-1) or inwards (1)."""
        state = self._state
        plan = state.run.plan
        if not any(len(plan.stack_of(place)) > 1 for place in self._places):
            state.say("there is nothing to reorder")
            return

        def moved(policy: PolicyConfig) -> None:
            order = [each.id for each in plan.stack_of(plan.place_of(policy.id))]
            i = order.index(policy.id)
            j = i + by
            if not 0 <= j < len(order):
                state.say(f"{policy.id} is already {'outermost' if by < 0 else 'innermost'}")
                return
            order[i], order[j] = order[j], order[i]
            state.policy = policy.id
            self.perform(Reorder(self._now, tuple(order)))

        chosen = next((policy for policy in self._stack if policy.id == state.policy), None)
        if chosen is not None:
            moved(chosen)
        else:
            self._choose(f"Move which policy {'outwards' if by < 0 else 'inwards'}?", list(self._stack), moved)

    def _is_empty(self) -> bool:
        if not self._stack:
            self._state.say("the stack has no policies; `a` adds one")
        return not self._stack

    # --- asking -------------------------------------------------------------------------------------------------------

    def _form(
        self, title: str, about: str, fields: list[forms.Field], accept: Callable[[forms.Answers], Action], verb: str
    ) -> None:
        self._ui.form(title, about, fields, accept, verb, self.perform)

    def _choose(self, title: str, policies: list[PolicyConfig], then: Callable[[PolicyConfig], None]) -> None:
        if len(policies) == 1:
            then(policies[0])
            return
        at = next((i for i, policy in enumerate(policies) if policy.id == self._state.policy), 0)
        self._ui.choose(title, [policy.id for policy in policies], lambda index: then(policies[index]), at)
