"""HTTP clients and SDKs: the retries and timeouts of an object that makes calls.

Versions and formulas: docs/reference/config-formats.md section 10 (urllib3 2.8.0, requests 2.34.2, httpx 0.28.1 with
httpcore 1.0.9, httpx-retries 0.6.0, aiohttp 3.14.5, aiohttp-retry 2.9.1, botocore 1.44.8, openai 3.57.0, anthropic
2.14.0).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from resilience_sim.interop.layers import Layer, Setting, percent, times, yaml_value
from resilience_sim.interop.source.constants import described
from resilience_sim.interop.source.failures import in_order, outcomes_of_statuses
from resilience_sim.interop.source.module import Scope
from resilience_sim.interop.source.reader import Args, Argument, Got, Reader, ns

Uses = Sequence[tuple[ast.Call, Scope]]
Client = Callable[[Args, Uses], list[Layer]]
URLLIB3 = ("total", "connect", "read", "redirect", "status", "other", "allowed_methods", "status_forcelist",
           "backoff_factor", "backoff_max")  # fmt: skip
URLLIB3_REMEDIES = {
    "RL014": "write `backoff_jitter=1` (urllib3 2.0)",
    "RL015": "write `backoff_max=10` (urllib3 2.0)",
    "RL016": "write `backoff_factor=0.5`",
}
CALLS = ("get", "post", "put", "delete", "patch", "head", "options", "request", "send", "stream", "create", "urlopen")
GAPS = "it limits each wait for bytes, not the whole answer"
ASSUMED_TIMEOUT = 1.0  # seconds, of a call that cannot be seen


# --- timeouts ---------------------------------------------------------------------------------------------------------


def timeout(args: Args, name: str, default: float | None, of: str, parameters: tuple[str, ...] = ()) -> list[Layer]:
    """The timeout of an argument: a number, a pair (connect, read), or an object with parts; [] for none at all."""
    found = args.given.get(name)
    if found is None and args.more:
        return [assumed(args.reader, args.call.lineno)]
    if found is None:
        return _after(args, default, None, f"default of {of}")
    node, scope, _ = args.reader.follow(found.node, found.scope)
    if isinstance(node, ast.Call):
        last = args.reader.module.symbol(node.func, scope).rpartition(".")[2]
        if last in ("Timeout", "ClientTimeout"):
            inside = args.reader.args(node, scope, parameters or ("timeout",))
            return _after(args, *_parts(inside, last == "ClientTimeout"), of)
    if isinstance(node, ast.Tuple) and len(node.elts) == 2:
        pair = Args(args.reader, args.call, args.scope, {name: Argument(node.elts[1], found.place, scope)})
        got = pair.number(name, None, default or 10.0)
        return _after(args, got.value, got, of)
    got = args.number(name, default, default or 10.0)
    return _after(args, got.value, got, of)


def _parts(inside: Args, aiohttp: bool) -> tuple[float | None, Got | None]:
    for part in ("total", "sock_read") if aiohttp else ("read", "total", "timeout"):
        if part in inside:
            got = inside.number(part, None, 10.0)
            if got.value is not None:
                return got.value, got
            if part != "total":
                return None, got
    return (300.0, None) if aiohttp and "total" not in inside else (None, None)


def _after(args: Args, seconds: float | None, got: Got | None, of: str) -> list[Layer]:
    if not seconds or seconds <= 0:
        return []
    layer = Layer("timeout", f"timeout of a call: {of}", args.reader.head(args.call, "timeout", "timeout"), "attempt")
    source = got.source if got is not None else None
    layer.put("after", ns(float(seconds)), source, of)
    layer.remarks.append(GAPS if not of.endswith("aiohttp") else "it limits the whole call")
    return [layer]


def assumed(reader: Reader, line: int) -> Layer:
    """Stands for the timeout of a call that cannot be seen."""
    reader.note(f"the timeout of the call inside cannot be seen: taken as {ASSUMED_TIMEOUT:g} s", line)
    layer = Layer("timeout", "ASSUMED: the call inside cannot be seen here", None, "attempt")
    layer.put("after", ns(ASSUMED_TIMEOUT), None, "ASSUMED")
    return layer


def _of_uses(args: Args, uses: Uses, default: float | None, of: str) -> list[Layer]:
    """The timeout that a call of a client is given, else the client's own. Of many calls one without any decides."""
    calls = [args.reader.args(call, scope, ()) for call, scope in uses] if len(uses) == 1 or default is None else []
    told = [each for each in calls if not each.silent("timeout")]
    if told and len(told) == len(calls):
        return timeout(told[0], "timeout", default, of)
    if not args.silent("timeout") or calls or default is not None:
        return timeout(args, "timeout", default, of)
    return [assumed(args.reader, args.call.lineno)]


