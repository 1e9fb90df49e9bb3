"""The topology: Service A with its threads, the layers of the stack with what they hold, Service B."""

from __future__ import annotations

from functools import lru_cache

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.play.panels.bars import bar
from resilience_sim.play.run import Run
from resilience_sim.policies.layer import Gauges
from resilience_sim.scenario.text.spelling import Unwritable
from resilience_sim.scenario.write import policy_settings
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.registry import POLICIES
from resilience_sim.settings.service import ServiceConfig
from resilience_sim.views.live.look import Look
from resilience_sim.views.text import Row
from resilience_sim.views.words import speaker, state_name

STATE_STYLES = ("good!", "bad!", "odd!")
GAUGE = 8  # columns of a bar


def topology_rows(run: Run, look: Look, width: int, height: int, chosen: str = "") -> tuple[list[Row], dict[int, str]]:
    """The rows, and the id of the policy that each of some rows is about. ``chosen``: the id of the one selected."""
    rows = client_rows(run, look, width)
    detailed = height >= len(rows) + 2 * len(run.plan.stack) + min(3, run.source.plan.service.replicas)
    of_row: dict[int, str] = {}
    for policy in run.plan.stack:
        for row in layer_rows(run, policy, look, chosen == policy.id, detailed):
            of_row[len(rows)] = policy.id
            rows.append(row)
    if not run.plan.stack:
        rows.append(Row(f" {_pipe(look)} ", "faint").add("no policies: calls go straight to B", "faint"))
    rows += replica_rows(run, run.source.plan.service, look, height - len(rows))
    return [row.fit(width, look.dots) for row in rows[:height]], of_row


def _pipe(look: Look) -> str:
    return "|" if look.ascii_only else "│"


def client_rows(run: Run, look: Look, width: int) -> list[Row]:
    """Threads and backlog of every instance, or of all together where there are many."""
    view, plan = run.view, run.source.plan
    clients = [component for component in view.components.values() if component.kind == "client"]
    rows = []
    shown = clients if len(clients) <= 3 else clients[:2]
    for client in shown:
        held = view.held.get(client.id, 0)
        row = Row(speaker(client), "title").to(4)
        down = client.id in view.clients and view.clients[client.id].state
        if down:
            row.add("CRASHED", "bad!")
        elif plan.client.threads:
            full = held >= plan.client.threads
            bar(row, held / plan.client.threads, GAUGE, "bad" if full else "calm", look)
            row.add(f" {held}/{plan.client.threads} threads", "bad" if full else "")
        else:
            row.add(f"{fmt.short_count(held)} in flight")
        if plan.client.backlog:
            waiting = view.backlog[client.id]
            row.add(f"  backlog {waiting}/{plan.client.backlog}", "odd" if waiting else "faint")
        rows.append(row)
    if len(shown) < len(clients):
        rows.append(Row(f"    and {len(clients) - len(shown)} more instances", "faint"))
    return rows


def layer_rows(run: Run, policy: PolicyConfig, look: Look, chosen: bool, detailed: bool) -> list[Row]:
    """A policy: what it does and holds; ``detailed``: with its settings."""
    view = run.view
    sources = [k for k, x in view.components.items() if x.name == policy.id and x.kind == policy.kind]
    if not sources:
        return []
    source = sources[0]
    gauge = run.layer_state.read().get(source, {})
    name = policy.id.rpartition(".")[2].replace("circuit_breaker", "breaker")
    row = Row(f" {_pipe(look)}", "faint").add(">" if chosen else " ", "calm!")
    row.add(name, "calm!" if chosen else "strong").to(max(row.width + 1, 13))
    detail = _detail(run, policy, sources, gauge, look)
    rows = [row.join(detail)]
    if detailed:
        rows.append(Row(f" {_pipe(look)}  ", "faint").add(_settings(policy, repr(policy.written)), "faint"))
    return rows


