"""Pages about configuration that lives beside code: resilience4j and .NET.

Owns RL101 to RL129. Refuses to find anything.
"""

from __future__ import annotations

from resilience_sim.interop.trap import Trap

TRAPS: dict[str, Trap] = {
    "RL101": Trap(
        "warning",
        "exponentialMaxWaitDuration is ignored",
        (
            "resilience4j's Spring configuration builds a capped backoff only when "
            "`exponentialBackoffMultiplier` is written as well, "
            "and with randomised wait also `randomizedWaitFactor`. With the cap alone the waits grow "
            "by 1.5 each time without any "
            "limit. Write the multiplier beside the cap."
        ),
    ),
    "RL102": Trap(
        "warning",
        "a backoff setting without the flag or the wait it needs",
        (
            "In resilience4j, `exponentialBackoffMultiplier`, `randomizedWaitFactor` and the cap do "
            "nothing unless the flag "
            "(`enableExponentialBackoff`, `enableRandomizedWait`) is true, and the flags do nothing "
            "unless `waitDuration` is written: "
            "then every wait is 500 ms."
        ),
    ),
    "RL103": Trap(
        "info",
        "minimumNumberOfCalls is clipped to the window",
        (
            "With a count-based window the minimum cannot exceed the window: resilience4j takes the "
            "smaller of the two. The breaker "
            "decides earlier than the file says."
        ),
    ),
    "RL107": Trap(
        "warning",
        "a rate limiter that limits nothing",
        (
            "resilience4j's `limitRefreshPeriod` defaults to 500 nanoseconds. A limit of 50 per 500 "
            "ns is a hundred million a second."
        ),
    ),
    "RL108": Trap(
        "info",
        "the order of the policies is overridden",
        (
            "The aspect order keys move a policy in the stack. In Spring the smaller number is "
            "further out, the opposite of what many "
            "expect. Without them the order is Retry(CircuitBreaker(RateLimiter(TimeLimiter(Bulkhead))))."
        ),
    ),
    "RL109": Trap(
        "warning",
        "a named base does not inherit configs.default",
        (
            "An instance without `baseConfig` inherits `configs.default`. One that names a base "
            "inherits that base only: for circuit "
            "breakers the default configuration is not looked at any more (for retries it is)."
        ),
    ),
    "RL110": Trap(
        "warning",
        "a bulkhead of no places",
        "`maxConcurrentCalls: 0` is accepted by resilience4j and lets nothing through.",
    ),
    "RL111": Trap(
        "warning",
        "a percentage written as a share",
        (
            "resilience4j's thresholds are percentages. 0.5 means half a percent: with a window of "
            "100 calls one failure opens."
        ),
    ),
    "RL112": Trap(
        "info",
        "half-open without a time limit",
        (
            "resilience4j lets a fixed number of calls through when half open and waits for all of "
            "them. If one never returns, its permit is "
            "never given back and everything else is rejected for ever. "
            "`maxWaitDurationInHalfOpenState` (default 0: off) or a timeout "
            "inside the breaker prevents it; RL012 looks whether there is one."
        ),
    ),
    "RL113": Trap(
        "info",
        "exceptions that do not count as you may think",
        (
            "An ignored exception counts neither way. With `recordExceptions` every exception that "
            "is not listed counts as a success, "
            "and dilutes the failures. resim reads no classes: map them to outcomes yourself."
        ),
    ),
    "RL119": Trap(
        "warning",
        "a retry of what cannot succeed",
        (
            "A status that says that the request itself is wrong (4xx but 408, 425 and 429; gRPC "
            "INVALID_ARGUMENT, NOT_FOUND and others) "
            "will be the same next time. Each such request costs all attempts and all waits."
        ),
    ),
    "RL120": Trap(
        "warning",
        "Polly's rate limiter is a bulkhead",
        (
            "`RateLimiter.DefaultRateLimiterOptions` of Microsoft.Extensions.Http.Resilience takes a "
            "ConcurrencyLimiter: PermitLimit is "
            "the number of requests under way at once. It limits no rate; a fast B gets any number a second."
        ),
    ),
    "RL121": Trap(
        "info",
        "MaxRetryAttempts does not count the first call",
        "Three retries are four calls. Load and time multiply by four.",
    ),
    "RL123": Trap(
        "info",
        "Retry-After is not capped",
        ("The .NET HTTP retry waits as long as the Retry-After header says; MaxDelay caps only its own backoff."),
    ),
}
