"""Which calls and decorators are known: who reads each, with what parameters, and remedies in each library's words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from resilience_sim.interop.source import boto, clients, decorators, hyx
from resilience_sim.interop.source.breakers import PARAMETERS as BREAKERS
from resilience_sim.interop.source.objects import STAMINA_CALLERS
from resilience_sim.interop.source.reader import Args
from resilience_sim.interop.source.tenacity import RETRYING, Policy, retrying

_NO_NAMES: tuple[str, ...] = ()
_STAMINA = tuple(name for name in decorators.STAMINA if name != "on")

# what decorates a function or stands in `for attempt in …`, with the names of its parameters
RETRIES: dict[str, tuple[Callable[[Args, str], Policy], tuple[str, ...]]] = {
    "tenacity.retry": (retrying, RETRYING),
    "tenacity.Retrying": (retrying, RETRYING),
    "tenacity.AsyncRetrying": (retrying, RETRYING),
    "stamina.retry": (decorators.stamina, ("on",)),
    "stamina.retry_context": (decorators.stamina, decorators.STAMINA),
    **dict.fromkeys(STAMINA_CALLERS, (decorators.stamina, _STAMINA)),
    "backoff.on_exception": (decorators.backoff, ("wait_gen", "exception")),
    "backoff.on_predicate": (decorators.backoff, ("wait_gen", "predicate")),
}
POLICIES = frozenset((*RETRIES, *BREAKERS, *hyx.POLICIES))
_LLM = (
    "Client", "AsyncClient", "OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI", "Anthropic", "AsyncAnthropic",
    "AnthropicBedrock", "AsyncAnthropicBedrock", "AnthropicVertex", "AsyncAnthropicVertex",
)  # fmt: skip
# what makes calls, the names of its parameters, and what must be said for it to be worth a stack of its own
CLIENTS: dict[str, tuple[clients.Client, tuple[str, ...], tuple[str, ...] | None]] = {
    **dict.fromkeys(
        ("urllib3.PoolManager", "urllib3.ProxyManager"), (clients.pool_manager, _NO_NAMES, ("retries", "timeout"))
    ),
    **dict.fromkeys(
        ("urllib3.HTTPConnectionPool", "urllib3.HTTPSConnectionPool"),
        (
            clients.pool_manager,
            ("host", "port", "timeout", "maxsize", "block", "headers", "retries"),
            ("retries", "timeout"),
        ),
    ),
    **dict.fromkeys(
        ("httpx.Client", "httpx.AsyncClient"),
        (clients.httpx_client, _NO_NAMES, ("timeout", "transport", "mounts", "limits")),
    ),
    "aiohttp.ClientSession": (clients.aiohttp_session, _NO_NAMES, ("timeout",)),
    "aiohttp_retry.RetryClient": (clients.aiohttp_retry, ("client_session", "logger", "retry_options"), None),
    "boto3.client": (boto.boto_client, _NO_NAMES, ("config",)),
    "boto3.resource": (boto.boto_client, _NO_NAMES, ("config",)),
    **{f"openai.{name}": (clients.language_model, _NO_NAMES, None) for name in _LLM},
    **{f"anthropic.{name}": (clients.language_model, _NO_NAMES, None) for name in _LLM},
}
SESSIONS = ("requests.Session", "requests.session")
# parts of clients that stand alone where the client is somewhere else
PARTS: dict[str, tuple[clients.Client, tuple[str, ...]]] = {
    "requests.HTTPAdapter": (clients.adapter, ("pool_connections", "pool_maxsize", "max_retries")),
    "urllib3.Retry": (clients.urllib3_retry, clients.URLLIB3),
    "botocore.Config": (boto.botocore_config, _NO_NAMES),
    "httpx_retries.Retry": (clients.httpx_retry, ("total", "allowed_methods", "status_forcelist")),
    **{symbol: (partial(clients.retry_options, symbol), names) for symbol, names in clients.OPTIONS.items()},
}
FUNCTIONS = {f"{library}.{verb}": library for library in ("requests", "httpx") for verb in clients.CALLS}
# the remedies of rules in the words of each library
_TENACITY = "`wait=wait_exponential_jitter(max=10)`"
_TWICE = "send an idempotency key with each request, or do not retry timeouts of a POST"
REMEDIES: dict[str, dict[str, str]] = {
    "tenacity": {
        "RL014": f"{_TENACITY}, or add chance to yours: `+ wait_random(0, 1)`",
        "RL015": "give the wait a `max`",
        "RL016": f"write {_TENACITY}",
        "RL017": _TWICE,
        "RL019": "write `retry=retry_if_not_exception_type(CircuitBreakerError)`, or be more patient than it",
        "RL029": "`stop=stop_after_attempt(4)`, and a breaker around the call",
    },
    "stamina": {
        "RL014": "leave `wait_jitter` at its default of 1 s",
        "RL017": _TWICE,
        "RL019": "leave the breaker's error out of `on`, or be more patient than it",
        "RL029": "leave `attempts` at 10 or below",
    },
    "backoff": {
        "RL014": "leave out `jitter=None`: full jitter is the default",
        "RL015": "write `max_value=10`",
        "RL016": "wait with `backoff.expo`",
        "RL017": _TWICE,
        "RL019": "give up its error: `giveup=lambda e: isinstance(e, CircuitBreakerError)`, or be more patient than it",
        "RL029": "`max_tries=4`, and a breaker around the call",
    },
}
# how the retries of what is called are switched off
ONCE = {
    "openai": "`max_retries=0`",
    "anthropic": "`max_retries=0`",
    "botocore": "`total_max_attempts: 1`",
    "urllib3": "an adapter without `max_retries`",
}