# --- urllib3, requests, httpx ----------------------------------------------------------------------------------------


def urllib3_retry(args: Args, uses: Uses = ()) -> list[Layer]:
    """``Retry(...)``: the first of ``total`` retries comes at once, the n-th after ``backoff_factor`` x 2^(n-1)."""
    reader = args.reader
    total = args.number("total", 10, 3)
    kinds = {name: args.number(name, None, None) for name in ("connect", "read", "status")}
    number = total.value
    if number is None:
        number = max([each.value for each in kinds.values() if each.value], default=0)
    if not number or number < 0:
        return []
    layer = Layer("retry", "urllib3.Retry", reader.head(args.call, "retry", "Retry"), "urllib3", "urllib3")
    layer.put("attempts", 1 + round(number), total.source, "default: 10 retries")
    factor, most = args.number("backoff_factor", 0, 0.5), args.number("backoff_max", 120, 120)
    jitter = args.number("backoff_jitter", 0.0, 0.0)
    layer.put("delay", ns(2 * float(factor.value or 0)), factor.source, "default: none")
    if factor.value:
        layer.put("backoff", "exponential", None, "always")
        layer.put("max_delay", ns(float(most.value or 120)), most.source, "default")
        layer.generic_remarks.append("the first retry comes at once, the second after this wait")
        if jitter.value:
            layer.put("jitter", percent(min(1.0, float(jitter.value) / (4 * float(factor.value)))), jitter.source)
    statuses = _statuses(args, kinds["status"])
    layer.put("on", in_order({"refused", "timeout", "reset", *outcomes_of_statuses(statuses)}), None)
    _in_urllib3_s_words(layer, total, kinds, {"backoff_factor": factor, "backoff_max": most, "backoff_jitter": jitter})
    if statuses:
        layer.exact["status_forcelist"] = Setting(yaml_value(statuses), "")
    methods = args.get("allowed_methods", (), (), "the default: all but POST and PATCH")
    if methods.given and methods.value != ():
        where = methods.source.at if methods.source else None
        layer.exact["allowed_methods"] = Setting(_methods(methods.value), "", where)
    if not args.flag("respect_retry_after_header", True).value:
        layer.put("honor_retry_after", False, None, "respect_retry_after_header=False")
        layer.exact |= {"honor_retry_after": None, "respect_retry_after_header": Setting("false")}
    layer.remedies = URLLIB3_REMEDIES
    if "method_whitelist" in args:
        reader.log.trap("RL206", "`method_whitelist` is gone since urllib3 2.0: this line raises TypeError there",
                        args.at("method_whitelist"), "write `allowed_methods`")  # fmt: skip
    return [layer]


def _in_urllib3_s_words(layer: Layer, total: Got, kinds: dict[str, Got], waits: dict[str, Got]) -> None:
    """Under the library's own rules its names are used."""
    layer.exact |= dict.fromkeys(("attempts", "delay", "backoff", "max_delay", "jitter", "on"))
    for name, each in {"total": total, **kinds}.items():
        if each.given:
            value = "unlimited" if each.value is None else "false" if each.value is False else str(round(each.value))
            layer.exact[name] = Setting(value, "retries, not tries", each.source.at if each.source else None)
    for name, each in waits.items():
        if each.given:
            layer.exact[name] = Setting(
                f"{max(0.0, float(each.value or 0)):.9g}", "", each.source.at if each.source else None
            )


def _methods(value: Any) -> str:
    """``allowed_methods`` as the scenario writes it: None and, of old, False allow any."""
    if not value:
        return "any"
    return yaml_value([str(each).upper() for each in (value if isinstance(value, tuple) else (value,))])


def _statuses(args: Args, status: Got) -> list[int]:
    """The statuses that are retried."""
    given = args.get("status_forcelist", (), (429, 502, 503, 504), "429, 502, 503, 504").value or ()
    listed = given if isinstance(given, tuple) else (given,)
    statuses = [each for each in listed if isinstance(each, int) and 100 <= each <= 599]
    if status.given and not status.value and status.value is not None:
        statuses = []
    _hopeless(args, "status_forcelist", statuses)
    if args.silent("status_forcelist"):
        args.reader.log.trap("RL205", "no status is retried: without `status_forcelist` a 503 is an answer like any",
                             args.at("status_forcelist", "Retry"),
                             "name the statuses: `status_forcelist=[429, 502, 503, 504]`")  # fmt: skip
    return statuses


