"""``--set`` and variants: which path means what, and what is said when it means nothing."""

from itertools import groupby, zip_longest

import pytest

from resilience_sim.scenario.describe.paths import settable_paths
from resilience_sim.settings import codes

from .lab import FULL, HEAD, SOURCE, TRAFFIC, findings, marked, plan, scenario

BODY = (
    "service: {latency: 50ms}\n"
    "faults: [{outage: {at: 30s, for: 15s, id: main}}]\n"
    "stack:\n"
    "  - circuit_breaker: {failure_threshold: 2}\n"
    "  - retry\n"
    "  - timeout: {after: 2s, id: overall}\n"
    "  - timeout: {after: 1s}\n"
)


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("retry.attempts=6", lambda p: p.stack[1].attempts, 6),
        ("stack.retry.attempts=6", lambda p: p.stack[1].attempts, 6),
        ("stack.1.retry.attempts=6", lambda p: p.stack[1].attempts, 6),
        ("stack.1.attempts=6", lambda p: p.stack[1].attempts, 6),
        ("retry.budget=10%", lambda p: p.stack[1].budget.ratio, 0.1),
        ("retry.budget={kind: token_bucket, capacity: 9}", lambda p: p.stack[1].budget.capacity, 9.0),
        ("retry.budget.kind=token_bucket", lambda p: p.stack[1].budget.scheme, "token_bucket"),
        ("retry.on=[error, timeout]", lambda p: p.stack[1].on, (2, 5)),
        ("retry={attempts: 9, delay: 1s}", lambda p: (p.stack[1].attempts, p.stack[1].delay), (9, 10**9)),
        ("overall.after=3s", lambda p: p.stack[2].after, 3 * 10**9),
        ("timeout.after=3s", lambda p: (p.stack[2].after, p.stack[3].after), (2 * 10**9, 3 * 10**9)),
        ("circuit_breaker.failure_threshold=50%", lambda p: p.stack[0].failure_share, 0.5),
        ("service.workers=4", lambda p: p.service.workers, 4),
        ("service.latency={p50: 40ms, p99: 250ms}", lambda p: p.service.latency.kind, "lognormal"),
        ("service.latency.exponential=9ms", lambda p: p.service.latency.a, 9e6),
        ("client.threads=7", lambda p: p.client.threads, 7),
        ("operation.method=POST", lambda p: p.operation.method, "POST"),
        ("traffic.rate=90/s", lambda p: p.traffic.phases[0].rate, 90.0),
        ("seed=12", lambda p: p.seed, 12),
        ("faults.main.for=3s", lambda p: p.faults[0].duration, 3 * 10**9),
        ("faults.outage.how=hang", lambda p: p.faults[0].how, "hang"),
        ("faults.0.at=1s", lambda p: p.faults[0].at, 10**9),
        ("stack=[]", lambda p: p.stack, ()),
        ("circuit_breaker.failure_threshold=", lambda p: p.stack[0].consecutive, 5),
        ("service.workers = 4", lambda p: p.service.workers, 4),
    ],
)
def test_a_path_sets_one_thing(override, read, value):
    """Ids before kinds, sections, items by number, keys that were not written."""
    assert read(plan(BODY, override)) == value


