"""Why: every sentence is true of the run it is said of, and is not said of a run near it of which it is not true."""

from __future__ import annotations

import pytest

from resilience_sim.kernel.frames import Frame
from resilience_sim.measure.result import RunResult
from resilience_sim.measure.run_fold import RunFold
from resilience_sim.policies.plugin import ERROR, Policy
from resilience_sim.runs.plugins import with_policies
from resilience_sim.runs.simulate import simulate
from resilience_sim.runs.simulation import Simulation, make_components
from resilience_sim.scenario.load import load, load_text
from resilience_sim.settings.plan import Plan
from resilience_sim.views.moments import MomentsFold
from resilience_sim.views.why import reasons
from resilience_sim.views.why_case import Case


def plan_of(text: str) -> Plan:
    return load_text(f"resim: 1\n{text}", "why.yaml").plan


def why(plan: Plan) -> str:
    moments = MomentsFold(plan, make_components(plan))
    return " ".join(reasons(Case(plan, simulate(plan, 1, [moments]).document, moments)))


BASE = """
service: {latency: 150ms, failure_rate: 0%}
traffic: {rate: 10/s, arrivals: even, requests: 100}
stack: []
"""
NOT_FOUND = "faults: [{errors: {at: 0s, for: 1h, status: 404}}]\n"
OUTAGE = "faults: [{outage: {id: main, at: 2s, for: 3s, how: error}}]\n"


CRASHING = BASE + OUTAGE.replace("error", "hang") + "client: {threads: 5, on_exhaustion: crash, restart_after: 60s}\n"
STORM = """
service: {latency: 100ms, workers: 1}
traffic: {rate: 8/s, arrivals: even, duration: 40s}
faults: [{outage: {id: main, at: 5s, for: 5s, how: hang}}]
stack: [{retry: {attempts: 4}}, {timeout: {after: 300ms}}]
"""
PAYING = """
service: {latency: 150ms, failure_rate: 0%}
operation: {method: POST}
traffic: {rate: 10/s, arrivals: even, requests: 100}
faults: [{lost_responses: {at: 2s, for: 3s}}]
stack: [{retry: {attempts: 3, delay: 3s}}, {timeout: {after: 1s}}]
"""
LIMITED = """
service: {latency: 10ms}
traffic: {rate: 10/s, arrivals: even, requests: 100}
faults: [{rate_limit: {at: 0s, for: 60s, limit: 5/s, retry_after: 2s}}]
stack: [{retry: {attempts: 3}}]
"""
HALF_KEYED = "operation: [{method: POST}, {method: POST, idempotency_key: true}]"
HALF_READ = "operation: [{method: GET}, {method: POST}]"
KEYED = PAYING.replace("POST", "POST, idempotency_key: true")
DEAF = LIMITED.replace("attempts: 3", "attempts: 3, honor_retry_after: false")
CHANGED = """
service: {latency: 100ms, failure_rate: 50%}
traffic: {rate: 10/s, arrivals: even, requests: 200}
stack: [{retry: {attempts: 5}}]
changes: [{at: 5s, set: {retry.attempts: 1}}]
"""
OVERLOAD = """
service: {latency: 150ms, workers: 2}
traffic: {phases: [{for: 10s, rate: 10/s}, {for: 30s, rate: 20/s}]}
stack: []
"""


GUARDED = BASE.replace("stack: []", "stack: [{circuit_breaker: {failure_threshold: 3}}, {retry: {attempts: 2}}]")
TWO_BREAKERS = (
    BASE.replace(
        "stack: []",
        "stack: [{circuit_breaker: {id: outer, failure_threshold: 2}}, "
        "{circuit_breaker: {id: inner, failure_threshold: 3}}]",
    )
    + OUTAGE
)
FAILING = BASE.replace("0%", "50%")


def stack(policies: str, text: str = BASE) -> str:
    return text.replace("stack: []", f"stack: [{policies}]")


