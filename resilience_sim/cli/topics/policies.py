"""What each policy does, exactly. Settings and their defaults are added from the models of the scenario file."""

from __future__ import annotations

POLICIES: dict[str, str] = {
    "retry": """\
Tries again when an attempt fails with an outcome that is listed in `on`. For trouble that passes; it multiplies
trouble that stays.

`attempts` counts the first try. After try n the wait is, before jitter and the cap `max_delay`:
    constant      d
    linear        d * n
    exponential   d * factor^(n-1)
    decorrelated  uniform between d and 3 * the wait before
Jitter: full is uniform (0, w), equal w/2 + uniform (0, w/2), 25% w * uniform (0.75, 1.25); then it is capped again.
No wait follows the last try. When B sends a Retry-After with its 429, that is the wait.

A rejection by a policy inside (breaker_open, bulkhead_full) is not retried unless listed.

With failures that are independent with probability f, n attempts succeed with 1 - f^n at a cost of
(1 - f^n) / (1 - f) attempts per request: f = 50%, n = 3 gives 87.5% for 1.75 attempts. In an outage f is 1, and
the cost is n attempts for nothing: see `budget`.

A budget limits all retries of a client instance together. A ratio: retries may be that share of the calls of the last
10 s, plus 1. token_bucket: `capacity` tokens at the start, `deposit` per call or per success, `cost` per retry.
failure_rate: no retries while more than `threshold` fails.""",
    "circuit_breaker": """\
Stops calling B while it fails, and finds out carefully whether it is back. For trouble that stays.

CLOSED     every call goes through, results are counted
OPEN       every call is rejected at once: breaker_open
HALF_OPEN  at most `probes` calls at a time go through, the others are rejected

It opens after `failure_threshold` failures in a row (a whole number: any success begins again at zero), or when the
share of failures in the window reaches it (a ratio like 50%), once `min_calls` are in the window. With `slow_call`
also when the share of slow calls reaches `slow_threshold`. The question is asked after every result.

OPEN ends with the first call that comes strictly later than `recovery_time` after opening: that call is a probe. A
failed probe opens again, `success_threshold` successes close it and clear what was counted.

A failure is every outcome but success, except those in `ignore`. The result of a call that was admitted before the
last change of state changes nothing; the event `late_result` says so.

Outside a retry it sees one result per request, after all tries: it opens later. Inside a retry it sees every
attempt, and its rejections end the retrying (unless `on` lists breaker_open).

These rules are ours. `like: resilience4j` (polly, gobreaker, failsafe-go, pybreaker, hyx, hystrix, finagle, dapr,
envoy) gives it those of a library, with its defaults and names: docs/libraries.md, resim compare library-breakers.""",
    "timeout": """\
Stops waiting after `after`. The outcome is `timeout`.

B does not know: it goes on working, and the effect may still happen (orphans, duplicates when the caller tries
again). With `cancels_work: true` B's work ends too.

At load, an attempt that was given up still costs B its time: work for nobody. Timeouts with retries therefore
raise the load exactly when B is slow; see the metric wasted_work.""",
    "bulkhead": """\
Limits how many calls are inside at once. A further one waits in the queue, if there is room, for at most `max_wait`
(default: as long as its caller waits); else the outcome is `bulkhead_full` at once.

By Little's law calls inside = rate * time: 50/s at 200 ms need 10 places. A bulkhead keeps a slow B from taking
all threads of Service A.""",
    "rate_limiter": """\
Limits how many calls begin. A call that would have to wait longer than `max_wait` is rejected at once; users see
`rate_limited`, and a retry outside takes it up only if its `on` lists it.

    token_bucket  up to `burst` at once, then evenly at `limit`; starts full
    smooth        evenly, no burst
    fixed_window  so many in each window from t = 0; unused ones expire""",
    "hedge": """\
When no answer has come after `delay`, asks a second time (up to `max_extra` times) and takes the first success.
When all fail, the last failure is the outcome. It is no retry: a quick failure starts nothing.

With a delay at the p95 of B, one call in twenty is sent twice, and a request is slower than t only if both are.
Needs operations that may happen twice.""",
    "fallback": """\
Answers in B's place, after `latency`, when the inside fails. To the layers outside it a fallback looks like a
success; the request's outcome is `fallback`, and it does not count as available.""",
    "throttle": """\
Turns calls away on the client's side the more B refuses: over the last `window`, with probability
    max(0, (requests - k * accepts) / (requests + 1))
Accepted is what B took on, errors included; refused, shed, unavailable, rate_limited, timeout and reset are not.
With k = 2 B is sent at most about twice what it accepts. The rule of the SRE book (chapter "Handling Overload").""",
}
