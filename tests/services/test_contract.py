"""The contract on several services, sentence by sentence: small scenarios whose figures are worked out by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from resilience_sim.measure.expectations import evaluate
from resilience_sim.scenario.diagnostics import ScenarioError
from tests.services.graph import Ran, plan_of

TWO = "{rate: 1000000/s, requests: 2, arrivals: even}"  # a microsecond apart
MS = 0.001


@dataclass(frozen=True)
class Row:
    """``expected``: by path of the result document, services and links by their names."""

    sentence: str
    services: str
    expected: dict[str, Any]
    rest: str = ""
    traffic: str = "{rate: 1/s, requests: 1, arrivals: even}"
    seconds: dict[str, float] = field(default_factory=dict)  # to a microsecond or two


def at(ran: Ran, path: str) -> Any:
    """``services.db.expired``, ``links.shop>db.calls``, ``requests.total``."""
    first, *rest = path.split(".")
    if first == "services":
        here: Any = ran.service(rest.pop(0))
    elif first == "links":
        caller, callee = rest.pop(0).split(">")
        here = ran.link(caller, callee)
    else:
        here = ran.document[first]
    for name in rest:
        here = here[int(name)] if isinstance(here, list) else here[name]
    return here


TABLE = [
    Row("the first service is the entry", "a: {latency: 10ms}\nb: {latency: 1ms}", {"latency.max": 10 * MS}),
    Row("`entry` names another", "a: {latency: 10ms}\nb: {latency: 1ms}", {"latency.max": 1 * MS}, "entry: b"),
    Row("own work, then the calls, one after the other",
        "shop: {latency: 5ms, calls: [{to: stock}, {to: pay}]}\nstock: {latency: 10ms}\npay: {latency: 20ms}",
        {"latency.max": 35 * MS, "services.stock.latency.max": 10 * MS, "services.shop.latency.max": 35 * MS}),
    Row("together: at the same time; all, the default",
        "shop: {latency: 5ms, calls: [{together: [{to: a}, {to: b}]}]}\na: {latency: 10ms}\nb: {latency: 20ms}",
        {"latency.max": 25 * MS}),
    Row("over when any has succeeded; the others are given up as by a timeout, and what they began goes on",
        "shop: {calls: [{together: [{to: a}, {to: b}], need: any}]}\na: {latency: 10ms}\nb: {latency: 20ms}",
        {"latency.max": 10 * MS, "links.shop>b.by_outcome.timeout": 1, "links.shop>a.by_outcome.success": 1,
         "services.b.succeeded": 1, "services.b.wasted_seconds": 20 * MS}),
    Row("two of three: the failed one does not matter",
        "shop: {calls: [{together: [{to: a}, {to: b}, {to: c}], need: 2}]}\na: {latency: 5ms, failure_rate: 100%}\n"
        "b: {latency: 10ms}\nc: {latency: 20ms}", {"latency.max": 20 * MS, "requests.succeeded": 1}),
    Row("or no longer can: the second failure of three ends two of three",
        "shop: {calls: [{together: [{to: a}, {to: b}, {to: c}], need: 2}]}\na: {latency: 5ms, failure_rate: 100%}\n"
        "b: {latency: 10ms, failure_rate: 100%}\nc: {latency: 20ms}",
        {"latency.max": 10 * MS, "requests.by_outcome.error": 1, "links.shop>c.by_outcome.timeout": 1}),
    Row("all: the first failure ends it",
        "shop: {calls: [{together: [{to: a}, {to: b}]}, {to: c}]}\na: {latency: 5ms, failure_rate: 100%}\n"
        "b: {latency: 20ms}\nc: {}", {"latency.max": 5 * MS, "links.shop>c.calls": 0, "services.b.succeeded": 1}),
    Row("an optional call counts towards need as soon as it has an outcome, whatever it is",
        "shop: {calls: [{together: [{to: a, optional: true}, {to: b}], need: any}]}\n"
        "a: {latency: 5ms, failure_rate: 100%}\nb: {latency: 20ms}",
        {"latency.max": 5 * MS, "requests.succeeded": 1, "links.shop>b.by_outcome.timeout": 1}),
    Row("so does one left out by chance",
        "shop: {latency: 3ms, calls: [{together: [{to: a, chance: 0%}, {to: b}], need: 1}]}\na: {}\nb: {latency: 20ms}",
        {"latency.max": 3 * MS, "links.shop>a.calls": 0}),
    Row("an optional failure is no failure of the caller",
        "shop: {calls: [{to: a, optional: true}, {to: b}]}\na: {failure_rate: 100%}\nb: {}",
        {"requests.succeeded": 1, "links.shop>a.by_outcome.error": 1, "services.b.attempts_received": 1}),
    Row("after the first failed call the rest is not made",
        "shop: {calls: [{to: a}, {to: b}]}\na: {failure_rate: 100%}\nb: {}",
        {"requests.by_outcome.error": 1, "links.shop>b.calls": 0, "services.shop.availability": 0.0}),
    Row("fails_as", "shop: {calls: [{to: a, fails_as: unavailable}]}\na: {failure_rate: 100%}",
        {"requests.by_outcome.unavailable": 1, "links.shop>a.by_outcome.error": 1}),
    Row("fails_as goes on upwards, hop by hop",
        "a: {calls: [{to: b}]}\nb: {calls: [{to: c, fails_as: unavailable}]}\nc: {failure_rate: 100%}",
        {"requests.by_outcome.error": 1, "links.a>b.by_outcome.unavailable": 1}),
    Row("times: that many calls, one after the other",
        "shop: {calls: [{to: db, times: 3}]}\ndb: {latency: 10ms}",
        {"latency.max": 30 * MS, "links.shop>db.calls": 3, "services.db.amplification": 3.0}),
    Row("times: not after a failure", "shop: {calls: [{to: db, times: 3}]}\ndb: {failure_rate: 100%}",
        {"links.shop>db.calls": 1}),
    Row("times: all of them where they are optional",
        "shop: {calls: [{to: db, times: 3, optional: true}]}\ndb: {failure_rate: 100%}",
        {"links.shop>db.calls": 3, "requests.succeeded": 1}),
    Row("its own failure is decided when its own work ends, before any call",
        "shop: {latency: 5ms, failure_rate: 100%, calls: [{to: db}]}\ndb: {}",
        {"latency.max": 5 * MS, "links.shop>db.calls": 0}),
    Row("an effect at the caller is booked when all its calls have succeeded",
        "shop: {calls: [{to: a}, {to: b}]}\na: {latency: 1ms}\nb: {latency: 1ms}",
        {"effects.applied": 1, "services.a.effects.applied": 0}, "operation: {method: POST}"),
    Row("and not when one fails", "shop: {calls: [{to: a}, {to: b}]}\na: {}\nb: {failure_rate: 100%}",
        {"effects.applied": 0}, "operation: {method: POST}"),
    Row("holding: a worker is held until the calls have answered, and counts as busy",
        "shop: {latency: 10ms, workers: 1, calls: [{to: a}]}\na: {latency: 50ms}",
        {"services.shop.utilization": 1.0, "services.shop.queue_peak": 1}, "", TWO, {"latency.max": 120 * MS}),
    Row("free: only own work holds one",
        "shop: {latency: 10ms, workers: 1, waits: free, calls: [{to: a}]}\na: {latency: 50ms}",
        {"services.shop.busy_peak": 1}, "", TWO, {"latency.max": 70 * MS, "services.shop.utilization": 2 / 7}),
    Row("a caller that gives up stops nothing: abandoned services go on calling others",
        "shop: {latency: 20ms, calls: [{to: db}]}\ndb: {latency: 5ms}",
        {"requests.by_outcome.timeout": 1, "latency.max": 10 * MS, "services.db.attempts_received": 1,
         "services.shop.wasted_seconds": 25 * MS, "services.db.wasted_seconds": 0.0},
        "stack: [{timeout: {after: 10ms}}]"),
    Row("cancels_work goes down through everything; cancelled time is wasted",
        "shop: {latency: 5ms, calls: [{to: stock}]}\nstock: {latency: 100ms, calls: [{to: db}]}\ndb: {}",
        {"services.stock.wasted_seconds": 5 * MS, "services.shop.wasted_seconds": 10 * MS, "links.stock>db.calls": 0,
         "virtual_seconds": 10 * MS, "links.shop>stock.by_outcome.timeout": 1},
        "stack: [{timeout: {after: 10ms, cancels_work: true}}]"),
    Row("what somebody below had abandoned before goes on",
        "shop: {calls: [{to: stock, stack: [{retry: {attempts: 2}}, {timeout: {after: 5ms}}]}]}\n"
        "stock: {latency: 100ms}",
        {"links.shop>stock.attempts": 2, "services.stock.succeeded": 1, "virtual_seconds": 100 * MS},
        "stack: [{timeout: {after: 8ms, cancels_work: true}}]", seconds={"services.stock.wasted_seconds": 103 * MS}),
    Row("queued work is stopped, too",
        "shop: {calls: [{to: stock}]}\nstock: {latency: 100ms, workers: 1}",
        {"services.stock.attempts_received": 2, "services.stock.succeeded": 0, "services.stock.queue_peak": 1},
        "stack: [{timeout: {after: 8ms, cancels_work: true}}]", TWO, {"services.stock.wasted_seconds": 8 * MS}),
    Row("who is told a deadline begins no call after it; what is at work goes on",
        "shop: {latency: 20ms, calls: [{to: stock}]}\nstock: {latency: 20ms, calls: [{to: db}]}\ndb: {}",
        {"links.stock>db.calls": 0, "links.shop>stock.by_outcome.timeout": 1, "requests.by_outcome.timeout": 1,
         "latency.max": 30 * MS, "virtual_seconds": 40 * MS, "services.stock.expired": 0},
        "stack: [{timeout: {after: 30ms, passes_on: true}}]"),
    Row("without passes_on it does", "shop: {latency: 20ms, calls: [{to: stock}]}\n"
        "stock: {latency: 20ms, calls: [{to: db}]}\ndb: {}", {"services.db.attempts_received": 1},
        "stack: [{timeout: {after: 30ms}}]"),
    Row("at its instant it has passed", "shop: {latency: 30ms, calls: [{to: db}]}\ndb: {}",
        {"links.shop>db.calls": 0, "requests.by_outcome.timeout": 1},
        "stack: [{timeout: {after: 30ms, passes_on: true}}]"),
    Row("it bounds each call by what is left, retries and waits included",
        "shop: {calls: [{to: db, stack: [{retry: {attempts: 9, delay: 10ms}}]}]}\n"
        "db: {latency: 4ms, failure_rate: 100%}",
        {"links.shop>db.attempts": 3, "links.shop>db.by_outcome.timeout": 1, "requests.by_outcome.timeout": 1},
        "stack: [{timeout: {after: 30ms, passes_on: true}}]"),
    Row("work that reaches its turn too late is received, counts as expired and answers timeout",
        "shop: {calls: [{to: db}]}\ndb: {latency: 50ms, workers: 1}",
        {"services.db.attempts_received": 2, "services.db.expired": 1, "virtual_seconds": 50 * MS},
        "stack: [{timeout: {after: 30ms, passes_on: true}}]", TWO),
    Row("an attempt that comes too late, too",
        "shop: {latency: 15ms, calls: [{to: db}]}\ndb: {latency: 1ms, network: 20ms}",
        {"services.db.attempts_received": 1, "services.db.expired": 1, "services.db.busy_peak": 0},
        "stack: [{timeout: {after: 30ms, passes_on: true}}]"),
    Row("a link's timeout passes its deadline on to what is below it only",
        "shop: {calls: [{to: a, optional: true, stack: [{timeout: {after: 10ms, passes_on: true}}]}, {to: b}]}\n"
        "a: {latency: 10ms, calls: [{to: b2}]}\nb2: {}\nb: {latency: 30ms}",
        {"links.a>b2.calls": 0, "requests.succeeded": 1, "latency.max": 40 * MS}),
    Row("traffic.deadline is told to nobody", "shop: {latency: 20ms, calls: [{to: db}]}\ndb: {latency: 5ms}",
        {"services.db.succeeded": 1, "requests.late": 1, "services.db.expired": 0}, "",
        "{rate: 1/s, requests: 1, arrivals: even, deadline: 10ms}"),
    Row("a key is the same when the caller is executed again",
        "shop: {calls: [{to: pay, operation: {method: POST, idempotency_key: true}}, {to: mail}]}\n"
        "pay: {deduplicate: true}\nmail: {failure_rate: 100%}",
        {"services.pay.effects.applied": 1, "services.pay.effects.deduplicated": 1, "services.pay.effects.orphans": 1},
        "stack: [{retry: {attempts: 2}}]"),
    Row("without a key the second execution is a duplicate; both are orphans",
        "shop: {calls: [{to: pay, operation: {method: POST, amount: 25}}, {to: mail}]}\npay: {}\n"
        "mail: {failure_rate: 100%}",
        {"services.pay.effects.applied": 2, "services.pay.effects.duplicates": 1, "services.pay.effects.orphans": 2,
         "services.pay.effects.amount_applied": 50.0, "services.pay.effects.amount_duplicated": 25.0},
        "stack: [{retry: {attempts: 2}}]"),
    Row("a PUT is no duplicate", "shop: {calls: [{to: pay, operation: {method: PUT}}, {to: mail}]}\npay: {}\n"
        "mail: {failure_rate: 100%}", {"services.pay.effects.applied": 1, "services.pay.effects.duplicates": 0},
        "stack: [{retry: {attempts: 2}}]"),
    Row("the n-th of times is a path of its own",
        "shop: {calls: [{to: pay, times: 2, operation: {method: POST, idempotency_key: true}}]}\n"
        "pay: {deduplicate: true}",
        {"services.pay.effects.applied": 2, "services.pay.effects.deduplicated": 0}),
    Row("the same callee by two ways is two paths",
        "shop: {calls: [{to: a}, {to: b}]}\na: {calls: [{to: pay, operation: {method: POST}}]}\n"
        "b: {calls: [{to: pay, operation: {method: POST}}]}\npay: {}",
        {"services.pay.effects.applied": 2, "services.pay.effects.duplicates": 0}),
    Row("calls entered the stack, attempts left it, by_outcome is of calls",
        "shop: {calls: [{to: db, stack: [{retry: {attempts: 3}}]}]}\ndb: {failure_rate: 100%}",
        {"links.shop>db.calls": 1, "links.shop>db.attempts": 3, "links.shop>db.by_outcome.error": 1,
         "services.db.attempts_received": 3, "attempts.total": 1, "amplification": 1.0}),
    Row("calls that were rejected are calls; a breaker says its link",
        "shop: {calls: [{to: db, stack: [{circuit_breaker: {failure_threshold: 1}}]}]}\ndb: {failure_rate: 100%}",
        {"links.shop>db.calls": 2, "links.shop>db.attempts": 1, "links.shop>db.by_outcome.breaker_open": 1,
         "breakers.0.link": ["shop", "db"], "breakers.0.opened": 1, "breakers.0.rejected": 1}, "",
        "{rate: 1/s, requests: 2, arrivals: even}"),
    Row("policy state belongs to the calling replica",
        "shop: {replicas: 2, calls: [{to: db, stack: [{circuit_breaker: {failure_threshold: 2}}]}]}\n"
        "db: {failure_rate: 100%}", {"breakers.0.opened": 0, "breakers.1.opened": 0, "links.shop>db.attempts": 2}, "",
        "{rate: 1/s, requests: 2, arrivals: even}"),
    Row("unless it is shared",
        "shop: {replicas: 2, calls: [{to: db, stack: [{circuit_breaker: {failure_threshold: 2, shared: true}}]}]}\n"
        "db: {failure_rate: 100%}", {"breakers.0.opened": 1}, "", "{rate: 1/s, requests: 2, arrivals: even}"),
    Row("sheds count in availability, not in latency",
        "shop: {calls: [{to: db, optional: true}]}\ndb: {latency: 10ms, workers: 1, queue: 0}",
        {"services.db.availability": 0.5, "services.db.latency.mean": 10 * MS, "links.shop>db.by_outcome.shed": 1}, "",
        TWO),
    Row("a fault of a service: what is refused is not received",
        "shop: {calls: [{to: db}]}\ndb: {}",
        {"services.db.attempts_received": 0, "links.shop>db.attempts": 1, "links.shop>db.by_outcome.refused": 1,
         "requests.by_outcome.error": 1}, "faults: [{outage: {at: 0s, for: 1s, service: db}}]"),
    Row("a fault of a link concerns nobody else",
        "shop: {calls: [{to: a, optional: true}, {to: b}]}\na: {calls: [{to: db}]}\nb: {calls: [{to: db}]}\ndb: {}",
        {"services.db.attempts_received": 1, "links.a>db.by_outcome.refused": 1, "links.b>db.by_outcome.success": 1},
        "faults: [{outage: {at: 0s, for: 1s, link: [a, db]}}]"),
    Row("what a link's outage lets hang never reaches the callee",
        "shop: {calls: [{to: db, stack: [{timeout: {after: 7ms}}]}]}\ndb: {}",
        {"services.db.attempts_received": 0, "latency.max": 7 * MS},
        "faults: [{outage: {at: 0s, for: 1s, how: hang, link: [shop, db]}}]"),
    Row("its error comes at once", "shop: {latency: 2ms, calls: [{to: db}]}\ndb: {latency: 50ms}",
        {"services.db.attempts_received": 0, "latency.max": 2 * MS, "links.shop>db.by_outcome.error": 1},
        "faults: [{outage: {at: 0s, for: 1s, how: error, link: [shop, db]}}]"),
    Row("its latency is added on the way there", "shop: {latency: 5ms, calls: [{to: db}]}\ndb: {latency: 10ms}",
        {"latency.max": 45 * MS, "services.db.latency.max": 10 * MS},
        "faults: [{latency: {at: 0s, for: 1s, add: 30ms, link: [shop, db]}}]"),
    Row("Service A is client there", "shop: {latency: 5ms}",
        {"requests.by_outcome.error": 1, "latency.max": 0.0, "service.attempts_received": 0},
        "faults: [{outage: {at: 0s, for: 1s, how: error, link: [client, shop]}}]"),
    Row("lost on a link: the effect happens, the answer does not come",
        "shop: {calls: [{to: pay, operation: {method: POST}, stack: [{timeout: {after: 50ms}}]}]}\n"
        "pay: {latency: 10ms}",
        {"services.pay.effects.applied": 1, "services.pay.effects.orphans": 1, "services.pay.succeeded": 1,
         "links.shop>pay.by_outcome.timeout": 1},
        "faults: [{lost_responses: {at: 0s, for: 1s, link: [shop, pay]}}]"),
    Row("errors of a link", "shop: {calls: [{to: db}]}\ndb: {latency: 10ms}",
        {"links.shop>db.by_outcome.unavailable": 1, "services.db.attempts_received": 0, "latency.max": 0.0},
        "faults: [{errors: {at: 0s, for: 1s, rate: 100%, status: 503, link: [shop, db]}}]"),
    Row("failure: lost_response of a service with calls happens after the calls",
        "shop: {latency: 1ms, failure_rate: 100%, failure: lost_response, calls: [{to: db}]}\ndb: {latency: 5ms}",
        {"services.db.succeeded": 1, "requests.by_outcome.unanswered": 1, "effects.applied": 1},
        "operation: {method: POST}"),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.sentence)
def test_the_sentence_holds(row: Row) -> None:
    found = Ran(plan_of(row.services, row.rest, row.traffic))
    said = {path: at(found, path) for path in (*row.expected, *row.seconds)}
    assert said == {
        **{path: pytest.approx(value, abs=1e-12) if isinstance(value, float) else value
           for path, value in row.expected.items()},
        **{path: pytest.approx(value, abs=3e-6, rel=1e-4) for path, value in row.seconds.items()},
    }  # fmt: skip


def test_what_is_expected_of_services_and_links() -> None:
    """Each line with the value it has, and beside it one that it has not."""
    services = """
      shop: {latency: 2ms, workers: 4, calls: [{to: db, stack: STACK}]}
      db: {latency: 10ms, workers: 2, failure_rate: 100%}
    """.replace("STACK", "[{retry: {attempts: 3}}, {circuit_breaker: {failure_threshold: 10}}]")
    lines = {
        "{that: amplification == %s, service: db}": (2.5, 3),
        "{that: availability == %s, service: db}": ("0%", "1%"),
        "{that: p50 == %s, service: db}": ("10ms", "11ms"),
        "{that: max == %s, service: shop}": ("32ms", "31ms"),
        "{that: queue_peak == %s, service: db}": (0, 1),
        "{that: expired == %s, service: db}": (0, 1),
        "{that: duplicates == %s, service: db}": (0, 1),
        "{that: orphans == %s, service: db}": (0, 1),
        "{that: wasted_work == %s, service: db}": ("0%", "10%"),
        "{that: calls == %s, link: [shop, db]}": (4, 3),
        "{that: attempts_per_request == %s, link: [shop, db]}": (2.5, 2),
        "{that: opened == %s, link: [shop, db]}": (1, 0),
        "{that: rejected == %s, link: [shop, db]}": (1, 3),
        "{that: denied_by_budget == %s, link: [shop, db]}": (0, 1),
        "{that: calls == %s, link: [client, shop]}": (4, 3),
    }
    for place, verdict in ((0, "pass"), (1, "fail")):
        expect = ", ".join(line % values[place] for line, values in lines.items())
        plan = plan_of(services, f"expect: [{expect}]", "{rate: 1/s, requests: 4, arrivals: even}")
        run = Ran(plan).result
        found = {each.that: each.verdict for each in evaluate(plan.expect, {"as-written": [run]})}
        assert set(found.values()) == {verdict}, found


REFUSED = {
    "a: {calls: [{together: [{together: [{to: b}]}]}]}\nb: {}": "`together` within `together`",
    "a: {calls: [{together: []}]}": "no call at all",
    "a: {calls: [{together: [{to: b}], need: 0}]}\nb: {}": "cannot need 0",
    "a: {calls: [{together: [{to: b}], need: 2}]}\nb: {}": "there is only 1",
    "a: {calls: [{to: b, times: 0}]}\nb: {}": "0",
    "a: {calls: [{to: b}, {to: b}]}\nb: {}": "`a` calls `b` already",
    "a: {calls: [{to: b}]}\nb: {calls: [{to: c}]}\nc: {calls: [{to: a}]}": "a > b > c > a",
    "a: {calls: [{to: a}]}": "a > a",
    "a: {calls: [{to: d}]}\nb: {}": "no service `d`",
    "stack: {latency: 1ms}": "that is a key of the file",
    "A: {latency: 1ms}": "is no name of a service",
    "a: {calls: [{to: b, fails_as: timeout}]}\nb: {}": "timeout",
}


@pytest.mark.parametrize("services", REFUSED)
def test_what_is_refused(services: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        plan_of(services)
    assert REFUSED[services] in caught.value.diagnostics[0].message


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("outage: {at: 0s, for: 1s}", "service"),
        ("outage: {at: 0s, for: 1s, service: x}", "`x`"),
        ("outage: {at: 0s, for: 1s, link: [b, a]}", "`b` does not call `a`"),
        ("brownout: {at: 0s, for: 1s, workers: 50%, link: [a, b]}", "link"),
        ("outage: {at: 0s, for: 1s, link: [a, b], service: b}", "link"),
    ],
)
def test_faults_that_strike_nowhere(fault: str, message: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        plan_of("a: {calls: [{to: b}]}\nb: {}", f"faults: [{{{fault}}}]")
    assert message in caught.value.diagnostics[0].message
