"""HTTP clients and SDKs: the retries and timeouts of an object that makes calls.

Versions and formulas: docs/reference/config-formats.md section 10 (urllib3 2.8.0, requests 2.34.2, httpx 0.28.1 with
httpcore 1.0.9, httpx-retries 0.6.0, aiohttp 3.14.5, aiohttp-retry 2.9.1, botocore 1.44.8, openai 3.57.0, anthropic
2.14.0).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from resilience_sim.interop.layers import Layer, Setting, percent, times, yaml_value
from resilience_sim.interop.source.constants import described, entries
from resilience_sim.interop.source.failures import in_order, outcomes_of_statuses
from resilience_sim.interop.source.module import Scope
from resilience_sim.interop.source.reader import Args, Argument, Got, Reader, ns
from resilience_sim.settings.bulkhead import MANY

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
GAPS, WHOLE = "it limits each wait for bytes, not the whole answer", "it limits the whole call"
_HTTPX = ("httpx.Client", "httpx.AsyncClient")
MOST_STEPS = 30  # of waits that grow without a formula
ASSUMED_TIMEOUT = 1.0  # seconds, of a call that cannot be seen


# --- timeouts ---------------------------------------------------------------------------------------------------------


def deadline(args: Args, name: str, of: str) -> list[Layer]:
    """The limit of ``asyncio.timeout(…)`` and the like around a call."""
    got = args.number(name, None, 10.0)
    limit = after(args, got.value, got, of)
    for layer in limit:
        layer.remarks = [WHOLE]
    return limit


def timeout(args: Args, name: str, default: float | None, of: str, parameters: tuple[str, ...] = ()) -> list[Layer]:
    """The timeout of an argument: a number, a pair (connect, read), or an object with parts; [] for none at all."""
    found = args.given.get(name)
    if found is None and args.more:
        return [assumed(args.reader, args.call.lineno)]
    if found is None:
        return after(args, default, None, f"default of {of}")
    node, scope, _ = args.reader.follow(found.node, found.scope)
    if isinstance(node, ast.Call):
        last = args.reader.module.symbol(node.func, scope).rpartition(".")[2]
        if last in ("Timeout", "ClientTimeout"):
            inside = args.reader.args(node, scope, parameters or _TIMEOUTS[last])
            return after(args, *_parts(inside, last == "ClientTimeout"), of)
    if isinstance(node, ast.Tuple) and len(node.elts) in (2, 4):  # connect, read, and for httpx write, pool
        pair = Args(args.reader, args.call, args.scope, {name: Argument(node.elts[1], found.place, scope)})
        got = pair.number(name, None, default or 10.0)
        return after(args, got.value, got, of)
    got = args.number(name, default, default or 10.0)
    return after(args, got.value, got, of)


_TIMEOUTS = {"Timeout": ("timeout",), "ClientTimeout": ("total", "connect", "sock_read", "sock_connect")}


def _parts(inside: Args, aiohttp: bool) -> tuple[float | None, Got | None]:
    """What limits a call. An aiohttp.ClientTimeout without ``total`` has none: only the default one has 5 minutes."""
    for part in ("total", "sock_read") if aiohttp else ("read", "total", "timeout"):
        if part in inside:
            got = inside.number(part, None, 10.0)
            if got.value is not None:
                return got.value, got
            if part != "total":
                return None, got
    return None, None


def after(args: Args, seconds: float | None, got: Got | None, of: str) -> list[Layer]:
    if not seconds or seconds <= 0:
        return []
    layer = Layer("timeout", f"timeout of a call: {of}", args.reader.head(args.call, "timeout", "timeout"), "attempt")
    source = got.source if got is not None else None
    layer.put("after", ns(float(seconds)), source, of)
    whole = of.endswith("aiohttp") and (source is None or not source.at.path.endswith("sock_read"))
    layer.remarks.append(WHOLE if whole else GAPS)
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
        layer.put("max_delay", ns(_or(most, 120)), most.source, "default")
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


def _or(got: Got, default: float) -> float:
    """A number; nothing is one."""
    return float(default if got.value is None else got.value)


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
    """``urllib3.PoolManager(retries=…, timeout=…)``; each call may say its own. The default is ``Retry(3)``."""
    reader = args.reader
    found = _of_call(args, uses, "retries")
    if found is None:
        return [*_three(args), *_of_uses(args, uses, None, "urllib3")]
    node, scope, _ = reader.follow(found.node, found.scope)
    if isinstance(node, ast.Call):
        retry = urllib3_retry(reader.args(node, scope, URLLIB3))
    elif isinstance(node, ast.Constant) and node.value is None:
        retry = _three(args)
    else:
        retry = urllib3_retry(Args(reader, args.call, args.scope, {"total": found}))
    return [*retry, *_of_uses(args, uses, None, "urllib3")]


def _three(args: Args) -> list[Layer]:
    """Of urllib3 2.8, util/retry.py: ``Retry.DEFAULT = Retry(3)``."""
    if args.more:
        return []
    three = ast.copy_location(ast.Constant(3), args.call)
    given = {"total": Argument(three, args.call, args.scope)}
    return urllib3_retry(Args(args.reader, args.call, args.scope, given, more=True))  # nobody chose its statuses


def _of_call(args: Args, uses: Uses, name: str) -> Argument | None:
    """An argument that the only call of a client gives itself, else the client's own."""
    if len(uses) == 1:
        call, scope = uses[0]
        found = next((each for each in call.keywords if each.arg == name), None)
        if found is not None:
            return Argument(found.value, found, scope)
    return args.given.get(name)


