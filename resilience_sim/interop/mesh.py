"""What Istio and Envoy have in common: the words of ``retry_on``, and outlier ejection as a breaker."""

from __future__ import annotations

import re
from typing import TypeVar

from resilience_sim.interop.findings import At, Log
from resilience_sim.interop.layers import MOST_CALLS, Converted, Layer, Ns, Setting, percent, yaml_value
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.traps import traps
from resilience_sim.interop.writing import Parts, number, outcomes
from resilience_sim.settings.retry import RetryConfig

Number = TypeVar("Number", int, float)

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
RL139 warning: a retry policy that retries nothing
    Envoy needs `retry_on`; without it `num_retries` means nothing. Statuses need the word `retriable-status-codes`.
RL140 info: Envoy's circuit breakers are limits of concurrency
    `circuit_breakers.thresholds` cap connections, requests, pending requests and retries at once. They do not look
    at failures; outlier_detection does.
RL141 warning: a limit of retries beside a retry budget
    Once a retry budget is set, Envoy ignores `max_retries` (Istio's `maxRetries`, Envoy Gateway's
    `maxParallelRetries`).
RL142 info: a fixed number of retries at once
    Envoy allows `max_retries` (default 3) retries at the same time in the whole cluster, backoff included. At high
    traffic this is next to nothing, at low traffic it never binds. Istio sets it to 4294967295, Envoy Gateway to 1024.
RL143 info: a word of retry_on that looks at gRPC only
    `cancelled`, `deadline-exceeded`, `internal`, `resource-exhausted` and `unavailable` look at the header grpc-status.
    A 503 of an HTTP service is not retried for them. Scenarios have HTTP statuses.
RL136 warning: zero switches the check off
    consecutive_5xx: 0 does not mean that nothing is tolerated: the check is off.
