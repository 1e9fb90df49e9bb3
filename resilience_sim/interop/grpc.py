"""gRPC service config: retry, hedging and throttling, one instance per method name.

Rules: gRPC A6 (docs/reference/config-formats.md section 5).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from resilience_sim.interop import durations, grpc_choices
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.durations import show_protobuf
from resilience_sim.interop.findings import BAD_VALUE, UNKNOWN_KEY, At, Log, distinct
from resilience_sim.interop.layers import Converted, Layer, Ns, Setting, times
from resilience_sim.interop.own import Own, wording
from resilience_sim.interop.section import Section, Value
from resilience_sim.interop.traps import SHARED, traps
from resilience_sim.interop.writing import Parts, outcomes
from resilience_sim.scenario.diagnostics import Diagnostic
from resilience_sim.scenario.text.tree import Mapping, Node, Scalar, Sequence
from resilience_sim.settings.retry import RetryConfig

TRAPS = traps(
    """
RL150 warning: maxAttempts above five
    gRPC takes at most 5 attempts, whatever the service config says.
RL152 warning: hedging without a delay
    A hedging policy without `hedgingDelay` sends all attempts at once: the load of B is multiplied all the time,
    not only when it is slow.
RL153 info: tokenRatio is cut to three decimals
    gRPC ignores what comes after the third decimal.
RL155 info: hedging is not read everywhere
    grpc-go has no hedging: it reads the service config and leaves `hedgingPolicy` out, so that nothing is sent twice.
    gRPC-Java and grpc-js hedge.
RL154 info: a name in another case
    grpc-go reads the names of a service config in any case, as Go's JSON does. The implementations in C++, Java and
    others want them as they are specified, and do not know `MaxAttempts`.
