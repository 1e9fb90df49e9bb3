"""What each outcome of a request or attempt means."""

from __future__ import annotations

OUTCOMES: dict[str, str] = {
    "success": "An answer in time. After the `deadline` it counts as late, not as available.",
    "fallback": "A fallback answered in B's place. Not available, but no failure to the layers outside it.",
    "error": "B answered 500: a failure of its own (`failure_rate`), a fault `errors`, or an outage `how: error`.",
    "client_error": "B answered 4xx (`failure: client_error`, or a fault `errors` with status 404): the request is at "
    "fault. Not tried again and no failure to a breaker, unless listed.",
    "unavailable": "B answered 503 (`failure: unavailable`, or a fault `errors` with status 503).",
    "rate_limited": "B answered 429 (retried by default), or the client's own rate limiter said no (not retried).",
    "timeout": "A timeout gave up. B may still be working, and its effect may still happen.",
    "refused": "Nobody listens: an outage `how: refuse`, or the client instance is down. Never reached B.",
    "reset": "The connection broke midway: an outage `how: reset`, or the replica crashed.",
    "shed": "B's queue was full; it refused at once.",
    "breaker_open": "A circuit breaker was OPEN, or HALF_OPEN with all probes taken. Never reached B.",
    "bulkhead_full": "No place inside the bulkhead, and none in its queue in time. Never reached B.",
    "exhausted": "Service A had no thread and no place in the backlog.",
    "crashed": "Service A's instance crashed with this request in flight (`on_exhaustion: crash`).",
    "throttled": "Adaptive throttling turned it away. Never reached B.",
    "cancelled": "The loser of a hedge. An outcome of attempts, never of a request.",
    "unanswered": "No outcome by the end of the run: B hung or its answer was lost, and no timeout. Holds its thread.",
    "lost_response": "How B's work can end: the effect happened, the answer is lost. The caller waits, or hears an "
    "error at once (`lost_responses: {answer: …}`).",
}