def _hopeless(args: Args, name: str, statuses: Sequence[Any]) -> None:
    wrong = [each for each in statuses if isinstance(each, int) and 400 <= each < 500 and each not in (408, 425, 429)]
    if wrong:
        shown = ", ".join(str(each) for each in wrong[:5])
        args.reader.log.trap("RL119", f"{shown} will be the same next time: the request itself is refused",
                             args.at(name), "retry 408, 429, 502, 503 and 504")  # fmt: skip


def adapter(args: Args, uses: Uses = ()) -> list[Layer]:
    """``HTTPAdapter(max_retries=…)``, and the timeout of the calls of its session."""
    return [*adapter_retry(args), *session_timeout(args, uses)]


def adapter_retry(args: Args) -> list[Layer]:
    """The retries alone: a number means connection problems only, without a wait."""
    found = args.given.get("max_retries")
    if found is None:
        return []
    node, scope, _ = args.reader.follow(found.node, found.scope)
    if isinstance(node, ast.Call) and args.reader.module.symbol(node.func, scope) in (
        "urllib3.Retry",
        "urllib3.from_int",
    ):
        return urllib3_retry(args.reader.args(node, scope, URLLIB3))
    got = args.number("max_retries", 0, 3)
    if not got.known:
        return []
    return urllib3_retry(Args(args.reader, args.call, args.scope, {"total": found})) if got.value else []


def session_timeout(args: Args, uses: Uses) -> list[Layer]:
    """Requests has none unless each call is given one."""
    return _of_uses(args, uses, None, "requests")


def pool_manager(args: Args, uses: Uses) -> list[Layer]:
    """``urllib3.PoolManager(retries=…, timeout=…)``."""
    found = args.given.get("retries")
    retry: list[Layer] = []
    if found is not None:
        node, scope, _ = args.reader.follow(found.node, found.scope)
        if isinstance(node, ast.Call):
            retry = urllib3_retry(args.reader.args(node, scope, URLLIB3))
    return [*retry, *_of_uses(args, uses, None, "urllib3")]


def httpx_client(args: Args, uses: Uses) -> list[Layer]:
    """``httpx.Client(timeout=5, transport=HTTPTransport(retries=0))``."""
    found = args.given.get("transport")
    retry: list[Layer] = []
    if found is not None:
        node, scope, _ = args.reader.follow(found.node, found.scope)
        retry = transport(args.reader, node, scope)
    return [*retry, *_of_uses(args, uses, 5.0, "httpx")]


def transport(reader: Reader, node: ast.AST, scope: Scope) -> list[Layer]:
    """The retries of a transport of httpx or httpx-retries."""
    symbol = reader.module.symbol(node.func, scope) if isinstance(node, ast.Call) else ""
    assert isinstance(node, ast.Call) or not symbol
    if symbol in ("httpx.HTTPTransport", "httpx.AsyncHTTPTransport") and isinstance(node, ast.Call):
        args = reader.args(node, scope, ())
        got = args.number("retries", 0, 0)
        if not got.value or got.value < 0:
            return []
        layer = Layer(
            "retry", "httpx transport: connecting only", reader.at(node, "retry", "HTTPTransport"), id="httpx"
        )
        layer.put("attempts", 1 + round(got.value), got.source)
        layer.put("delay", ns(0.5), None, "always: 0, 0.5, 1, 2 s")
        layer.put("backoff", "exponential", None, "always")
        layer.put("on", ["refused"], None, "connecting")
        layer.put("honor_retry_after", False, None, "never")
        layer.remarks.append("the first retry comes at once, the second after this wait; no answer is ever retried")
        return [layer]
    if symbol == "httpx_retries.RetryTransport" and isinstance(node, ast.Call):
        args = reader.args(node, scope, ("transport", "retry"))
        found = args.given.get("retry")
        call, home, _ = reader.follow(found.node, found.scope) if found else (node, scope, None)
        if found and isinstance(call, ast.Call) and reader.module.symbol(call.func, home) == "httpx_retries.Retry":
            return httpx_retry(reader.args(call, home, ("total", "allowed_methods", "status_forcelist")))
        return httpx_retry(Args(reader, node, scope, {}))
    return []


