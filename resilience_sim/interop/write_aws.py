"""A stack as a profile of the AWS shared config.

Owns that text; aws.py reads it back. Two fields are all there is.
"""

from __future__ import annotations

from resilience_sim.interop.writing import Parts


def write(parts: Parts) -> str:
    """One profile."""
    for policy in (parts.limiter, parts.bulkhead, parts.hedge, parts.total):
        if policy is not None:
            parts.lost(f"`{policy.id}`", "the file has retries only")
    if parts.breaker is not None:
        parts.lost("the circuit breaker", "the SDK has none")
    if parts.attempt is not None and parts.attempt.after != 60_000_000_000:
        parts.lost(f"`{parts.attempt.id}`", "connect_timeout and read_timeout are set in code")
    retry = parts.retry
    mode = "standard"
    if retry is not None:
        budget = retry.budget
        quota = budget is not None and getattr(budget, "scheme", "") in ("aws", "token_bucket")
        mode = "standard" if quota else "legacy"
        if getattr(budget, "mode", "") == "adaptive":
            mode = "adaptive"
        if (retry.delay, retry.backoff, retry.jitter) != (1_000_000_000, "exponential", "full"):
            parts.lost("the shape of the waits", "always U(0, 1) x 2^(n-1) seconds, at most 20")
        if not quota and budget is not None:
            parts.lost("the budget", "the SDK has its own quota")
    attempts = retry.attempts if retry is not None else 1
    return f"[profile {parts.name}]\nretry_mode = {mode}\nmax_attempts = {attempts}\n"
