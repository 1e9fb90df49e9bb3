"""Python source that uses tenacity, stamina, backoff, urllib3, requests, httpx, aiohttp, breakers, botocore or SDKs.

The text is parsed, never imported and never run. ``interop/source/`` reads it; docs/lint-source.md says what is seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from resilience_sim.interop import aws
from resilience_sim.interop.documents import ConfigFile
from resilience_sim.interop.findings import Log
from resilience_sim.interop.layers import Converted
from resilience_sim.interop.source.module import CannotParse, Module
from resilience_sim.interop.source.repeated import Copy, Repeated, repeated
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
    requests, httpx and aiohttp raise exceptions when no answer comes. A 500 or a 503 is an answer: without
    `raise_for_status()` (or a look at the status) the function returns it as if all were well, and nothing is retried.
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
) | {code: aws.TRAPS[code] for code in ("RL170", "RL171", "RL174")}

NAME = "python"
IN_FULL = "python, with all copies"
UNREAD = "RL200"
_USES = re.compile(
    r"(?:^|[;:])[ \t]*(?:from|import)[ \t]+(?:[\w., \t]*\b)?(?:tenacity|stamina|hyx|backoff|urllib3|httpx|"
    r"httpx_retries|aiohttp|aiohttp_retry|pybreaker|aiobreaker|circuitbreaker|botocore|boto3|openai|anthropic|requests)\b",
    re.MULTILINE,
)
_SAYS = re.compile(
    r"\b(?:tenacity|stamina|hyx|backoff|Retry|HTTPAdapter|pybreaker|aiobreaker|circuitbreaker|\w*ConnectionPool|"
    r"PoolManager|ProxyManager|RetryClient|(?:Async)?(?:Azure)?OpenAI|(?:Async)?Anthropic\w*)\b|\bConfig\(|\b(?:Async)?Client\(|ClientSession\("
)


def recognises(file: ConfigFile) -> bool:
    """Whether Python source imports one of the libraries, and may configure something with it."""
    return file.notation == "python" and any(
        _USES.search(text) is not None and _SAYS.search(text) is not None for _, text in file.sources
    )


@dataclass(slots=True)
class _Known:
    """All stacks by name; of several files each name is unique. ``samples``: by the keys that copies have."""

    stacks: dict[str, Stack | Copy] = field(default_factory=dict)
    samples: dict[str, Stack] = field(default_factory=dict)

    def add(self, stack: Stack | Copy) -> None:
        """One more."""
        number, name = 1, stack.name
        while stack.name in self.stacks:
            number += 1
            stack.name = f"{name}#{number}"
            if isinstance(stack, Stack):
                stack.converted.instance = stack.name
        self.stacks[stack.name] = stack


def _known(file: ConfigFile) -> _Known:
    known: _Known | None = file.memo.get(NAME)
    if known is None:
        known = file.memo[NAME] = _Known()
        few = len(file.sources) == 1  # so that the keys of samples are unique
        for path, text in file.sources:
            stacks = _read(path, text, repeated(text) if few else None)
            known.samples |= stacks.samples
            for each in stacks.listed:
                known.add(each)
    return known


def _in_full(file: ConfigFile) -> dict[str, Stack | Copy]:
    """The same with what copies are."""
    known: _Known | None = file.memo.get(IN_FULL)
    if known is None:
        known = file.memo[IN_FULL] = _Known()
        for path, text in file.sources:
            for each in read(path, text):
                known.add(each)
    return known.stacks


def read(path: str, text: str) -> list[Stack]:
    """The stacks of one text; ScenarioError when it cannot be parsed."""
    return _read(path, text, None).found


def _read(path: str, text: str, without: Repeated | None) -> Stacks:
    """All stacks, without those of copies where they can be left out."""
    if without is not None:
        try:
            module = Module(path, without.text, without)
            stacks = Stacks(module, SHARED | TRAPS) if without.holds(module.tree) else None
        except (CannotParse, RecursionError):
            stacks = None  # the text itself is no better, and has other lines
        if stacks is not None and not stacks.counts_copies():
            return stacks
    try:
        return Stacks(Module(path, text), SHARED | TRAPS)
    except CannotParse as error:
        raise _unread(path, f"cannot be parsed: {error}", error.line, error.col) from None
    except RecursionError:
        raise _unread(path, "an expression in it is nested too deeply") from None


def _unread(path: str, why: str, line: int = 1, col: int = 1) -> ScenarioError:
    message = f"{why}; nothing in it was looked at"
    return ScenarioError([Diagnostic(UNREAD, message, path, line, max(1, col), max(1, col) + 1)])


def instances(file: ConfigFile) -> list[str]:
    """Decorated functions, and clients with settings of their own, by the names they have in the file."""
    return list(_known(file).stacks)


def copy_of(file: ConfigFile, instance: str) -> Copy | None:
    """Whether an instance is a copy of another one, which the file does not have under its key."""
    found = _known(file).stacks.get(instance)
    return found if isinstance(found, Copy) else None


def convert(file: ConfigFile, instance: str, log: Log) -> Converted:
    """One of them."""
    known = _known(file)
    stack = known.samples.get(instance) or known.stacks[instance]
    if isinstance(stack, Copy):
        stack = _in_full(file)[instance]
    assert isinstance(stack, Stack)
    log.take(stack.log)
    return stack.converted
