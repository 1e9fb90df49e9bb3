"""What Istio and Envoy have in common: the words of ``retry_on``, and outlier ejection as a breaker."""

from __future__ import annotations

from resilience_sim.interop.findings import At, Log
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting, yaml_value
from resilience_sim.interop.section import Value
from resilience_sim.interop.traps import traps
from resilience_sim.interop.writing import Parts, outcomes
from resilience_sim.policies.config import RetryConfig

TRAPS = traps(
    """
RL130 warning: an ejection share that ejects nobody
    Since Envoy 1.28 the host that would be ejected is part of the share: of n hosts, one is 100/n percent. With the
    default of 10 % and fewer than ten hosts no host is ever ejected, whatever it answers. Set
    `max_ejection_percent` to at least 100/n or `always_eject_one_host`.
RL131 warning: a per-try timeout that is dropped
    Envoy ignores a per-try timeout that is not shorter than the route's timeout. The first try may then use up all
    the time, and the retries never happen.
RL132 info: retries, not calls
    Envoy's `num_retries` and Istio's `attempts` do not count the first call.
RL135 warning: a gateway-error check without effect
    In Istio, consecutiveGatewayErrors counts a subset of what consecutive5xxErrors counts: with a limit that is not
    lower it never decides. In Envoy it is enforced at 0 % unless `enforcing_consecutive_gateway_failure` says
    otherwise.
RL136 warning: zero switches the check off
    consecutive_5xx: 0 does not mean that nothing is tolerated: the check is off.
"""
)

RETRY_ON: dict[str, tuple[str, ...]] = {
    "5xx": ("error", "unavailable", "timeout", "refused", "reset", "shed"),
    "gateway-error": ("unavailable", "timeout", "refused", "shed"),
    "reset": ("reset", "timeout"),
    "connect-failure": ("refused",),
    "refused-stream": ("refused", "shed"),
    "reset-before-request": ("reset",),
    "retriable-4xx": (),
    "retriable-status-codes": ("unavailable",),
    "retriable-headers": (),
    "envoy-ratelimited": ("rate_limited",),
    "cancelled": (),
    "deadline-exceeded": ("timeout",),
    "internal": ("error",),
    "resource-exhausted": ("rate_limited", "shed"),
    "unavailable": ("unavailable", "refused", "reset"),
    "unknown": (),
}
DEFAULT_JITTER = "full"
HOPELESS = {"retriable-4xx": "a 409 is retried with the very same request"}


def retry_on(words: list[str], at: At, log: Log, default: tuple[str, ...]) -> Setting:
    """The outcomes that are tried again."""
    if not words:
        return Setting("[" + ", ".join(default) + "]", "default")
    outcomes: dict[str, None] = {}
    for word in words:
        code = word.isdigit() and len(word) == 3
        if word not in RETRY_ON and not code:
            log.unknown(At(at.span, f"{at.path}.…", at.text), "see the values of x-envoy-retry-on")
            continue
        mapped = RETRY_ON.get(word) if not code else code_outcomes(word)
        outcomes.update(dict.fromkeys(mapped or ()))
        if word in HOPELESS or (code and word[0] == "4" and word not in ("408", "425", "429")):
            log.trap(
                "RL119",
                f"`{word}` is retried, and cannot succeed: "
                f"{HOPELESS.get(word, 'the same request gets the same answer')}",
                at,
                f"take `{word}` out",
            )
    known = " ".join(word for word in words if word in RETRY_ON or word.isdigit())
    return Setting("[" + ", ".join(outcomes or ("unavailable",)) + "]", f"{at.path.rpartition('.')[2]}: {known}", at)


def code_outcomes(code: str) -> tuple[str, ...]:
    """The outcomes that an HTTP status stands for here."""
    return {"429": ("rate_limited",), "503": ("unavailable", "shed"), "504": ("timeout",), "408": ("timeout",)}.get(
        code, ("error",) if code.startswith("5") else ()
    )


