"""Worst cases and averages of a stack and its traffic: how long, how often, with what chance.

Times are ns as floats, ``inf`` where nothing bounds them; rates are per second. Averages are those of a healthy B
without a queue, attempts independent of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil, inf, prod
from typing import Concatenate, ParamSpec, TypeVar

from resilience_sim.interop.generic import BreakerView, NearestRetry, breaker_of
from resilience_sim.kernel.events import LOST, SUCCESS, TIMEOUT
from resilience_sim.lint.chance import longer_than, mean_until
from resilience_sim.policies.rules.retry import Backoff, Draws, Memory, Wait
from resilience_sim.settings.bulkhead import BulkheadConfig
from resilience_sim.settings.fallback import FallbackConfig
from resilience_sim.settings.hedge import HedgeConfig
from resilience_sim.settings.plan import Plan
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.rate_limiter import RateLimiterConfig
from resilience_sim.settings.retry import LikeRetryConfig, RetryConfig, WaitConfig, tries_again
from resilience_sim.settings.service import OperationConfig, ServiceConfig
from resilience_sim.settings.timeout import TimeoutConfig
from resilience_sim.settings.traffic import TrafficConfig

_DEEPEST = 10_000
_NOTHING = 1e-17  # of a sum: too little to change it
T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")


def once(function: Callable[Concatenate[T, P], R]) -> Callable[Concatenate[T, P], R]:
    """Keep what is answered about one thing (a plan, a stack) until the next one is asked about: every rule asks anew.

    A thing is itself, not its like: to compare plans takes longer than to compute most of this. Of a configuration all
    stacks have one service and one traffic; what only these decide is asked about them.
    """
    whose: object = None
    known: dict[object, R] = {}

    def ask(of: T, /, *args: P.args, **named: P.kwargs) -> R:
        nonlocal whose, known
        if whose is not of:
            whose, known = of, {}
        here = known  # the function may ask about another one
        key = (args, *named.items()) if named else args
        if key not in here:
            here[key] = function(of, *args, **named)
        return here[key]

    ask.__doc__, ask.__name__ = function.__doc__, function.__name__
    return ask


def longest_wait(config: RetryConfig, n: int) -> float:
    """The longest possible wait before retry n (from 1): by the engine's own formula, with luck at its worst."""
    rule = _own_rule(config)
    return _longest(_wait_by(rule), rule, n) if rule is not None else _wait(config, n, 1.0)


def mean_wait(config: RetryConfig, n: int) -> float:
    """The average wait before retry n, as far as no cap cuts a random wait."""
    rule = _own_rule(config)
    return _wait_by(rule).wait(n, Memory(), Draws()) if rule is not None else _wait(config, n, 0.5)


def _own_rule(config: RetryConfig) -> WaitConfig | None:
    """How a library's retry waits, where the generic one only comes near."""
    return config.rule if isinstance(config, NearestRetry) else None


class _Luck(Draws):
    """Always the same."""

    def __init__(self, value: float) -> None:
        self._value = value

    def next(self) -> float:
        return self._value


_LEAST, _MOST = _Luck(0.0), _Luck(1.0)


def _longest(wait: Wait, rule: WaitConfig, n: int) -> float:
    """The wait before retry n with the luck that makes it longest: one library counts its draws downwards."""
    if rule.of or rule.growth in ("decorrelated", "smoothed"):
        return max(wait.wait(n, Memory(), luck) for luck in (_LEAST, _MOST))
    return wait.wait(n, Memory(), _LEAST if rule.jitter == "mirrored" else _MOST)


_backoff, _wait_by = once(Backoff), once(Wait)


def _wait(config: RetryConfig, n: int, luck: float) -> float:
    backoff = _backoff(config)
    wait = previous = 0
    if config.backoff == "decorrelated":  # each wait depends on the one before
        for earlier in range(1, min(n, 200)):
            wait, previous = backoff.wait(earlier, previous, luck, luck)
    wait, previous = backoff.wait(n, previous, luck, luck)
    return float(wait)


