"""Python source that uses tenacity, stamina, backoff, urllib3, requests, httpx, aiohttp, breakers, botocore or SDKs.

The text is parsed, never imported and never run. ``interop/source/`` reads it; docs/lint-source.md says what is seen.
"""

from __future__ import annotations

import re

from resilience_sim.interop import aws
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import Log
from resilience_sim.interop.layers import Converted
from resilience_sim.interop.source.module import CannotParse, Module
from resilience_sim.interop.source.stacks import Stack, Stacks
from resilience_sim.interop.traps import SHARED, traps
from resilience_sim.scenario.diagnostics import Diagnostic, ScenarioError

TRAPS = traps(
    """
RL200 warning: Python that cannot be read
    The file mentions one of the libraries and cannot be parsed: it is broken, for another version of Python, or nested
    too deeply. Nothing in it was looked at.
RL201 error: retries for ever, without a wait
    tenacity's bare `@retry` has no end and no wait, and backoff has no end without `max_tries` and `max_time`. While
    the called service is down, each caller calls it as fast as the machine can, for ever: it keeps the service down,
    fills logs, and never returns. Set both an end and a wait.
RL202 warning: retries for ever
    Without a limit of attempts or time a caller never learns that the call failed. Callers pile up until threads,
    connections or memory are gone, and all of them come back at once when the service does.
RL203 warning: a call without a timeout
    requests has no default timeout. A server that accepts a connection and never answers holds the caller until the
    process ends, and the retry around it is never asked.
RL204 warning: an error status that no retry sees
    requests and httpx raise exceptions when no answer comes. A 500 or a 503 is an answer: without `raise_for_status()`
    (or a look at the status) the decorated function returns it as if all were well, and nothing is retried.
RL205 info: no status is retried
    urllib3's Retry repeats connection problems. Statuses are repeated only if `status_forcelist` names them (and a 413,
    429 or 503 with a Retry-After).
RL206 warning: an argument that is gone
    urllib3 2.0 removed `method_whitelist`; the name is `allowed_methods`.
RL207 info: no exception is retried
    aiohttp-retry 2.9 repeats answers of 5xx, and exceptions only if `exceptions` names their classes.
RL208 info: ten minutes for a call
    The SDKs of OpenAI and Anthropic wait 10 minutes for each wait for bytes unless `timeout` says otherwise, and try
    three times. A hanging connection holds its caller that long.
"""
) | {code: aws.TRAPS[code] for code in ("RL170", "RL171")}

NAME = "python"
UNREAD = "RL200"
_USES = re.compile(
    r"^[ \t]*(?:from|import)[ \t]+(?:[\w., \t]*\b)?(?:tenacity|stamina|hyx|backoff|urllib3|httpx|httpx_retries|aiohttp|"
    r"aiohttp_retry|pybreaker|aiobreaker|circuitbreaker|botocore|boto3|openai|anthropic|requests)\b",
    re.MULTILINE,
)
_SAYS = re.compile(
    r"\b(?:tenacity|stamina|hyx|backoff|Retry|HTTPAdapter|pybreaker|aiobreaker|circuitbreaker|PoolManager|RetryClient|"
    r"(?:Async)?(?:Azure)?OpenAI|(?:Async)?Anthropic\w*)\b|\bConfig\(|\b(?:Async)?Client\(|ClientSession\("
)


def recognises(file: ConfigFile) -> bool:
    """Whether Python source imports one of the libraries, and may configure something with it."""
    return file.notation == "python" and any(
        _USES.search(text) is not None and _SAYS.search(text) is not None for _, text in file.sources
    )


def _stacks(file: ConfigFile) -> dict[str, Stack]:
    """All stacks by name; of several files each name is unique."""
    known: dict[str, Stack] | None = file.memo.get(NAME)
    if known is None:
        known = {}
        for path, text in file.sources:
            for stack in read(path, text):
                number, name = 1, stack.name
                while stack.name in known:
                    number += 1
                    stack.name = stack.converted.instance = f"{name}#{number}"
                known[stack.name] = stack
        file.memo[NAME] = known
    return known


def read(path: str, text: str) -> list[Stack]:
    """The stacks of one text; ScenarioError when it cannot be parsed."""
    try:
        return Stacks(Module(path, text), SHARED | TRAPS).found
    except CannotParse as error:
        raise _unread(path, f"cannot be parsed: {error}", error.line, error.col) from None
    except RecursionError:
        raise _unread(path, "an expression in it is nested too deeply") from None


def _unread(path: str, why: str, line: int = 1, col: int = 1) -> ScenarioError:
    message = f"{why}; nothing in it was looked at"
    return ScenarioError([Diagnostic(UNREAD, message, path, line, max(1, col), max(1, col) + 1)])


def instances(file: ConfigFile) -> list[str]:
    """Decorated functions, and clients with settings of their own, by the names they have in the file."""
    return list(_stacks(file))


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """One of them."""
    stack = _stacks(file)[instance]
    log.found += stack.log.found
    log.assumed += stack.log.assumed
    return stack.converted