def backoff(layer: Layer, base: Value[int] | None, cap: Value[int] | None) -> None:
    """U[0, min(base 2^k, cap)): 25 ms, ten times as much."""
    first = base.value if base else 25_000_000
    layer.put("delay", Ns(first), base, "default")
    layer.put("backoff", "exponential", None, "always: doubles, full jitter")
    layer.put("factor", "2x")
    layer.put("max_delay", Ns(cap.value if cap else 10 * first), cap, "default: ten times the base")
    layer.put("jitter", DEFAULT_JITTER)


def ejection(
    layer: Layer,
    failures: int,
    source: Value[int] | None,
    base: Value[int] | None,
    longest: Value[int] | None,
    interval: Value[int] | None,
) -> None:
    """Outlier ejection as a breaker around all of B: near for one host, too coarse for several."""
    layer.put("failure_threshold", failures, source, "default")
    open_for = base.value if base else 30_000_000_000
    layer.put("recovery_time", Ns(open_for), base, "default; grows with each ejection")
    cap = max(longest.value if longest else 300_000_000_000, open_for)
    layer.put("backoff", f"{{factor: 2x, max: {_duration(cap)}}}", longest, "default; really 1, 2, 3 … times the base")
    layer.put("probes", 1_000, None, "no half-open: the host comes back fully")
    layer.put("success_threshold", 1)
    layer.exact.update(backoff=None, probes=None, success_threshold=None)
    for name, found in (("interval", interval), ("max_ejection_time", longest)):
        if found is not None:
            layer.exact[name] = Setting(_duration(found.value), found.shown, found.at)
    layer.remarks.append("each client instance keeps its own account of B's hosts")
    layer.generic_remarks.append(
        "ejection is per host, after a sweep, and leaves the others in service; the generic breaker stands "
        "for all of them together"
    )


def native(layer: Layer, name: str, value: object, source: Value[object], log: Log, why: str) -> None:
    """A field that only Envoy's own rules know; ``why`` the generic ones do not have it."""
    layer.exact[name] = Setting(yaml_value(value), source.shown, source.at)
    log.skipped(source.at, why)


def nobody_ejected(log: Log, share: int, at: At, where: str, remedy: str, known: int = 0) -> None:
    """The 10 % trap. ``known``: how many hosts there are, 0 when the file does not say."""
    hosts = -(-100 // share) if share else 0
    if known and share and known < hosts:
        log.trap(
            "RL130",
            f"{where} {share} %, and one of {known} hosts is {100 // known} %: nobody is ever ejected "
            "(Envoy since 1.28)",
            at,
            remedy,
        )
    elif share < 100 and not (known and share):
        what = f"with fewer than {hosts} hosts it ejects nobody" if share else "it ejects nobody"
        log.trap(
            "RL130", f"{where} {share} %: the share counts the candidate itself, {what} (Envoy since 1.28)", at, remedy
        )


def _duration(ns: int) -> str:
    from resilience_sim.scenario.units import show_duration

    return show_duration(ns)


def assume_hosts(result: Converted, log: Log) -> None:
    """Ejection means nothing with one host: where the file does not say how many there are, three."""
    if result.replicas == 1 and any(layer.kind == "circuit_breaker" for layer in result.layers):
        result.replicas = 3
        log.assumed.append("B has 3 hosts; write `service.replicas` if it has not")


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


def note_backoff(parts: Parts, retry: RetryConfig) -> None:
    """What a mesh cannot do otherwise."""
    if retry.backoff != "exponential" or retry.factor != 2 or retry.jitter != "full":
        parts.lost("the shape of the waits", "always exponential, doubling, with full jitter")


def failures_in_a_row(parts: Parts, default: int = 5) -> int:
    """Failures in a row for outlier ejection."""
    view = parts.breaker
    assert view is not None
    if view.consecutive:
        return view.consecutive
    parts.lost("a share of a window", f"outlier ejection counts failures in a row; {default} was written")
    return default


def note_unsupported(parts: Parts) -> None:
    """Policies that a mesh does not have."""
    if parts.limiter is not None:
        parts.lost(f"`{parts.limiter.id}`", "rate limits are a filter of their own")
