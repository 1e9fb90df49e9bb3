"""What ``resim init`` writes. The first line of each tells editors where the schema is."""

from __future__ import annotations

import json

from resilience_sim.scenario.describe.schema import FILE_NAME
from resilience_sim.settings.suggest import did_you_mean, one_of

MODELINE = f"# yaml-language-server: $schema=./{FILE_NAME}"

_BASIC = """\
about: B fails now and then; three tries, each through a circuit breaker

service:
  latency: {p50: 40ms, p99: 250ms}     # lognormal through these two points; `50ms` is always the same
  workers: 10                          # requests worked on at once; the others queue
  failure_rate: 5%
traffic:
  rate: 50/s                           # arrivals that do not wait for answers
  duration: 60s
stack:                                 # outermost first: each wraps the next, Service B is innermost
  - retry: {attempts: 3, delay: 100ms, backoff: exponential, jitter: full}
  - circuit_breaker: {failure_threshold: 50%, window: 10s, recovery_time: 5s}
  - timeout: {after: 500ms}
compare:                               # `resim compare` runs these with the same arrivals and the same luck
  variants:
    no-retry: {without: [retry]}
    more-tries: {set: {retry.attempts: 5}}
expect:
  - availability >= 99%
"""

_OUTAGE = """\
about: B is gone for 15 seconds; what do callers see, and how fast do they come back?

service:
  latency: {p50: 40ms, p99: 250ms}
  workers: 32
traffic:
  rate: 50/s
  duration: 90s
  deadline: 2s                         # what the end user is willing to wait
client:
  threads: 100                         # a request holds one from admission to outcome
faults:
  - outage: {at: 30s, for: 15s, how: refuse, id: main}   # or hang, error, reset
stack:
  - retry: {attempts: 3, delay: 100ms, backoff: exponential, jitter: full}
  - circuit_breaker: {failure_threshold: 5, recovery_time: 5s}
  - timeout: {after: 500ms}
compare:
  variants:
    no-breaker: {without: [circuit_breaker]}
    hanging: {set: {faults.main.how: hang}}
expect:
  - {that: availability >= 99%, during: before main}
  - {that: amplification <= 1.5x, during: main, because: retries must not multiply an outage}
"""

_RETRY_STORM = """\
about: a short slowdown, and retries keep B overloaded long after it; a budget lets it recover

service:
  latency: {exponential: 100ms}
  workers: 10
traffic:
  rate: 80/s                           # four fifths of what B can do
  duration: 120s
faults:
  - brownout: {at: 20s, for: 10s, slower: 3x, id: main}
stack:
  - retry: {attempts: 4, delay: 50ms, jitter: full}
  - timeout: {after: 500ms}            # the caller gives up; B goes on working on it
compare:
  variants:
    budget: {set: {retry.budget: 10%}} # retries may be a tenth of the calls
    no-retry: {without: [retry]}
"""

_BROWNOUT = """\
about: B loses most of its workers; queues grow, and waiting makes it worse

service:
  latency: {gamma: {mean: 50ms, cv: 0.8}}
  workers: 16
  queue: 100                           # a full queue refuses at once
traffic:
  phases:
    - {for: 20s, rate: 100/s}
    - {for: 20s, rate: 100/s, to: 180/s}   # a ramp
    - {for: 40s, rate: 180/s}
  deadline: 1s
faults:
  - brownout: {at: 50s, for: 10s, workers: 25%, id: main}
stack:
  - bulkhead: {max_concurrent: 64}
  - circuit_breaker: {failure_threshold: 50%, window: 5s, recovery_time: 2s, slow_call: 800ms}
  - timeout: {after: 1s}
compare:
  variants:
    skip-abandoned: {set: {service.discipline: drop_abandoned}}
    unprotected: {stack: [{timeout: {after: 1s}}]}
"""

_RATE_LIMIT = """\
about: B starts to answer 429; a limit on the client's side keeps within it

service:
  latency: 20ms
traffic:
  rate: 100/s
  duration: 60s
faults:
  - rate_limit: {at: 15s, for: 30s, limit: 60/s, retry_after: 1s, id: quota}
stack:
  - retry: {attempts: 3, delay: 200ms, jitter: equal}    # honours B's Retry-After
compare:
  variants:
    polite: {stack: [{rate_limiter: {limit: 60/s, max_wait: 500ms}}, {retry: {attempts: 3, delay: 200ms}}]}
    throttled: {stack: [throttle, {retry: {attempts: 3, delay: 200ms}}]}
"""

_COLD_CACHE = """\
about: B comes back from an outage with a cold cache; too many callers at once keep it cold

service:
  latency: {exponential: 40ms}
  workers: 20
  queue: 200
traffic:
  rate: 200/s
  duration: 90s
faults:
  - outage: {at: 20s, for: 10s, how: refuse, id: main}
  - cold_cache: {at: 30s, for: 30s, slower: 4x, half_life: 6s}
stack:
  - retry: {attempts: 3, delay: 200ms, backoff: exponential, jitter: full, budget: 20%}
  - circuit_breaker: {failure_threshold: 50%, window: 5s, recovery_time: 3s, probes: 5}
  - timeout: {after: 600ms}
compare:
  variants:
    no-budget: {set: {retry.budget: null}}               # null takes a setting away
    no-breaker: {without: [circuit_breaker]}
"""

TEMPLATES: dict[str, str] = {
    "basic": _BASIC,
    "outage": _OUTAGE,
    "retry-storm": _RETRY_STORM,
    "brownout": _BROWNOUT,
    "rate-limit": _RATE_LIMIT,
    "cold-cache": _COLD_CACHE,
}


def about(template: str) -> str:
    """What a template shows, in one line."""
    return TEMPLATES[template].partition("\n")[0].removeprefix("about: ")


def render(name: str, template: str = "basic") -> str:
    """The text of a new scenario; KeyError with a remedy for an unknown template."""
    if template not in TEMPLATES:
        raise KeyError(f"no template `{template}`: {did_you_mean(template, TEMPLATES) or one_of(TEMPLATES)}")
    head = f"{MODELINE}\nresim: 1\nname: {json.dumps(name, ensure_ascii=False)}\n"
    return head + TEMPLATES[template]