def httpx_retry(args: Args, uses: Uses = ()) -> list[Layer]:
    """httpx-retries: the n-th wait is ``backoff_factor`` x 2^n x U(1 - jitter, 1), cut at ``max_backoff_wait``."""
    total = args.number("total", 10, 3)
    if not total.value or total.value < 0:
        return []
    layer = Layer("retry", "httpx_retries.Retry", args.reader.head(args.call, "retry", "Retry"), id="httpx-retries")
    layer.put("attempts", 1 + round(total.value), total.source, "default: 10 retries")
    factor, jitter = args.number("backoff_factor", 0.0, 0.5), args.number("backoff_jitter", 1.0, 1.0)
    most = args.number("max_backoff_wait", 120.0, 120.0)
    share = min(1.0, max(0.0, float(jitter.value or 0)))
    if factor.value:
        _spread_below(layer, 2 * float(factor.value), share, factor, jitter)
        layer.put("max_delay", ns(float(most.value or 120)), most.source, "default")
    else:
        layer.put("delay", ns(0), factor.source, "default: none")
    given = args.get("status_forcelist", (429, 502, 503, 504), (429, 502, 503, 504), "429, 502, 503, 504").value
    statuses = given if isinstance(given, tuple) else ()
    layer.put("on", in_order({"timeout", "refused", "reset", *outcomes_of_statuses(statuses)}), None)
    _hopeless(args, "status_forcelist", statuses)
    return [layer]


def _spread_below(
    layer: Layer, seconds: float, share: float, delay: Got | None = None, jitter: Got | None = None
) -> None:
    """Exponential waits times U(1 - share, 1)."""
    mean = 1 - share / 2
    layer.put("delay", ns(seconds if share >= 1 else seconds * mean), delay.source if delay else None, "always")
    layer.put("backoff", "exponential", None, "always")
    if share >= 1:
        layer.put("jitter", "full", jitter.source if jitter else None, "default")
    elif share:
        layer.put("jitter", percent(share / 2 / mean), jitter.source if jitter else None, "always")


# --- aiohttp ----------------------------------------------------------------------------------------------------------


def aiohttp_session(args: Args, uses: Uses) -> list[Layer]:
    """``ClientSession(timeout=ClientTimeout(total=300))``."""
    return _of_uses(args, uses, 300.0, "aiohttp")


def aiohttp_retry(args: Args, uses: Uses) -> list[Layer]:
    """``RetryClient(retry_options=…)`` of aiohttp-retry."""
    found = args.given.get("retry_options")
    retry: list[Layer] = []
    if found is not None:
        node, scope, _ = args.reader.follow(found.node, found.scope)
        symbol = args.reader.module.symbol(node.func, scope) if isinstance(node, ast.Call) else ""
        if isinstance(node, ast.Call) and symbol in OPTIONS:
            retry = retry_options(symbol, args.reader.args(node, scope, OPTIONS[symbol]))
        else:
            args.reader.note(
                f"`retry_options` is {described(found.node)}: taken as ExponentialRetry()", args.call.lineno
            )
    if not retry:
        retry = retry_options("aiohttp_retry.ExponentialRetry", Args(args.reader, args.call, args.scope, {}))
    return [*retry, *aiohttp_session(args, uses)]


_EXPONENTIAL = ("attempts", "start_timeout", "max_timeout", "factor", "statuses", "exceptions")
OPTIONS: dict[str, tuple[str, ...]] = {
    "aiohttp_retry.ExponentialRetry": _EXPONENTIAL,
    "aiohttp_retry.RetryOptions": _EXPONENTIAL,
    "aiohttp_retry.JitterRetry": _EXPONENTIAL,
    "aiohttp_retry.RandomRetry": ("attempts", "statuses", "exceptions", "methods", "min_timeout", "max_timeout"),
    "aiohttp_retry.ListRetry": ("timeouts", "statuses", "exceptions"),
    "aiohttp_retry.FibonacciRetry": ("attempts", "multiplier", "statuses", "exceptions", "methods", "max_timeout"),
}


