"""What a code about a configuration file stands for.

Each format's module has its own ``TRAPS``, under codes that are never reused (RL101 to RL189); formats.py gathers them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ENTRY = re.compile(r"^(RL[0-9]{3}) (error|warning|info): (.+)\n((?:    .*\n|\n)+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Trap:
    """One code; ``page`` is what ``resim explain`` says about it."""

    severity: str
    title: str
    page: str


def traps(text: str) -> dict[str, Trap]:
    """A table written as text: ``RL101 warning: its title``, and below it, indented, the page."""
    return {code: Trap(severity, title, " ".join(page.split())) for code, severity, title, page in _ENTRY.findall(text)}


SHARED = traps(
    """
RL114 warning: a key of an older version
    The program reads it no more and ignores it without a word: the default applies. resilience4j renamed some keys
    before version 1 (`maxRetryAttempts`, today `maxAttempts`, is the usual one), Istio its `consecutiveErrors`
    (`consecutive5xxErrors`), Micronaut 4 its `max-connections` (`max-concurrent-http1-connections`).
RL119 warning: a retry of what cannot succeed
    A status that says that the request itself is wrong (4xx but 408, 425 and 429; gRPC INVALID_ARGUMENT, NOT_FOUND
    and others) will be the same next time. Each such request costs all attempts and all waits.
RL190 info: a field that is not modelled
    The field is known and has no counterpart in a simulation; the message says why.
RL191 warning: an unknown key
    Neither the library nor resim knows the key, as far as resim knows the library.
RL192 error: a value that cannot be read
    The value does not fit its key. It is not repeated: it may be a secret.
RL193 error: the library refuses this
    The application would not start, or the configuration would not be accepted.
RL195 error: the file is broken
    The file is not well-formed; its lines are not repeated, for they may hold secrets.
RL196 warning: a number that is not what it looks like
    YAML 1.1 has octal numbers that begin with 0 and numbers to the base of 60: to Spring Boot, Micronaut, Kubernetes
    and Envoy `010` is 8, to the first two `1:30` is 90. SmallRye Config and quoted values are decimal. resim reads
    each file as its program does.
"""
)
