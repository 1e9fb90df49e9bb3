"""Mistakes in `services:` are refused with place and remedy; names, paths and defaults mean what the docs say."""

# ruff: noqa: E501 (a table)
from __future__ import annotations

import pytest

from resilience_sim.scenario.load import ScenarioError, load_text

HEAD = "resim: 1\ntraffic: {rate: 1/s, requests: 2}\n"
GOOD = """services:
  shop:
    calls:
      - {to: stock, stack: [retry, {timeout: {after: 1s}}]}
      - together: [{to: prices}, {to: reviews, optional: true}]
  stock: {workers: 3, calls: [{to: db, times: 2}]}
  prices:
  reviews: {}
  db: {replicas: 2}
"""


@pytest.mark.parametrize(
    ("text", "message", "help", "line"),
    [
        ("services: {a: {calls: [{to: b}]}, b: {calls: [{to: c}]}, c: {calls: [{to: a}]}}", "a circle: a > b > c > a", "leave one", 3),
        ("services: {a: {calls: [{to: a}]}}", "a circle: a > a", "leave one", 3),
        ("services: {a: {calls: [{to: bb}]}, b: {}}", "no service `bb`", "did you mean `b`", 3),
        ("services: {a: {calls: [{to: b}, {to: b}]}, b: {}}", "`a` calls `b` already", "use `times`", 3),
        ("services: {a: {calls: [{to: b}, {together: [{to: b}]}]}, b: {}}", "`a` calls `b` already", "use `times`", 3),
        ("services: {a: {calls: [{together: []}]}}", "no call at all", "list the calls", 3),
        ("services: {a: {calls: [{together: [{together: [{to: b}]}]}]}, b: {}}", "`together` within `together`", "in between", 3),
        ("services: {a: {calls: [{together: [{to: b}], need: 0}]}, b: {}}", "cannot need 0", "`all`, `any`", 3),
        ("services: {a: {calls: [{together: [{to: b}], need: 2}]}, b: {}}", "there is only 1", "smaller number", 3),
        ("services: {a: {calls: [{together: [{to: b}], to: b}]}, b: {}}", "`to` and `together`", "its own `-`", 3),
        ("services: {a: {calls: [{together: [{to: b}], times: 2}]}, b: {}}", "`times` belongs to one call", "below", 3),
        ("services: {a: {calls: [{to: b, need: any}]}, b: {}}", "`need` goes with `together`", "leave it", 3),
        ("services: {a: {calls: [{stack: []}]}}", "does not say whom", "to: SERVICE", 3),
        ("services: {a: {calls: [{to: b, times: 0}]}, b: {}}", "0", "", 3),
        ("services: {a: {calls: [{to: b, stack: [{retry: {attempts: 0}}]}]}, b: {}}", "0", "", 3),
        ("services: {a: {calls: [{to: b, stack: [{retry: {id: x}}, {timeout: {id: x, after: 1s}}]}]}, b: {}}", "`x` is taken", "", 3),
        ("services: {Shop: {}}", "no name of a service", "small letters", 3),
        ("services: {client: {}}", "key of the file", "another name", 3),
        ("services: {}", "no service at all", "1 to", 3),
        ("services: {a: {}}\nservice: {workers: 1}", "`service` and `services` together", "keep", 3),
        ("services: {a: {}}\nentry: b", "no service `b`", "", 4),
        ("entry: b", "`entry` needs several", "services", 3),
        ("services: {a: {wrkers: 3}}", "unknown key `wrkers`", "workers", 3),
        ("services: {a: {}}\nfaults: [outage: {at: 0s, for: 1s}]", "says where it strikes", "service: NAME", 4),
        ("services: {a: {}}\nfaults: [outage: {at: 0s, for: 1s, service: b}]", "no service `b`", "", 4),
        ("services: {a: {}}\nfaults: [outage: {at: 0s, for: 1s, link: [a, b]}]", "`a` does not call `b`", "[client, a]", 4),
        ("services: {a: {}}\nfaults: [outage: {at: 0s, for: 1s, link: a}]", "no link", "[CALLER", 4),
        ("services: {a: {}}\nfaults: [brownout: {at: 0s, for: 1s, link: [client, a]}]", "unknown key `link`", "", 4),
        ("services: {a: {}}\nfaults: [outage: {at: 0s, for: 1s, service: a, link: [client, a]}]", "together", "keep one", 4),
        ("services: {a: {}}\nfaults: [crash_replica: {at: 0s, for: 1s, service: a, replica: 2}]", "no replica 2", "a: {", 4),
        ("faults: [outage: {at: 0s, for: 1s, service: a}]", "needs several services", "`services:`", 3),
        ("services: {a: {}}\nexpect: [{that: p99 < 1s, service: b}]", "no service `b`", "", 4),
        ("services: {a: {}}\nexpect: [{that: goodput > 1/s, service: a}]", "not asked of a service", "availability", 4),
        ("services: {a: {}}\nexpect: [{that: p99 < 1s, link: [client, a]}]", "not asked of a link", "calls", 4),
        ("services: {a: {}}\nexpect: [expired == 0]", "asked of a service", "service: NAME", 4),
        ("services: {a: {}}\nexpect: [calls > 0]", "asked of a link", "link:", 4),
        ("expect: [{that: p99 < 1s, service: a}]", "needs several services", "`services:`", 3),
    ],
)  # fmt: skip
def test_mistakes_are_refused_with_place_and_remedy(text: str, message: str, help: str, line: int) -> None:
    with pytest.raises(ScenarioError) as caught:
        load_text(HEAD + text + "\n", "x.yaml")
    found = caught.value.diagnostics
    assert len(found) == 1, found
    assert message in found[0].message
    assert help in found[0].help
    assert found[0].line == line