def retry_options(symbol: str, args: Args, uses: Uses = ()) -> list[Layer]:
    """The n-th wait is ``start_timeout`` x ``factor``^n; no exception is retried unless ``exceptions`` names it."""
    name = symbol.partition(".")[2]
    layer = Layer("retry", f"aiohttp_retry.{name}", args.reader.at(args.call, "retry", name), id="aiohttp-retry")
    if name == "ListRetry":
        listed = args.get("timeouts", (), (1.0, 1.0, 1.0), "3 of 1 s")
        numbers = (
            [each for each in listed.value if isinstance(each, int | float)] if isinstance(listed.value, tuple) else []
        )
        layer.put("attempts", max(1, len(numbers)), listed.source)
        layer.put("delay", ns(float(numbers[1])) if len(numbers) > 1 else ns(0), listed.source)
        layer.remarks.append("the list is simulated by its second element, the first that is ever waited for")
    else:
        attempts = args.number("attempts", 3, 3)
        layer.put("attempts", max(1, round(attempts.value or 1)), attempts.source, "default, the first call included")
    if name in ("ExponentialRetry", "RetryOptions", "JitterRetry"):
        start, factor = args.number("start_timeout", 0.1, 0.1), args.number("factor", 2.0, 2.0)
        most = args.number("max_timeout", 30.0, 30.0)
        growth = float(factor.value or 2.0)
        layer.put("delay", ns(float(start.value or 0) * growth), start.source, "default: 0.1 s x factor")
        layer.put("backoff", "exponential", None, "always")
        layer.put("factor", times(growth), factor.source, "default")
        layer.put("max_delay", ns(float(most.value or 30)), most.source, "default")
        if name == "JitterRetry":
            layer.put("jitter", "100%", None, "0 to 2 s, to the power of factor, is added")
    elif name == "RandomRetry":
        low, high = args.number("min_timeout", 0.1, 0.1), args.number("max_timeout", 3.0, 3.0)
        a, b = max(0.0, float(low.value or 0)), max(0.0, float(high.value or 0))
        layer.put("delay", ns((a + b) / 2), high.source, "the middle of 0.1 to 3 s")
        layer.put("jitter", percent(abs(b - a) / (a + b) if a + b else 0), high.source)
    elif name == "FibonacciRetry":
        factor = args.number("multiplier", 1.0, 1.0)
        layer.put("delay", ns(2 * float(factor.value or 1)), factor.source, "default: 2, 3, 5 s")
        layer.put("backoff", "exponential", None, "Fibonacci numbers")
        layer.put("factor", times(1.618))
        most = args.number("max_timeout", 3.0, 3.0)
        layer.put("max_delay", ns(float(most.value or 3)), most.source, "default")
    given = args.get("statuses", (), (), "none").value
    statuses = given if isinstance(given, tuple) else ()
    on = set(outcomes_of_statuses(statuses))
    if args.flag("retry_all_server_errors", True).value:
        on |= {"error", "unavailable", "shed"}
    if not args.silent("exceptions"):
        on |= set(args.outcomes("exceptions") or ("timeout", "refused", "reset"))
    else:
        args.reader.log.trap("RL207", "no exception is retried: a refused connection or a timeout ends the request",
                             args.at("exceptions", name), "name them: `exceptions={aiohttp.ClientError}`")  # fmt: skip
    layer.put("on", in_order(on) or ["error"], None)
    layer.put("honor_retry_after", False, None, "never")
    _hopeless(args, "statuses", statuses)
    return [layer]


# --- SDKs -------------------------------------------------------------------------------------------------------------


def language_model(args: Args, uses: Uses) -> list[Layer]:
    """OpenAI and Anthropic: 0.5 s x 2^(n-1), at most 8 s, times U(0.75, 1); 10 minutes for a call."""
    reader = args.reader
    retries = args.number("max_retries", 2, 2)
    made: list[Layer] = []
    if len(uses) == 1:
        override = _options(reader, *uses[0])
        if "max_retries" in override:
            retries = override.number("max_retries", 2, 2)
        args = Args(reader, args.call, args.scope, {**args.given, **override.given}, args.more or override.more)
    if retries.value and retries.value > 0:
        library = reader.module.symbol(args.call.func, args.scope).partition(".")[0]
        layer = Layer("retry", "max_retries of the SDK", reader.head(args.call, "retry", "max_retries"), id=library)
        layer.put("attempts", 1 + round(retries.value), retries.source, "default: 2 retries")
        _spread_below(layer, 0.5, 0.25)
        layer.put("max_delay", ns(8.0), None, "always")
        made.append(layer)
    limit = _of_uses(args, uses, 600.0, "the SDK: 10 minutes")
    if "http_client" in args and "timeout" not in args:
        reader.note("`http_client` may have a timeout of its own: taken as the SDK's 10 minutes", args.call.lineno)
    elif args.silent("timeout") and limit and limit[0].settings["after"].value == "10m" and made:
        total = (1 + round(retries.value)) * 10
        reader.log.trap("RL208", f"no `timeout`: a call may take 10 minutes, and {1 + round(retries.value)} attempts "
                        f"{total} minutes", reader.head(args.call, "timeout", "client"),
                        "set `timeout=` to what you are ready to wait")  # fmt: skip
    return [*made, *limit]