def httpx_client(args: Args, uses: Uses) -> list[Layer]:
    """``httpx.Client(timeout=5, transport=HTTPTransport(retries=0), limits=Limits(max_connections=100))``."""
    reader = args.reader
    own = args.given.get("transport")
    said = [(own.node, own.scope)] if own is not None else []
    if "mounts" in args:
        said += entries(reader.module, args.given["mounts"].node, args.given["mounts"].scope)[0].values()
    routes = [reader.follow(*each) for each in said]
    retry: list[Layer] = []
    for node, scope, _ in routes:
        retry = retry or transport(reader, node, scope)
    limit = _of_uses(args, uses, 5.0, "httpx")
    if own is None:
        pool = _connections(args, limit)
    else:  # it has limits of its own, and the client's are not looked at
        node, scope, _ = routes[0]
        pool = _connections(reader.args(node, scope, ()), limit) if isinstance(node, ast.Call) else []
    connecting = [each for each in retry if each.id == "httpx"]
    return [*(each for each in retry if each.id != "httpx"), *pool, *connecting, *limit]


def _connections(args: Args, limit: list[Layer]) -> list[Layer]:
    """``limits=Limits(max_connections=10)``: who finds none waits for one, as long as for anything else."""
    found = args.given.get("limits")
    node, scope, _ = args.reader.follow(found.node, found.scope) if found else (None, args.scope, None)
    if not isinstance(node, ast.Call) or args.reader.module.symbol(node.func, scope) != "httpx.Limits":
        return []
    most = args.reader.args(node, scope, ()).number("max_connections", None, None)
    if not most.value or most.value < 1:
        return []
    at = args.reader.head(node, "bulkhead", "Limits")
    layer = Layer("bulkhead", "httpx.Limits: connections", at, id="connections")
    layer.put("max_concurrent", round(most.value), most.source)
    layer.put("queue", MANY, None, "always")
    if limit:
        after = limit[0].settings["after"]
        layer.settings["max_wait"] = Setting(after.value, "the timeout, for a connection too", after.at)
    layer.remarks.append("the connections of HTTP/1.1; over HTTP/2 one is enough for many calls")
    return [layer]


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
        wait = "{kind: chain, of: [{kind: none}, {kind: exponential, multiplier: 0.25}]}"  # the first comes at once
        told_by_tenacity(layer, Setting(wait, "always: 0, 0.5, 1, 2 s"), "backoff")
        layer.remarks.append("no answer is ever retried")
        layer.remedies = {"RL014": "leave `retries` out, and retry around the call with a random wait"}
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
        layer.put("max_delay", ns(_or(most, 120)), most.source, "default")
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
    """``RetryClient(retry_options=…)`` of aiohttp-retry; each call may say its own, and the session its timeout."""
    found = _of_call(args, uses, "retry_options")
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
    given = args.given.get("client_session")
    if given is not None:
        node, scope, _ = args.reader.follow(given.node, given.scope)
        if not isinstance(node, ast.Call) or args.reader.module.symbol(node.func, scope) != "aiohttp.ClientSession":
            return [*retry, *_of_uses(args, uses, None, "aiohttp")]
        args = args.reader.args(node, scope, ())
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


def fibonacci(a: int, b: int, most: float, count: int, factor: float = 1.0) -> Iterator[float]:
    """The waits from these two numbers on, up to the one that stays; no more than ``count`` and MOST_STEPS."""
    for _ in range(min(count, MOST_STEPS)):
        wait = min(a * factor, most)
        yield wait
        if wait >= most:
            return
        a, b = b, a + b


def told_by_tenacity(layer: Layer, wait: Setting, *instead_of: str) -> None:
    """Waits that no generic setting tells, under tenacity's rules, which can."""
    attempts = layer.settings["attempts"]
    layer.like = "tenacity"
    layer.exact = dict.fromkeys(("attempts", "delay", "honor_retry_after", *instead_of))
    layer.exact["stop"] = replace(attempts, value=f"{{kind: after_attempt, value: {attempts.value}}}")
    layer.exact["wait"] = wait


def chained(layer: Layer, steps: Sequence[float]) -> None:
    """Waits that are told one by one."""
    parts = ", ".join(f"{{kind: fixed, seconds: {max(0.0, each):.9g}}}" for each in steps)
    told_by_tenacity(layer, replace(layer.settings["delay"], value=f"{{kind: chain, of: [{parts}]}}"))