@pytest.mark.parametrize(
    ("override", "code", "text", "said"),
    [
        ("retri.attempts=6", codes.SET_PATH, "retri", "did you mean `retry`?"),
        ("retry.attemps=6", codes.UNKNOWN_KEY, "retry.attemps", "did you mean `attempts`?"),
        ("retry.attempts=lots", codes.WRONG_TYPE, "lots", "integer"),
        ("retry.delay=5", codes.NO_UNIT, "5", "write `5s` or `5ms`"),
        ("bulkhead.queue=3", codes.SET_PATH, "bulkhead", "has no policy"),
        ("main.for=3s", codes.SET_PATH, "main", "faults.main"),
        ("faults.mian.for=3s", codes.SET_PATH, "mian", "did you mean `main`?"),
        ("retry", codes.SET_PATH, "retry", "no `=`"),
        ("expect=[]", codes.SET_PATH, "expect", "cannot be set"),
        ("a..b=3", codes.SET_PATH, "a", "no path"),
        ("=3", codes.SET_PATH, "=", "no path"),
        ("retry.attempts=[", codes.SYNTAX, "", "not YAML"),
        ("stack.9.attempts=3", codes.SET_PATH, "9", "one of"),
        ("servce.workers=3", codes.SET_PATH, "servce", "`service`"),
        ("traffic.phases.3.rate=1/s", codes.SET_PATH, "3", "no item 3"),
    ],
)
def test_a_wrong_setting_is_shown_on_the_command_line(override, code, text, said):
    """The finding is about ``--set``, with the nearest path."""
    found = findings(HEAD + TRAFFIC + BODY, override)
    assert [each.file for each in found] == ["--set"]
    assert found[0].code == code
    assert said in f"{found[0].message} {found[0].help}"
    assert marked(found[0]).startswith(text)


def test_an_ambiguous_kind_lists_the_ids():
    """Two timeouts with names of their own: which one?"""
    body = "stack: [{timeout: {after: 1s, id: a}}, {timeout: {after: 2s, id: b}}]\n"
    found = findings(HEAD + TRAFFIC + body, "timeout.after=3s")
    assert "`a`, `b`" in found[0].help


def test_an_override_repairs_what_the_file_lacks():
    """Validation comes after all settings are in."""
    assert plan("", "traffic={rate: 5/s, requests: 3}", head="resim: 1\n").traffic.requests == 3


def test_variants_change_the_scenario_as_written():
    """The issue's own example."""
    made = {variant.name: variant.plan for variant in scenario(SOURCE, head="").variants}
    assert [each.kind for each in made["retry-only"].stack] == ["retry"]
    assert [each.kind for each in made["swapped"].stack] == ["retry", "circuit_breaker"]
    assert [getattr(each, "attempts", None) for each in made["eager"].stack] == [None, 6]
    assert made["eager"].service == made["swapped"].service == scenario(SOURCE, head="").plan.service


def test_stack_without_and_set_combine_in_this_order():
    """First the stack, then without, then set."""
    text = (
        HEAD
        + TRAFFIC
        + (
            "stack: [retry]\ncompare: {variants: {x: {stack: [retry, throttle, {timeout: {after: 1s}}],"
            " without: [throttle],"
            " set: {timeout.after: 3s, retry: {attempts: 9}, traffic.rate: 7/s}}, y: }}\n"
        )
    )
    variant, same = scenario(text, head="").variants
    assert [each.kind for each in variant.plan.stack] == ["retry", "timeout"]
    assert variant.plan.stack[1].after == 3 * 10**9
    assert variant.plan.stack[0].attempts == 9
    assert variant.plan.traffic.phases[0].rate == 7.0
    assert same.plan == scenario(text, head="").plan


def test_without_takes_ids_or_kinds():
    """An id that was written means that one, a kind all of them."""
    body = (
        "stack: [{timeout: {after: 9s, id: all}}, {timeout: {after: 1s}}, {timeout: {after: 2s}}]\n"
        "compare: {variants: {a: {without: [timeout]}, b: {without: [all]}, c: {without: ['timeout#2']}}}\n"
    )
    a, b, c = scenario(body).variants
    assert a.plan.stack == ()
    assert [each.id for each in b.plan.stack] == ["timeout", "timeout#2"]
    assert [each.after for each in c.plan.stack] == [9 * 10**9, 10**9]


def test_overrides_reach_variants():
    """A setting of the command line holds for every variant that does not say otherwise."""
    made = scenario(SOURCE, "service.workers=3", head="")
    assert {variant.plan.service.workers for variant in made.variants} == {3}
    assert made.overrides == ("service.workers=3",)


