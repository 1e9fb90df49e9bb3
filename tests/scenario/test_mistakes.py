"""What is said about a scenario that is wrong: code, place, remedy, all in one pass."""

import pytest

from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text
from resilience_sim.settings import codes

from .lab import HEAD, TRAFFIC, finding, findings, marked, plan

WRONG = [
    # body, code, marked text, part of the message or remedy
    ("servce: {latency: 1ms}", codes.UNKNOWN_KEY, "servce", "did you mean `service`?"),
    ("service: {wrokers: 3}", codes.UNKNOWN_KEY, "wrokers", "did you mean `workers`?"),
    ("workers: 3", codes.UNKNOWN_KEY, "workers", "belongs to `service`"),
    ("stack: [{retry: {attemps: 3}}]", codes.UNKNOWN_KEY, "attemps", "did you mean `attempts`?"),
    ("stack: [{retry: {max_retries: 3}}]", codes.UNKNOWN_KEY, "max_retries", "here it is called `attempts`"),
    ("stack: [{retyr: {attempts: 3}}]", codes.UNKNOWN_KEY, "retyr", "did you mean `retry`?"),
    ("stack: [retyr]", codes.UNKNOWN_KEY, "retyr", "did you mean `retry`?"),
    ("stack: [timeout]", codes.MISSING, "timeout", "`after: 1s`"),
    ("stack: [{timeout: {aftr: 1s}}]", codes.UNKNOWN_KEY, "aftr", "did you mean `after`?"),
    ("stack: [{retry: {}, hedge: {delay: 1s}}]", codes.CONFLICT, "hedge", "its own `-`"),
    ("stack: [7]", codes.WRONG_TYPE, "7", "expected a policy"),
    ("stack: {retry: {}}", codes.WRONG_TYPE, "{retry: {}}", "begin each item with `- `"),
    ("stack: [{retry: {attempts: 0}}]", codes.RANGE, "0", "from 1"),
    ("stack: [{retry: {attempts: '3'}}]", codes.WRONG_TYPE, "'3'", "quotes"),
    ("stack: [{retry: {attempts: 2.5}}]", codes.WRONG_TYPE, "2.5", "integer"),
    ("stack: [{retry: {attempts: true}}]", codes.WRONG_TYPE, "true", "integer"),
    ("stack: [{retry: {attempts: }}]", codes.WRONG_TYPE, "attempts", "nothing"),
    ("stack: [{retry: {delay: 1}}]", codes.NO_UNIT, "1", "write `1s` or `1ms`"),
    ("stack: [{retry: {jitter: ful}}]", codes.CHOICE, "ful", "did you mean `full`?"),
    ("stack: [{retry: {jitter: 200%}}]", codes.RANGE, "200%", "100%"),
    ("stack: [{retry: {on: [error, timout]}}]", codes.CHOICE, "timout", "did you mean `timeout`?"),
    ("stack: [{retry: {on: [success]}}]", codes.CHOICE, "success", "no policy is ever told that"),
    ("stack: [{retry: {on: timeout}}]", codes.WRONG_TYPE, "timeout", "write [timeout]"),
    ("stack: [{retry: {honor_retry_after: yes}}]", codes.WRONG_TYPE, "yes", "did you mean `true`?"),
    ("stack: [{retry: {budget: 0.1}}]", codes.NO_UNIT, "0.1", "write `10%`"),
    ("stack: [{retry: {budget: {capacity: 3}}}]", codes.MISSING, "budget", "kind: token_bucket"),
    ("stack: [{retry: {budget: {kind: grpc, capacity: 3}}}]", codes.CONFLICT, "capacity", "maxTokens"),
    ("stack: [{retry: {budget: {kind: token_bucket, threshold: 10%}}}]", codes.CONFLICT, "threshold", "failure_rate"),
    ("stack: [{circuit_breaker: {failure_threshold: 0.5}}]", codes.NO_UNIT, "0.5", "write `50%`"),
    ("stack: [{circuit_breaker: {failure_threshold: 120%}}]", codes.RANGE, "120%", "100%"),
    (
        "stack: [{circuit_breaker: {window: 10, failure_threshold: 50%, min_calls: 20}}]",
        codes.CONFLICT,
        "20",
        "at most 10",
    ),
    ("stack: [{circuit_breaker: {like: resilience4j, fail_max: 3}}]", codes.CONFLICT, "fail_max", "slidingWindowSize"),
    ("stack: [{circuit_breaker: {like: nobody}}]", codes.CHOICE, "nobody", "classic"),
    ("stack: [{circuit_breaker: {backoff: {factor: 2x, max: 5s}}}]", codes.CONFLICT, "5s", "recovery_time"),
    ("stack: [{rate_limiter: {limit: 50}}]", codes.NO_UNIT, "50", "write `50/s`"),
    ("stack: [{rate_limiter: {limit: 0.5/s, kind: fixed_window}}]", codes.RANGE, "0.5/s", "1/2s"),
    ("stack: [{timeout: {after: 0ms}}]", codes.RANGE, "0ms", "too short"),
    ("stack: [{timeout: {after: 1s, id: a}}, {timeout: {after: 1s, id: a}}]", codes.DUPLICATE_ID, "a", "`stack.0`"),
    ("stack: [{timeout: {after: 1s, id: a.b}}]", codes.WRONG_TYPE, "a.b", "no spaces, dots"),
    ("operation: []", codes.RANGE, "operation", "1 to 100 of them"),
    ("operation: 7", codes.WRONG_TYPE, "7", "expected a mapping"),
    ("operation: [{share: 70%}, {share: 20%, method: POST}]", codes.CONFLICT, "operation", "90% together"),
    ("operation: [{share: 70%}, {share: 40%, method: POST}]", codes.CONFLICT, "operation", "110% together"),
    ("operation: [{share: 0.7}, {method: POST}]", codes.NO_UNIT, "0.7", "write `70%`"),
    ("operation: [{method: PATCH}]", codes.CHOICE, "PATCH", "POST"),
    ("operation: [{verb: POST}]", codes.UNKNOWN_KEY, "verb", "method"),
    ("operation: {share: 70%, method: GET}", codes.UNKNOWN_KEY, "share", "belongs to `operation: [{share: …}, …]`"),
    ("operation: [GET]", codes.WRONG_TYPE, "GET", "expected a mapping"),
    ("service: {latency: 50}", codes.NO_UNIT, "50", "write `50ms` or `50s`"),
    ("service: {latency: {p50: 40ms}}", codes.MISSING, "p50", "needs `p99`"),
    ("service: {latency: {p50: 40ms, p99: 4ms}}", codes.RANGE, "4ms", "longer than `p50`"),
    ("service: {latency: {p50: 0ms, p99: 4ms}}", codes.RANGE, "0ms", "too short"),
    ("service: {latency: {uniform: [8ms, 2ms]}}", codes.RANGE, "[8ms, 2ms]", "shorter one first"),
    ("service: {latency: {uniform: [8ms]}}", codes.WRONG_TYPE, "[8ms]", "[20ms, 80ms]"),
    ("service: {latency: {exponential: 1ms, pareto: {min: 1ms, alpha: 2}}}", codes.CONFLICT, "pareto", "keep one"),
    ("service: {latency: {}}", codes.MISSING, "{}", "shape"),
    ("service: {latency: {gamma: {mean: 1ms}}}", codes.MISSING, "gamma", "cv"),
    ("service: {latency: {empirical: nowhere.csv}}", codes.DATA_FILE, "nowhere.csv", "no file"),
    ("service: {failure_rate: 101%}", codes.RANGE, "101%", "100%"),
    ("service: {failure_rate: -1%}", codes.RANGE, "-1%", "negative"),
    ("service: {failure: erorr}", codes.CHOICE, "erorr", "did you mean `error`?"),
    ("service: {workers: lots}", codes.WRONG_TYPE, "lots", "unlimited"),
    ("service: {workers: 0}", codes.RANGE, "0", "from 1"),
    ("service: 5", codes.WRONG_TYPE, "5", "mapping"),
    ("operation: {method: post}", codes.CHOICE, "post", "did you mean `POST`?"),
    ("operation: {amount: -1}", codes.RANGE, "-1", "at least 0"),
    ("faults: [{outage: {at: 30, for: 1s}}]", codes.NO_UNIT, "30", "write `30s` or `30ms`"),
    ("faults: [{outage: {at: 30s}}]", codes.MISSING, "outage", "`for: 5s`"),
    ("faults: [{outage: {at: 3s, for: 1s, share: 0%}}]", codes.RANGE, "0%", "more than"),
    ("faults: [{outage: {at: 3s, for: 1s, replica: 2}}]", codes.REFERENCE, "2", "only one replica"),
    ("faults: [{errors: {at: 3s, for: 1s, status: 200}}]", codes.RANGE, "200", "400"),
    ("faults: [{brownout: {at: 3s, for: 1s, slower: 4}}]", codes.NO_UNIT, "4", "write `4x`"),
    ("compare: {baseline: a, variants: {b: {}}}", codes.REFERENCE, "a", "`b`"),
    ("compare: {variants: {b: {without: [retry]}}}", codes.REFERENCE, "retry", "stack is empty"),
    ("compare: {variants: {as-written: {}}}", codes.CONFLICT, "as-written", "another name"),
    ("expect: [availabilty > 9%]", codes.EXPECTATION, "availabilty", "did you mean `availability`?"),
    ("expect: [availability > 99]", codes.NO_UNIT, "99", "write `99%`"),
    ("expect: [availability => 99%]", codes.EXPECTATION, "=>", "did you mean `>=`?"),
    ("expect: [p99 < 800]", codes.NO_UNIT, "800", "write `800ms` or `800s`"),
    ("expect: [p99 < 80%]", codes.BAD_UNIT, "80%", "duration"),
    ("expect: [duplicates == 0.5]", codes.WRONG_TYPE, "0.5", "integer"),
    ("expect: [p99 < 1s during main]", codes.EXPECTATION, "during main", "{that: p99 < 1s, during: …}"),
    ("expect: [p100 < 1s]", codes.EXPECTATION, "p100", "percentiles"),
    ("expect: [{because: x}]", codes.MISSING, "{because: x}", "that: p99 < 800ms"),
    ("expect: [{that: p99 < 1s, during: mian}]", codes.REFERENCE, "mian", "no faults"),
    ("expect: [{that: p99 < 1s, phase: 2}]", codes.REFERENCE, "2", "no `phases`"),
    ("expect: [{that: p99 < 1s, variant: x}]", codes.REFERENCE, "x", "as-written"),
    ("seed: -1", codes.RANGE, "-1", "from 0"),
    ("name: 42", codes.WRONG_TYPE, "42", "quotes"),
]


