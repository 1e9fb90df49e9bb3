"""The first request whose outcome differs between a variant and the baseline, and what happened to it on both sides."""

from __future__ import annotations

from collections.abc import Sequence

from resilience_sim.kernel import events as ev
from resilience_sim.kernel import format as fmt
from resilience_sim.runs.compare import VariantDivergence
from resilience_sim.views.live.look import Look
from resilience_sim.views.story_words import sentence
from resilience_sim.views.text import Row
from resilience_sim.views.words import outcome_name


def divergence_rows(divergences: Sequence[VariantDivergence], look: Look) -> list[Row]:
    rows: list[Row] = []
    for each in divergences:
        first = each.divergence
        row = Row(f"  {each.variant}", "strong", hang=4)
        if first is None:
            which = "every request" if each.both is None else f"each of the first {fmt.plural(each.both, 'request')}"
            rows.append(row.add(f": {which} ended as in {each.baseline}", "faint"))
            continue
        row.add(f": first at request {fmt.request(first.rid)}, which came at {fmt.instant(first.arrival)}")
        rows.append(row)
        wide = max(len(each.variant), len(each.baseline))
        for name, story, components, outcome in (
            (each.baseline, each.theirs, each.their_components, first.outcome_a),
            (each.variant, each.ours, each.our_components, first.outcome_b),
        ):
            good = outcome == ev.SUCCESS
            side = Row(f"    {name}", "faint", hang=8 + wide).to(6 + wide)
            side.add(f"{look.good if good else look.bad} {outcome_name(outcome)}", "good" if good else "bad")
            words = sentence(story, components) if story is not None else ""
            rows.append(side.add(f": {words}" if words else "", ""))
    return rows