@lru_cache(maxsize=128)
def _settings(policy: PolicyConfig, written: str) -> str:
    """The settings that matter most; under a library's rules whose they are, and what is not at its default.

    ``written``: how they were written, which two policies that are equal may differ in.
    """
    try:
        found = policy_settings(policy)
    except Unwritable:
        return policy.kind
    if "like" in found:
        return ", ".join(" ".join(each) for each in found.items())
    usual = [param for param in POLICIES[policy.kind].table.own if param.first or param.name in found]
    said = [
        f"{param.name} {found.get(param.name, param.default_text)}"
        for number, param in enumerate(usual)
        if number < 2 or param.name in found
    ]
    return ", ".join(said).replace("failure_threshold", "threshold")


def _detail(run: Run, policy: PolicyConfig, sources: list[int], gauge: Gauges, look: Look) -> Row:
    view, row = run.view, Row()

    def count(kind: int) -> int:
        return sum(view.by_layer[each, kind] for each in sources)

    if policy.kind == "circuit_breaker":
        return _breaker(run, sources, gauge, look, count(ev.REJECTED))
    if policy.kind == "retry":
        waiting = sum(view.waiting_in(each) for each in sources)
        row.add(f"{fmt.short_count(waiting)} waiting", "odd" if waiting else "faint")
        row.add(f"  {fmt.short_count(count(ev.RETRY_WAIT))} retries", "" if count(ev.RETRY_WAIT) else "faint")
        if gauge.get("burst"):
            bar(row.add(" "), gauge["tokens"] / gauge["burst"], 5, "calm", look)
        denied = count(ev.RETRY_DENIED)
        return row.add(f" {fmt.short_count(denied)} denied", "odd") if denied else row
    if policy.kind == "timeout":
        hits = count(ev.TIMED_OUT)
        return row.add(f"{fmt.short_count(hits)} given up", "bad" if hits else "faint")
    if policy.kind == "bulkhead" and gauge:
        full = gauge["inside"] >= gauge["places"]
        bar(row, gauge["inside"] / max(1, gauge["places"]), GAUGE, "bad" if full else "calm", look)
        row.add(f" {gauge['inside']:.0f}/{gauge['places']:.0f}", "bad" if full else "")
        return row.add(f" +{gauge['waiting']:.0f} waiting", "odd") if gauge["waiting"] else row
    if policy.kind == "rate_limiter" and gauge:
        bar(row, gauge["tokens"] / max(1, gauge["burst"]), GAUGE, "calm", look)
        row.add(f" {gauge['tokens']:.0f}/{gauge['burst']:.0f} tokens")
        return row.add(f" +{gauge['waiting']:.0f} waiting", "odd") if gauge.get("waiting") else row
    if policy.kind == "hedge":
        return row.add(f"{count(ev.HEDGE)} extra legs, {count(ev.HEDGE_WON)} won", "faint")
    if policy.kind == "fallback":
        return row.add(f"{count(ev.FELL_BACK)} answered instead", "odd" if count(ev.FELL_BACK) else "faint")
    if policy.kind == "throttle":
        return row.add(f"turns away {fmt.share(gauge.get('chance', 0.0))}", "odd" if gauge.get("chance") else "faint")
    return row


def _breaker(run: Run, sources: list[int], gauge: Gauges, look: Look, rejected: int) -> Row:
    lanes = [run.view.breakers[source] for source in sources if source in run.view.breakers]
    row = Row()
    if len(lanes) > 1:
        by_state = [sum(1 for lane in lanes if lane.state == state) for state in range(3)]
        for state, number in enumerate(by_state):
            if number:
                row.add(f"{number} {state_name(state)} ", STATE_STYLES[state])
        return row
    state = lanes[0].state if lanes else 0
    row.add(state_name(min(state, 2)), STATE_STYLES[min(state, 2)]).add(" ")
    if "hosts" in gauge:
        row.add(
            f"{gauge['ejected']:.0f} of {gauge['hosts']:.0f} replicas ejected", "odd" if gauge["ejected"] else "faint"
        )
    elif gauge:
        _fill(row, state, gauge, run.view.clock, look)
    return row.add(f"  {fmt.short_count(rejected)} rejected", "odd") if rejected and row.width < 28 else row


