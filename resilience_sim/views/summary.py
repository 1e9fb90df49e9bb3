"""What is said after a run: verdicts first, then numbers, then why, then the next command worth typing.

Causes are found in why.py, the next step in next_step.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console

from resilience_sim.kernel import format as fmt
from resilience_sim.kernel.text import printable
from resilience_sim.measure.expectations import FAIL, PASS, Verdict
from resilience_sim.measure.result import RunResult
from resilience_sim.measure.statistics import COLLAPSE, Summary, summaries
from resilience_sim.scenario.scenario import Scenario
from resilience_sim.settings.metrics import METRICS, least_values, metric
from resilience_sim.settings.own_code import is_served
from resilience_sim.settings.plan import Plan
from resilience_sim.views.live.look import ASCII, UNICODE, Look, look_for
from resilience_sim.views.moments import MomentsFold
from resilience_sim.views.next_step import next_steps
from resilience_sim.views.text import Row, emit
from resilience_sim.views.why import reasons
from resilience_sim.views.why_case import Case
from resilience_sim.views.words import breaker_name, fault_words

# In the summary of several runs; always those in ALWAYS, the others where they say something.
ALWAYS = ("availability", "p50_success", "p99_success", "attempts_per_request")
NEVER = ("succeeded", "p90", "p95", "p99.9", "p90_success", "p95_success", "p99.9_success", "threads_peak")


def render_summary(
    console: Console,
    scenario: Scenario,
    results: Sequence[RunResult],
    verdicts: Sequence[Verdict],
    *,
    moments: MomentsFold | None = None,
    interrupted: bool = False,
    saved: str = "",
    quiet: bool = False,
) -> None:
    """Print the summary of one run, or of several with different seeds.

    ``moments``: the fold that watched the run, of several the first one, for instants in the explanation.
    ``interrupted``: the figures are about what was simulated until then. ``saved``: the recording that was written.
    ``quiet``: only verdicts and availability.
    """
    emit(console, summary_rows(scenario, results, verdicts, look_of(console), moments, interrupted, saved, quiet))


def look_of(console: Console) -> Look:
    return ASCII if look_for(console.encoding, {}).ascii_only else UNICODE


def summary_rows(
    scenario: Scenario,
    results: Sequence[RunResult],
    verdicts: Sequence[Verdict],
    look: Look = UNICODE,
    moments: MomentsFold | None = None,
    interrupted: bool = False,
    saved: str = "",
    quiet: bool = False,
) -> list[Row]:
    """The whole summary; every row carries its own indentation, and may be longer than a terminal is wide."""
    rows = [_head(scenario, results, interrupted)]
    if interrupted and results:
        if len(results) == 1:
            about = f"the first {fmt.seconds(results[0].document['virtual_seconds'])} of virtual time"
        else:
            about = f"the {len(results)} runs that were finished"
        rows.append(Row(f"interrupted: everything below is about {about}", "odd"))
    if not results:
        return [*rows, Row("nothing was simulated", "odd")]
    if verdicts:
        rows += [Row(), *verdict_rows(verdicts, look)]
    rows.append(Row())
    if quiet:
        return [*rows, *_in_short(scenario, results, moments)]
    if len(results) == 1:
        case = Case(scenario.plan, results[0].document, moments)
        rows += numbers(case)
        rows += [Row(), Row("Why", "title")]
        rows += [Row(f"  {text}", hang=2) for text in reasons(case)]
    else:
        rows += many_runs(results)
        rows += [Row(), Row("Why", "title").add(f"  of the run with seed {results[0].seed}", "faint")]
        rows += [Row(f"  {text}", hang=2) for text in reasons(Case(scenario.plan, results[0].document, moments))]
    rows += [Row(), Row("Next", "title"), *step_rows(next_steps(scenario, results, saved))]
    return rows


def _in_short(scenario: Scenario, results: Sequence[RunResult], moments: MomentsFold | None) -> list[Row]:
    """Availability and what failed of one run; availability with its interval of several."""
    if len(results) > 1:
        return many_runs(results)[:2]
    rows = numbers(Case(scenario.plan, results[0].document, moments))
    return [row for row in rows if row.plain().strip().startswith(("requests", "failed", "under way"))]


def _head(scenario: Scenario, results: Sequence[RunResult], interrupted: bool) -> Row:
    row = Row(scenario.plan.name, "title")
    if not results:
        return row
    seeds = [result.seed for result in results]
    if len(results) == 1:
        row.add(f"  seed {seeds[0]}", "faint")
        row.add(f"  {fmt.seconds(results[0].document['virtual_seconds'])} virtual", "faint")
        return row.add(f"  digest {results[0].digest}", "faint")
    return row.add(f"  {len(results)} runs, seeds {fmt.ranges(seeds)}", "faint")


# --- verdicts -----------------------------------------------------------------------------------------------------


def verdict_rows(verdicts: Sequence[Verdict], look: Look) -> list[Row]:
    """One row an expectation: mark, what was asked, where, what came, and what else is to be said."""
    wide = max(len(verdict.that) for verdict in verdicts)
    scopes = max(len(verdict.scope) for verdict in verdicts)
    values = max(len(_value(verdict)) for verdict in verdicts)
    rows = []
    for verdict in verdicts:
        mark, style = _mark(verdict, look)
        row = (
            Row(f"  {mark} ", style, hang=6).add(verdict.that, "strong" if verdict.verdict != PASS else "").to(6 + wide)
        )
        if scopes:
            row.add(verdict.scope, "faint").to(8 + wide + scopes)
        row.add(_value(verdict), style).to(row.width + values - len(_value(verdict)))
        notes = [_answer(verdict), verdict.reason, _violated(verdict), _because(verdict), _broken(verdict)]
        said = "; ".join(note for note in notes if note)
        rows.append(row.add(f"  {said}", "faint") if said else row)
    return rows


def _answer(verdict: Verdict) -> str:
    """What a line about the accident that a scenario shows is answered with."""
    if not verdict.shows:
        return ""
    return {PASS: "as announced", FAIL: "no longer so"}.get(verdict.verdict, "")


def _violated(verdict: Verdict) -> str:
    return (
        ""
        if verdict.first_violated is None or verdict.several
        else f"first violated at {fmt.instant(round(verdict.first_violated * 1e9))}"
    )


def _because(verdict: Verdict) -> str:
    return f"expected because {verdict.because}" if verdict.because and verdict.verdict != PASS else ""


def _mark(verdict: Verdict, look: Look) -> tuple[str, str]:
    if verdict.shows and verdict.verdict == PASS:
        return look.odd, "odd!"
    if verdict.verdict == PASS or (verdict.shows and verdict.verdict == FAIL and not verdict.decides):
        return look.good, "good!"
    return (look.bad, "bad!") if verdict.verdict == FAIL else ("?", "odd!")


def _value(verdict: Verdict) -> str:
    known = metric(verdict.metric)
    unit = known.unit if known else "count"
    text = _telling(verdict.value, verdict.limit, unit)
    if verdict.ci95 is not None and verdict.value is not None and verdict.ci95[0] < verdict.ci95[1]:
        low, high = (fmt.in_unit(bound, unit) for bound in verdict.ci95)
        text += f" ({low} to {high})"
    return text


_SUFFIXES = {"ratio": "%", "seconds": "s", "factor": "x", "per_second": "/s"}


def _telling(value: float | None, limit: float, unit: str) -> str:
    """The value; with more digits where it would otherwise read like the limit that it misses."""
    text = fmt.in_unit(value, unit)
    if value is None or value == limit or text != fmt.in_unit(limit, unit):
        return text
    scaled, suffix = (
        (value * 100, "%")
        if unit == "ratio"
        else (value, {"seconds": "s", "factor": "x", "per_second": "/s"}.get(unit, ""))
    )
    return f"{scaled:.7g}{suffix}"


def _broken(verdict: Verdict) -> str:
    if verdict.first_broken is None or not verdict.several:
        return ""
    when = "" if verdict.first_violated is None else f" at {fmt.instant(round(verdict.first_violated * 1e9))}"
    return f"broken by seed {verdict.first_broken}{when}"


# --- several runs -------------------------------------------------------------------------------------------------


def many_runs(results: Sequence[RunResult]) -> list[Row]:
    """Means with their 95 % intervals, and the range of the runs."""
    table: list[tuple[str, str, str, str]] = [("", "mean", "95% interval", "lowest to highest")]
    found = summaries(results)
    if found.get("amplification") == found.get("attempts_per_request"):
        found.pop("amplification", None)  # every attempt reached B: one line says it
    for known in METRICS:
        summary = found.get(known.name)
        if summary is None or known.name == COLLAPSE or not _telling_metric(known.name, summary):
            continue
        low, high = fmt.in_unit(summary.low, known.unit), fmt.in_unit(summary.high, known.unit)
        span = low if low == high else f"{low} to {high}"
        if summary.missing:
            span += f" (no data in {summary.missing} of {fmt.plural(len(results), 'run')})"
        table.append((known.name, fmt.in_unit(summary.mean, known.unit), interval_text(summary, known.unit), span))
    rows = columns(table)
    collapse = found.get(COLLAPSE)
    if collapse is not None and collapse.mean is not None:
        rows += [Row(), Row("  ").join(collapse_row(collapse, len(results)))]
    return rows


def _telling_metric(name: str, summary: Summary) -> bool:
    if name in ALWAYS:
        return True
    return name not in NEVER and summary.low is not None and not (summary.low == summary.high == 0)


def interval_text(summary: Summary, unit: str) -> str:
    """``68.1% to 68.7%``; empty when there is none or it has no width."""
    if summary.ci95 is None or summary.ci95[0] == summary.ci95[1]:
        return ""
    low, high = (fmt.in_unit(bound, unit) for bound in summary.ci95)
    return low if low == high else f"{low} to {high}"


def collapse_row(summary: Summary, runs: int) -> Row:
    """How many runs collapsed, and what that says about the next one (Wilson)."""
    mean = summary.mean or 0.0
    hits = round(mean * runs)
    row = Row("collapsed", "").to(23).add(f"{hits} of {runs}", "bad!" if hits else "good")
    if summary.ci95 is not None:
        low, high = fmt.share(summary.ci95[0]), fmt.share(summary.ci95[1])
        row.add(f"  a run collapses with probability {low} to {high} (95%, Wilson)", "faint")
    return row


def columns(table: Iterable[tuple[str, ...]]) -> list[Row]:
    """Rows of cells with the columns aligned: names to the left, figures to the right, the last one free."""
    cells = list(table)
    count = len(cells[0])
    widths = [max(len(line[i]) for line in cells) for i in range(count)]
    rows = []
    for number, line in enumerate(cells):
        row = Row("  ")
        for i, text in enumerate(line):
            style = "faint" if number == 0 or i > 1 else "strong" if i == 1 else ""
            if i == 0:
                row.add(text, style).to(2 + widths[0])
            elif i == count - 1:
                row.add(f"  {text}" if text else "", style)
            else:
                row.add("  ").right(text, style, row.width + widths[i])
        rows.append(row)
    return rows


def step_rows(steps: Sequence[tuple[str, str]]) -> list[Row]:
    """Commands and what they show, aligned as far as they are short."""
    wide = max((len(command) for command, _ in steps if len(command) <= 48), default=0)
    rows = []
    for command, shows in steps:
        rows.append(Row(f"  {command}", "key", hang=6).to(max(4 + wide, len(command) + 4)).add(shows, "faint"))
    return rows


MOST_CHANGES = 8
LABEL, WIDEST_LABEL = 17, 26  # columns where the figures begin, and where they begin at the latest
LEAST_RECOVERED = 0.1  # a recovery counts when it has lasted this share of what it took
PERCENTILES = (50, 90, 99)

Run = dict[str, Any]
Piece = tuple[str, str]  # text, style
Line = tuple[str, Sequence[Piece]]  # label, figures


def numbers(case: Case) -> list[Row]:
    plan, run = case.plan, case.run
    rows = [_requests(run), *_failures(run), *_latency(run), _attempts(run)]
    rows += [_breaker(breaker, plan) for breaker in run["breakers"]]
    rows.append(_service(run, plan))
    rows += _inner_services(run)
    rows += _effects(run, plan)
    rows += _client(run, plan)
    rows += [_fault(case, index, fault) for index, fault in enumerate(run["faults"])]
    rows += _changes(plan, run)
    wide = max((cell_len(label) + 4 for label, _ in rows if cell_len(label) + 4 <= WIDEST_LABEL), default=0)
    return [_row(label, pieces, max(LABEL, wide)) for label, pieces in rows]


def _row(label: str, pieces: Sequence[Piece], column: int) -> Row:
    row = Row(f"  {label}", "faint", hang=column).to(max(column, cell_len(label) + 4))
    for index, (text, style) in enumerate(pieces):
        row.add(", " if index else "", "faint").add(text, style)
    return row


def _line(label: str, *pieces: Piece) -> Line:
    return label, pieces


def _requests(run: Run) -> Line:
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
    if requests.get("under_way"):
        pieces.append((f"{fmt.count(requests['under_way'])} still under way", "odd"))
    return _line("requests", *pieces)


def _failures(run: Run) -> list[Line]:
    failures = [
        (n, name) for name, n in run["requests"]["by_outcome"].items() if n and name not in ("success", "fallback")
    ]
    if not failures:
        return []
    pieces = [(f"{fmt.count(n)} {name}", "bad") for n, name in sorted(failures, key=lambda pair: -pair[0])]
    return [_line("failed", *pieces)]


def _latency(run: Run) -> list[Line]:
    """Of the requests that succeeded; of all of them in a second row where some did not."""
    requests = run["requests"]
    good = requests["succeeded"] + requests["late"]
    every = requests["total"] - requests.get("under_way", 0) - requests["by_outcome"]["unanswered"]
    if not every:
        return [_line("latency", ("no request got an outcome", "faint"))]
    rows = []
    if good < every:
        rows.append(_line("with failures", *_percentiles(run["latency"], every, "faint")))
    if not good:
        return [_line("latency", ("no request succeeded", "bad")), *rows]
    return [_line("latency", *_percentiles(run["latency_success"], good, "")), *rows]


def _percentiles(latency: Run, count: int, style: str) -> list[Piece]:
    """The percentiles that this many values can tell: at least one value must lie above."""
    names = [f"p{percent}" for percent in PERCENTILES if count >= least_values(percent)]
    return [(f"{name} {fmt.seconds(latency[name])}", style) for name in [*names, "max"]]


def _attempts(run: Run) -> Line:
    attempts = run["attempts"]
    per_request = attempts["per_request"]
    pieces = [(f"{fmt.count(attempts['total'])} made", "")]
    if per_request is not None:
        pieces.append((f"{fmt.factor(per_request)[:-1]} per request", "odd" if per_request >= 1.5 else ""))
    if attempts["denied_by_budget"]:
        pieces.append((f"{fmt.plural(attempts['denied_by_budget'], 'retry', 'retries')} denied by the budget", "odd"))
    return _line("attempts", *pieces)


def _breaker(breaker: Run, plan: Plan) -> Line:
    name = breaker_name(breaker, plan)
    if not breaker["opened"]:
        return _line(name, ("never opened", ""))
    opened = "once" if breaker["opened"] == 1 else f"{fmt.count(breaker['opened'])} times"
    return _line(
        name,
        (f"opened {opened}", "odd"),
        (f"open for {fmt.seconds(breaker['open_seconds'])}", ""),
        (f"{fmt.plural(breaker['rejected'], 'call')} turned away", ""),
    )


def _service(run: Run, plan: Plan) -> Line:
    service = run["service"]
    name = f"service {printable(plan.service.name)}"
    pieces = [(f"{fmt.count(service['attempts_received'])} of them received", "")]
    if run["amplification"] is not None and service["attempts_received"] != run["attempts"]["total"]:
        pieces.append((f"{fmt.factor(run['amplification'])[:-1]} per request", ""))
    if service["utilization"] is not None:
        pieces.append((f"{fmt.share(service['utilization'])} busy", ""))
    pieces.append((f"up to {fmt.count(service['busy_peak'])} at work", ""))
    if service["queue_peak"]:
        pieces.append((f"up to {fmt.count(service['queue_peak'])} in the queue", "odd"))
    if service["wasted_seconds"]:
        pieces.append((f"{fmt.seconds(service['wasted_seconds'])} of work for nobody", "odd"))
    return _line(name, *pieces)


def _inner_services(run: Run) -> list[Line]:
    """The services behind the first: what reached them, and how they answered."""
    found = []
    for service in run.get("services", [])[1:]:
        if not service["attempts_received"]:
            found.append(_line(f"service {printable(service['name'])}", ("nothing received", "")))
            continue
        times = f" ({fmt.factor(service['amplification'])[:-1]} per request)" if service["amplification"] else ""
        succeeded, received = service["succeeded"], service["attempts_received"]
        pieces = [
            (f"{fmt.count(received)} received{times}", ""),
            (
                f"{fmt.share(succeeded / received)} succeeded",
                "" if succeeded == received else "odd",
            ),
        ]
        if service["utilization"] is not None:
            pieces.append((f"{fmt.share(service['utilization'])} busy", ""))
        if service["queue_peak"]:
            pieces.append((f"up to {fmt.count(service['queue_peak'])} in the queue", "odd"))
        if service["expired"]:
            pieces.append((f"{fmt.count(service['expired'])} expired", "odd"))
        if service["wasted_seconds"]:
            pieces.append((f"{fmt.seconds(service['wasted_seconds'])} of work for nobody", "odd"))
        if service["effects"]["duplicates"]:
            pieces.append((fmt.plural(service["effects"]["duplicates"], "duplicate"), "bad!"))
        found.append(_line(f"service {printable(service['name'])}", *pieces))
    return found


def _effects(run: Run, plan: Plan) -> list[Line]:
    effects = run["effects"]
    if plan.operation.only_reads and not effects["applied"]:
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
    methods = list(dict.fromkeys(each.method for each in plan.operation.each if each.method != "GET"))
    return [_line(f"{methods[0]} effects" if len(methods) == 1 else "effects", *pieces)]


def _client(run: Run, plan: Plan) -> list[Line]:
    client = run["client"]
    if not plan.client.threads:
        return []
    full = client["threads_peak"] >= plan.client.threads
    whose = " of an instance" if plan.client.instances > 1 else ""
    peak = f"up to {fmt.count(client['threads_peak'])} of {fmt.count(plan.client.threads)} threads{whose} taken"
    pieces = [(peak, "bad" if full else "")]
    if client["crashes"]:
        pieces.append(
            (f"crashed {'once' if client['crashes'] == 1 else fmt.plural(client['crashes'], 'time')}", "bad!")
        )
    return [_line("service A", *pieces)]


def _changes(plan: Plan, run: Run) -> list[Line]:
    """What the scenario has changed while it ran, as far as the run came."""
    if not plan.actions:
        return []
    from resilience_sim.views.actions_text import action_texts

    end = round(run["virtual_seconds"] * 1e9)
    changes = [change for change in action_texts(plan) if change.t <= end]
    rows = [_line(f"at {fmt.instant(change.t)}", (change.words, "")) for change in changes[:MOST_CHANGES]]
    left = len(changes) - len(rows)
    return [*rows, *([_line("", (f"and {fmt.plural(left, 'more change')}", "faint"))] if left else [])]


def _fault(case: Case, index: int, fault: Run) -> Line:
    plan = case.plan
    begin, end = fmt.instant(round(fault["from"] * 1e9)), fmt.instant(round(fault["to"] * 1e9))
    pieces = [(f"{begin} to {end}", "")]
    if index < len(plan.faults):
        words = fault_words(plan.faults[index])
        if words != fault["id"]:
            pieces.insert(0, (words, ""))
    if fault["detected_after"] is not None:
        pieces.append((f"breaker opened after {fmt.seconds(fault['detected_after'])}", ""))
    if (
        recovered := _reached(case, fault)
        or _unseen(case, index)
        or _harmless(case, index, fault)
        or _recovered(case, index, fault)
    ):
        pieces.append(recovered)
    return _line(f"fault {printable(fault['id'])}", *pieces)


def _reached(case: Case, fault: Run) -> Piece | None:
    """A fault that had not begun, or was still on, when the run was cut short; or that came after all requests."""
    if case.cut:
        end = case.run["virtual_seconds"]
        if fault["from"] > end:
            return "not begun when the run was cut short", "faint"
        return ("still on when the run was cut short", "odd") if fault["to"] > end else None
    if case.moments is not None and fault["from"] * 1e9 > case.moments.last_arrival:
        return "after the last request came", "faint"
    return None


def _unseen(case: Case, index: int) -> Piece | None:
    """A server that refuses everybody does not see who wanted to connect."""
    if not is_served(case.plan) or index >= len(case.plan.faults):
        return None
    fault = case.plan.faults[index]
    refuses = fault.kind == "crash_replica" or (fault.kind == "outage" and fault.how == "refuse")
    if not refuses or fault.share < 1 or fault.replica:
        return None
    return "connections refused by the system are in no figure", "odd"


def _harmless(case: Case, index: int, fault: Run) -> Piece | None:
    """A fault during and after which every request succeeded has nothing to recover from."""
    found = case.moments.meanwhile.get(index) if case.moments is not None else None
    if found is None or found.good < (found.over if case.cut else found.came):  # without an outcome: never answered
        return None
    after = fault["recovered_after"]
    if after is not None and (found.next is None or after > found.next / 1e9 - fault["to"] + 1e-9):
        return None
    if after is None and case.after_last_fault() > 0:
        return None
    if not found.came:
        return "no request came meanwhile", "faint"
    if found.over < found.came:
        return "so far every request that came meanwhile succeeded", "good"
    return "every request that came meanwhile succeeded", "good"


def _recovered(case: Case, index: int, fault: Run) -> Piece | None:
    """What can be said of the recovery; nothing where too few requests came after the fault to tell."""
    after, last = fault["recovered_after"], max(case.run["faults"], key=lambda each: float(each["to"]))
    if after is not None:
        found = case.moments.meanwhile.get(index) if case.moments is not None else None
        if found is not None and not found.good_after:  # as good as before: nobody was served then, either
            return ("no request that came after it succeeded", "bad") if not case.cut else None
        at_once = found is not None and found.next is not None and after <= found.next / 1e9 - fault["to"] + 1e-9
        words = "recovered at once" if at_once else f"recovered after {fmt.seconds(after)}"
        if fault is not last or case.after_last_fault() - after >= LEAST_RECOVERED * after:
            return words, "good"
        return f"{words}, but that is near the end", "odd"
    if fault is not last:
        return None
    if case.cut:
        return ("not recovered when the run was cut short", "odd") if case.after_last_fault() > 0 else None
    if case.had_time_to_recover():
        return "never recovered", "bad"
    return ("not recovered by the end", "odd") if case.after_last_fault() > 0 else None
