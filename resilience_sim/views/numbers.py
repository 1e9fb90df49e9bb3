"""The numbers of one run as labelled rows: requests, latency, attempts, breakers, B, effects, client, faults.

Owns which figures of the RUN document are worth a line and how they are put. Refuses to explain (why.py).
"""

from __future__ import annotations

from typing import Any

from resilience_sim.kernel.text import printable
from resilience_sim.scenario.plan import Plan
from resilience_sim.views import format as fmt
from resilience_sim.views.text import Row
from resilience_sim.views.words import fault_words

MOST_CHANGES = 8
LABEL = 16  # column where the figures begin

Run = dict[str, Any]


def numbers(plan: Plan, run: Run) -> list[Row]:
    """All rows that say something about this run."""
    rows = [_requests(run), *_failures(run), _latency(run), _attempts(run)]
    rows += [_breaker(breaker, plan.client.instances > 1) for breaker in run["breakers"]]
    rows.append(_service(run, plan))
    rows += _effects(run, plan)
    rows += _client(run, plan)
    rows += [_fault(plan, index, fault) for index, fault in enumerate(run["faults"])]
    return rows + _changes(plan, run)


def _row(label: str, *pieces: tuple[str, str]) -> Row:
    row = Row(f"  {label}", "faint", hang=LABEL).to(max(LABEL, len(label) + 3))
    for index, (text, style) in enumerate(pieces):
        row.add(", " if index else "", "faint").add(text, style)
    return row


def _requests(run: Run) -> Row:
    requests = run["requests"]
    available = run["availability"]
    style = "good!" if available == 1 else "bad!" if (available or 0) < 0.9 else "odd!"
    pieces = [(f"{fmt.share(available)} available", style)]
    pieces.append((f"{fmt.count(requests['succeeded'])} of {fmt.count(requests['total'])} succeeded", ""))
    pieces.append((f"{fmt.count(requests['succeeded_first_try'])} at the first try", ""))
    if requests["late"]:
        pieces.append((f"{fmt.count(requests['late'])} too late", "odd"))
    if requests["fallback"]:
        pieces.append((f"{fmt.count(requests['fallback'])} by fallback", "odd"))
    return _row("requests", *pieces)


def _failures(run: Run) -> list[Row]:
    failures = [
        (n, name) for name, n in run["requests"]["by_outcome"].items() if n and name not in ("success", "fallback")
    ]
    if not failures:
        return []
    pieces = [(f"{fmt.count(n)} {name}", "bad") for n, name in sorted(failures, key=lambda pair: -pair[0])]
    return [_row("failed", *pieces)]


def _latency(run: Run) -> Row:
    latency = run["latency"]
    if latency["p50"] is None:
        return _row("latency", ("no request got an outcome", "faint"))
    return _row("latency", *((f"{name} {fmt.seconds(latency[name])}", "") for name in ("p50", "p90", "p99", "max")))


def _attempts(run: Run) -> Row:
    attempts = run["attempts"]
    per_request = attempts["per_request"]
    pieces = [(f"{fmt.count(attempts['total'])}", "")]
    if per_request is not None:
        pieces.append((f"{fmt.factor(per_request)[:-1]} per request", "odd" if per_request >= 1.5 else ""))
    if attempts["denied_by_budget"]:
        pieces.append((f"{fmt.plural(attempts['denied_by_budget'], 'retry', 'retries')} denied by the budget", "odd"))
    return _row("attempts", *pieces)


def _breaker(breaker: Run, many: bool) -> Row:
    name = printable(breaker["id"]).replace("circuit_breaker", "breaker") + (f"@{breaker['instance']}" if many else "")
    if not breaker["opened"]:
        return _row(name, ("never opened", ""))
    opened = "once" if breaker["opened"] == 1 else f"{fmt.count(breaker['opened'])} times"
    return _row(
        name,
        (f"opened {opened}", "odd"),
        (f"open for {fmt.seconds(breaker['open_seconds'])}", ""),
        (f"{fmt.plural(breaker['rejected'], 'call')} turned away", ""),
    )


def _service(run: Run, plan: Plan) -> Row:
    service = run["service"]
    name = f"service {printable(plan.service.name)}"
    pieces = [(f"{fmt.count(service['attempts_received'])} received", "")]
    if service["utilization"] is not None:
        pieces.append((f"{fmt.share(service['utilization'])} busy", ""))
    pieces.append((f"up to {fmt.count(service['busy_peak'])} at work", ""))
    if service["queue_peak"]:
        pieces.append((f"up to {fmt.count(service['queue_peak'])} in the queue", "odd"))
    if service["wasted_seconds"]:
        pieces.append((f"{fmt.seconds(service['wasted_seconds'])} of work for nobody", "odd"))
    return _row(name, *pieces)


def _effects(run: Run, plan: Plan) -> list[Row]:
    effects = run["effects"]
    if plan.operation.method == "GET" and not effects["applied"]:
        return []
    amount = effects["amount_applied"]
    pieces = [
        (f"{fmt.count(effects['applied'])} applied" + (f" ({fmt.money(amount)})" if amount is not None else ""), "")
    ]
    duplicated = effects["amount_duplicated"]
    worth = f" ({fmt.money(duplicated)} too much)" if duplicated else ""
    pieces.append((fmt.plural(effects["duplicates"], "duplicate") + worth, "bad!" if effects["duplicates"] else "good"))
    if effects["deduplicated"]:
        pieces.append((f"{fmt.count(effects['deduplicated'])} deduplicated", "good"))
    if effects["orphans"]:
        pieces.append((f"{fmt.plural(effects['orphans'], 'orphan')} (done, but reported as failed)", "bad"))
    return [_row(f"{plan.operation.method} effects", *pieces)]


def _client(run: Run, plan: Plan) -> list[Row]:
    client = run["client"]
    if not plan.client.threads:
        return []
    full = client["threads_peak"] >= plan.client.threads
    peak = f"up to {fmt.count(client['threads_peak'])} of {fmt.count(plan.client.threads)} threads taken"
    pieces = [(peak, "bad" if full else "")]
    if client["crashes"]:
        pieces.append(
            (f"crashed {'once' if client['crashes'] == 1 else fmt.plural(client['crashes'], 'time')}", "bad!")
        )
    return [_row("service A", *pieces)]


def _changes(plan: Plan, run: Run) -> list[Row]:
    """What the scenario has changed while it ran, as far as the run came."""
    if not plan.actions:
        return []
    from resilience_sim.views.actions_text import action_texts

    end = round(run["virtual_seconds"] * 1e9)
    changes = [change for change in action_texts(plan) if change.t <= end]
    rows = [_row(f"at {fmt.instant(change.t)}", (change.words, "")) for change in changes[:MOST_CHANGES]]
    left = len(changes) - len(rows)
    return [*rows, *([_row("", (f"and {fmt.plural(left, 'more change')}", "faint"))] if left else [])]


def _fault(plan: Plan, index: int, fault: Run) -> Row:
    begin, end = fmt.instant(round(fault["from"] * 1e9)), fmt.instant(round(fault["to"] * 1e9))
    pieces = [(f"{begin} to {end}", "")]
    if index < len(plan.faults):
        words = fault_words(plan.faults[index])
        if words != fault["id"]:
            pieces.insert(0, (words, ""))
    if fault["detected_after"] is not None:
        pieces.append((f"breaker opened after {fmt.seconds(fault['detected_after'])}", ""))
    if fault["recovered_after"] is not None:
        pieces.append((f"recovered after {fmt.seconds(fault['recovered_after'])}", "good"))
    return _row(f"fault {printable(fault['id'])}", *pieces)
