"""Every sentence of "Why" against the events of the run, over random plans, whole and cut short anywhere."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.sink import Fold
from resilience_sim.measure.run_fold import RunFold
from resilience_sim.runs.simulation import Simulation
from resilience_sim.settings.faults import FaultConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.views import why
from resilience_sim.views.moments import MomentsFold
from resilience_sim.views.summary import numbers

from .plans import SEEDS, plans

EXAMPLES = int(os.environ.get("RESIM_SENTENCES", "150"))
CUTS = st.one_of(st.none(), st.integers(0, 4_000_000_000))
B_ANSWERS = (ev.ERROR, ev.UNAVAILABLE, ev.RATE_LIMITED, ev.RESET, ev.SHED)
checked: Counter[str] = Counter()


class Events(Fold):
    """All of them."""

    def __init__(self) -> None:
        self.all: list[ev.Event] = []

    def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
        self.all.append((t, kind, source, rid, a, b))


class Ran:
    """A run as its events tell it, with the figures and moments that the sentences were made from."""

    def __init__(self, plan: Plan, seed: int, cut: int | None) -> None:
        simulation = Simulation(plan, seed)
        events = Events()
        self.plan = plan
        self.moments = MomentsFold(plan, simulation.components)
        figures = RunFold(plan, simulation.components)
        for fold in (figures, events, self.moments):
            simulation.attach(fold)
        goes_on = simulation.run(cut) if cut is not None else simulation.run()
        self.cut = cut is not None and goes_on
        self.document = figures.result(seed, simulation.digest(), simulation.now, self.cut).document
        self.events = events.all
        self.names = {each.id: each for each in simulation.components}
        self.arrived = {e[3]: e[0] for e in self.of(ev.ARRIVE)}
        self.done = {e[3]: (e[0], ev.outcome_of(e[4]), ev.attempts_of(e[4]), e[5]) for e in self.of(ev.DONE)}
        self.deadline = plan.traffic.deadline or 1 << 62

    def of(self, kind: int) -> list[ev.Event]:
        return [e for e in self.events if e[1] == kind]

    def under_way(self, kind: int) -> list[ev.Event]:
        """Those of requests that had no outcome yet."""
        over, found = set[int](), list[ev.Event]()
        for e in self.events:
            if e[1] == ev.DONE:
                over.add(e[3])
            elif e[1] == kind and e[3] not in over:
                found.append(e)
        return found

    def results(self, *outcomes: int) -> list[ev.Event]:
        return [e for e in self.of(ev.RESULT) if ev.outcome_of(e[4]) in outcomes]

    def effects(self, *kinds: int) -> list[ev.Event]:
        return [e for e in self.of(ev.EFFECT) if ev.effect_of(e[4]) in kinds]

    def ended(self, *outcomes: int) -> list[int]:
        return [rid for rid, (_, outcome, _, _) in self.done.items() if outcome in outcomes]

    def failed(self) -> list[int]:
        return [rid for rid, (_, outcome, _, _) in self.done.items() if outcome > ev.FALLBACK]

    def in_time(self, rid: int) -> bool:
        return rid in self.done and self.done[rid][1] == ev.SUCCESS and self.done[rid][3] <= self.deadline

    def opened(self) -> list[ev.Event]:
        return [e for e in self.of(ev.BREAKER) if ev.new_state(e[4]) == ev.OPEN]

    def by(self, e: ev.Event) -> tuple[str, str]:
        return self.names[e[2]].kind, self.names[e[2]].name

    def share(self, rids: list[int]) -> float:
        return sum(self.in_time(rid) for rid in rids) / len(rids) if rids else 1.0


def number(text: str) -> int:
    return int(text.replace(",", ""))


def no_timeout(ran: Ran) -> None:
    assert not ran.of(ev.TIMED_OUT)
    assert not any(policy.kind == "timeout" for policy in ran.plan.stack)


def crash(ran: Ran, said: str) -> None:
    crashes = ran.of(ev.CRASH)
    times = re.search(r"crashed (once|(\d+) times)", said)
    assert times is not None
    assert len(crashes) == (number(times[2]) if times[2] else 1)
    assert f"taking {fmt.plural(crashes[0][4], 'request')} down" in said
    if "no timeout" in said:
        no_timeout(ran)
    down = re.search(r"([\d,]+) requests? came while it was down", said)
    refused = [rid for rid, (_, outcome, attempts, _) in ran.done.items() if outcome == ev.REFUSED and not attempts]
    turned_away = {e[3] for e in ran.of(ev.REJECTED)}
    assert len([rid for rid in refused if rid not in turned_away]) >= (number(down[1]) if down else 0)
    for rid in refused if down else ():
        assert any(crashed[0] <= ran.arrived[rid] < crashed[5] for crashed in crashes)


def exhausted(ran: Ran, said: str) -> None:
    assert f"{fmt.plural(len(ran.ended(ev.EXHAUSTED)), 'request')} found" in said
    if "no timeout" in said:
        no_timeout(ran)


def ended_by_policy(ran: Ran, said: str) -> None:
    found = re.match(r"(.+?) (turned away|gave up on) ([\d,]+) of ([\d,]+) requests?", said)
    assert found is not None
    assert number(found[4]) == len(ran.arrived)
    kind = ev.REJECTED if found[2] == "turned away" else ev.TIMED_OUT
    claims = [(found[1], found[3]), *re.findall(r", ([^,]+?) ([\d,]*\d)(?=[,.])", said[found.end() :])]
    for name, count in claims:
        mine = {e[3] for e in ran.of(kind) if name.lower().endswith(ran.by(e)[1].replace("_", " ").lower())}
        assert len(mine & set(ran.failed())) >= number(count), (name, count, said)
    after = re.search(r" after (\S+?)[.,]", said)
    if after is not None:
        limits = {policy.after for policy in ran.plan.stack if policy.kind == "timeout"}
        assert after[1] in {fmt.duration(limit) for limit in limits}


def collapse(ran: Ran, said: str) -> None:
    assert not ran.cut
    rids = sorted(ran.arrived)
    came = [fault for fault in ran.plan.faults if fault.at <= ran.arrived[rids[-1]]]
    if not ran.plan.faults:
        assert "no fault at all" in said
        edges = [len(rids) * fifth // 5 for fifth in range(6)]
        shares = [ran.share(rids[start:end]) for start, end in pairwise(edges) if end > start]
        assert 2 * shares[-1] < max(shares)
        return
    over = max(fault.at + fault.duration for fault in came)
    latest = max(came, key=lambda fault: fault.at + fault.duration)
    after = [rid for rid in rids if ran.arrived[rid] >= over]
    before = [rid for rid in rids if ran.arrived[rid] < min(fault.at for fault in came)]
    assert ran.arrived[rids[-1]] - over >= latest.duration
    assert len(after) >= 20
    fifth = (len(after) + 4) // 5
    assert 2 * ran.share(after[-fifth:]) < ran.share(before)
    assert ("before the first one" in said) == bool(before)
    assert f"{fmt.seconds((ran.arrived[rids[-1]] - over) / 1e9)} after the last fault" in said, said


def duplicates(ran: Ran, said: str) -> None:
    assert f"In all {fmt.plural(len(ran.effects(ev.DUPLICATE)), 'duplicate')}" in said
    twice = re.match(r"Request #(\d+) was executed twice", said)
    if twice is not None:
        assert len([e for e in ran.effects(ev.APPLIED, ev.DUPLICATE) if e[3] == int(twice[1])]) >= 2


def deduplicated(ran: Ran, said: str) -> None:
    assert f"recognised {fmt.plural(len(ran.effects(ev.DEDUPLICATED)), 'repeated attempt')} by" in said
    assert ("nothing was done twice" in said) == (not ran.effects(ev.DUPLICATE))


def orphans(ran: Ran, said: str) -> None:
    failed = set(ran.failed())
    number_of = len([e for e in ran.effects(ev.APPLIED, ev.DUPLICATE) if e[3] in failed])
    assert said.startswith(f"{fmt.plural(number_of, 'effect')} happened although")


def unprotected(ran: Ran, _: str) -> None:
    assert not ran.plan.stack
    failed = set(ran.failed())
    assert any(e[3] in failed for e in ran.results(*B_ANSWERS, ev.REFUSED))


def breaker(ran: Ran, said: str) -> None:
    opened = ran.opened()
    breakers = [each for each in ran.names.values() if each.kind == "circuit_breaker"]
    which = Counter(e[2] for e in opened)
    turned_away = [e for e in ran.of(ev.REJECTED) if ran.by(e)[0] == "circuit_breaker"]
    assert f"turned away {fmt.plural(len(turned_away), 'call')} at once" in said
    times = "once" if len(opened) == 1 else f"{len(opened)} times"
    assert f" at {fmt.instant(opened[0][0])} " in said
    if len(breakers) == 1:
        assert re.match(rf"(The breaker|Breaker {re.escape(breakers[0].name)}) opened at ", said)
        assert f"It opened {times}," in said
    else:
        assert said.startswith(f"Of the {len(breakers)} breakers ")
        first = {ran.names[e[2]] for e in opened if e[0] == opened[0][0]}
        named = {"one"} | {each.name.replace("circuit_breaker", "breaker") for each in first}
        assert re.match(r"Of the \d+ breakers (\S+?)(@\d+)? opened first, at", said)[1] in named  # type: ignore[index]
        if len(which) == 1:
            assert f"No other one did. It opened {times}," in said
        else:
            some = "All of them" if len(which) == len(breakers) else f"{len(which)} of them"
            assert f"{some} opened, {'once each' if len(opened) == len(which) else times}," in said
    began = re.search(r"(\S+) after the fault “(.+)” began", said)
    if began is not None:
        fault = next(fault for fault in ran.plan.faults if fault.id == began[2])
        assert fault.at <= opened[0][0] < fault.at + fault.duration
        assert began[1] == fmt.seconds((opened[0][0] - fault.at) / 1e9)


def never_opened(ran: Ran, said: str) -> None:
    assert not ran.opened()
    assert ("never" in said) == (not ran.cut)
    if "no call failed" in said:
        assert all(ev.outcome_of(e[4]) in (ev.SUCCESS, ev.CANCELLED) for e in ran.of(ev.RESULT))
        assert not ran.failed()
    else:
        failures = [e for e in ran.of(ev.RESULT) if ev.outcome_of(e[4]) not in (ev.SUCCESS, ev.CANCELLED)]
        sent = {(e[3], ev.attempt_of(e[4])) for e in ran.of(ev.SENT)}
        heard = {(e[3], ev.attempt_of(e[4])) for e in ran.of(ev.RESULT)}
        assert failures or (sent - heard and not ran.cut)


def order(ran: Ran, said: str) -> None:
    kinds = [policy.kind for policy in ran.plan.stack]
    assert ("stands outside" in said) == (kinds.index("circuit_breaker") < kinds.index("retry"))
    assert ran.opened()


def amplified(ran: Ran, said: str) -> None:
    found = re.search(r"the ([\d,]+) requests? that came around (\S+) made ([\d,]+) attempts \((\S+)x\)", said)
    peak = ran.moments.peak()
    assert found is not None
    assert peak is not None
    theirs = {rid for rid, t in ran.arrived.items() if peak.at <= t < peak.at + peak.length}
    made = [e for e in ran.of(ev.SENT) if e[3] in theirs and (e[3] not in ran.done or e[0] <= ran.done[e[3]][0])]
    assert len(theirs) == number(found[1])
    assert len(made) <= len([e for e in ran.of(ev.SENT) if e[3] in theirs])
    assert len([e for e in made if e[3] not in ran.done or e[0] < ran.done[e[3]][0]]) <= number(found[3]) <= len(made)
    most = 1
    for policy in ran.plan.stack:
        most *= policy.attempts if policy.kind == "retry" else 1 + policy.max_extra if policy.kind == "hedge" else 1
    assert number(found[3]) <= most * number(found[1])


def saved(ran: Ran, said: str) -> None:
    again = [rid for rid in ran.done if ran.in_time(rid) and ran.done[rid][2] > 1]
    assert said.startswith(f"Retrying saved {fmt.count(len(again))} of {fmt.plural(len(ran.arrived), 'request')},")
    bad = {e[3] for e in ran.of(ev.RESULT) if ev.outcome_of(e[4]) != ev.SUCCESS}
    assert set(again) <= bad


def hedged(ran: Ran, said: str) -> None:
    assert f"another leg for {fmt.plural(len({e[3] for e in ran.under_way(ev.HEDGE)}), 'request')} (" in said
    won = {e[3] for e in ran.under_way(ev.HEDGE_WON) if e[4] > 1}
    assert f"for {fmt.count(len(won))} of them such a leg succeeded first" in said


def retry_after(ran: Ran, said: str) -> None:
    assert f"B answered 429 to {fmt.plural(len(ran.results(ev.RATE_LIMITED)), 'attempt')}," in said
    hint = re.search(r"Retry-After (\S+):", said)
    assert hint is not None
    limits = [fault for fault in ran.plan.faults if fault.kind == "rate_limit"]
    assert {fmt.duration(fault.retry_after) for fault in limits} == {hint[1]}
    assert not any(fault.kind == "errors" and fault.outcome == ev.RATE_LIMITED for fault in ran.plan.faults)
    (retry,) = [policy for policy in ran.plan.stack if policy.kind == "retry"]
    assert ev.RATE_LIMITED in retry.on
    assert ("the retry waits" in said) == retry.honor_retry_after


def exhausted_retries(ran: Ran, said: str) -> None:
    (retry,) = [policy for policy in ran.plan.stack if policy.kind == "retry"]
    tried = [rid for rid in ran.failed() if ran.done[rid][1] in retry.on and ran.done[rid][2] >= retry.attempts]
    sent = Counter(e[3] for e in ran.of(ev.SENT))
    assert all(sent[rid] >= retry.attempts for rid in tried)
    assert said.startswith(f"{fmt.plural(len(tried), 'request')} failed although ")


def denied(ran: Ran, said: str) -> None:
    assert f"denied {fmt.plural(len(ran.of(ev.RETRY_DENIED)), 'retry', 'retries')}" in said


def unanswered(ran: Ran, said: str) -> None:
    assert not ran.cut
    assert said.startswith(f"{fmt.plural(len(ran.arrived) - len(ran.done), 'request')} never got an answer")
    if "no timeout" in said:
        no_timeout(ran)


def client_errors(ran: Ran, said: str) -> None:
    assert said.startswith(f"{fmt.plural(len(ran.ended(ev.CLIENT_ERROR)), 'request')} ended with a client error")
    if "tried again" in said and not any(policy.kind == "hedge" for policy in ran.plan.stack):
        last: dict[int, int] = {}
        for _, kind, _, rid, a, _ in ran.events:
            if kind in (ev.RESULT, ev.REJECTED):
                last[rid] = ev.outcome_of(a)
            elif kind == ev.RETRY_WAIT:
                assert last[rid] != ev.CLIENT_ERROR
    if "to the breaker" in said:
        probed = [e for e in ran.of(ev.BREAKER) if ev.why_of(e[4]) == ev.WHY_PROBE_FAILED]
        assert ev.CLIENT_ERROR not in [ev.first_of(e[5]) for e in probed]


def shed(ran: Ran, said: str) -> None:
    assert f"it refused {fmt.plural(len(ran.results(ev.SHED)), 'attempt')}" in said
    assert ("has no queue" in said) == (ran.plan.service.queue == 0)


def wasted(ran: Ran, said: str) -> None:
    ends = ran.of(ev.END)
    lost = sum(e[5] for e in ends if ev.abandoned(e[4]))
    share = float(said.split("%")[0].rsplit(" ", 1)[1]) / 100
    assert 0 < share <= 1
    if not ran.cut and len(ends) == len(ran.of(ev.BEGIN)) + len([e for e in ran.of(ev.RECEIVED) if e[5] == ev.STARTED]):
        assert abs(share - lost / sum(e[5] for e in ends)) < 0.002


def late(ran: Ran, said: str) -> None:
    number_of = len([rid for rid in ran.ended(ev.SUCCESS) if not ran.in_time(rid)])
    assert said.startswith(f"{fmt.plural(number_of, 'request')} succeeded only after the {fmt.duration(ran.deadline)}")


def fallback(ran: Ran, said: str) -> None:
    assert said.startswith(f"The fallback answered {fmt.plural(len(ran.ended(ev.FALLBACK)), 'request')} in")


def repeated(ran: Ran, said: str) -> None:
    worked = Counter(
        e[3] for e in ran.of(ev.END)
        if ev.outcome_of(e[4]) in (ev.SUCCESS, ev.LOST) and (e[3] not in ran.done or e[0] <= ran.done[e[3]][0])
    )  # fmt: skip
    found = re.search(r"B executed ([\d,]+) request", said)
    assert found is not None
    assert 0 < number(found[1]) <= len([rid for rid, times in worked.items() if times > 1])
    assert any(each.method in said for each in ran.plan.operation.each)
    assert not ran.effects(ev.DUPLICATE)


def otherwise(ran: Ran, said: str) -> None:
    if said.startswith("Nothing went wrong"):
        assert not ran.cut
        assert all(ran.in_time(rid) for rid in ran.arrived)
    elif said.startswith("Nothing has gone wrong so far"):
        assert ran.cut
        assert all(ran.in_time(rid) for rid in ran.done)
    elif said.startswith("No request"):
        assert not ran.done
    elif found := re.match(r"B (.*?) ([\d,]+) requests?, and no policy rescued them", said):
        failed = ran.failed()
        assert len(failed) == number(found[2])
        answers = {(e[3], ev.outcome_of(e[4])) for e in ran.results(*B_ANSWERS, ev.REFUSED)}
        assert all((rid, ran.done[rid][1]) in answers for rid in failed)
        assert ("refused" in found[1]) == any(ran.done[rid][1] == ev.REFUSED for rid in failed)
        assert ("failed" in found[1]) == any(ran.done[rid][1] != ev.REFUSED for rid in failed)
    else:
        over = len(ran.done) if ran.cut else len(ran.arrived)
        bad = over - len([rid for rid in ran.done if ran.in_time(rid)])
        assert said.startswith(f"{fmt.plural(bad, 'request')} did not succeed:")


CHECKS: dict[str, Callable[[Ran, str], None]] = {
    check.__name__: check
    for check in (
        crash, exhausted, ended_by_policy, collapse, duplicates, deduplicated, orphans, unprotected, breaker,
        never_opened, order, amplified, saved, hedged, retry_after, exhausted_retries, denied, client_errors,
        unanswered, shed, wasted, late, fallback, repeated,
    )
}  # fmt: skip


def fault_row(ran: Ran, fault: FaultConfig, said: str) -> None:
    """What the summary says has become of a fault."""
    end = fault.at + fault.duration
    now = ran.events[-1][0] if ran.events else 0
    came = [rid for rid, t in ran.arrived.items() if fault.at <= t < end]
    after = sorted(rid for rid, t in ran.arrived.items() if t >= end)
    last = max(ran.arrived.values(), default=-1)
    if "not begun when the run was cut short" in said or "still on when the run was cut short" in said:
        assert ran.cut
        assert now <= end
    if "after the last request came" in said:
        assert not ran.cut
        assert last < fault.at
    if "every request that came meanwhile succeeded" in said:
        assert came
        assert all(ran.in_time(rid) or (ran.cut and rid not in ran.done) for rid in came)
    if "no request came meanwhile" in said:
        assert not came
    if "recovered at once" in said:
        assert after
    if re.search(r"\brecovered (at once|after)", said):
        assert any(ran.in_time(rid) for rid in after)
    if "no request that came after it succeeded" in said:
        assert after
        assert not any(ran.in_time(rid) for rid in after)
    if "never recovered" in said or "not recovered" in said:
        assert any(not ran.in_time(rid) for rid in after)
    if "never recovered" in said:
        assert not ran.cut
        assert last - end >= fault.duration
    back = re.search(r"recovered after (\S+?)(,|$)", said)
    if back is not None:
        took = next(each["recovered_after"] for each in ran.document["faults"] if each["id"] == fault.id)
        assert back[1] == fmt.seconds(took)
        assert any(not ran.in_time(rid) for rid in after if ran.arrived[rid] <= end + round(took * 1e9))


def test_every_rule_has_its_check() -> None:
    """``changed`` is about plans with changes, which tests/views/test_why.py tells of."""
    assert {rule.__name__ for rule in why.RULES} - {"changed"} == set(CHECKS)


@given(plans(), SEEDS, CUTS)
@settings(max_examples=EXAMPLES)
def test_every_sentence_is_true(plan: Plan, seed: int, cut: int | None) -> None:
    """Not only those that are shown: every rule is asked."""
    ran = Ran(plan, seed, cut)
    case = why.Case(plan, ran.document, ran.moments)
    for rule in why.RULES:
        said = rule(case)
        if said:
            checked[rule.__name__] += 1
            CHECKS[rule.__name__](ran, said)
            assert not (ran.cut and "never" in said), said
    for fault, row in zip(plan.faults, [r for r in numbers(case) if r.plain().startswith("  fault ")], strict=True):
        fault_row(ran, fault, row.plain())
    checked["otherwise"] += 1
    otherwise(ran, why._otherwise(case))
    requests = ran.document["requests"]
    assert requests.get("under_way", 0) == (len(ran.arrived) - len(ran.done) if ran.cut else 0)
    assert ("under_way" in requests) == ran.cut