@pytest.mark.parametrize(("body", "code", "text", "said"), WRONG)
def test_a_mistake_has_one_finding_with_place_and_remedy(body, code, text, said):
    """One mistake, one finding, the caret below the text that is wrong."""
    found = finding(body + "\n")
    assert found.code == code
    assert said in f"{found.message} {found.help}"
    assert found.line == 3
    assert marked(found).startswith(text)
    assert codes.EXPLANATIONS[code]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("{requests: 5}", codes.MISSING, "`rate`"),
        ("{rate: 1/s, users: 3}", codes.CONFLICT, "keep one"),
        ("{users: 3}", codes.CONFLICT, "never think"),
        ("{users: 3, think: 0ms, duration: 3s}", codes.CONFLICT, "think"),
        ("{rate: 1/s, think: 1s, requests: 3}", codes.CONFLICT, "`users`"),
        ("{rate: 0/s}", codes.RANGE, "more than zero"),
        ("{phases: []}", codes.CONFLICT, "no phase"),
        ("{phases: [{for: 1s, rate: 0/s}]}", codes.CONFLICT, "no phase"),
        ("{phases: [{rate: 1/s}]}", codes.MISSING, "for"),
        ("{rate: 2000000000/s}", codes.RANGE, "nanosecond"),
        ("{trace: x.csv}", codes.DATA_FILE, "no file"),
        ("", codes.WRONG_TYPE, "empty"),
        ("{rate: 1/s, requests: 0}", codes.RANGE, "from 1"),
    ],
)
def test_traffic_must_be_one_thing_and_end(text, code, said):
    """Exactly one source, some traffic, no spinning."""
    found = finding(f"traffic: {text}\n", head=HEAD)
    assert (found.code, found.line) == (code, 2)
    assert said in f"{found.message} {found.help}"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("service: {latency: 0ms}", "no time"),
        ("service: {latency: 1ms}\nstack: [circuit_breaker]", "circuit_breaker"),
        ("service: {latency: 1ms}\nfaults: [{outage: {at: 1s, for: 1s}}]", "outage"),
        ("service: {latency: 1ms, queue: 3}", "B may refuse"),
        ("service: {latency: 1ms}\nclient: {threads: 3}", "threads"),
    ],
)
def test_users_who_never_think_need_an_end_where_calls_may_take_no_time(body, why):
    """Else virtual time would stand still for ever."""
    found = finding(body + "\n", head=HEAD + "traffic: {users: 3, duration: 5s}\n")
    assert why in found.message
    assert marked(found) == "users"
    plan(body + "\n", head=HEAD + "traffic: {users: 3, duration: 5s, requests: 9}\n")


