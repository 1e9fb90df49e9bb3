"""The list of service configs that a name server hands out (gRFC A2): each client takes the first that is for it."""

from __future__ import annotations

from collections.abc import Sequence

from resilience_sim.interop.findings import Log
from resilience_sim.interop.section import Section
from resilience_sim.scenario.text.tree import Mapping, Scalar

_CONDITIONS = ("clientLanguage", "clientHostname", "percentage")


def is_choice(document: Mapping) -> bool:
    """Whether it is an entry of such a list."""
    entry = document.entries.get("serviceConfig")
    return entry is not None and isinstance(entry.value, Mapping)


def configs(documents: Sequence[Mapping], log: Log) -> list[Mapping]:
    """The service configs to read: of a list the first that is for every client, else the first; others are named."""
    choices = [each for each in documents if is_choice(each)]
    if not choices:
        return list(documents)
    taken = next((each for each in choices if not _conditions(each)), choices[0])
    for each in documents:
        section = Section(each, "", log)
        if each is taken or not is_choice(each):
            conditions = _conditions(each)
            if conditions:
                names = " and ".join(f"`{name}`" for name in conditions)
                log.skipped(section.at(conditions[0]), f"only clients that fit {names} take this; all do here")
        elif choices.index(each) > choices.index(taken):
            log.skipped(section.at("serviceConfig"), "no client comes to this choice: one before it is for all")
        else:
            log.skipped(section.at("serviceConfig"), "this choice is for some clients; that for all others was read")
        section.ignore("serviceConfig", *_CONDITIONS)
        if is_choice(each):
            section.rest("the service config is not valid")
    config = taken.entries["serviceConfig"].value
    assert isinstance(config, Mapping)
    return [config]


def _conditions(choice: Mapping) -> list[str]:
    """What a client must be; a percentage of 100 asks for nothing."""
    found = []
    for name in _CONDITIONS:
        entry = choice.entries.get(name)
        of_all = entry is not None and isinstance(entry.value, Scalar) and entry.value.value in (100, None)
        found += [name] if entry is not None and not of_all else []
    return found
