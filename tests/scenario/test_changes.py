"""`changes:`: what is changed while it runs, checked against the stack that there is at that instant."""

from __future__ import annotations

import pytest

from resilience_sim.runs.batch import run_many
from resilience_sim.runs.simulation import Simulation
from resilience_sim.settings.actions import Add, Change, Remove, Reorder, Reset, Trip
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.timeout import TimeoutConfig

from .lab import HEAD, TRAFFIC, finding, findings, marked, plan, scenario

S = 1_000_000_000
STACK = """stack:
  - retry: {attempts: 3, delay: 100ms}
  - circuit_breaker: {id: guard, failure_threshold: 50%, window: 20}
  - timeout
""".replace("- timeout", "- timeout: {after: 1s}")


def actions(changes: str, *overrides: str, more: str = ""):
    """The actions of a scenario with that stack."""
    return plan(STACK + f"changes:\n{changes}" + more, *overrides).actions


def digest(the_plan: Plan) -> str:
    simulation = Simulation(the_plan, 1)
    simulation.run()
    return simulation.digest()


def test_every_verb():
    """One of each, each against the stack as the one before left it."""
    found = actions(
        "  - {at: 1s, set: {retry.attempts: 1, guard.failure_threshold: 5}}\n"
        "  - {at: 2s, trip: guard}\n"
        "  - {at: 3s, reset: circuit_breaker}\n"
        "  - {at: 4s, add: {bulkhead: {max_concurrent: 9}}, inside: retry}\n"
        "  - {at: 4s, add: {timeout: {after: 9s}}}\n"
        "  - {at: 5s, reorder: [guard, retry, bulkhead, timeout, timeout#2]}\n"
        "  - {at: 6s, remove: bulkhead}\n"
    )
    first, second, *others = found
    assert isinstance(first, Change)
    assert (first.t, first.policy.id, first.policy.attempts, first.policy.delay) == (S, "retry", 1, S // 10)
    assert (second.policy.id, second.policy.consecutive, second.policy.window_calls) == ("guard", 5, 20)
    assert others == [
        Trip(2 * S, "guard"),
        Reset(3 * S, "guard"),
        Add(4 * S, BulkheadConfig("bulkhead", max_concurrent=9), 1),
        Add(4 * S, TimeoutConfig("timeout#2", after=9 * S), 0),
        Reorder(5 * S, ("guard", "retry", "bulkhead", "timeout", "timeout#2")),
        Remove(6 * S, "bulkhead"),
    ]


def test_the_order_of_time_decides_what_is_there_and_that_of_the_file_breaks_ties():
    """The actions stand in the order of the file."""
    found = actions("  - {at: 2s, set: {extra.after: 3s}}\n  - {at: 1s, add: {timeout: {id: extra, after: 2s}}}\n")
    assert [type(each) for each in found] == [Change, Add]
    one = actions("  - {at: 1s, remove: timeout}\n  - {at: 1s, add: {timeout: {after: 2s}}}\n")
    assert one[1].policy.id == "timeout"
    other = actions("  - {at: 1s, add: {timeout: {after: 2s}}}\n  - {at: 1s, remove: timeout}\n")
    assert other[0].policy.id == "timeout#2"


@pytest.mark.parametrize(
    ("place", "position"),
    [("", 0), (", position: 2", 2), (", outside: guard", 1), (", inside: guard", 2), (", inside: timeout", 3)],
)
def test_where_a_policy_is_added(place, position):
    """Outermost, unless said."""
    assert actions(f"  - {{at: 1s, add: fallback{place}}}\n")[0].position == position


def test_settings_build_on_those_before_and_null_goes_back_to_the_default():
    found = actions(
        "  - {at: 1s, set: {retry.budget: 10%, retry.delay: null}}\n"
        "  - {at: 2s, set: {stack.retry: {attempts: 5, budget: null}}}\n"
    )
    assert [(each.policy.attempts, each.policy.delay, each.policy.budget is None) for each in found] == [
        (3, 0, False),
        (5, 0, True),
    ]


def test_other_rules_begin_anew():
    """A mapping with `like` replaces all settings: those of other rules have other names."""
    found = actions(
        "  - {at: 1s, set: {guard: {like: polly, FailureRatio: 0.3}}}\n  - {at: 2s, set: {guard.BreakDuration: 9s}}\n"
        "  - {at: 3s, set: {guard: {like: classic, failure_threshold: 2}}}\n"
    )
    assert [each.policy.like for each in found] == ["polly", "polly", "classic"]
    assert (found[1].policy.failure_share, found[1].policy.open_for) == (0.3, 9 * S)
    assert (found[2].policy.consecutive, found[2].policy.window_calls) == (2, 100)


@pytest.mark.parametrize(
    ("change", "code", "at", "message", "help"),
    [
        ("{at: 1s}", "RS010", "{at: 1s}", "does not say what is changed", "`set`, `trip`"),
        ("{at: 1s, set: {}}", "RS010", "{}", "`set` says nothing", "set: {retry.attempts: 1}"),
        ("{set: {retry.attempts: 1}}", "RS010", "{set: {retry.attempts: 1}}", "needs `at`", "at: 1s"),
        ("{at: 1s, trip: guard, reset: guard}", "RS017", "reset", "`trip` and `reset` in one change", "its own `-`"),
        ("{at: 1s, trip: gaurd}", "RS018", "gaurd", "no policy `gaurd` at that time", "did you mean `guard`?"),
        ("{at: 1s, trip: retry}", "RS017", "retry", "`retry` is no circuit breaker", "`guard`"),
        ("{at: 1s, remove: hedge}", "RS018", "hedge", "no policy `hedge`", "`retry`, `guard`, `timeout`"),
        ("{at: 1s, reorder: [retry, guard]}", "RS010", "[retry, guard]", "leaves out `timeout`", "guard, timeout]"),
        ("{at: 1s, reorder: [retry, retry]}", "RS017", "retry", "stands twice", "keep one"),
        ("{at: 1s, add: fallback, position: 4}", "RS015", "4", "no place 4", "from 0 (outermost) to 3"),
        ("{at: 1s, add: fallback, inside: retry, outside: guard}", "RS017", "inside", "together", "keep one"),
        ("{at: 1s, trip: guard, inside: retry}", "RS017", "inside", "goes with `add` only", "leave"),
        ("{at: 1s, add: {timeout: {id: guard, after: 1s}}}", "RS019", "guard", "the id `guard` is taken", "another"),
        ("{at: 1s, add: {timeout: {}}}", "RS010", "timeout", "`timeout` needs `after`", "after: 1s"),
        ("{at: 1s, add: {retyr: {}}}", "RS012", "retyr", "unknown key `retyr`", "did you mean `retry`?"),
        ("{at: 1s, set: {retry.atempts: 1}}", "RS012", "retry.atempts", "unknown key `atempts`", "`attempts`"),
        ("{at: 1s, set: {retry.attempts: 0}}", "RS015", "0", "`0` is out of range", "from 1"),
        ("{at: 1s, set: {retry.delay: 5}}", "RS013", "5", "has no unit", "`5s`"),
        ("{at: 1s, set: {guard.min_calls: 50}}", "RS017", "50", "more than the window's 20 calls", "at most 20"),
        ("{at: 1s, set: {guard.window: 5, guard.min_calls: 50}}", "RS017", "50", "the window's 5", "at most 5"),
        ("{at: 1s, set: {retry: 5}}", "RS023", "5", "is a policy, not a setting", "`retry.KEY: …`"),
        ("{at: 1s, set: {retry.id: x}}", "RS023", "x", "keeps its id", "leave"),
        ("{at: 1s, set: {service.replicas: 5}}", "RS023", "5", "`replicas` of `B` does not change", "queue"),
        ("{at: soon, trip: guard}", "RS014", "soon", "cannot read `soon`", "`250ms`"),
    ],
)  # fmt: skip
def test_mistakes_have_a_place_a_cause_and_a_remedy(change, code, at, message, help):
    found = finding(STACK + f"changes:\n  - {change}\n")
    assert found.code == code, found
    assert marked(found) == at, found
    assert message in found.message
    assert help in found.help
    assert found.path.startswith("changes.0")


def test_a_breaker_that_leaves_out_replicas_is_not_opened_by_hand():
    stack = "stack:\n  - circuit_breaker: {like: envoy}\n"
    assert "no state as a whole" in finding(stack + "changes:\n  - {at: 1s, trip: circuit_breaker}\n").message


def test_a_name_that_could_be_several():
    stack = "stack:\n  - timeout: {id: a, after: 1s}\n  - timeout: {id: b, after: 1s}\n"
    found = finding(stack + "changes:\n  - {at: 1s, remove: timeout}\n")
    assert (found.message, found.help) == ("`timeout` could be any of 2", "one of: `a`, `b`")


def test_mistakes_elsewhere_are_reported_in_the_same_pass():
    """And what rests on a change that is wrong is not reported again."""
    found = findings(
        HEAD + TRAFFIC + STACK + "faults:\n  - outage: {at: 1s}\nchanges:\n  - {at: 1s, remove: gard}\n"
        "  - {at: 2s, trip: nobody}\n"
    )
    assert [each.path for each in found] == ["faults.0.outage.for", "changes.0.remove"]


def test_a_change_after_the_last_arrival_is_odd_but_legal():
    made = scenario(STACK + "changes:\n  - {at: 1h, trip: guard}\n", head=HEAD + "traffic: {rate: 1/s, duration: 9s}\n")
    assert [each.message for each in made.warnings] == ["change 1 comes after the last arrival"]


def test_what_odd_settings_say_is_said_of_changes_too():
    made = scenario(STACK + "changes:\n  - {at: 1s, set: {retry.factor: 3}}\n")
    assert ["`factor` has no effect" in each.message for each in made.warnings] == [True]


VARIANTS = """compare:
  variants:
    unchanged: {changes: []}
    others: {changes: [{at: 2s, set: {retry.attempts: 2}}]}
    alone: {without: [guard]}
    by-set: {set: {changes: [], retry.attempts: 9}}
    eager: {set: {retry.attempts: 9}}
    short: {stack: [{timeout: {after: 1s}}]}
"""


def test_variants_keep_the_changes_that_their_stack_allows():
    """Unless they have changes of their own."""
    made = scenario(
        STACK + "changes:\n  - {at: 1s, set: {retry.delay: 1s}}\n  - {at: 2s, trip: guard}\n"
        "  - {at: 3s, reorder: [guard, retry, timeout]}\n" + VARIANTS
    )
    found = {variant.name: variant.plan.actions for variant in made.variants}
    assert found["unchanged"] == found["by-set"] == ()
    assert [each.policy.attempts for each in found["others"]] == [2]
    assert [type(each) for each in found["alone"]] == [Change, Reorder]
    assert found["alone"][1] == Reorder(3 * S, ("retry", "timeout"))
    assert found["eager"][0].policy.attempts == 9
    assert found["short"] == ()
    assert made.warnings == ()


def test_mistakes_in_the_changes_of_a_variant_point_there():
    found = finding(STACK + "compare: {variants: {x: {changes: [{at: 1s, trip: nobody}]}}}\n")
    assert marked(found) == "nobody"


def test_overrides_reach_them():
    assert actions("  - {at: 1s, trip: guard}\n", "changes=[]") == ()
    assert actions("  - {at: 1s, trip: guard}\n", "changes.0.at=7s")[0].t == 7 * S
    assert actions("  - {at: 1s, set: {retry.delay: 1s}}\n", "retry.attempts=9")[0].policy.attempts == 9


BUSY = HEAD + "traffic: {rate: 50/s, duration: 10s}\nservice: {latency: {exponential: 50ms}, failure_rate: 30%}\n"


def test_they_decide_the_run_and_nothing_else_does():
    """In this process or in others; without any, it is the run it was."""
    changing = scenario(STACK + "changes:\n  - {at: 4s, set: {retry.attempts: 1}}\n", head=BUSY)
    still = scenario(STACK, head=BUSY)
    empty = scenario(STACK + "changes: []\n", head=BUSY)
    assert digest(still.plan) == digest(empty.plan) != digest(changing.plan)
    assert still.digest == empty.digest != changing.digest
    batch = run_many({"changing": changing.plan, "still": still.plan}, [1, 2], workers=2)
    assert batch.results["changing"][0].digest == digest(changing.plan)
    assert batch.results["still"][0].digest == digest(still.plan)


def test_the_past_is_the_same_up_to_the_change():
    """The same arrivals and the same luck; only what comes later differs."""
    changing = plan(STACK + "changes:\n  - {at: 4s, set: {retry.attempts: 1}}\n", head=BUSY)
    still, later = Simulation(plan(STACK, head=BUSY), 1), Simulation(changing, 1)
    for simulation in (still, later):
        simulation.run(until=4 * S - 1)
    assert still.digest() == later.digest()