PAIRS: list[tuple[str, str, str]] = [
    # sentence, a run of which it is true, one near it of which it is not
    ("The rate limiter turned away 90 of 100 requests (rate_limited).", stack("rate_limiter: {limit: 1/s}"),
     stack("rate_limiter: {limit: 20/s}")),
    ("Rate limiter own turned away", stack("{rate_limiter: {id: own, limit: 1/s}}"),
     stack("{rate_limiter: {id: own, limit: 20/s}}")),
    ("The timeout gave up on 100 of 100 requests after 10ms, less than B's work takes.",
     stack("timeout: {after: 10ms}"), stack("timeout: {after: 1s}")),
    ("less than B's work takes", stack("timeout: {after: 100ms}"),  # B hangs: that is not the timeout's doing
     stack("timeout: {after: 1s}") + OUTAGE.replace("error", "hang")),
    ("The bulkhead turned away", stack("bulkhead: {max_concurrent: 1}"), stack("bulkhead: {max_concurrent: 5}")),
    ("B failed", stack("rate_limiter: {limit: 20/s}", BASE.replace("0%", "50%")), stack("rate_limiter: {limit: 1/s}")),
    ("no policy rescued them", stack("timeout: {after: 1s}") + OUTAGE, stack("timeout: {after: 1s}")),
    ("The breaker opened", stack("circuit_breaker: {failure_threshold: 3}") + OUTAGE,
     stack("circuit_breaker: {failure_threshold: 3}")),
    ("The breaker never opened", stack("circuit_breaker: {failure_threshold: 90}") + OUTAGE,
     stack("circuit_breaker: {failure_threshold: 3}") + OUTAGE),
    ("The breaker stands outside the retry",
     stack("{circuit_breaker: {failure_threshold: 3}}, {retry: {attempts: 2}}") + OUTAGE,
     stack("{retry: {attempts: 2}}, {circuit_breaker: {failure_threshold: 3}}") + OUTAGE),
    ("The breaker stands inside the retry",
     stack("{retry: {attempts: 2}}, {circuit_breaker: {failure_threshold: 3}}") + OUTAGE,
     stack("{circuit_breaker: {failure_threshold: 3}}, {retry: {attempts: 2}}") + OUTAGE),
    ("Retrying saved", stack("retry: {attempts: 3, delay: 2s}") + OUTAGE, stack("hedge: {delay: 10ms}")),
    ("Retries multiplied the calls to B",
     stack("retry: {attempts: 5, delay: 1ms}", BASE.replace("10/s", "100/s").replace("100}", "1000}")) + OUTAGE,
     stack("retry: {attempts: 5, delay: 1ms}", BASE.replace("10/s", "100/s").replace("100}", "1000}"))),
    ("failed although 3 attempts were made", stack("retry: {attempts: 3, delay: 1ms}") + OUTAGE,
     stack("retry: {attempts: 3, delay: 5s}") + OUTAGE),
    ("failed although", stack("retry: {attempts: 2, delay: 1ms}") + OUTAGE,
     stack("retry: {attempts: 1}") + OUTAGE),
    ("The retry budget denied", stack("retry: {attempts: 3, budget: 1%}") + OUTAGE,
     stack("retry: {attempts: 3, budget: 1%}")),
    ("Hedging sent another leg for 100 requests (100%) that had no success yet",
     stack("hedge: {delay: 10ms}"), stack("hedge: {delay: 1s}")),
    ("The fallback answered", stack("fallback") + OUTAGE, stack("fallback")),
    ("No policy stands between", BASE + OUTAGE, stack("timeout: {after: 1s}") + OUTAGE),
    ("never got an answer: no timeout limits the waiting", BASE + OUTAGE.replace("error", "hang"),
     stack("timeout: {after: 1s}") + OUTAGE.replace("error", "hang")),
    ("of its work on attempts that nobody waited for any more",
     stack("timeout: {after: 100ms}", BASE.replace("150ms,", "150ms, workers: 10,")),
     stack("timeout: {after: 1s}", BASE.replace("150ms,", "150ms, workers: 10,"))),
    ("B has no queue, and its workers were busy", BASE.replace("150ms,", "150ms, workers: 1, queue: 0,"),
     BASE.replace("150ms,", "150ms, workers: 10, queue: 0,")),
    ("It ended in collapse", stack("timeout: {after: 1s}", OVERLOAD), BASE.replace("0%", "100%")),
    ("It ended in collapse", stack("timeout: {after: 1s}", OVERLOAD), stack("timeout: {after: 1s}") + OUTAGE),
    ("Nothing went wrong", BASE, BASE.replace("0%", "50%")),
    ("Nothing went wrong", BASE, BASE + OUTAGE),
    ("Service A crashed once at 2.5s, taking 6 requests down: all 5 threads were waiting, and no timeout in the stack",
     CRASHING, stack("timeout: {after: 200ms}", CRASHING)),
    ("and no breaker kept new requests from joining them", stack("timeout: {after: 5s}", CRASHING),
     stack("{timeout: {after: 200ms}}, {circuit_breaker: {failure_threshold: 1}}", CRASHING)),
    ("found all 5 taken; no timeout sets a waiting one free", CRASHING.replace("crash", "reject"),
     stack("timeout: {after: 2s}", CRASHING.replace("crash", "reject"))),
    ("Service A ran out of threads", CRASHING.replace("crash", "reject"),
     CRASHING.replace("threads: 5", "threads: 50")),
    ("No policy stands between", BASE + OUTAGE,  # whom A turned away itself, B has not failed
     BASE + OUTAGE.replace("error", "hang") + "client: {threads: 5}\n"),
    ("In all 30 duplicates: POST is not idempotent, and no idempotency key", PAYING, PAYING.replace("POST", "PUT")),
    ("some POSTs carry no idempotency key", PAYING.replace("operation: {method: POST}", HALF_KEYED), PAYING),
    ("B would deduplicate, but some POSTs carry no idempotency key",
     PAYING.replace("150ms,", "150ms, deduplicate: true,").replace("operation: {method: POST}", HALF_KEYED),
     PAYING.replace("operation: {method: POST}", HALF_KEYED)),
    ("B would deduplicate, but POSTs carry no idempotency key",
     PAYING.replace("150ms,", "150ms, deduplicate: true,").replace("operation: {method: POST}", HALF_READ),
     PAYING.replace("operation: {method: POST}", HALF_READ)),
    ("GET changes nothing, PUT once more neither",
     PAYING.replace("operation: {method: POST}", HALF_READ.replace("POST", "PUT")),
     PAYING.replace("operation: {method: POST}", HALF_READ)),
    ("duplicates: POST is not idempotent", PAYING.replace("operation: {method: POST}", HALF_READ),
     PAYING.replace("operation: {method: POST}", HALF_READ).replace("{attempts:", "{only_idempotent: true, attempts:")),
    ("requests carry idempotency keys, but B does not deduplicate", KEYED,
     PAYING),
    ("B recognised 30 repeated attempts by the idempotency key",
     KEYED.replace("150ms,", "150ms, deduplicate: true,"), PAYING),
    ("effects happened although the user was told that the request had failed",
     PAYING.replace("attempts: 3", "attempts: 1"), PAYING),
    ("B executed 30 requests more than once; PUT is idempotent", PAYING.replace("POST", "PUT"), PAYING),
    ("GET changes nothing", PAYING.replace("POST", "GET"), PAYING.replace("POST", "GET").replace("at: 2s", "at: 20s")),
    ("100 requests succeeded only after the 100ms", BASE.replace("even,", "even, deadline: 100ms,"),
     BASE.replace("even,", "even, deadline: 200ms,")),
    ("It never recovered", STORM, STORM.replace("hang", "refuse").replace("8/s", "2/s")),
    ("succeeded less than half as often as those before the first one", STORM, STORM.replace("at: 5s", "at: 0s")),
    ("succeeded less than half the time", STORM.replace("at: 5s", "at: 0s"), STORM),
    ("with Retry-After 2s: the retry waits that long", LIMITED, DEAF),
    ("with Retry-After 2s: the retry does not listen",
     DEAF, LIMITED),
    ("Retry-After", LIMITED, LIMITED.replace(", retry_after: 2s", "")),
    ("B answered 429", LIMITED, LIMITED.replace("limit: 5/s", "limit: 50/s")),
    ("Changed at 5s (retry: attempts 1): ", CHANGED, CHANGED.replace("[{at: 5s, set: {retry.attempts: 1}}]", "[]")),
    ("B refused 30 requests, and no policy rescued them",
     stack("timeout: {after: 1s}") + OUTAGE.replace("error", "refuse"),
     stack("timeout: {after: 1s}") + OUTAGE),
    ("100 requests ended with a client error (4xx): the request is at fault, not B.", BASE + NOT_FOUND,
     BASE + NOT_FOUND.replace("404", "500")),
    ("not B; such answers are neither tried again nor failures to the breaker.",
     stack("{circuit_breaker: {failure_threshold: 3}}, {retry: {attempts: 2}}") + NOT_FOUND,
     stack("{circuit_breaker: {failure_threshold: 3, on: [client_error]}}, {retry: {attempts: 2}}") + NOT_FOUND),
    ("not B; such answers are not tried again.", stack("retry: {attempts: 2}") + NOT_FOUND,
     stack("retry: {attempts: 2, on: [client_error]}") + NOT_FOUND),
    ("such answers are no failures to the breaker.", stack("circuit_breaker: {failure_threshold: 3}") + NOT_FOUND,
     stack("retry: {attempts: 2}") + NOT_FOUND),
    ("`retry` tries such answers again all the same.", stack("retry: {attempts: 2, on: [client_error]}") + NOT_FOUND,
     stack("retry: {attempts: 1, on: [client_error]}") + NOT_FOUND),
    ("`circuit_breaker` counts such answers as failures of B all the same.",
     stack("circuit_breaker: {failure_threshold: 3, on: [client_error]}") + NOT_FOUND,
     stack("circuit_breaker: {failure_threshold: 3, ignore: [error]}") + NOT_FOUND),
    ("B failed 100 requests, and no policy rescued them",
     stack("timeout: {after: 1s}") + NOT_FOUND.replace("404", "500"),
     stack("timeout: {after: 1s}") + NOT_FOUND),
    ("its caller only saw “unavailable”, and attempt 2 did it again",
     PAYING.replace("for: 3s", "for: 3s, answer: unavailable"), PAYING),
    ("The breaker opened at 5s by hand. It opened once", GUARDED + "changes: [{at: 5s, trip: circuit_breaker}]\n",
     GUARDED + OUTAGE),
    ("The breaker stands outside the retry", GUARDED + OUTAGE,  # opened by hand, it stands where it stands
     GUARDED + "changes: [{at: 5s, trip: circuit_breaker}]\n"),
    ("The breaker stands outside the retry", GUARDED + OUTAGE,
     GUARDED.replace("attempts: 2", "attempts: 1") + OUTAGE),
    ("Of the 2 breakers outer opened first, at 2.25s after 2 failures in a row, 250ms after the fault “main” began. "
     "All of them opened, once each, were open for", TWO_BREAKERS,
     TWO_BREAKERS.replace("failure_threshold: 3", "failure_threshold: 50")),
    ("No other one did. It opened once", TWO_BREAKERS.replace("failure_threshold: 3", "failure_threshold: 50"),
     TWO_BREAKERS),
    ("Of the 2 breakers breaker@0 opened first", GUARDED + OUTAGE + "client: {instances: 2}\n", GUARDED + OUTAGE),
    ("The breaker never opened", stack("circuit_breaker: {failure_threshold: 90}") + OUTAGE,  # no call failed there
     stack("{circuit_breaker: {failure_threshold: 90}}, {hedge: {delay: 100ms}}")),
    ("they were only slow", stack("circuit_breaker", BASE.replace("even,", "even, deadline: 100ms,")),
     stack("{rate_limiter: {limit: 5/s}}, {circuit_breaker: {failure_threshold: 90}}")),  # it never saw those calls
    ("they were only slow", stack("circuit_breaker", BASE.replace("even,", "even, deadline: 100ms,")),
     stack("{circuit_breaker: {failure_threshold: 90}}, {bulkhead: {max_concurrent: 1}}")),  # which fail for a breaker
    ("The breaker never opened: it never saw 90 failures in a row", stack("circuit_breaker: {failure_threshold: 90}")
     + OUTAGE, stack("circuit_breaker: {failure_threshold: 90}") + OUTAGE
     + "changes: [{at: 9s, set: {circuit_breaker.failure_threshold: 80}}]\n"),
    ("nothing was done twice", KEYED.replace("150ms,", "150ms, deduplicate: true,"),
     KEYED.replace("150ms,", "150ms, deduplicate: {ttl: 2500ms},").replace("delay: 3s", "delay: 2s, backoff: linear")),
    ("with Retry-After 2s", LIMITED,
     LIMITED.replace("}}]\nstack", "}}, {rate_limit: {at: 60s, for: 1s, limit: 1/s}}]\nstack")),
    ("with Retry-After 2s", LIMITED,
     LIMITED.replace("}}]\nstack", "}}, {errors: {at: 1s, for: 5s, rate: 50%, status: 429}}]\nstack")),
    ("with Retry-After 2s", LIMITED, LIMITED.replace("attempts: 3", "attempts: 3, on: [error]")),
    ("The throttle turned away", stack("{throttle: {k: 1, window: 100s}}, {timeout: {after: 1s}}", FAILING),
     stack("{throttle: {k: 100}}, {timeout: {after: 1s}}", FAILING)),
    ("The bulkhead turned away 33 of 100 requests, the rate limiter 33.",
     stack("{bulkhead: {max_concurrent: 1}}, {rate_limiter: {limit: 4/s, burst: 1}}"),
     stack("bulkhead: {max_concurrent: 1}")),
    ("The timeout gave up on 30 of 100 requests after 1s.",
     stack("timeout: {after: 1s}") + OUTAGE.replace("error", "hang"),
     stack("{retry: {attempts: 2}}, {timeout: {after: 1s}}") + OUTAGE.replace("error", "hang")),
    ("requests came while it was down", CRASHING, CRASHING.replace("crash", "reject")),
    ("all 5 threads of its instance were waiting",
     CRASHING.replace("threads: 5", "threads: 5, instances: 2"), CRASHING),
    ("B failed or refused",
     stack("timeout: {after: 1s}", BASE.replace("0%", "30%")) + OUTAGE.replace("error", "refuse"),
     stack("timeout: {after: 1s}", BASE.replace("0%", "30%"))),
]  # fmt: skip