def test_users_who_never_think_may_call_a_service_that_takes_its_time():
    """The usual closed loop without thinking."""
    assert plan("service: {latency: 1ms}\n", head=HEAD + "traffic: {users: 3, duration: 5s}\n").traffic.users == 3


def test_a_spike_needs_an_open_loop():
    """Users who wait cannot spike."""
    body = "traffic: {users: 3, think: 1s, duration: 9s}\nfaults: [{spike: {at: 1s, for: 1s, rate: 3x}}]\n"
    found = finding(body, head=HEAD)
    assert (found.code, marked(found)[:5], found.line) == (codes.CONFLICT, "spike", 3)


@pytest.mark.parametrize("text", ["resim: 2\n", "resim: '1'\n", "resim: 1.5\n", "resim: true\n"])
def test_another_version_is_refused(text):
    """Only version 1 is read."""
    assert findings(text + TRAFFIC)[0].code == codes.VERSION


def test_all_mistakes_are_found_in_one_pass():
    """Duplicate and unknown keys, missing units, wrong words, dangling names: together, in the order of the file."""
    text = (
        "resim: 1\n"
        "name: a\n"
        "name: b\n"
        "service: {latency: 50, wrokers: 3}\n"
        "traffic: {rate: 80, requests: 20}\n"
        "faults:\n"
        "  - outage: {at: 30, for: 1s, id: main}\n"
        "stack:\n"
        "  - retry: {attemps: 3, backoff: expo}\n"
        "  - circuit_breaker: {window: 10, failure_threshold: 50%, min_calls: 20}\n"
        "compare:\n"
        "  variants:\n"
        "    a: {without: [bulkhed], set: {retry.delay: 5}}\n"
        "expect:\n"
        "  - availability >= 99\n"
        "  - {that: p99 < 1s, during: mian}\n"
        "  - {that: p99 < 1s, during: main}\n"
    )
    found = findings(text)
    assert [(each.line, marked(each)) for each in found] == [
        (3, "name"),
        (4, "50"),
        (4, "wrokers"),
        (5, "80"),
        (7, "30"),
        (9, "attemps"),
        (9, "expo"),
        (10, "20"),
        (13, "bulkhed"),
        (13, "5"),
        (15, "99"),
        (16, "mian"),
    ]
    assert found[5].path == "stack.0.retry.attemps"