def test_null_takes_a_setting_away():
    """Back to the default."""
    body = "stack: [{retry: {attempts: 7, budget: 10%}}]\ncompare: {variants: {a: {set: {retry.budget: null}}}}\n"
    assert scenario(body).variants[0].plan.stack[0].budget is None


def test_none_takes_a_setting_away_where_it_is_no_value():
    """On the command line; where the setting has such a value, or the policy's library, it is that."""
    body = "stack: [{retry: {attempts: 7, budget: 10%, max_delay: 1s}}, {retry: {id: theirs, like: urllib3}}]\n"
    ours = scenario(body, "retry.budget=none", "retry.max_delay=none", "name=none").plan
    assert (ours.stack[0].budget, ours.stack[0].max_delay, ours.name) == (None, 0, "none")
    assert scenario(body, "theirs.total=none").plan.stack != scenario(body, "theirs.total=null").plan.stack


def test_every_listed_path_is_understood():
    """What completion offers is never an unknown path."""
    made = scenario(FULL, head="")
    paths = sorted(path for path in settable_paths(made.plan) if path not in ("name", "about"))
    parts = [list(part) for _, part in groupby(paths, lambda path: path.split(".")[: 1 + path.startswith("faults.")])]
    for together in zip_longest(*parts):  # one of each part at a time: all of a part at once are too many mistakes
        chosen = [path for path in together if path is not None]
        last = tuple(path.rpartition(".")[2] for path in chosen)
        for each in findings(FULL, *(f"{path}={{x: 1}}" for path in chosen)):
            if each.file == "--set":
                assert each.code != codes.SET_PATH, each
                assert not (each.code == codes.UNKNOWN_KEY and each.path.endswith(last)), each
    assert {"retry.attempts", "overall.after", "faults.main.for", "service.latency.p99"} <= set(
        settable_paths(made.plan)
    )
    assert {"hedge.delay", "faults.spike.rate"} <= set(settable_paths())


MIX = "operation: [{share: 70%, method: GET}, {method: POST, amount: 2.50}]\n"


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("operation.0.share=60%", lambda p: [each.share for each in p.operation.each], [0.6, 0.4]),
        ("operation.1.idempotency_key=true", lambda p: p.operation.mix[1].idempotency_key, True),
        ("operation.1={method: PUT}", lambda p: p.operation.mix[1].amount, None),
        ("operation={method: PUT}", lambda p: [each.method for each in p.operation.each], ["PUT"]),
        ("operation=[{share: 20%}, {method: DELETE}]", lambda p: p.operation.mix[1].method, "DELETE"),
        ("operation=", lambda p: p.operation.each[0].method, "GET"),
    ],
)
def test_a_path_into_a_mix_of_operations(override, read, value):
    """By number; an operation without a share takes what the others leave."""
    assert read(plan(MIX, override)) == (pytest.approx(value) if value == [0.6, 0.4] else value)


def test_a_mix_instead_of_one_operation_and_the_other_way_round():
    """A mapping's keys are set one by one, a list is replaced whole."""
    one = "operation: {method: POST, amount: 3.00}\n"
    assert plan(one, "operation={idempotency_key: true}").operation.amount == 3.0
    assert len(plan(one, "operation=[{share: 20%}, {method: DELETE}]").operation.mix) == 2
    assert plan("", "operation=[{method: PUT}]").operation == plan("operation: {method: PUT}").operation
    for text, path in ((MIX, "operation.method=PUT"), (one, "operation.0.method=PUT")):
        (found,) = findings(HEAD + TRAFFIC + text, path)
        assert found.code == codes.SET_PATH


def test_the_paths_of_a_mix_are_completed():
    paths = settable_paths(plan(MIX))
    assert {"operation.0.share", "operation.1.method", "operation.method"} <= set(paths)