@once
def waits(config: RetryConfig) -> float:
    """All waits of a request that uses every attempt, at their longest; a time limit on retries cuts them."""
    if isinstance(config, NearestRetry) and config.rule is not None:
        return _own_waits(config, config.rule)[0]
    backoff = _backoff(config)
    previous, total = 0, 0.0
    for n in range(1, min(config.attempts, _DEEPEST)):
        wait, previous = backoff.wait(n, previous, 1.0, 1.0)
        total += wait
        if config.max_elapsed and total > config.max_elapsed:
            return float(config.max_elapsed)
        capped = config.max_delay and wait >= config.max_delay and config.factor >= 1
        if config.backoff == "constant" or capped or not config.delay:  # it stays what it is
            total += wait * (min(config.attempts, _DEEPEST) - 1 - n)
            break
    return min(total, float(config.max_elapsed)) if config.max_elapsed else total


def _overrun(config: RetryConfig) -> float:
    """How long a wait of a retry goes on when its time is over, at most."""
    if isinstance(config, NearestRetry) and config.rule is not None:
        return _own_waits(config, config.rule)[1]
    return 0.0


@once
def _own_waits(config: NearestRetry, rule: WaitConfig) -> tuple[float, float]:
    """The same by the library's own rule, and the longest that a wait goes on when the time is over."""
    wait, turns = _wait_by(rule), min(config.attempts, _DEEPEST) - 1
    most = float(config.max_elapsed) or inf
    each = total = 0.0
    if rule.growth == "constant":
        each = _longest(wait, rule, 1)
        total = (min(turns, ceil(most / each)) if each and most < inf else turns) * each
    else:
        stays = False
        for n in range(1, turns + 1):
            if not stays:
                before, each = each, _longest(wait, rule, n)
                stays = each == before and _stays(rule, each)
            total += each
            if total >= most:
                break
    return (total, each) if config.overruns else (min(total, most), 0.0)


def _stays(rule: WaitConfig, each: float) -> bool:
    """Whether a wait that is as long as the one before is as long as all that follow."""
    grows = rule.growth == "exponential" and rule.factor >= 1 and each > rule.least
    return grows and (rule.cut or not rule.whole)


def of_jitter_alone(exact: PolicyConfig) -> float:
    """The longest that a library's jitter adds to a wait whatever its delay is: to a delay of nothing, too."""
    if not isinstance(exact, LikeRetryConfig) or exact.wait.jitter not in ("around", "added"):
        return 0.0
    return min(exact.wait.extra, exact.wait.most or inf)


def may_hang(stack: Sequence[PolicyConfig]) -> bool:
    """Whether a call that B never answers goes on for ever."""
    return not any(isinstance(config, TimeoutConfig) for config in stack)


def worst_time(
    stack: tuple[PolicyConfig, ...], index: int = 0, reaching: Callable[[int], float] | None = None
) -> float:
    """The longest that a call entering layer ``index`` can take; B itself may take for ever.

    ``reaching``: calls per second that come to a layer. With it a call waits for a limiter, or in a queue, only as
    long as this traffic makes it wait; without, as long as the policy lets it.
    """
    times = _worst_times(stack) if reaching is None else [inf]
    for layer in range(len(stack) - len(times), index - 1, -1):
        times.append(_around(stack[layer], times[-1], layer, reaching))
    return times[len(stack) - index]


@once
def _worst_times(stack: tuple[PolicyConfig, ...]) -> list[float]:
    """The longest from B, from the innermost layer, and so on outwards, as far as somebody has asked."""
    return [inf]