@pytest.mark.parametrize(("said", "true", "near"), PAIRS, ids=[said for said, _, _ in PAIRS])
def test_a_sentence_is_said_only_where_it_is_true(said: str, true: str, near: str) -> None:
    assert said in why(plan_of(true))
    assert said not in why(plan_of(near))


def cut(plan: Plan, at: int) -> tuple[RunResult, str]:
    """A run that is stopped at a second: its figures, and why."""
    simulation = Simulation(plan, 1)
    figures, moments = RunFold(plan, simulation.components), MomentsFold(plan, simulation.components)
    simulation.attach(figures)
    simulation.attach(moments)
    simulation.run(at * 1_000_000_000)
    result = figures.result(1, simulation.digest(), simulation.now, cut=True)
    return result, " ".join(reasons(Case(plan, result.document, moments)))


def test_requests_under_way_when_a_run_is_cut_short_have_not_failed() -> None:
    """They are counted apart, no availability counts them, and no cause is told for them."""
    plan = plan_of(BASE.replace("150ms", "1500ms"))
    result, said = cut(plan, 7)
    requests = result.document["requests"]
    assert (requests["total"], requests["succeeded"], requests["failed"], requests["under_way"]) == (71, 56, 0, 15)
    assert requests["by_outcome"]["unanswered"] == result.document["attempts"]["by_outcome"]["unanswered"] == 0
    assert result.document["attempts"]["under_way"] == 15
    assert result.document["availability"] == result.metrics["availability"].value == 1.0
    assert result.metrics["failed"].value == 0
    assert said == "Nothing has gone wrong so far."
    whole = simulate(plan, 1).document
    assert "under_way" not in whole["requests"]
    assert "under_way" not in whole["attempts"]
    assert cut(plan, 1)[1] == "No request has its outcome yet."
    assert cut(plan, 1)[0].document["availability"] is None