"""
)

NAME = "grpc"
FIELDS: dict[str, tuple[str, ...]] = {  # grpc/service_config.proto at 99135b1, and a proposal's
    "": ("loadBalancingPolicy", "loadBalancingConfig", "methodConfig", "retryThrottling", "healthCheckConfig",
         "connectionScaling"),
    "methodConfig": ("name", "waitForReady", "timeout", "maxRequestMessageBytes", "maxResponseMessageBytes",
                     "retryPolicy", "hedgingPolicy"),
    "name": ("service", "method"),
    "retryPolicy": ("maxAttempts", "initialBackoff", "maxBackoff", "backoffMultiplier", "retryableStatusCodes",
                    "perAttemptRecvTimeout"),
    "hedgingPolicy": ("maxAttempts", "hedgingDelay", "nonFatalStatusCodes"),
    "retryThrottling": ("maxTokens", "tokenRatio"),
}  # fmt: skip
_BELOW = ("name", "retryPolicy", "hedgingPolicy", "retryThrottling")
SPAN = "durations are decimal seconds, `0.08s`"
OUTCOMES: dict[str, tuple[str, ...]] = {
    "UNAVAILABLE": ("unavailable", "refused", "reset", "shed"),
    "RESOURCE_EXHAUSTED": ("rate_limited",),
    "DEADLINE_EXCEEDED": ("timeout",),
    "ABORTED": ("error",),
    "INTERNAL": ("error",),
    "UNKNOWN": ("error",),
    "DATA_LOSS": ("error",),
    "CANCELLED": (),
    "INVALID_ARGUMENT": ("client_error",),
    "NOT_FOUND": ("client_error",),
    "ALREADY_EXISTS": ("client_error",),
    "PERMISSION_DENIED": ("client_error",),
    "FAILED_PRECONDITION": ("client_error",),
    "OUT_OF_RANGE": ("client_error",),
    "UNIMPLEMENTED": ("client_error",),
    "UNAUTHENTICATED": ("client_error",),
}
CODES = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)
HOPELESS = (
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "FAILED_PRECONDITION",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "UNAUTHENTICATED",
)


def recognises(file: ConfigFile) -> bool:
    """Whether there is a ``methodConfig``."""
    found = grpc_choices.configs(file.documents, Log())
    return any(name.lower() == "methodconfig" for document in found for name in document.entries)


@dataclass(slots=True)
class _Known:
    """A file, gone through once: which configuration every name has, and what is wrong whatever one asks for."""

    named: dict[str, tuple[Mapping, Node, str]] = field(default_factory=dict)
    log: Log = field(default_factory=Log)
    invalid: dict[int, tuple[Node, At]] = field(default_factory=dict)
    configs: dict[int, _Config] = field(default_factory=dict)  # by their nodes


@dataclass(slots=True)
class _Config:
    """One method configuration, and the throttling of its file."""

    section: Section
    throttling: Section
    read: tuple[list[Layer], Log] | None = None

    def made(self) -> tuple[list[Layer], Log]:
        """The layers, and what there is to say about them."""
        if self.read is None:
            aside = Log(traps=SHARED | TRAPS)
            own = Section(self.section.node, self.section.path, aside, fold=True)
            _misspelt(own, "methodConfig")
            own.ignore("name")
            self.read = _method(own, self.throttling, aside), aside
        return self.read


def _known(file: ConfigFile) -> _Known:
    known: _Known | None = file.memo.get(NAME)
    if known is not None:
        return known
    known = file.memo[NAME] = _Known(log=Log(traps=SHARED | TRAPS))
    valid: set[tuple[object, ...]] = set()  # what configurations say that are
    for document in grpc_choices.configs(file.documents, known.log):
        top = Section(document, "", known.log, fold=True)
        _misspelt(top, "")
        throttling = top.section("retryThrottling")
        _valid_throttling(throttling.anew(known.log), known.log)
        for config in top.sections("methodConfig"):
            if config.node is None:
                continue
            _name_all(document, config, known)
            known.configs[id(config.node)] = made = _Config(config, throttling)
            entries = config.node.entries.items()
            said = tuple([(name, *wording(entry.value)) for name, entry in entries if not _is_name(name)])
            if said in valid:
                continue  # it need not be made to know that
            if all(each.severity != "error" for each in made.made()[1].found):
                valid.add(said)
            elif "name" in config:
                known.invalid[id(config.node)] = (config.node, config.at("name"))
    return known


def _is_name(key: str) -> bool:
    return key.lower() == "name"


def _name_all(document: Mapping, config: Section, known: _Known) -> None:
    log = known.log
    entries = config.sections("name")
    if not entries:
        log.add(UNKNOWN_KEY, "warning", "a method configuration without a `name` applies to nothing", config.at())
    for entry in entries:
        _misspelt(entry, "name")
        service, method = (entry.read(key, _text, "a text") for key in FIELDS["name"])
        entry.rest()
        if method and method.value and not (service and service.value):
            if "service" not in entry.unread:
                log.refused("a method without its service: the service config is not valid", entry.at("method"))
            assert config.node is not None  # named all the same, so that there is something to say it of
            known.named.setdefault(f"/{method.value}", (document, config.node, config.path))
            continue
        name = f"{service.value}/{method.value}" if method and method.value and service else ""
        name = name or (service.value if service else "") or "default"
        if name in known.named:
            log.refused("a name that stands twice: the service config is not valid", entry.at())
        assert config.node is not None
        known.named.setdefault(name, (document, config.node, config.path))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value


def instances(file: ConfigFile) -> list[str]:
    """The names of all method configurations; ``default`` for the empty name."""
    return list(_shown(file))


def of_all(file: ConfigFile) -> list[Diagnostic]:
    """What there is to say about the whole file."""
    return _known(file).log.found


def _shown(file: ConfigFile) -> dict[str, str]:
    """The names as they may be shown, each with the real one. Made once."""
    known: dict[str, str] | None = file.memo.get(f"{NAME} names")
    if known is None:
        known = file.memo[f"{NAME} names"] = distinct(_known(file).named)
    return known


def own(file: ConfigFile, instance: str) -> Own:
    """All that is said of one method alone (lint/twins.py), and its names: the path is one."""
    known = _known(file)
    _, node, path = known.named[_shown(file)[instance]]
    return Own((path, instance), [node], unread=_is_name)


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """The stack of one method."""
    result = Converted(NAME, f"gRPC service config, method '{instance}'", instance)
    known = _known(file)
    document, node, _ = known.named[_shown(file)[instance]]
    told = not log.of_all(known.log.found)
    of_first = known.invalid.get(id(next(iter(known.named.values()))[1]))  # which the first method did not name
    for other, at in known.invalid.values() if not told else [of_first] if of_first else []:
        if other is not node:
            log.refused("this configuration is not valid, and with it no other one of the service config", at)
    top = Section(document, "", log, fold=True)
    top.ignore("methodConfig", "retryThrottling")
    top.skip(
        loadBalancingPolicy="write `service.balancer`",
        loadBalancingConfig="write `service.balancer`",
        healthCheckConfig="health checks are not simulated",
        connectionScaling="connections are not simulated",
    )
    top.rest()
    result.layers, aside = known.configs[id(node)].made()
    log.take(aside)
    if any(layer.exact.get("budget") is not None for layer in result.layers):
        result.remarks.append("retryThrottling is per server name: all methods of a channel share it")
    return result


@cache
def _by_lower_case(kind: str) -> dict[str, str]:
    return {name.lower(): name for name in FIELDS[kind]}


def _misspelt(section: Section, kind: str) -> None:
    """grpc-go reads names in any case, the other implementations as they are specified."""
    right_of = _by_lower_case(kind)
    for name in section.names():
        right = right_of.get(name.lower())
        if right is not None and right != name:
            section.log.trap(
                "RL154", f"`{name}` is `{right}`: grpc-go reads it all the same", section.at(name), f"write `{right}`"
            )
        if right in _BELOW and right != "name":
            _misspelt(section.section(name), right)


def _method(config: Section, throttling: Section, log: Log) -> list[Layer]:
    layers: list[Layer] = []
    total = config.duration("timeout", durations.protobuf, SPAN)
    if total:
        if not total.value:
            log.add(BAD_VALUE, "error", "a `timeout` of 0 s ends every call before it begins", total.at,
                    "write the time that a call may take, or leave `timeout` out")  # fmt: skip
        layer = Layer("timeout", f"{config.path}.timeout: the whole call", total.at, like="grpc")
        layer.put("after", Ns(max(1, total.value)), total)
        layers.append(layer)
    retry, hedge = config.section("retryPolicy"), config.section("hedgingPolicy")
    if retry and hedge:
        log.refused(
            "`retryPolicy` and `hedgingPolicy` exclude each other: the service config is not valid",
            config.at("hedgingPolicy"),
            "keep one",
        )
    if retry:
        layers.append(_retry(retry, throttling, log))
    elif hedge:
        layers.append(_hedge(hedge, throttling, log))
    config.skip(
        retryThrottling="it has its place at the top of the service config, and is ignored here",
        waitForReady="there is one connection, and it is there",
        maxRequestMessageBytes="sizes are not simulated",
        maxResponseMessageBytes="sizes are not simulated",
    )
    config.rest()
    return layers


def _attempts(section: Section, log: Log) -> Value[int] | None:
    attempts = section.count("maxAttempts")
    _in_quotes(section, "maxAttempts", log)
    if attempts is None:
        if _is_missing(section, "maxAttempts"):
            log.refused("`maxAttempts` is required", section.at())
        return None
    if attempts.value < 2:
        log.refused("`maxAttempts` must be at least 2", attempts.at, "leave the policy away for one attempt")
    if attempts.value > 5:
        log.trap("RL150", f"`maxAttempts` {attempts.value} is taken as 5: gRPC clamps it", attempts.at, "write 5")
    return Value(max(1, min(5, attempts.value)), attempts.at)


def _in_quotes(section: Section, name: str, log: Log) -> None:
    """A number that was read from a text: protobuf's JSON has such, Go's has not."""
    entry = section.entry(name)
    text = entry[1].value.value if entry and isinstance(entry[1].value, Scalar) else None
    if isinstance(text, str) and name not in section.unread:
        log.add(
            BAD_VALUE, "warning", "a number in quotes: grpc-go refuses the service config, others read it",
            section.at(name), "write it without quotes",
        )  # fmt: skip


def _is_missing(section: Section, name: str) -> bool:
    """Whether a key is not there, or null, which every implementation refuses where a value is required."""
    entry = section.entry(name)
    return entry is None or (isinstance(entry[1].value, Scalar) and entry[1].value.value is None)


def _required(section: Section, name: str, log: Log) -> Value[int] | None:
    found = section.duration(name, durations.protobuf, SPAN)
    if found is None and _is_missing(section, name):
        log.refused(f"`{name}` is required", section.at())
    elif found is not None and not found.value:
        log.refused(f"`{name}` must be more than 0", found.at)
    return found


def _retry(section: Section, throttling: Section, log: Log) -> Layer:
    layer = Layer("retry", section.path, section.at(), like="grpc")
    attempts = _attempts(section, log)
    layer.put("attempts", attempts.value if attempts else 5, attempts, "missing")
    first, cap = (_required(section, name, log) for name in ("initialBackoff", "maxBackoff"))
    factor = section.number("backoffMultiplier")
    _in_quotes(section, "backoffMultiplier", log)
    if factor is None and _is_missing(section, "backoffMultiplier"):
        log.refused("`backoffMultiplier` is required", section.at())
    layer.put("delay", Ns(first.value if first else 1_000_000_000), first, "missing")
    layer.put("backoff", "exponential", None, "always")
    number = factor.value if factor else 1.6
    if factor and number < 1:
        if number <= 0:
            log.refused("`backoffMultiplier` must be more than 0", factor.at)
        else:
            log.skipped(factor.at, "waits that shrink are not simulated: each is taken as long as the first")
        number = 1.0
    layer.put("factor", times(number), factor, "missing")
    if cap and cap.value:
        layer.put("max_delay", Ns(cap.value), cap)
    layer.put("jitter", "20%", None, "always, after the cap")
    layer.settings["on"] = _codes(section, "retryableStatusCodes", log)
    section.skip(perAttemptRecvTimeout="a proposal that no implementation reads from a service config")
    section.rest()
    _throttle(layer, throttling, log)
    return layer


def _hedge(section: Section, throttling: Section, log: Log) -> Layer:
    layer = Layer("hedge", section.path, section.at(), like="grpc")
    log.trap("RL155", "grpc-go does not read `hedgingPolicy`: with it nothing is sent twice", section.at())
    attempts = _attempts(section, log)
    delay = section.duration("hedgingDelay", durations.protobuf, SPAN)
    number = attempts.value if attempts else 5
    if delay is None or not delay.value:
        log.trap(
            "RL152",
            f"without a `hedgingDelay` all {number} attempts are sent at once: {number}x the load, always",
            delay.at if delay else section.at(),
            "set it near the 95th percentile of the latency",
        )
    layer.put("delay", Ns(delay.value if delay else 0), delay, "default")
    layer.put("max_extra", max(1, number - 1), attempts, "missing")
    layer.exact["max_extra"] = None
    layer.exact["maxAttempts"] = Setting(str(max(2, number)), attempts.shown if attempts else "missing")
    layer.generic_remarks.append(
        "a non-fatal status sends the next attempt at once, a fatal one ends the call; generic rules wait for both"
    )
    if "nonFatalStatusCodes" in section:
        log.skipped(section.at("nonFatalStatusCodes"), "generic rules treat every status alike")
        section.ignore("nonFatalStatusCodes")
    section.rest()
    if throttling:
        throttling.ignore("maxTokens", "tokenRatio")
        log.skipped(throttling.at(), "budgets of hedges are not simulated")
    return layer


def _codes(section: Section, name: str, log: Log) -> Setting:
    at: At = section.at(name)
    node = section.node_at(name)
    items = node.items if isinstance(node, Sequence) else ()
    if section.elsewhere(name):
        return Setting("[unavailable]", f"{name}: not known", at)
    known = [_number(str(item.value)) for item in items if isinstance(item, Scalar)]
    if node is not None and not isinstance(node, Sequence):
        log.bad("a list of status codes", at, 'for example ["UNAVAILABLE"]')
    elif not items:
        log.refused(f"`{name}` must not be empty", at)
    outcomes: dict[str, None] = {}
    for word in known:
        if word not in OUTCOMES:
            log.bad("a list of status codes", at, 'for example ["UNAVAILABLE"]')
            continue
        outcomes.update(dict.fromkeys(OUTCOMES[word]))
        if word in HOPELESS:
            log.trap(
                "RL119",
                f"{word} is retried, and cannot succeed: the same request gets the same answer",
                at,
                f"take {word} out",
            )
    shown = f"{name}: " + " ".join(word for word in known if word in OUTCOMES)
    return Setting("[" + ", ".join(outcomes or ("unavailable",)) + "]", shown, at)


def _number(word: str) -> str:
    return CODES[int(word)] if word.isdigit() and int(word) < len(CODES) else word


def _tokens(section: Section) -> tuple[Value[float], Value[float]] | None:
    """``maxTokens`` and ``tokenRatio``; None where they are not what they must be."""
    most, ratio = section.number("maxTokens"), section.number("tokenRatio")
    return None if most is None or ratio is None or most.value <= 0 or ratio.value <= 0 else (most, ratio)


def _valid_throttling(section: Section, log: Log) -> None:
    """What is wrong with it is wrong for every method, those without retries too."""
    if not section:
        return
    tokens = _tokens(section)
    for name in ("maxTokens", "tokenRatio"):
        _in_quotes(section, name, log)
    section.rest()
    if section.unread:
        return
    if tokens is None:
        log.refused(
            "`retryThrottling` needs `maxTokens` and `tokenRatio` above 0: the service config is not valid",
            section.at(),
        )
    elif tokens[0].value > 1000:
        log.refused("`maxTokens` is at most 1000: the service config is not valid", tokens[0].at, "write 1000 or less")


def _throttle(layer: Layer, section: Section, log: Log) -> None:
    if not section:
        return
    tokens = _tokens(section.anew(Log()))  # what is wrong with it is said of the whole file
    section.ignore("maxTokens", "tokenRatio")
    if tokens is None:
        return
    most, ratio = Value(min(1000.0, tokens[0].value), tokens[0].at), tokens[1]  # above it is refused
    kept = int(ratio.value * 1000) / 1000
    if kept != ratio.value:
        help = f"write {kept:g}" if kept else "write 0.001 or more"
        log.trap("RL153", f"`tokenRatio` is cut to three decimals: {kept:g}", ratio.at, help)
    kept = min(kept, most.value)  # there are never more tokens
    shown = f"retryThrottling: {most.shown}, {ratio.shown}"
    if kept > 0:
        layer.settings["budget"] = Setting(
            f"{{kind: token_bucket, capacity: {most.value / 2:g}, deposit: {kept:g}, deposit_on: success, cost: 1}}",
            shown,
            most.at,
        )
        layer.exact["budget"] = Setting(
            f"{{kind: grpc, maxTokens: {most.value:g}, tokenRatio: {kept:g}}}", shown, most.at
        )
        layer.generic_remarks.append(
            "retryThrottling: every failure costs a token, retries stop at half of them; the generic bucket of half "
            "the size charges retries only"
        )


_WRITTEN_CODES = ("UNAVAILABLE", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "ABORTED")


def write(parts: Parts) -> str:
    """One entry with the empty name."""
    for policy in (parts.limiter, parts.bulkhead):
        if policy is not None:
            parts.lost(f"`{policy.id}`", "gRPC has no such policy")
    if parts.breaker is not None:
        parts.lost("the circuit breaker", "gRPC has none; xDS outlier detection comes near")
    entry: dict[str, Any] = {"name": [{}]}
    total = parts.total or (parts.attempt if parts.retry is None and parts.hedge is None else None)
    if total is not None:
        entry["timeout"] = show_protobuf(total.after)
    if parts.attempt is not None and parts.attempt is not total:
        parts.lost(f"`{parts.attempt.id}`", "gRPC has a timeout of the whole call only")
    document: dict[str, Any] = {"methodConfig": [entry]}
    if parts.retry is not None and parts.retry.attempts > 1:
        entry["retryPolicy"] = _write_retry(parts, parts.retry)
        _write_throttling(parts, parts.retry, document)
        if parts.hedge is not None:
            parts.lost(f"`{parts.hedge.id}`", "retryPolicy and hedgingPolicy exclude each other")
    elif parts.hedge is not None:
        if parts.hedge.max_extra > 4:
            parts.lost(f"{parts.hedge.max_extra} extra attempts", "gRPC makes at most 5 in all")
        most = min(5, parts.hedge.max_extra + 1)
        entry["hedgingPolicy"] = {"maxAttempts": most, "hedgingDelay": show_protobuf(parts.hedge.delay)}
    return json.dumps(document, indent=2) + "\n"


def _write_retry(parts: Parts, retry: RetryConfig) -> dict[str, Any]:
    if retry.attempts > 5:
        parts.lost(f"{retry.attempts} attempts", "gRPC makes at most 5")
    if retry.backoff not in ("exponential", "constant"):
        parts.lost(f"backoff `{retry.backoff}`", "always exponential")
    if retry.jitter != "spread" or retry.spread != 0.2:
        parts.lost("the jitter", "always plus or minus 20 %")
    wanted, codes = outcomes(retry), []
    for code in _WRITTEN_CODES:
        if set(OUTCOMES[code]) <= wanted:
            codes.append(code)
    first = max(1_000_000, retry.delay)
    return {
        "maxAttempts": min(5, retry.attempts),
        "initialBackoff": show_protobuf(first),
        "maxBackoff": show_protobuf(max(first, retry.max_delay or 120_000_000_000)),
        "backoffMultiplier": retry.factor if retry.backoff == "exponential" else 1,
        "retryableStatusCodes": codes or ["UNAVAILABLE"],
    }


def _write_throttling(parts: Parts, retry: RetryConfig, document: dict[str, Any]) -> None:
    budget = retry.budget
    if budget is None:
        return
    scheme = getattr(budget, "scheme", "")
    if scheme == "grpc":
        document["retryThrottling"] = {"maxTokens": budget.capacity, "tokenRatio": budget.deposit}
    elif scheme == "token_bucket" and budget.deposit_on == "success":
        tokens, ratio = 2 * budget.capacity / budget.cost, round(budget.deposit / budget.cost, 3)
        document["retryThrottling"] = {"maxTokens": min(1000, round(tokens, 3)), "tokenRatio": ratio}
        parts.lost("the budget", "written as retryThrottling of twice the size, which charges every failure")
    else:
        parts.lost("the budget", "gRPC knows retryThrottling only")
