"""Microsoft's options for HTTP resilience: which sections of ``appsettings.json`` they are, by their keys alone, and
the ranges that validation allows.

The application names such a section as it likes, and many write a `Retry` of their own beside.
"""

from __future__ import annotations

from resilience_sim.scenario.text.tree import Entry, Mapping, Scalar

KEYS: dict[str, set[str]] = {  # of Microsoft's options, in lower case
    "retry": {"maxretryattempts", "backofftype", "usejitter", "delay", "maxdelay", "shouldretryafterheader"},
    "circuitbreaker": {"failureratio", "minimumthroughput", "samplingduration", "breakduration"},
    "attempttimeout": {"timeout"},
    "totalrequesttimeout": {"timeout"},
    "hedging": {"maxhedgedattempts", "delay"},
    "ratelimiter": {"defaultratelimiteroptions"},
    "timeout": {"timeout"},
    "endpoint": {"timeout", "circuitbreaker", "ratelimiter"},
}
TELLING = ("totalrequesttimeout", "attempttimeout", "hedging", "endpoint")
SECOND = 1_000_000_000
DAY = 86_400 * SECOND  # the longest
SHORTEST = {"Timeout": SECOND // 100, "SamplingDuration": SECOND // 2, "BreakDuration": SECOND // 2}  # others: 0
_SPANS = ("delay", "maxdelay", "samplingduration", "breakduration", "timeout")


def is_handler(node: object) -> bool:
    """Whether a section is Microsoft's, which its binder reads strictly: many have a `Retry` of their own.

    The names that nobody else has make up for a few keys that are wrong; without them hardly any may be, and beside
    the `Timeout` of a pipeline of one's own none. A number is no TimeSpan, but usual in options of other people.
    """
    if not isinstance(node, Mapping):
        return False
    known = other = numbers = 0
    telling = False
    for written, entry in node.entries.items():
        name = written.lower()
        below = entry.value.entries if isinstance(entry.value, Mapping) else None
        if name not in KEYS or below is None:
            other += 1
            continue
        for key, each in below.items():
            plain = key.lower()
            number = plain in _SPANS and isinstance(each.value, Scalar) and type(each.value.value) in (int, float)
            own = plain in KEYS[name]
            numbers += number
            known += own and not number
            other += not own and plain != "name"
            telling = telling or (own and not number and name in TELLING)
    if telling:
        return known >= other
    strict = any(name.lower() == "timeout" for name in node.entries)
    return known >= max(2, 5 * (other + numbers)) and not (strict and other + numbers)


def unfolded(node: Mapping) -> Mapping:
    """``"Retry:MaxDelay": …`` is a path, and joins what stands under `Retry`; a section without any stays as it is."""
    if ":" not in "".join(node.entries) and len(set(map(str.lower, node.entries))) == len(node.entries):
        changed: dict[str, Entry] = {}
        for name, entry in node.entries.items():
            if isinstance(entry.value, Mapping) and (below := unfolded(entry.value)) is not entry.value:
                changed[name] = Entry(entry.key, below)
        return Mapping(node.span, node.entries | changed) if changed else node
    entries: dict[str, Entry] = {}
    spelled: dict[str, str] = {}  # names are the same in any case
    for name, entry in node.entries.items():
        head, colon, rest = name.partition(":")
        value = Mapping(entry.key, {rest: entry}) if colon else entry.value
        if isinstance(value, Mapping):
            same = spelled.setdefault(head.lower(), head)
            before = entries[same].value if same in entries else None
            joined = {**(before.entries if isinstance(before, Mapping) else {}), **value.entries}
            span = before.span if isinstance(before, Mapping) else value.span
            entries[same] = Entry(entry.key, unfolded(Mapping(span, joined)))
        else:
            entries[name] = entry
            spelled.setdefault(name.lower(), name)
    return Mapping(node.span, entries)


def handlers(node: Mapping, path: str, depth: int = 0) -> list[tuple[str, Mapping]]:
    """Every section that looks like a handler's options, by its configuration path."""
    found: list[tuple[str, Mapping]] = []
    for name, entry in node.entries.items():
        below = f"{path}:{name}" if path else name
        if is_handler(entry.value):
            assert isinstance(entry.value, Mapping)
            found.append((below, entry.value))
        elif isinstance(entry.value, Mapping) and depth < 6:
            found += handlers(entry.value, below, depth + 1)
    return found


def laid_over(below: Mapping, above: Mapping) -> Mapping:
    """Two configurations as one, key by key; names are the same in any case."""
    entries = dict(below.entries)
    spelled = {name.lower(): name for name in reversed(entries)}
    for name, entry in above.entries.items():
        same = spelled.setdefault(name.lower(), name)
        before = entries[same].value if same in entries else None
        if isinstance(before, Mapping) and isinstance(entry.value, Mapping):
            entries[same] = Entry(entry.key, laid_over(before, entry.value))
        else:
            entries[same] = entry
    return Mapping(below.span, entries)