def test_of_a_run_that_was_cut_short_nobody_says_that_it_never_recovered_or_never_got_an_answer() -> None:
    storm = plan_of(STORM)
    assert "It never recovered: requests that came 29.9s after the last fault was over still succeeded" in why(storm)
    result, said = cut(storm, 35)
    assert result.document["collapsed"] is False
    assert result.metrics["collapse_probability"].value is None
    assert "recovered" not in said
    hung = plan_of(BASE + OUTAGE.replace("error", "hang"))
    assert "30 requests never got an answer" in why(hung)
    result, said = cut(hung, 9)
    assert result.document["requests"]["under_way"] == 32  # two of them will succeed
    assert "answer" not in said


def test_requests_of_a_run_that_was_cut_short_came_before_its_end() -> None:
    """The stretches are as long as the whole run would have wanted them."""
    text = "traffic: {rate: 10/s, duration: 10h}\nstack: [{retry: {attempts: 3}}]\n"
    one = plan_of(f"service: {{failure_rate: 100%}}\n{text}")
    two = plan_of(f"services: {{shop: {{calls: [{{to: db}}]}}, db: {{failure_rate: 100%}}}}\n{text}")
    assert "requests that came around 30s made" in cut(one, 60)[1]
    assert "requests that came around 30s made" in cut(two, 60)[1]


