"""What the writers of Istio and Envoy share: which words of ``retry_on`` stand for which outcomes.

Owns that table. Refuses either's layout.
"""

from __future__ import annotations

from resilience_sim.interop.mesh import RETRY_ON
from resilience_sim.interop.writing import Parts, outcomes
from resilience_sim.policies.config import RetryConfig

_WORDS = ("5xx", "gateway-error", "reset", "connect-failure", "refused-stream", "envoy-ratelimited")


def retry_words(parts: Parts, retry: RetryConfig) -> str:
    """The fewest words that cover the outcomes."""
    wanted = outcomes(retry)
    left, words = set(wanted), []
    for word in _WORDS:
        covers = set(RETRY_ON[word])
        if covers <= wanted and covers & left:
            words.append(word)
            left -= covers
    if left:
        parts.lost(f"retrying {', '.join(sorted(left))}", "no word of retry_on stands for it alone")
    return ",".join(words) or "retriable-status-codes"


def check_backoff(parts: Parts, retry: RetryConfig) -> None:
    """What a mesh cannot do otherwise."""
    if retry.backoff != "exponential" or retry.factor != 2 or retry.jitter != "full":
        parts.lost("the shape of the waits", "always exponential, doubling, with full jitter")


def check_breaker(parts: Parts, default: int = 5) -> int:
    """Failures in a row for outlier ejection."""
    view = parts.breaker
    assert view is not None
    if view.consecutive:
        return view.consecutive
    parts.lost("a share of a window", f"outlier ejection counts failures in a row; {default} was written")
    return default


def check_rest(parts: Parts) -> None:
    """Policies that a mesh does not have."""
    if parts.limiter is not None:
        parts.lost(f"`{parts.limiter.id}`", "rate limits are a filter of their own")
