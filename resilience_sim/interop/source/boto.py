"""botocore's ``Config`` and the clients of boto3 that are given one: 1.44.8, config.py and args.py."""

from __future__ import annotations

import ast

from resilience_sim.interop.aws import CONSTANTS, MODES, NO_MODE, NO_QUOTA, QUOTA
from resilience_sim.interop.layers import Layer, Setting
from resilience_sim.interop.source.clients import Uses, after
from resilience_sim.interop.source.constants import described, entries
from resilience_sim.interop.source.reader import Args, Argument, ns
from resilience_sim.kernel.format import plural


def botocore_config(args: Args, uses: Uses = ()) -> list[Layer]:
    """``botocore.config.Config(retries={…}, read_timeout=60)``."""
    reader = args.reader
    found = args.given.get("retries")
    node, scope, _ = reader.follow(found.node, found.scope) if found else (None, args.scope, None)
    inside = Args(reader, args.call, args.scope, {})
    if found is not None:
        listed, whole = entries(reader.module, node or found.node, scope)
        inside.given.update({name: Argument(value, value, home) for name, (value, home) in listed.items()})
        if not whole:
            taken = "what is seen of it" if listed else "the default"
            reader.note(f"`retries` is {described(found.node)}: taken as {taken}", found.place.lineno)
    mode = inside.get("mode", "standard", "standard")
    kind = mode.value if mode.value in MODES else "standard"
    if mode.value not in MODES:
        message, remedy = NO_MODE
        reader.log.trap("RL174", message, inside.at("mode"), remedy)
    total, retries = inside.number("total_max_attempts", None, 3), inside.number("max_attempts", None, 2)
    layer = Layer("retry", f"botocore: mode {kind}", reader.head(args.call, "retry", "Config"), "botocore", "aws")
    for got, name, least in ((total, "total_max_attempts", 1), (retries, "max_attempts", 0)):
        if got.value is not None and got.value < least:
            reader.log.bad(f"an integer of at least {least}", inside.at(name))
    if total.value is not None:
        layer.put("attempts", max(1, round(total.value)), total.source)
    elif retries.value is not None:
        calls = 1 + max(0, round(retries.value))
        layer.put("attempts", calls, retries.source)
        reader.log.trap("RL170", f"`max_attempts` {round(retries.value)} in Config does not count the first call: "
                        f"{plural(calls, 'call')}; in ~/.aws/config it does",
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
    layer.remarks.append(CONSTANTS)
    if kind == "legacy":
        reader.log.trap("RL171", NO_QUOTA, inside.at("mode", "legacy"), "write `'mode': 'standard'`")
    else:
        layer.put("max_delay", ns(20), None, "always")
        layer.settings["budget"] = Setting(QUOTA, "the retry quota")
        layer.exact["budget"] = Setting("{kind: aws}", "the retry quota of the SDK")
    limit = args.number("read_timeout", 60.0, 60.0)
    made = [layer] if layer.settings["attempts"].value != "1" else []
    return [*made, *after(args, limit.value, limit, "default: 60 s" if not limit.given else "read_timeout")]


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