def test_a_service_that_nobody_reaches_is_a_warning() -> None:
    scenario = load_text(HEAD + "services: {a: {}, b: {calls: [{to: c}]}, c: {}}\n", "x.yaml")
    assert [each.message for each in scenario.warnings] == [
        "no request reaches the service `b`", "no request reaches the service `c`",
    ]  # fmt: skip
    assert not load_text(HEAD + GOOD, "x.yaml").warnings


def test_what_was_read() -> None:
    plan = load_text(HEAD + GOOD, "x.yaml").plan
    assert plan.service.name == "shop"
    assert [each.name for each in plan.services] == ["stock", "prices", "reviews", "db"]
    assert [link.name for link in plan.links] == ["shop>stock", "shop>prices", "shop>reviews", "stock>db"]
    assert [policy.id for policy in plan.links[0].stack] == ["shop.stock.retry", "shop.stock.timeout"]
    assert [(step.caller, step.need) for step in plan.steps] == [("shop", 1), ("shop", 2), ("stock", 1)]
    assert load_text(HEAD + GOOD + "entry: stock\n", "x.yaml").plan.service.name == "stock"


@pytest.mark.parametrize(
    ("path", "value", "seen"),
    [
        ("services.stock.workers", "7", lambda plan: plan.services[0].workers == 7),
        ("services.prices.workers", "7", lambda plan: plan.services[1].workers == 7),
        ("shop.stock.retry.attempts", "7", lambda plan: plan.links[0].stack[0].attempts == 7),
        ("shop.stock.timeout.after", "7s", lambda plan: plan.links[0].stack[1].after == 7_000_000_000),
        ("shop.reviews.chance", "50%", lambda plan: plan.links[2].chance == 0.5),
        ("stock.db.times", "3", lambda plan: plan.links[3].times == 3),
        ("services.shop.calls.0.times", "3", lambda plan: plan.links[0].times == 3),
    ],
)
def test_settings_by_path(path: str, value: str, seen: object) -> None:
    scenario = load_text(HEAD + GOOD, "x.yaml")
    assert callable(seen)
    assert not seen(scenario.plan)
    assert seen(scenario.with_settings([f"{path}={value}"]).plan)
    variant = f"compare: {{variants: {{other: {{set: {{{path}: {value}}}}}}}}}\n"
    assert seen(load_text(HEAD + GOOD + variant, "x.yaml").variants[0].plan)
    assert scenario.with_settings([f"{path}={value}"]).digest != scenario.digest


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("services.stok.workers=1", "no service `stok`"),
        ("shop.db.times=1", "`shop` does not call `db`"),
        ("shop=1", "`shop` is a service"),
        ("shop.stock.hedge.delay=1s", "this link has no policy `hedge`"),
        ("db.x.times=1", "`db` does not call `x`"),
    ],
)
def test_paths_that_name_nothing(path: str, message: str) -> None:
    with pytest.raises(ScenarioError, match=message):
        load_text(HEAD + GOOD, "x.yaml", [path])


def test_the_schema_knows_services() -> None:
    import jsonschema
    import yaml

    from resilience_sim.scenario.describe.schema import schema

    jsonschema.validate(yaml.safe_load(HEAD + GOOD), schema())
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(HEAD + "services: {a: {wrkers: 3}}"), schema())


def test_the_result_document_keeps_its_schema() -> None:
    import jsonschema

    from resilience_sim.runs.simulate import simulate
    from resilience_sim.views.document import plain, schema

    text = GOOD.replace("stack: [retry,", "stack: [circuit_breaker,")
    run = simulate(load_text(HEAD + text, "x.yaml").plan, 1, series=1_000_000_000)
    whole = schema()
    jsonschema.validate(plain(run.document), {**whole["definitions"]["run"], "definitions": whole["definitions"]})
    assert [each["name"] for each in run.document["services"]] == ["shop", "stock", "prices", "reviews", "db"]
    assert [(each["from"], each["to"]) for each in run.document["links"]][:2] == [("client", "shop"), ("shop", "stock")]
    assert run.document["breakers"][0]["link"] == ["shop", "stock"]


def test_a_place_is_asked_for_all_that_any_variant_expects_of_it() -> None:
    from resilience_sim.runs.simulate import simulate

    expect = "[{that: p50 < 1s, service: db}, {that: amplification < 9x, service: db, variant: other}]"
    more = f"expect: {expect}\ncompare: {{variants: {{other: {{set: {{stock.db.times: 1}}}}}}}}\n"
    found = simulate(load_text(HEAD + GOOD + more, "x.yaml").plan, 1).scoped["all @db"]
    assert found["p50"].value == 0
    assert found["amplification"].value == 2