"""
)

# By Envoy's retry_state_impl: "5xx", "gateway-error" and "reset" include every way in which no answer comes at all.
_NO_ANSWER = ("timeout", "refused", "reset")
RETRY_ON: dict[str, tuple[str, ...]] = {
    "5xx": ("error", "unavailable", "shed", *_NO_ANSWER),
    "gateway-error": ("unavailable", "shed", *_NO_ANSWER),
    "reset": _NO_ANSWER,
    "connect-failure": ("refused",),
    "refused-stream": ("refused", "shed"),
    "reset-before-request": ("reset",),
    "http3-post-connect-failure": ("refused",),
    "retriable-4xx": (),
    "retriable-status-codes": (),  # with the codes beside it, which are read as words too
    "retriable-headers": (),
    "envoy-ratelimited": ("rate_limited",),
}
GRPC_ONLY = ("cancelled", "deadline-exceeded", "internal", "resource-exhausted", "unavailable", "unknown")
DEFAULT_JITTER = "full"
BY_SCHEMA = "a percentage is 0 to 100: the API server refuses the resource"
HOPELESS = {"retriable-4xx": "a 409 is retried with the very same request"}


def chosen(names: list[list[str]], wanted: str) -> int:
    """Which of several routes ``--route`` means, by number from 1 or by one of its names; the first without it."""
    if not wanted:
        return 0
    if wanted.isdigit() and 1 <= int(wanted) <= len(names):
        return int(wanted) - 1
    for index, known in enumerate(names):
        if wanted in known:
            return index
    from resilience_sim.interop.formats import ConfigImportError
    from resilience_sim.settings.suggest import did_you_mean, one_of

    known = [*(str(index + 1) for index in range(len(names))), *(name for each in names for name in each)]
    raise ConfigImportError("no such route", did_you_mean(wanted, known) or one_of(dict.fromkeys(known)))


def retry_on(layer: Layer, words: list[str], at: At, log: Log, default: tuple[str, ...]) -> None:
    """The outcomes that are tried again; a retry that nothing here can cause makes one attempt."""
    if not words:
        layer.put("on", list(default), None, "default of the mesh")
        return
    outcomes: dict[str, None] = {}
    grpc = [word for word in words if word in GRPC_ONLY]
    for word in words:
        code = word.isdigit() and len(word) == 3
        if word in GRPC_ONLY:
            continue
        if word not in RETRY_ON and not code:
            log.unknown(At(at.span, f"{at.path}.…", at.text), "see the values of x-envoy-retry-on")
            continue
        outcomes.update(dict.fromkeys(code_outcomes(word) if code else RETRY_ON[word]))
        if code:
            hopeless(word, at, log)
        elif word in HOPELESS:
            log.trap("RL119", f"`{word}` is retried, and cannot succeed: {HOPELESS[word]}", at, f"take `{word}` out")
    if grpc:
        log.trap(
            "RL143",
            f"{', '.join(f'`{word}`' for word in grpc)} {'looks' if len(grpc) == 1 else 'look'} at the status of gRPC "
            "only: an HTTP answer is not retried for it",
            at,
            "for HTTP write `503`, `gateway-error` or `5xx`",
        )
    known = " ".join(word for word in words if word in RETRY_ON or word in GRPC_ONLY or word.isdigit())
    shown = f"{at.path.rpartition('.')[2]}: {known}"
    layer.settings["on"] = Setting("[" + ", ".join(outcomes or ("unavailable",)) + "]", shown, at)
    if not outcomes:
        layer.put("attempts", 1, None, "nothing that is simulated is retried")


def limits(
    path: str,
    source: Value[int] | None,
    requests: Value[int] | None,
    pending: Value[int] | None,
    connections: Value[int] | None,
    default: int | None,
    http2: bool,
    log: Log,
) -> list[Layer]:
    """Envoy's limits of one proxy as a bulkhead.

    ``max_requests`` refuses at once; requests wait (``max_pending_requests``) only for a connection. An HTTP/1.1
    connection carries one request, so with fewer connections than requests it is these that are counted.
    ``default``: of every limit that is not written (Istio: None, practically none).
    """
    if source is None:
        return []
    none = 2**32 - 1 if default is None else default
    most, pool = requests.value if requests else none, connections.value if connections else none
    layer = Layer("bulkhead", f"{path}: limits of one proxy", source.at, like="envoy")
    usual = "default" if default is not None else "default of Istio: practically none"
    if pool < most and not http2:
        layer.put("max_concurrent", pool, connections, usual)
        layer.put("queue", pending.value if pending else none, pending, usual)
        layer.remarks.append("HTTP/1.1: one request a connection, others wait for one")
        if requests:
            log.skipped(requests.at, "there are fewer connections, which are the limit")
    else:
        layer.put("max_concurrent", most, requests, usual)
        layer.put("queue", 0, None, "requests beyond the limit are refused at once")
        for each in (pending, connections):
            if each:
                log.skipped(each.at, "requests wait for connections only, and there are enough of them here")
    return [layer] if (most if http2 else min(most, pool)) < 2**32 - 1 else []


def dropped_try(each: Value[int], total: int, log: Log) -> bool:
    """Whether Envoy drops a per-try timeout (``total`` 0: no limit of the whole), which is then said."""
    if not total or each.value < total:
        return False
    log.trap(
        "RL131",
        "a per-try timeout that is not shorter than the route's timeout is dropped: the first try may use all the time "
        "there is",
        each.at,
        "make it shorter than `timeout` divided by the tries",
    )
    return True


def status_codes(section: Section, name: str) -> tuple[list[str], At]:
    """A list of HTTP statuses, and where it stands."""
    at = section.at(name) if name in section else section.at()
    found = section.texts(name)
    good = [code for code in found if re.fullmatch(r"[1-5][0-9][0-9]", code)]
    if len(good) < len(found):
        section.log.bad("HTTP statuses", at)
    return good, at


def hopeless(code: str, at: At, log: Log) -> None:
    """Say so of a status that blames the request itself."""
    if code[0] == "4" and code not in ("408", "425", "429"):
        message = f"`{code}` is retried, and cannot succeed: the same request gets the same answer"
        log.trap("RL119", message, at, f"take `{code}` out")


def local_rate_limit(title: str, at: At, most: Value[int], fill: Value[int] | None, interval: Value[int]) -> Layer:
    """Envoy's filter in front of the router: a bucket of its own in each proxy."""
    layer = Layer("rate_limiter", f"{title}: a limit of each proxy, retries not counted", at, like="envoy")
    tokens = fill.value if fill else 1
    shown = f"{fill.shown if fill else 'tokens_per_fill: 1 (default)'}, {interval.shown}"
    rate = f"{min(tokens, MOST_CALLS)}/{_duration(max(1, interval.value))}"
    layer.settings["limit"] = Setting(rate, shown, interval.at)
    layer.put("burst", max(1, most.value), most)
    layer.exact.update(
        limit=None,
        burst=None,
        max_tokens=Setting(str(min(most.value, MOST_CALLS)), most.shown, most.at),
        tokens_per_fill=Setting(
            str(min(tokens, MOST_CALLS)), fill.shown if fill else "default", fill.at if fill else None
        ),
        fill_interval=Setting(_duration(max(1, interval.value)), interval.shown, interval.at),
    )
    return layer


