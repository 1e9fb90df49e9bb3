"""Luck goes by names and by the path of attempts: nothing that happens elsewhere changes it."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from resilience_sim.kernel import events as ev
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.load import load_text
from tests.services.graph import Ran, plan_of

TRAFFIC = "{rate: 50/s, requests: 300}"
SHOP = """
    shop: {{latency: {{exponential: 5ms}}, calls: [{calls}]}}
    stock: {{latency: {{exponential: 20ms}}, failure_rate: 20%, calls: [{{to: db, stack: [{retry}]}}]}}
    db: {{latency: {{exponential: 3ms}}, failure_rate: 20%}}
    {more}"""
RETRY = "{retry: {attempts: 3, delay: 1ms, jitter: full}}"
STOCK = "{to: stock, optional: true, stack: [{retry: {attempts: 2}}]}"


def run(calls: str = STOCK, more: str = "", rest: str = "") -> Ran:
    return Ran(plan_of(SHOP.format(calls=calls, more=more, retry=RETRY), rest, TRAFFIC), 7)


def test_a_service_added_before_changes_nobodys_luck() -> None:
    plain = run()
    other = run(
        "{to: extra, optional: true, times: 2}, " + STOCK, "extra: {latency: {exponential: 9ms}, failure_rate: 50%}"
    )
    for name in ("shop", "stock", "db"):
        assert (plain.luck(name) == other.luck(name)) is (name != "shop")  # shop holds its worker for longer
    assert _own(plain) == _own(other)


def _own(ran: Ran) -> dict[tuple[int, int], int]:
    """When each execution of shop began its first call, after it was received: its own work."""
    came = {(e[3], e[4]): e[0] for e in ran.events if e[1] == ev.RECEIVED and ran.components[e[2]].node == "shop"}
    first: dict[tuple[int, int], int] = {}
    for e in ran.events:
        if e[1] == ev.CALL and ran.components[e[2]].link.startswith("shop>"):
            first.setdefault((e[3], e[5]), e[0] - came[e[3], e[5]])
    return first


def test_renaming_a_service_changes_its_own_luck_only() -> None:
    first = run(STOCK + ", {to: reviews}", "reviews: {latency: {exponential: 4ms}}")
    second = run(STOCK + ", {to: opinions}", "opinions: {latency: {exponential: 4ms}}")
    assert first.luck("stock") == second.luck("stock")
    assert first.luck("db") == second.luck("db")
    assert first.luck("reviews") != second.luck("opinions")


def test_a_policy_elsewhere_changes_no_luck() -> None:
    plain = run()
    watched = run(STOCK.replace("[{retry", "[{timeout: {after: 1h}}, {bulkhead: {max_concurrent: 1000}}, {retry"))
    assert plain.luck("stock") == watched.luck("stock")
    assert plain.luck("db") == watched.luck("db")


def test_two_ways_to_one_service_are_two_draws() -> None:
    services = """
        shop: {calls: [{together: [{to: a}, {to: b}]}]}
        a: {calls: [{to: db}]}
        b: {calls: [{to: db}]}
        db: {latency: {exponential: 10ms}}"""
    ran = Ran(plan_of(services, "", TRAFFIC), 3)
    works: dict[int, list[int]] = {}
    for e in ran.events:
        if e[1] == ev.END and ran.components[e[2]].node == "db":
            works.setdefault(e[3], []).append(e[5])
    assert all(len(set(pair)) == 2 for pair in works.values())


def test_one_service_among_several_has_the_luck_of_service_b() -> None:
    body = "{latency: {exponential: 20ms}, workers: 3, failure_rate: 30%}"
    rest = "stack: [{retry: {attempts: 3, delay: 5ms, jitter: full}}, {timeout: {after: 60ms}}]\n"
    head = "resim: 1\ntraffic: {rate: 80/s, requests: 500}\n" + rest
    alone = simulate(load_text(f"{head}service: {body}\n", "x").plan, 5).document
    among = simulate(load_text(f"{head}services:\n  b: {body}\n", "x").plan, 5).document
    for key in ("requests", "attempts", "latency", "service", "effects", "amplification"):
        assert alone[key] == among[key]


# --- random graphs ---


class Draws:
    """What luck decided in a run, by the path of attempts that led there: (link, which time, try), …"""

    def __init__(self, ran: Ran) -> None:
        self.ran = ran
        self.own: dict[Path, int] = {}  # how long own work took
        self.failed: dict[Path, int] = {}  # how it ended, where nothing below decided that
        self.waits: dict[tuple[int, str], Counter[tuple[int, int]]] = {}  # backoff, by request and link
        self.chosen: dict[tuple[int, str], bool] = {}  # calls by chance: made by executions that succeeded, or not
        self.struck: dict[Path, int] = {}  # what became of an attempt on its way
        self._calls: dict[tuple[int, int], Path] = {}
        self.callers: set[Path] = set()  # executions that made calls
        self._read()

    def _path(self, rid: int, a: int) -> Path:
        number = ev.call_of(a)
        return (*(self._calls[rid, number] if number else (("", rid, 0),)), ("try", a & ev.TRIES, 0))

    def _read(self) -> None:
        began: dict[tuple[int, int], int] = {}
        nth: Counter[tuple[int, int, str]] = Counter()
        called: dict[tuple[int, int], set[str]] = {}
        came: set[tuple[int, int]] = set()
        by_chance = {link.name: link.caller for link in self.ran.plan.links if link.chance < 1}
        for t, kind, source, rid, a, b in self.ran.events:
            who = self.ran.components[source]
            if kind == ev.CALL:
                nth[rid, b, who.link] += 1
                self._calls[rid, a] = (*self._path(rid, b), (who.link, nth[rid, b, who.link], 0))
                self.own.setdefault(self._path(rid, b), t - began[rid, b])
                self.callers.add(self._path(rid, b))
                called.setdefault((rid, b), set()).add(who.link)
            elif (kind == ev.RECEIVED and b == ev.STARTED) or kind == ev.BEGIN:
                began[rid, a] = t
            elif kind == ev.RETRY_WAIT:
                self.waits.setdefault((rid, who.link), Counter())[a, b] += 1
            elif kind == ev.END:
                attempt = (rid, ev.attempt_of(a))
                if attempt not in called and ev.outcome_of(a) != ev.CANCELLED:
                    self.own[self._path(*attempt)] = t - began[attempt]
                    self.failed[self._path(*attempt)] = ev.outcome_of(a)
            elif kind == ev.ANSWERED and ev.outcome_of(a) == ev.SUCCESS:
                attempt = (rid, ev.attempt_of(a))
                for link, caller in by_chance.items():
                    if caller == who.node and attempt in began:
                        self.chosen[rid, link] = link in called.get(attempt, ())
            if kind == ev.RECEIVED:
                came.add((rid, a))
            elif kind == ev.RESULT and (rid, ev.attempt_of(a)) not in came:
                self.struck[self._path(rid, ev.attempt_of(a))] = ev.outcome_of(a)


Path = tuple[tuple[str, int, int], ...]
POLICIES = (
    "retry: {attempts: 3, delay: 5ms, jitter: full}",
    "retry: {attempts: 2, delay: 3ms, backoff: decorrelated}",
    "timeout: {after: 400ms}",
)


def graph(luck: Random, names: list[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Each service without its calls, and its calls; workers abound, so that nobody's time depends on anybody else."""
    own, calls = [], {}
    for i, name in enumerate(names):
        own.append(f"latency: {{exponential: {luck.choice((2, 5))}ms}}, failure_rate: {luck.choice((0, 10, 30))}%")
        calls[name] = []
        for to in luck.sample(names[i + 1 :], min(len(names) - i - 1, luck.randint(0 if i else 2, 3))):
            more = luck.choice(("chance: 60%", "times: 2"))
            calls[name].append(f"{{to: {to}, stack: [{luck.choice(POLICIES)}], optional: true, {more}}}")
    return own, calls


