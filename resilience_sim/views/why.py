"""Why a run came out as it did: rules, each looking for one cause and saying it in a plain sentence.

Owns the order of the rules: what hurt most comes first. Refuses to measure: everything said is in the RUN document, the
plan, or the instants of moments.py. A rule that finds nothing says nothing; no rule guesses.
"""

from __future__ import annotations

from collections.abc import Callable

from resilience_sim.views import format as fmt
from resilience_sim.views import why_damage as damage
from resilience_sim.views import why_policies as policies
from resilience_sim.views.why_case import Case

MOST = 6  # sentences; more are not read

RULES: tuple[Callable[[Case], str], ...] = (
    damage.crash,
    damage.exhausted,
    damage.collapse,
    damage.duplicates,
    damage.deduplicated,
    damage.orphans,
    policies.unprotected,
    policies.breaker,
    policies.never_opened,
    policies.order,
    policies.amplified,
    policies.saved,
    policies.hedged,
    policies.exhausted_retries,
    policies.denied,
    damage.unanswered,
    damage.shed,
    damage.wasted,
    damage.late,
    policies.fallback,
)


def reasons(case: Case) -> list[str]:
    """The sentences, most important first."""
    found = [sentence for rule in RULES if (sentence := rule(case))]
    return found[:MOST] or [_uneventful(case)]


def _uneventful(case: Case) -> str:
    requests = case.run["requests"]
    if not requests["total"]:
        return "No request arrived."
    if requests["succeeded"] == requests["total"]:
        return "Nothing went wrong: every request succeeded."
    return f"B failed {fmt.plural(requests['failed'], 'request')}, and nothing in the stack changed that."
