"""All rules in the order of their codes, and the page of every code, of rules and of traps alike.

Cheap to import: no YAML.
"""

from __future__ import annotations

from dataclasses import dataclass

from resilience_sim.lint import rules_breaker, rules_hops, rules_load, rules_retry, rules_time
from resilience_sim.lint.finding import Rule

_GROUPS = (rules_time, rules_load, rules_breaker, rules_retry, rules_hops)
RULES: tuple[Rule, ...] = tuple(
    sorted((r for group in _GROUPS for r in vars(group).values() if isinstance(r, Rule)), key=lambda rule: rule.code)
)


@dataclass(frozen=True, slots=True)
class Page:
    """What ``resim explain RL004`` prints."""

    code: str
    title: str
    severity: str
    text: str


def pages() -> dict[str, Page]:
    """All pages by code, in order."""
    from resilience_sim.interop.formats import all_traps

    found = {rule.code: Page(rule.code, rule.title, rule.severity, rule.page) for rule in RULES}
    found |= {code: Page(code, trap.title, trap.severity, trap.page) for code, trap in all_traps().items()}
    return dict(sorted(found.items()))


def page(code: str) -> Page | None:
    """One page, or None for a code that does not exist."""
    return pages().get(code.upper())


def as_markdown() -> str:
    """docs/lint.md."""
    lines = [
        "# What `resim lint` finds",
        "",
        "Made from the rules by `python -m resilience_sim.lint.pages`; a test compares. `RL0xx` "
        "follow from how settings interact, in "
        "scenarios and configuration files alike; `RL1xx` are about configuration files of libraries, "
        "`RL2xx` about Python source.",
        "",
        "An **error** cannot work as it is meant to, or does harm; a **warning** costs "
        "something, in numbers; an **info** is worth "
        "knowing. Findings that rest on an assumption name it.",
        "",
    ]
    for each in pages().values():
        lines += [f"## {each.code}: {each.title}", "", f"*{each.severity}*", "", each.text, ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    from pathlib import Path

    place = Path(__file__).resolve().parents[2] / "docs" / "lint.md"
    place.write_text(as_markdown(), encoding="utf-8")
