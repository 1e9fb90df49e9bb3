"""Things to know that are neither a policy nor a fault nor a metric."""

from __future__ import annotations

CONCEPTS: dict[str, tuple[str, str]] = {
    "expectations": (
        "what must hold, as METRIC OPERATOR VALUE",
        """\
    expect:
      - availability >= 99%
      - {that: p99 < 800ms, during: before main}
      - {that: amplification <= 1.5x, during: main, because: B is down already}

Scopes: before ID, during ID, after ID of a fault; phase N; variant NAME (judged by resim compare). A request
belongs to the scope in which it arrived.

One run: the value decides. Several runs: the whole 95% interval of the mean must agree, else it is inconclusive;
== and !=, and a count against zero, must hold in every run. No data is inconclusive, never a pass. A failed
expectation makes exit code 1, an inconclusive one 4. A failed line names the first instant at which it was
violated, where there is one.

The accident that a scenario is there to show stands under shows:, in the same form. It is answered with as announced
or no longer so, and decides the exit code (1) only of the unchanged scenario: never of a run with --set or --stack,
of a variant, or of one in which something was done by hand.""",
    ),
    "changes": (
        "what is changed while it runs, each change at its instant",
        """\
    changes:
      - {at: 25s, set: {retry.attempts: 1, retry.budget: 10%}}
      - {at: 30s, trip: circuit_breaker}
      - {at: 40s, reset: circuit_breaker}
      - {at: 45s, add: {bulkhead: {max_concurrent: 20}}, inside: retry}
      - {at: 50s, reorder: [circuit_breaker, retry, bulkhead, timeout]}
      - {at: 60s, remove: bulkhead}

Exactly one of set, trip, reset, add, remove, reorder. Paths are those of --set, of policies only: what happens to B is
a fault. A change comes before everything else of its instant; several at one instant happen in the order of the file.
add puts a policy outermost unless outside: ID, inside: ID or position: N says where. A changed policy keeps what it has
learnt where that still means something; calls under way leave through the policies they came in by.

A variant takes the changes over as far as its stack allows, unless it has its own; changes: [] is none. In resim play,
w writes what was done by hand as changes. resim compare live-fix shows what they are good for.""",
    ),
    "seeds": (
        "luck, and why one seed is an anecdote",
        """\
Every draw (arrival, service time, failure, jitter) is a function of seed, purpose, request and attempt. So a
request has the same luck in every variant: changing one setting never reshuffles the rest, and differences show
with far fewer runs.

One seed is one possible afternoon. Use --runs 20, and look at the intervals; many models that retry can fall into
one of two very different ends, by luck.""",
    ),
    "digest": (
        "the fingerprint of a run",
        """\
A hash over every event of the run. The same scenario, seed and version give the same digest on every machine and
in every user interface mode. resim replay FILE --verify simulates again and compares event by event.""",
    ),
    "recordings": (
        "files made by --save",
        """\
A recording (.resim) is one SQLite file: scenario, seed and every event. It is written while the run goes on: a run
that was interrupted or killed leaves what happened. resim export makes tables of it that any SQLite tool queries.

    resim run first-look --save r.resim
    resim replay r.resim                         play back: --from 30s
    resim replay r.resim --verify                prove that it happens again
    resim replay r.resim --set retry.attempts=5  the same luck, another setting
    resim replay r.resim --stack other.yaml      the same luck, another stack
    resim export r.resim --to chrome-trace -o r.json   for ui.perfetto.dev
    resim export r.resim --to sqlite -o r.db          tables for SQL""",
    ),
    "units": (
        "how quantities are written",
        """\
    durations  250ms  1.5s  1m30s  2h
    ratios     10%
    rates      80/s  600/min
    factors    4x
Plain whole numbers only count things. Time is kept in whole nanoseconds.""",
    ),
    "stack": (
        "policies between Service A and Service B, outermost first",
        """\
    stack:
      - circuit_breaker: {failure_threshold: 2, recovery_time: 10s}
      - retry: {attempts: 3, delay: 1s}

Each wraps the next; Service B is innermost. Here the breaker sees one result per request, after all tries. The
other way round it sees every attempt. Policies may repeat; then give them an `id`. resim compare retry-order shows
the difference.""",
    ),
    "set": (
        "changing one setting from the command line",
        """\
    --set retry.attempts=5              a policy, by id or kind
    --set service.workers=8             a section
    --set faults.main.how=hang          a fault, by id or kind
    --set retry.budget=null             takes a setting away
    --set 'stack=[{retry: {attempts: 2}}]'

Another stack must still have what the variants of the file speak of.""",
    ),
    "exports": (
        "files that other programs open",
        """\
--out FORMAT=PATH while running, resim export FILE.resim --to FORMAT afterwards. resim list formats shows them.
PATH - is standard output. Files appear when they are complete, never half-written.""",
    ),
}