def test_a_mistake_in_a_variant_points_at_the_variant():
    """Where it was written, or the variant's name when nothing in it is wrong alone."""
    body = (
        "stack: [{circuit_breaker: {failure_threshold: 50%, window: 50, min_calls: 40}}]\n"
        "compare:\n"
        "  variants:\n"
        "    a: {set: {circuit_breaker.window: 20}}\n"
        "    b: {set: {circuit_breaker.probes: 0}}\n"
    )
    found = findings(HEAD + TRAFFIC + body)
    assert [(each.line, marked(each)) for each in found] == [(6, "a"), (7, "0")]
    assert found[0].message.startswith("in this variant:")


def test_the_error_reads_and_pickles():
    """A worker process can hand it over."""
    import pickle

    from resilience_sim.scenario.diagnostics import ScenarioError

    error = ScenarioError(findings("resim: 1\nx: 1\n" + TRAFFIC))
    again = pickle.loads(pickle.dumps(error))
    assert again.diagnostics == error.diagnostics
    assert "test.yaml:2:1: error[RS012]: unknown key `x`" in str(again)


@pytest.mark.parametrize(
    "text",
    [
        "crash_replica: {at: 1s, for: 2s, share: 50%}",
        "crash_replica: {at: 1s, for: 2s, of: requests}",
        "spike: {at: 1s, for: 2s, rate: 2x, share: 50%}",
        "spike: {at: 1s, for: 2s, rate: 2x, replica: 1}",
    ],
)
def test_settings_of_faults_that_mean_nothing_are_refused(text):
    """They were accepted, and told in the summary as if they did."""
    with pytest.raises(ScenarioError) as raised:
        load_text(f"resim: 1\ntraffic: {{rate: 1/s, requests: 1}}\nfaults: [{text}]\n", "x.yaml")
    assert [each.code for each in raised.value.diagnostics] == [codes.UNKNOWN_KEY]


@pytest.mark.parametrize(
    "flood",
    [
        "".join(f"nokey{number}: 1\n" for number in range(3000)),
        "stack:\n" + "".join(f"  - retry: {{atempts: {number}}}\n" for number in range(300)),
        "".join(f"name: {number}\n" for number in range(3001)),
    ],
    ids=["unknown keys", "policies", "the same key"],
)
def test_a_flood_of_mistakes_is_cut_off(flood):
    """The first 200, and how many more there are: tens of thousands took the terminal half a minute."""
    with pytest.raises(ScenarioError) as caught:
        load_text(HEAD_OF_FLOOD + flood, "x.yaml")
    found = caught.value.diagnostics
    assert len(found) == 201
    assert "more mistakes are not listed" in found[-1].message
    assert found[-1].help
    assert [each.line for each in found[:200]] == sorted(each.line for each in found[:200])


HEAD_OF_FLOOD = "resim: 1\ntraffic: {rate: 1/s, requests: 9}\nservice: {latency: 1ms}\n"
