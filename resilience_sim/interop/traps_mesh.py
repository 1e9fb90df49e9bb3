"""Pages about meshes, gRPC, Dapr and AWS.

Owns RL130 to RL189. Refuses to find anything.
"""

from __future__ import annotations

from resilience_sim.interop.trap import Trap

TRAPS: dict[str, Trap] = {
    "RL130": Trap(
        "warning",
        "an ejection share that ejects nobody",
        (
            "Since Envoy 1.28 the host that would be ejected is part of the share: of n hosts, one "
            "is 100/n percent. With the default of "
            "10 % and fewer than ten hosts no host is ever ejected, whatever it answers. Set "
            "`max_ejection_percent` to at least 100/n or "
            "`always_eject_one_host`."
        ),
    ),
    "RL131": Trap(
        "warning",
        "a per-try timeout that is dropped",
        (
            "Envoy ignores a per-try timeout that is not shorter than the route's timeout. The first "
            "try may then use up all the time, "
            "and the retries never happen."
        ),
    ),
    "RL132": Trap(
        "info", "retries, not calls", "Envoy's `num_retries` and Istio's `attempts` do not count the first call."
    ),
    "RL133": Trap(
        "warning",
        "no retries written is not no retries",
        (
            "Istio's mesh-wide default is two retries on connect-failure, refused-stream, "
            "unavailable and cancelled. To switch them off "
            "write `retries: {attempts: 0}`."
        ),
    ),
    "RL134": Trap(
        "warning", "Envoy's default route timeout", "A route without `timeout` has one of 15 s, all retries included."
    ),
    "RL135": Trap(
        "warning",
        "a gateway-error check without effect",
        (
            "In Istio, consecutiveGatewayErrors counts a subset of what consecutive5xxErrors counts: "
            "with a limit that is not lower it never "
            "decides. In Envoy it is enforced at 0 % unless `enforcing_consecutive_gateway_failure` says otherwise."
        ),
    ),
    "RL136": Trap(
        "warning",
        "zero switches the check off",
        "consecutive_5xx: 0 does not mean that nothing is tolerated: the check is off.",
    ),
    "RL137": Trap(
        "info",
        "panic below the minimum of healthy hosts",
        (
            "When fewer than `minHealthPercent` of the hosts are left, Istio stops ejecting and "
            "balances over all of them, sick ones too."
        ),
    ),
    "RL138": Trap(
        "warning",
        "port-level settings do not inherit",
        (
            "An Istio `portLevelSettings` entry replaces the policy above it entirely: what it does "
            "not repeat has the default."
        ),
    ),
    "RL139": Trap(
        "warning",
        "a retry policy that retries nothing",
        "Envoy needs `retry_on`; without it `num_retries` means nothing.",
    ),
    "RL140": Trap(
        "info",
        "Envoy's circuit breakers are limits of concurrency",
        (
            "`circuit_breakers.thresholds` cap connections, requests, pending requests and retries "
            "at once. They do not look at failures; "
            "outlier_detection does."
        ),
    ),
    "RL141": Trap(
        "warning", "max_retries beside a retry_budget", "Once a retry budget is set, Envoy ignores `max_retries`."
    ),
    "RL142": Trap(
        "info",
        "a fixed number of retries at once",
        (
            "Envoy allows `max_retries` (default 3) retries at the same time in the whole cluster, "
            "backoff included. At high traffic this is "
            "next to nothing, at low traffic it never binds. Not simulated without like: envoy."
        ),
    ),
    "RL150": Trap(
        "warning", "maxAttempts above five", "gRPC takes at most 5 attempts, whatever the service config says."
    ),
    "RL152": Trap(
        "warning",
        "hedging without a delay",
        (
            "A hedging policy without `hedgingDelay` sends all attempts at once: the load of B is "
            "multiplied all the time, not only when "
            "it is slow."
        ),
    ),
    "RL153": Trap("info", "tokenRatio is cut to three decimals", "gRPC ignores what comes after the third decimal."),
    "RL160": Trap(
        "warning", "a policy that nobody refers to", "A named Dapr policy does nothing until a target names it."
    ),
    "RL161": Trap(
        "warning",
        "a setting of the other kind of retry",
        (
            "Dapr's exponential policy starts at 500 ms whatever `duration` says; the constant "
            "policy ignores `maxInterval`."
        ),
    ),
    "RL162": Trap(
        "warning",
        "retries without limit",
        (
            "Dapr's `maxRetries` is unlimited unless set. A constant policy then retries for as long "
            "as the caller waits; an exponential one "
            "for 15 minutes."
        ),
    ),
    "RL163": Trap("info", "a bare number of milliseconds", "Dapr reads a duration without a unit as milliseconds."),
    "RL164": Trap(
        "warning",
        "listing an app removes its built-in retries",
        (
            "Dapr retries service invocations three times, a second apart. Naming the app under "
            "`targets` replaces this by what the target "
            "says, which may be nothing."
        ),
    ),
    "RL165": Trap(
        "info", "a reserved name", "Policies named Default...Policy apply to all targets that are not listed."
    ),
    "RL167": Trap(
        "info", "greater than, not at least", "`consecutiveFailures > 5` trips at the sixth failure in a row."
    ),
    "RL170": Trap(
        "info",
        "max_attempts means two things",
        (
            "In the shared config file and in AWS_MAX_ATTEMPTS the first call counts. In botocore's "
            "Config(retries={'max_attempts': 4}) it does "
            "not: that is five calls. `total_max_attempts` always counts it."
        ),
    ),
    "RL171": Trap(
        "warning",
        "legacy retries have no quota",
        (
            "The mode `legacy` has neither the retry quota nor the cap of 20 s. In an outage every "
            "client makes every attempt."
        ),
    ),
    "RL173": Trap(
        "info",
        "timeouts cannot be set in the file",
        (
            "connect_timeout and read_timeout are settings of the code; 60 s each by default. Four "
            "attempts at 60 s are four minutes."
        ),
    ),
}