def _fill(row: Row, state: int, gauge: Gauges, clock: int, look: Look) -> None:
    """How far a breaker is from its next change of state."""
    if state == ev.OPEN:
        left = max(0, int(gauge["until"]) - clock)
        row.add(f"{fmt.duration(left)} left" if left else "probes next call", "odd")
    elif state == ev.HALF_OPEN:
        row.add(f"{gauge['probing']:.0f} probing, {gauge['succeeded']:.0f}", "odd")
        row.add(f"/{gauge['needed']:.0f} good" if gauge["needed"] else " good", "odd")
    elif gauge["threshold"]:
        bar(row, gauge["in_a_row"] / gauge["threshold"], 5, "bad", look)
        row.add(f" {gauge['in_a_row']:.0f}/{gauge['threshold']:.0f} in a row", "" if gauge["in_a_row"] else "faint")
    elif gauge.get("failures"):
        bar(row, gauge["bad"] / gauge["failures"], 5, "bad", look)
        row.add(f" {gauge['bad']:.0f}/{gauge['failures']:.0f} failed", "" if gauge["bad"] else "faint")
    else:
        bar(row, gauge["total"] / max(1, gauge["min_calls"]), 5, "calm", look)
        share = gauge["bad"] / gauge["total"] if gauge["total"] else 0.0
        near = gauge["share"] and share >= gauge["share"] / 2
        row.add(f" {gauge['bad']:.0f} of {gauge['total']:.0f} failed", "bad" if near else "")
        if gauge["slow"] and gauge["slow_share"]:
            row.add(f", {gauge['slow']:.0f} slow", "odd")


def replica_rows(run: Run, service: ServiceConfig, look: Look, room: int) -> list[Row]:
    """Every replica that has room: workers and queue."""
    view, first = run.view, run.source.plan.service.name
    replicas = [each for each in view.components.values() if each.kind == "replica" and each.node == service.name]
    gauges = run.layer_state.read()
    active = [run.plan_now.faults[i] for i in sorted(view.faults_on)]
    hit = [fault for fault in active if fault.kind != "spike" and (fault.place or first) == service.name]
    rows = []
    gauge = GAUGE if view.graph is None else GAUGE - 3
    shown = replicas if len(replicas) <= max(1, room) else replicas[: max(1, room - 1)]
    for replica in shown:
        busy, queued = view.by_replica[replica.id]
        row = Row(speaker(replica) if len(replicas) > 1 else service.name, "title")
        row.to(max(4, row.width + 1) if run.view.graph is not None else 4)
        mine = [fault for fault in hit if fault.replica in (0, replica.number)]
        limit = int(gauges.get(replica.id, {}).get("limit", service.workers))
        down = any(fault.kind == "crash_replica" or (fault.kind == "outage" and fault.share >= 1) for fault in mine)
        if down:
            row.add("DOWN ", "bad!")
        if service.workers:
            full = busy >= limit
            bar(row, busy / service.workers, gauge, "bad" if full else "calm", look)
            cut = f"{limit}" if limit < service.workers else f"{service.workers}"
            row.add(f" {busy}/{cut}{'' if down else ' workers'}", "bad" if limit < service.workers else "")
        else:
            row.add(f"{fmt.short_count(busy)} at work")
        if queued or service.workers:
            row.add(f"  queue {fmt.short_count(queued)}", "bad" if queued else "faint")
            if service.queue > 0:
                row.add(f"/{service.queue}", "faint")
        rows.append(row)
    if len(shown) < len(replicas):
        rows.append(Row(f"    and {len(replicas) - len(shown)} more replicas", "faint"))
    return rows