def _around(config: PolicyConfig, inner: float, index: int, reaching: Callable[[int], float] | None) -> float:
    """The longest that a call can take with a layer around it."""
    if isinstance(config, TimeoutConfig):
        return min(float(config.after), inner)
    if isinstance(config, RetryConfig):
        if inner == inf:
            return inf
        total = min(config.attempts, 10**9) * inner + waits(config) if config.attempts > 1 else inner
        return min(total, config.max_elapsed + _overrun(config) + inner) if config.max_elapsed else total
    if isinstance(config, BulkheadConfig):
        if not config.queue or not config.max_wait:
            return inner
        # waiting calls move up each time a place is left
        turns = ceil(config.queue / config.max_concurrent) * inner
        if reaching is not None and inner < inf:
            turns = _turns(config, inner, reaching(index))
        return inner + (min(turns, config.max_wait) if config.max_wait >= 0 else turns)
    if isinstance(config, RateLimiterConfig):
        idle = reaching is not None and reaching(index) <= config.count * SECOND / config.per
        return inner + (0 if idle else config.max_wait)
    if isinstance(config, HedgeConfig):
        return inner + config.max_extra * config.delay
    if isinstance(config, FallbackConfig):
        return inner + config.latency
    return inner


def _turns(config: BulkheadConfig, inner: float, rate: float) -> float:
    """How long the last of those who wait has to, when calls come at a rate and have begun to take ``inner``.

    The calls that hold the places came one after the other, and leave them so.
    """
    coming, places, queue = rate * inner / SECOND, config.max_concurrent, config.queue
    if coming <= places:
        return 0.0
    if coming > places + queue:  # the last place of the queue is taken before anybody leaves
        return ceil(queue / places) * inner - (places + queue) / rate * SECOND
    turns, behind = divmod(int(coming - places), places)
    return turns * inner + behind / rate * SECOND


def most_attempts(stack: tuple[PolicyConfig, ...], index: int = 0, until: int | None = None) -> int:
    """How many attempts one call entering layer ``index`` can become below (at layer ``until``, or at B)."""
    return prod(most_tries(stack)[index:until])


@once
def most_tries(stack: tuple[PolicyConfig, ...]) -> list[int]:
    """How many calls each layer can make of one."""
    return [
        config.attempts
        if isinstance(config, RetryConfig)
        else 1 + config.max_extra
        if isinstance(config, HedgeConfig)
        else 1
        for config in stack
    ]


def outer_retries(stack: tuple[PolicyConfig, ...], index: int) -> list[int]:
    """The layers outside ``index`` that make more than one call of one."""
    return [i for i, most in enumerate(most_tries(stack)[:index]) if most > 1]


@once
def views(stack: tuple[PolicyConfig, ...]) -> list[BreakerView | None]:
    """What each layer is as a breaker that trips on a threshold."""
    return [breaker_of(config) for config in stack]


def inner_timeout(stack: tuple[PolicyConfig, ...], index: int) -> float:
    """The shortest timeout at or below ``index`` that stands directly around one attempt (no retry between)."""
    return _inner_timeouts(stack)[index]


@once
def _inner_timeouts(stack: tuple[PolicyConfig, ...]) -> list[float]:
    """The same of each layer, and of B."""
    found, shortest = [inf], inf
    direct = True
    for config in reversed(stack):
        if isinstance(config, RetryConfig | HedgeConfig):
            direct = False
        elif direct and isinstance(config, TimeoutConfig):
            shortest = min(shortest, float(config.after))
        found.append(shortest)
    return found[::-1]


def attempt_limit(stack: tuple[PolicyConfig, ...]) -> float:
    """The timeout of one attempt; ``inf``: none stands directly around it."""
    return _inner_timeouts(stack)[0]


def network(plan: Plan) -> float:
    """Average time on the wire, both ways."""
    return _network(plan.service)


@once
def _network(service: ServiceConfig) -> float:
    return 2 * mean_until(service.network)


def heard(service: ServiceConfig) -> int:
    """What the caller sees of B's own failures: an outcome, or ``LOST`` for nothing."""
    return service.lost_answer or LOST if service.failure == LOST else service.failure


