"""Each link between services as something to lint by itself: its stack, its callee, and the calls that come there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from resilience_sim.lint.hops import Hops, sequence
from resilience_sim.lint.subject import Subject
from resilience_sim.scenario.read.overrides import calls_of
from resilience_sim.scenario.text.tree import Loc
from resilience_sim.settings.calls import CLIENT_NAME, LinkConfig


def base(subject: Subject, link: LinkConfig) -> Loc:
    """Where a call stands in the file; () for that of Service A."""
    if link.caller == CLIENT_NAME or subject.root is None:
        return () if link.caller == CLIENT_NAME else ("services", link.caller, "calls")
    return calls_of(subject.root, link.caller)[link.callee]


def link_subjects(subject: Subject) -> Iterator[Subject]:
    """Every link that is reached, for the rules of one stack."""
    hops = Hops(subject.plan)
    exact = {link.name: link.stack for link in subject.plan.links}
    for link in hops.links:
        if link.caller != CLIENT_NAME and link.caller not in hops.reached:
            continue
        caller = hops.services.get(link.caller)
        held = caller is not None and caller.workers and caller.waits == "holding"
        silent = ("RL004",) if held or (caller is not None and hops.told(link.caller)) else ()
        yield replace(
            subject,
            plan=hops.subjects[link.name],
            instance=sequence(link),
            exact=exact.get(link.name, subject.exact),
            instead=(*subject.instead, *silent),
            base=base(subject, link),
            callee=link.callee,
            caller=link.caller,
        )


_WORDS = re.compile(r"Service A|Service B|client instances?|`service\.|\bB\b")


def in_its_words(subject: Subject, text: str) -> str:
    """What a rule says of A and B, said of a caller and the service it calls."""
    if not subject.callee:
        return text
    caller = "Service A" if subject.caller == CLIENT_NAME else subject.caller
    own = subject.caller == CLIENT_NAME
    words = {
        "Service A": caller,
        "Service B": subject.callee,
        "client instance": "client instance" if own else "calling replica",
        "client instances": "client instances" if own else "calling replicas",
        "`service.": f"`services.{subject.callee}.",
        "B": subject.callee,
    }
    return _WORDS.sub(lambda found: words[found[0]], text)