@pytest.mark.parametrize("number", range(6))
def test_what_is_added_removed_or_renamed_elsewhere_changes_nobodys_luck(number: int) -> None:
    """Latency, failure, chance, backoff and the shares of faults: all by path, in a random graph and beside it."""
    luck = Random(number)
    names = [f"s{i}" for i in range(luck.randint(4, 7))]
    own, calls = graph(luck, names)
    link = next((name, each[5 : each.index(",")]) for name in names for each in calls[name])
    faults = [f"errors: {{id: some, at: 0s, for: 1m, rate: 30%, service: {names[-1]}}}",
              f"outage: {{id: way, at: 0s, for: 1m, share: 20%, link: [{link[0]}, {link[1]}]}}"]  # fmt: skip

    def ran(change: str = "") -> Draws:
        mine = {name: list(each) for name, each in calls.items()}
        lines = dict(zip(names, own, strict=True))
        more = list(faults)
        if change == "add":  # a service that everybody calls first, with a fault, and policies elsewhere
            for each in mine.values():
                each.insert(
                    0, "{to: new, optional: true, times: 2, stack: [retry: {attempts: 2, jitter: full, delay: 1ms}]}"
                )
            lines["new"] = "latency: {exponential: 1ms}, failure_rate: 50%"
            more.insert(0, "errors: {id: first, at: 0s, for: 1m, rate: 50%, service: new}")
        elif change == "remove":  # all calls of one that has some
            mine[next((name for name in reversed(names) if mine[name] and name != link[0]), "")] = []
        elif change == "guard":
            for each in mine.values():
                each[:] = [call.replace("stack: [", "stack: [timeout: {after: 1h}, ") for call in each]
        text = "\n".join(f"{n}: {{{lines[n]}, calls: [{', '.join(mine.get(n, []))}]}}" for n in lines)
        if change == "rename":  # the last one, which only changes what is below it: itself
            text = text.replace(names[-1] + ":", "other:").replace(f"to: {names[-1]},", "to: other,")
            more = [each.replace(names[-1] + "}", "other}").replace(names[-1] + "]", "other]") for each in more]
        return Draws(
            Ran(
                plan_of(text, f"faults: [{', '.join(f'{{{each}}}' for each in more)}]", "{rate: 40/s, requests: 60}"),
                number,
            )
        )

    plain = ran()
    kinds = ("own", "failed", "waits", "chosen", "struck")
    for change in ("add", "remove", "rename", "guard"):
        other = ran(change)
        compared = 0
        for kind in kinds:
            here, there = getattr(plain, kind), getattr(other, kind)
            common = here.keys() & there.keys()
            if kind == "failed":  # where nothing below decides
                common -= plain.callers ^ other.callers
            assert {key: here[key] for key in common} == {key: there[key] for key in common}, (change, kind)
            compared += len(common)
        assert compared > 200