@once
def hangs(plan: Plan) -> bool:
    """Whether some calls of the scenario are never answered."""
    silent = plan.service.failure_rate > 0 and heard(plan.service) == LOST
    return silent or any(
        (fault.kind == "outage" and fault.how == "hang") or (fault.outcome == LOST and not fault.answer)
        for fault in plan.faults
    )


@once
def attempt_time(plan: Plan) -> float:
    """Average time of one attempt, given up at its timeout."""
    limit = attempt_limit(plan.stack)
    wire = network(plan)
    lost = plan.service.failure_rate if heard(plan.service) == LOST else 0.0
    usual = min(limit, wire + mean_until(plan.service.latency, max(0.0, limit - wire)))
    return (1 - lost) * usual + (lost * limit if lost else 0.0)


@once
def attempt_failures(plan: Plan) -> dict[int, float]:
    """The usual outcomes of one attempt as seen from outside its timeout: {outcome code: share}, success as 0."""
    service = plan.service
    limit = attempt_limit(plan.stack)
    late = longer_than(service.latency, limit - network(plan)) if limit < inf else 0.0
    found = {SUCCESS: (1 - late) * (1 - service.failure_rate), TIMEOUT: late}
    seen = TIMEOUT if heard(service) == LOST else heard(service)
    found[seen] = found.get(seen, 0.0) + (1 - late) * service.failure_rate
    return found


@once
def outcomes_at(plan: Plan, index: int) -> dict[int, float]:
    """How calls entering layer ``index`` end in normal operation: {outcome code: share}, success as 0."""
    found: dict[int, float] = {}
    for operation in plan.operation.each:
        for code, share in _outcomes(plan, index, operation).items():
            found[code] = found.get(code, 0.0) + operation.share * share
    return found


def _outcomes(plan: Plan, index: int, operation: OperationConfig) -> dict[int, float]:
    shares = attempt_failures(plan)
    for config in reversed(plan.stack[index:]):
        if isinstance(config, RetryConfig) and config.attempts > 1:
            on = {code for code in shares if code and tries_again(config, operation, code)}
            again = sum(share for code, share in shares.items() if code in on)
            kept = _powers(again, min(config.attempts - 1, 200))
            last = again ** min(config.attempts - 1, 200)
            shares = {code: share * last if code in on else share * (kept + last) for code, share in shares.items()}
        elif isinstance(config, FallbackConfig):
            kept_on = {code: share for code, share in shares.items() if code and code not in config.on}
            shares = {SUCCESS: 1.0 - sum(kept_on.values()), **kept_on}
    return shares


def _again(plan: Plan, index: int, operation: OperationConfig) -> float:
    """Chance that a retry layer finds a try's end worth another one, in normal operation."""
    config = plan.stack[index]
    if not isinstance(config, RetryConfig):
        return 0.0
    shares = _outcomes(plan, index + 1, operation)
    return sum(share for code, share in shares.items() if code and tries_again(config, operation, code))


@once
def mean_tries(plan: Plan, index: int) -> float:
    """How many tries a retry layer makes of a call, on average, in normal operation."""
    config = plan.stack[index]
    if not isinstance(config, RetryConfig):
        return 1.0
    return sum(each.share * _tries(config, _again(plan, index, each)) for each in plan.operation.each)


def _tries(config: RetryConfig, p: float) -> float:
    return _powers(p, min(config.attempts, 200))


def _powers(p: float, many: int) -> float:
    """1 + p + p^2 and so on, of a chance, until nothing more comes of it."""
    total = 0.0
    for i in range(many):
        term = p**i
        total += term
        if term < _NOTHING:
            break
    return total


@once
def mean_time(plan: Plan, index: int = 0) -> float:
    """How long a call entering layer ``index`` takes on average in normal operation."""
    return sum(each.share * _time(plan, index, each) for each in plan.operation.each)


def _time(plan: Plan, index: int, operation: OperationConfig) -> float:
    total = attempt_time(plan)
    for position in range(len(plan.stack) - 1, index - 1, -1):
        config = plan.stack[position]
        if isinstance(config, RetryConfig) and config.attempts > 1:
            p = _again(plan, position, operation)
            pauses = _mean_waits(config, p)
            total = total * _tries(config, p) + pauses
    return total