def test_never_recovered_takes_time_after_the_fault() -> None:
    """As long as the fault itself, and as long as a breaker stays open."""
    late = STORM.replace("at: 5s", "at: 32s")
    document = simulate(plan_of(late), 1).document
    assert document["collapsed"]
    assert "never recovered" not in why(plan_of(late))
    guarded = STORM.replace("stack: [", "stack: [{circuit_breaker: {failure_threshold: 3, recovery_time: 60s}}, ")
    assert simulate(plan_of(guarded), 1).document["collapsed"]
    assert "never recovered" not in why(plan_of(guarded))


def test_the_load_is_never_multiplied_by_more_than_the_attempts() -> None:
    """The attempts are those of the requests that are counted, whenever they were made."""
    for seed in range(1, 6):
        plan = load("hard-outage").plan
        moments = MomentsFold(plan, make_components(plan))
        simulate(plan, seed, [moments])
        peak = moments.peak()
        assert peak is not None
        assert peak.attempts <= 3 * peak.requests


class EveryOther(Policy):
    """Turns away every other call."""

    calls = 0

    def enter(self, parent: Frame) -> None:
        self.calls += 1
        if self.calls % 2:
            self.call(parent)
        else:
            self.turn_away(parent, ERROR)


def test_a_policy_that_no_rule_knows_is_named() -> None:
    """B is not blamed for what a plug-in turned away."""
    plan = plan_of(BASE)
    said = why(with_policies(plan, [f"{__name__}:EveryOther"]))
    assert "Plugin EveryOther turned away 50 of 100 requests (error)." in said
    assert "B failed" not in said
    assert "turned away" not in why(plan)


def test_without_counts_nobody_is_blamed() -> None:
    """Of several runs only the figures are known."""
    failing = plan_of(stack("timeout: {after: 1s}") + OUTAGE)
    assert reasons(Case(failing, simulate(failing, 1).document)) == ["30 requests did not succeed: 30 error."]
