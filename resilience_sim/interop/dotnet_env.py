""".NET's configuration in variables of the environment: an ``.env`` file, a container's ``env``, a ConfigMap.

``Api__Retry__MaxRetryAttempts`` is ``Api:Retry:MaxRetryAttempts``, in any case, and lies over every file
(EnvironmentVariablesConfigurationProvider). ``DOTNET_`` and ``ASPNETCORE_`` before a name are left away.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from resilience_sim.interop import env_names
from resilience_sim.interop.dotnet_sections import unfolded
from resilience_sim.scenario.text.tree import Entry, Mapping, Scalar

_NAME = re.compile(r"[A-Za-z]\w*__\w+\Z")
_PREFIX = re.compile(r"(?:DOTNET|ASPNETCORE)_", re.IGNORECASE)
_ENVIRONMENT = ("ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT")  # the first goes before, in a web application
ENVIRONMENT = "environment"


def variables(documents: Collection[Mapping]) -> list[env_names.Variables]:
    """What is set for each process, with paths for names."""
    found: list[env_names.Variables] = []
    texts: dict[int, bool] = {}
    for each in documents:
        source = each.span.source
        if id(source) not in texts:  # one for many documents
            texts[id(source)] = not source.name.lower().endswith(".json") and any("__" in line for line in source.lines)
        if not texts[id(source)]:
            continue
        own = _ours(each.entries)
        found += (
            [env_names.Variables("", own)] if own else [one for one in env_names.below(each, "", _ours) if one.entries]
        )
    return found


def _ours(entries: dict[str, Entry]) -> dict[str, Entry]:
    found = {}
    for name, entry in entries.items():
        if _NAME.match(name) and isinstance(entry.value, Scalar) and entry.value.value is not None:
            text = Scalar(entry.value.span, str(entry.value.value), 1)  # all that an environment has
            found[_PREFIX.sub("", name, count=1).replace("__", ":")] = Entry(entry.key, text)
    if found:
        said = [entries[name].value for name in _ENVIRONMENT if name in entries]
        if said:
            found[ENVIRONMENT] = Entry(said[0].span, said[0])
    return found


def tree(found: env_names.Variables) -> Mapping:
    """The sections that they are about."""
    entries = {name: entry for name, entry in found.entries.items() if name != ENVIRONMENT}
    return unfolded(Mapping(env_names.place_of(entries), entries))


def environment(found: env_names.Variables) -> str:
    """The environment that they name, in lower case; "" for none."""
    entry = found.entries.get(ENVIRONMENT)
    value = entry.value.value if entry and isinstance(entry.value, Scalar) else None
    return str(value).lower() if value is not None else ""