def _mean_waits(config: RetryConfig, p: float) -> float:
    """All waits of a call on average, where each try ends with this chance in another."""
    if not p:
        return 0.0
    falls = _own_rule(config) is None and p * max(3.0, config.factor) <= 0.5  # by what a wait grows at most
    total = 0.0
    for n in range(1, min(config.attempts, 200)):
        share = p**n * mean_wait(config, n)
        total += share
        if falls and share <= total * _NOTHING:
            break
    return total


SECOND = 1e9


@dataclass(frozen=True, slots=True)
class Traffic:
    """``usual``: average over the run; ``peak``: highest, spikes included. Both of all client instances together."""

    usual: float
    peak: float


@once
def traffic(plan: Plan) -> Traffic:
    """The traffic of a plan."""
    found = plan.traffic
    if found.loop == "trace":
        span = (found.trace[-1] - found.trace[0]) / SECOND if len(found.trace) > 1 else 0.0
        rate = (len(found.trace) - 1) / span if span else 0.0
        return Traffic(rate, rate)
    if found.loop == "closed":
        cycle = (mean_until(found.think) + mean_time(plan)) / SECOND
        rate = found.users / cycle if 0 < cycle < inf else 0.0
        return Traffic(rate, rate)
    usual, peak = _of_phases(found)
    spike = max([fault.factor for fault in plan.faults if fault.kind == "spike"], default=1.0)
    return Traffic(usual, spike * peak)


@once
def _of_phases(found: TrafficConfig) -> tuple[float, float]:
    """The average of an open loop, and its highest without spikes."""
    phases = found.phases
    weights = [phase.duration or found.duration or 1 for phase in phases]
    means = [(phase.rate + phase.to) / 2 for phase in phases]
    usual = sum(w * m for w, m in zip(weights, means, strict=True)) / sum(weights) if phases else 0.0
    return usual, max((max(phase.rate, phase.to) for phase in phases), default=0.0)


@once
def at_layer(plan: Plan, index: int, failing: bool = False) -> float:
    """Calls per second that reach a layer, of one client instance or of all that share it; ``failing``: while every
    attempt fails.
    """
    instances = plan.client.instances
    rate = traffic(plan).usual / instances
    for position in range(index):
        config = plan.stack[position]
        if isinstance(config, RateLimiterConfig):
            rate = min(rate, config.count * SECOND / config.per / (instances if config.shared else 1))
        rate *= tries_failing(plan, position) if failing else mean_tries(plan, position)
    return rate * instances if index < len(plan.stack) and plan.stack[index].shared else rate


@once
def tries_failing(plan: Plan, index: int) -> float:
    """Calls that a layer makes of one while every attempt fails."""
    config = plan.stack[index]
    most = most_tries(plan.stack)[index]
    if not isinstance(config, RetryConfig):
        return most
    spared = sum(each.share for each in plan.operation.each if config.only_idempotent and not each.repeatable)
    return spared + (1 - spared) * most


def capacity(plan: Plan) -> float:
    """Attempts per second that B can work on; ``inf`` when its workers are not limited."""
    return _capacity(plan.service)


@once
def _capacity(service: ServiceConfig) -> float:
    work = mean_until(service.latency) / SECOND
    return service.workers * service.replicas / work if service.workers and work else inf


@once
def least_capacity(plan: Plan) -> float:
    """The same at the worst moment of the faults that slow B down."""
    least = capacity(plan)
    for fault in plan.faults:
        if fault.kind == "brownout" and plan.service.workers:
            kept = max(1, int(plan.service.workers * fault.workers)) / plan.service.workers
            least = min(least, capacity(plan) * kept / fault.slower)
        elif fault.kind == "cold_cache":
            least = min(least, capacity(plan) / fault.slower)
    return least