def cap_retries(retry: Layer | None, most: int, at: At | None, shown: str, log: Log) -> None:
    """So many retries at once: Envoy's budget without a share. Generic rules have nothing like it."""
    if retry is None or retry.kind != "retry" or most >= MOST_CALLS:
        return
    body = f"{{kind: envoy, budget_percent: 0%, min_retry_concurrency: {most}}}"
    retry.exact["budget"] = Setting(body, shown, at)
    if at is not None:
        log.skipped(at, "a cap on retries at once has no generic counterpart; write a `budget`")


def share_of_retries(
    retry: Layer | None, share: Value[float] | None, least: Value[int] | None, at: At, name: str, log: Log
) -> None:
    """A retry budget: a share (percent) of the requests under way, 20 % and 3 where nothing is said."""
    if retry is None or retry.kind != "retry":
        log.skipped(at, "nothing is retried")
        return
    shown = ", ".join(each.shown for each in (share, least) if each) or "defaults"
    where = share.at if share else least.at if least else at
    part = percent((share.value if share else 20.0) / 100)
    floor = min(least.value, MOST_CALLS) if least else 3
    retry.settings["budget"] = Setting(part, f"{name}: {shown}", where)
    body = f"{{kind: envoy, budget_percent: {part}, min_retry_concurrency: {floor}}}"
    retry.exact["budget"] = Setting(body, f"{name}: {shown}", where)
    retry.generic_remarks.append(
        "Envoy counts retries *at once* against requests at once; the ratio counts those of 10 s"
    )


def percentage(found: Value[Number] | None, refusal: str, log: Log) -> Value[Number] | None:
    """A percentage; one outside of 0 to 100 is refused, and read as the nearest that is not."""
    if found is None or 0 <= found.value <= 100:
        return found
    log.refused(refusal, found.at)
    return Value(100 if found.value > 100 else 0, found.at)


def code_outcomes(code: str) -> tuple[str, ...]:
    """The outcomes that an HTTP status stands for here."""
    known = {"429": ("rate_limited",), "503": ("unavailable", "shed"), "504": ("timeout",), "408": ("timeout",)}
    return known.get(code, {"4": ("client_error",), "5": ("error",)}.get(code[:1], ()))


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


ASSUMED_HOSTS = 3


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
    elif not known and (hosts > ASSUMED_HOSTS or not share):
        what = f"with fewer than {hosts} hosts it ejects nobody" if share else "it ejects nobody"
        log.trap(
            "RL130", f"{where} {share} %: the share counts the candidate itself, {what} (Envoy since 1.28)", at, remedy
        )


def _duration(ns: int) -> str:
    from resilience_sim.settings.units import show_duration

    return show_duration(ns)


def assume_hosts(result: Converted, log: Log) -> None:
    """Ejection means nothing with one host: where the file does not say how many there are, three."""
    if result.replicas == 1 and any(layer.kind == "circuit_breaker" for layer in result.layers):
        result.replicas = ASSUMED_HOSTS
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
    for code in ("503", "500"):
        covers = set(code_outcomes(code))
        if covers <= wanted and covers & left:
            words.append(code)
            left -= covers
    if left:
        parts.lost(f"retrying {', '.join(sorted(left))}", "no word of retry_on stands for it alone")
    return ",".join(words) or "connect-failure"


def note_backoff(parts: Parts, retry: RetryConfig) -> None:
    """What a mesh cannot do otherwise."""
    if retry.backoff != "exponential" or retry.factor != 2 or retry.jitter != "full":
        parts.lost("the shape of the waits", "always exponential, doubling, with full jitter")


def share_written(parts: Parts, ratio: float) -> str:
    """The share of a retry budget in percent; no mesh takes more than all."""
    if ratio > 1:
        parts.lost("the part of the budget above 100%", "the mesh refuses more")
    return number(min(1.0, ratio) * 100)


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