def retry_options(symbol: str, args: Args, uses: Uses = ()) -> list[Layer]:
    """The n-th wait is ``start_timeout`` x ``factor``^n; no exception is retried unless ``exceptions`` names it."""
    name = symbol.partition(".")[2]
    layer = Layer("retry", f"aiohttp_retry.{name}", args.reader.at(args.call, "retry", name), id="aiohttp-retry")
    layer.remedies = {"RL014": "take `JitterRetry`"}
    steps: list[float] = []
    if name == "ListRetry":
        listed = args.get("timeouts", (), (1.0, 1.0, 1.0), "3 of 1 s")
        steps = [float(each) for each in listed.value if isinstance(each, int | float)] if listed.value else []
        layer.put("attempts", max(1, len(steps)), listed.source)
        steps = steps[1:]
        layer.put("delay", ns(steps[0] if steps else 0), listed.source, "the second, the first that is waited for")
    else:
        attempts = args.number("attempts", 3, 3)
        layer.put("attempts", max(1, round(_or(attempts, 1))), attempts.source, "default, the first call included")
    if name in ("ExponentialRetry", "RetryOptions", "JitterRetry"):
        start, factor = args.number("start_timeout", 0.1, 0.1), args.number("factor", 2.0, 2.0)
        most = args.number("max_timeout", 30.0, 30.0)
        growth = _or(factor, 2.0)
        layer.put("delay", ns(float(start.value or 0) * growth), start.source, "default: 0.1 s x factor")
        layer.put("backoff", "exponential", None, "always")
        layer.put("factor", times(growth), factor.source, "default")
        layer.put("max_delay", ns(_or(most, 30)), most.source, "default")
        if name == "JitterRetry":
            size = args.number("random_interval_size", 2.0, 2.0)
            layer.put("jitter", "100%", size.source, "0 to 2 s, to the power of factor, is added")
            most_added = min(_or(size, 2.0) ** min(growth, 10.0), 1e6)
            args.reader.note(f"0 to {most_added:g} s are added to each wait: taken as up to twice the wait",
                             args.call.lineno)  # fmt: skip
    elif name == "RandomRetry":
        low, high = args.number("min_timeout", 0.1, 0.1), args.number("max_timeout", 3.0, 3.0)
        a, b = max(0.0, float(low.value or 0)), max(0.0, float(high.value or 0))
        layer.put("delay", ns((a + b) / 2), high.source, "the middle of 0.1 to 3 s")
        layer.put("jitter", percent(abs(b - a) / (a + b) if a + b else 0), high.source)
    elif name == "FibonacciRetry":
        factor, most = args.number("multiplier", 1.0, 1.0), args.number("max_timeout", 3.0, 3.0)
        turns = int(layer.settings["attempts"].value) - 1
        steps = list(fibonacci(2, 3, _or(most, 3.0), turns, _or(factor, 1.0)))
        layer.put("delay", ns(steps[0] if steps else 0), factor.source, "default: 2, 3 s")
    if steps:
        chained(layer, steps)
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
    inner = args.given.get("http_client") if "timeout" not in args else None
    of_client = _own_timeout(reader, inner) if inner is not None else None
    if of_client is not None:  # _base_client.py: a timeout that is not httpx's default is taken over
        args = Args(reader, args.call, args.scope, {**args.given, "timeout": of_client}, args.more)
    limit = _of_uses(args, uses, 600.0, "the SDK: 10 minutes")
    if inner is not None and "timeout" not in args:
        reader.note("`http_client` may have a timeout of its own: taken as the SDK's 10 minutes", args.call.lineno)
    elif args.silent("timeout") and limit and limit[0].settings["after"].value == "10m" and made:
        total = (1 + round(retries.value)) * 10
        reader.log.trap("RL208", f"no `timeout`: a call may take 10 minutes, and {1 + round(retries.value)} attempts "
                        f"{total} minutes", reader.head(args.call, "timeout", "client"),
                        "set `timeout=` to what you are ready to wait")  # fmt: skip
    return [*made, *limit]


def _own_timeout(reader: Reader, client: Argument) -> Argument | None:
    """What an HTTP client that is handed over says of its timeout, if that can be seen."""
    node, scope, _ = reader.follow(client.node, client.scope)
    if isinstance(node, ast.Call) and reader.module.symbol(node.func, scope) in _HTTPX:
        return reader.args(node, scope, ()).given.get("timeout")
    return None


def _options(reader: Reader, call: ast.AST, scope: Scope) -> Args:
    """What ``client.with_options(max_retries=5).chat…`` says for one call."""
    node: ast.AST = call
    while isinstance(node, ast.Attribute | ast.Call):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "with_options":
            return reader.args(node, scope, ())
        node = node.func if isinstance(node, ast.Call) else node.value
    return Args(reader, ast.Call(node, [], []), scope, {})  # type: ignore[arg-type]