def _options(reader: Reader, call: ast.AST, scope: Scope) -> Args:
    """What ``client.with_options(max_retries=5).chat…`` says for one call."""
    node: ast.AST = call
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "with_options":
            return reader.args(node, scope, ())
        node = node.func if isinstance(node, ast.Call) else node.value
    return Args(reader, ast.Call(node, [], []), scope, {})  # type: ignore[arg-type]


def botocore_config(args: Args, uses: Uses = ()) -> list[Layer]:
    """``botocore.config.Config(retries={…}, read_timeout=60)``."""
    reader = args.reader
    found = args.given.get("retries")
    node, scope, _ = reader.follow(found.node, found.scope) if found else (None, args.scope, None)
    inside = Args(reader, args.call, args.scope, {})
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                inside.given[key.value] = Argument(value, value, scope)
    elif isinstance(node, ast.Call) and reader.module.symbol(node.func, scope) == "builtins.dict":
        inside = reader.args(node, scope, ())
    elif found is not None:
        reader.note(f"`retries` is {described(found.node)}: taken as the default", found.place.lineno)
    mode = inside.get("mode", "standard", "standard")
    kind = mode.value if mode.value in ("legacy", "standard", "adaptive") else "standard"
    total, retries = inside.number("total_max_attempts", None, 3), inside.number("max_attempts", None, 2)
    layer = Layer("retry", f"botocore: mode {kind}", reader.head(args.call, "retry", "Config"), "botocore", "aws")
    if total.value:
        layer.put("attempts", max(1, round(total.value)), total.source)
    elif retries.value is not None:
        layer.put("attempts", 1 + max(0, round(retries.value)), retries.source)
        reader.log.trap("RL170", f"`max_attempts` {round(retries.value)} in Config does not count the first call: "
                        f"{1 + round(retries.value)} calls; in ~/.aws/config it does",
                        inside.at("max_attempts", f"max_attempts: {round(retries.value)}"),
                        "write `total_max_attempts`")  # fmt: skip
    else:
        layer.put("attempts", 5 if kind == "legacy" else 3, None, "default")
    layer.put("delay", ns(1), None, "always: U(0, 1) x 2^(n-1) seconds")
    layer.put("backoff", "exponential", None, "always")
    layer.put("jitter", "full", None, "always")
    layer.exact = {
        "mode": Setting(kind, mode.source.shown if mode.source else "default", mode.source.at if mode.source else None)
    }
    if kind == "legacy":
        reader.log.trap("RL171", "`legacy` has no retry quota and no cap on the wait: in an outage every client "
                        "sends every attempt", inside.at("mode", "legacy"), "write `'mode': 'standard'`")  # fmt: skip
    else:
        layer.put("max_delay", ns(20), None, "always")
        layer.settings["budget"] = Setting(
            "{kind: token_bucket, capacity: 500, deposit: 1, deposit_on: success, cost: 5}", "the retry quota"
        )
        layer.exact["budget"] = Setting("{kind: aws}", "the retry quota of the SDK")
    limit = args.number("read_timeout", 60.0, 60.0)
    made = [layer] if layer.settings["attempts"].value != "1" else []
    return [*made, *_after(args, limit.value, limit, "default: 60 s" if not limit.given else "read_timeout")]


def boto_client(args: Args, uses: Uses = ()) -> list[Layer]:
    """``boto3.client(..., config=Config(...))``; without a config what botocore does by default."""
    found = args.given.get("config")
    if found is None:
        return botocore_config(Args(args.reader, args.call, args.scope, {}))
    node, scope, _ = args.reader.follow(found.node, found.scope)
    if isinstance(node, ast.Call) and args.reader.module.symbol(node.func, scope).endswith(".Config"):
        return botocore_config(args.reader.args(node, scope, ()))
    args.reader.note(f"`config` is {described(found.node)}: taken as the default", found.place.lineno)
    return botocore_config(Args(args.reader, args.call, args.scope, {}))
