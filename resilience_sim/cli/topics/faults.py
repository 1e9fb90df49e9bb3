"""What each fault does, exactly. Settings and their defaults are added from the models of the scenario file."""

from __future__ import annotations

COMMON = """\
Every fault has `at` and `for`, an optional `id` (its name in expectations), `share` (`of: attempts`, or `of:
requests`: the same requests on every attempt) and `replica`. Faults may overlap."""

FAULTS: dict[str, str] = {
    "outage": """\
B is gone. `how` decides what callers see, and each stresses another policy:
    refuse  fails at once, never reaches B                 refused
    hang    reaches B, holds no worker, is never answered  unanswered or timeout
    error   a 500 after the usual service time             error
    reset   breaks off midway through the service time     reset
refuse and hang are decided when the attempt arrives, error and reset when its work starts.""",
    "brownout": """\
B is weakened: only a share of the `workers` (rounded down, at least one unless 0%), `slower` work, more failures.
Service time = (latency + slowdown per other request in service) * slower + added latency.""",
    "latency": "Every service time is longer by `add`.",
    "errors": """\
A share `rate` of the attempts fails, decided when work starts. `status` 503 is unavailable, 429 rate_limited, any
other error.""",
    "lost_responses": """\
B does the work, its effect happens, and a share `rate` of the answers never arrives: the caller waits until a timeout.
What is retried after that is executed again: this is where double charges come from.""",
    "rate_limit": """\
B answers 429 above `limit` (a token bucket), without using a worker: outcome rate_limited. `retry_after` is the
hint that comes with it; a retry honours it unless told otherwise.""",
    "cold_cache": """\
B's work takes `slower` times as long at first; after each `half_life` half of the slowness is gone:
    factor = 1 + (slower - 1) * 2^(-t / half_life)""",
    "crash_replica": """\
A replica is down: what it worked on and what waited in its queue is lost (reset). The balancer goes on with the
others. Without `replica` all of them are down, and calls are refused.""",
    "spike": "The arrival rate is multiplied by `rate`. Open loop only: users who wait for answers send no spikes.",
}
