"""Settings put into the text of a scenario: comments, order and spelling of everything else stay."""

from __future__ import annotations

from collections.abc import Mapping as Settings

from resilience_sim.scenario.text.parse import parse
from resilience_sim.scenario.text.tree import Loc, Mapping, Node, Scalar, Sequence, Source, Span, find, plain


class Uneditable(ValueError):
    """The text cannot take the setting without being written anew."""


def replaced(text: str, places: Settings[Loc, str]) -> str:
    """The text with values at places of its tree; each value as YAML writes it on one line."""
    for loc, value in places.items():
        text = _put(text, loc, value)
    return text


def _put(text: str, loc: Loc, value: str) -> str:
    root = parse(text, Source.of("edited", text), [])
    if not isinstance(root, Mapping):
        raise Uneditable("it is no scenario")
    node = find(root, loc)
    if value == "null":
        return text if node is None else _without(text, root, loc, node)
    if isinstance(node, Scalar) and node.span.line == node.span.end_line and node.value is not None:
        return _over(text, node.span, value)
    if node is not None and not isinstance(node, Scalar):
        return _section(text, root, loc, node, value)
    entry = find(root, loc[:-1])
    key = str(loc[-1])
    if node is not None and isinstance(entry, Mapping):  # `key:` with nothing after it
        at = entry.entries[key].key
        line = text.splitlines(keepends=True)[at.line - 1]
        colon = line.index(":", at.end_col - 1)
        return _insert(text, at.line, colon + 1, f" {value}")
    if isinstance(entry, Mapping):
        return _into(text, entry, key, value)
    if isinstance(entry, Scalar) and len(loc) > 2 and entry.value is None:  # `- retry:` or `service:` with nothing
        return _put(text, loc[:-1], f"{{{key}: {value}}}")
    above = find(root, loc[:-2]) if len(loc) > 2 else None
    if isinstance(above, Scalar) and above.value == loc[-2]:  # `- retry`
        return _over(text, above.span, f"{above.value}: {{{key}: {value}}}")
    if entry is None and len(loc) > 1:
        return _put(text, loc[:-1], f"{{{key}: {value}}}")
    if entry is None or len(loc) == 1:
        return f"{text.rstrip()}\n{key}: {value}\n"
    raise Uneditable(f"there is no place for {key}")


def _without(text: str, root: Mapping, loc: Loc, node: Node) -> str:
    """The text without a key and its value."""
    holder = find(root, loc[:-1])
    if not isinstance(holder, Mapping):
        raise Uneditable("only a key can be taken away")
    key = holder.entries[str(loc[-1])].key
    lines = text.splitlines(keepends=True)
    if lines[holder.span.line - 1][holder.span.col - 1] == "{":
        if key.line != node.span.end_line:
            raise Uneditable("its value goes over several lines")
        line = lines[key.line - 1]
        before, after = line[: key.col - 1], line[node.span.end_col - 1 :]
        if after.lstrip().startswith(","):
            after = after.lstrip()[1:].lstrip(" ")
        elif before.rstrip().endswith(","):
            before = before.rstrip()[:-1]
        lines[key.line - 1] = before + after
        return "".join(lines)
    if len(holder.entries) == 1:
        raise Uneditable("nothing would be left around it")
    if len(lines[key.line - 1][: key.col - 1].strip()):
        raise Uneditable("it begins an item of a list")
    del lines[key.line - 1 : _last_line(node, key)]
    return "".join(lines)


def _over(text: str, span: Span, value: str) -> str:
    lines = text.splitlines(keepends=True)
    line = lines[span.line - 1]
    lines[span.line - 1] = line[: span.col - 1] + value + line[span.end_col - 1 :]
    return "".join(lines)


def _insert(text: str, line: int, col: int, new: str) -> str:
    lines = text.splitlines(keepends=True)
    lines[line - 1] = lines[line - 1][:col] + new + lines[line - 1][col:]
    return "".join(lines)


def _into(text: str, mapping: Mapping, key: str, value: str) -> str:
    """One more key: before the closing brace, or on a line of its own below the last one."""
    span = mapping.span
    lines = text.splitlines(keepends=True)
    if lines[span.line - 1][span.col - 1] == "{":
        close = lines[span.end_line - 1].rindex("}", 0, span.end_col)
        before = lines[span.end_line - 1][:close].rstrip()
        comma = "" if before.endswith(("{", ",")) else ", "
        return _insert(text, span.end_line, len(before), f"{comma}{key}: {value}")
    first = next(iter(mapping.entries.values())).key
    last = max(_last_line(entry.value, entry.key) for entry in mapping.entries.values())
    line = lines[last - 1]
    ending = "" if line.endswith("\n") else "\n"
    lines.insert(last, f"{ending}{' ' * (first.col - 1)}{key}: {value}\n")
    return "".join(lines)


def _last_line(node: Node, key: Span) -> int:
    """The last line that really holds something of a node: a block ends where the next one begins."""
    if isinstance(node, Scalar):
        return node.span.end_line if node.value is not None else key.line
    if isinstance(node, Sequence):
        below = [_last_line(item, item.span) for item in node.items]
    else:
        below = [_last_line(entry.value, entry.key) for entry in node.entries.values()]
    flow = node.span.source.line(node.span.line)[node.span.col - 1 : node.span.col] in ("{", "[")
    return node.span.end_line if flow or not below else max(below)


def _section(text: str, root: Mapping, loc: Loc, node: Node, value: str) -> str:
    """A list or a mapping, replaced as a whole."""
    holder = find(root, loc[:-1])
    if not isinstance(holder, Mapping):
        raise Uneditable("only the value of a key can be replaced as a whole")
    key = holder.entries[str(loc[-1])].key
    lines = text.splitlines(keepends=True)
    span = node.span
    if lines[span.line - 1][span.col - 1] in "{[":
        rest = lines[span.end_line - 1][span.end_col - 1 :]
        lines[span.line - 1 : span.end_line] = [lines[span.line - 1][: span.col - 1] + value + rest]
        return "".join(lines)
    last = _last_line(node, key)
    moved = _reordered(lines, node, key, parse(value, Source.of("value", value), []))
    if moved is not None:
        lines[key.line : last] = moved
        return "".join(lines)
    colon = lines[key.line - 1].index(":", key.end_col - 1)
    head, comment = lines[key.line - 1][: colon + 1], lines[key.line - 1][colon + 1 :].rstrip()
    lines[key.line - 1 : last] = [f"{head} {value}{comment}\n"]
    return "".join(lines)


def _reordered(lines: list[str], node: Node, key: Span, wanted: Node | None) -> list[str] | None:
    """The lines of a list whose items are all among those there, each with the comments before it; None for others."""
    if not isinstance(node, Sequence) or not isinstance(wanted, Sequence):
        return None
    parts: list[tuple[object, list[str]]] = []
    begin = key.line
    for item in node.items:
        end = _last_line(item, item.span)
        parts.append((_item(item), lines[begin:end]))
        begin = end
    found: list[str] = []
    for each in wanted.items:
        place = next((place for place, (said, _) in enumerate(parts) if said == _item(each)), None)
        if place is None:
            return None
        part = parts.pop(place)[1]
        found += part if part[-1].endswith("\n") else [*part[:-1], f"{part[-1]}\n"]
    return found or None


def _item(node: Node) -> object:
    """What an item of a list says: `- retry`, `- retry:` and `- retry: {}` are the same."""
    if isinstance(node, Scalar):
        return {str(node.value): {}}
    said = plain(node)
    return {name: {} if body is None else body for name, body in said.items()} if isinstance(said, dict) else said
