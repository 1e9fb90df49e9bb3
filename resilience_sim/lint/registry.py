"""All rules, in the order of their codes.

Owns the list. Refuses to run them (check.py).
"""

from __future__ import annotations

from resilience_sim.lint import (
    rules_breaker,
    rules_effects,
    rules_flapping,
    rules_load,
    rules_room,
    rules_slow,
    rules_time,
    rules_waits,
)
from resilience_sim.lint.finding import Rule

_GROUPS = (rules_time, rules_load, rules_breaker, rules_flapping, rules_waits, rules_effects, rules_room, rules_slow)
RULES: tuple[Rule, ...] = tuple(sorted((r for group in _GROUPS for r in group.RULES), key=lambda rule: rule.code))
