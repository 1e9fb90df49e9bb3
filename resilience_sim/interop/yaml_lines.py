"""The YAML that most configuration files keep to, read line by line: in half the time that libyaml's events take.

A line is a key, an item of a list, or both, with a value beside it or deeper lines below. Whatever else YAML has
(anchors, tags, texts of several lines, escapes, keys that stand twice, mistakes) is not read here: the document as a
whole is left to libyaml (yaml_tree.py). Positions are libyaml's: a block ends where the next token begins.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from resilience_sim.interop.yaml_scalars import MAY_DIFFER, Plain
from resilience_sim.scenario.text.parse import scalar
from resilience_sim.scenario.text.tree import Entry, Mapping, Node, Scalar, Sequence, Source, Span

MOST_DEPTH = 60
_LONGEST = 1_000  # characters up to the end of a key: libyaml looks no further for its colon

# Letters of any language may stand everywhere: sets name the ASCII that may not, for large ones take long to compile.
_FIRST = r"(?:[^\0-#%-')*,\-:<-@\[\]`{-}\x7f]|-(?=[0-9A-Za-z.]))"
_WORD = r"[^\0-\x20#:\x7f]"
_TEXT = rf"{_FIRST}{_WORD}*(?:(?: +|[:#]+){_WORD}+)*"
_DOUBLE = r'"[^\0-\x1f"\\\x7f]*"'
_SINGLE = r"'[^\0-\x1f'\x7f]*'"
_COMMENT = r"(?:(?<![^ ])#[^\0-\x08\x0a-\x1f\x7f]*)?\Z"
_LINE = re.compile(
    rf" *((?:-(?: +|\Z))*)(?:({_FIRST}{_WORD}*|{_DOUBLE}|{_SINGLE}):(?: +|\Z))?"
    rf"(?:({_TEXT})|({_DOUBLE}|{_SINGLE})|([\[{{].*))? *{_COMMENT}"
)
_REST = re.compile(rf" *{_COMMENT}")
# between brackets; what has a colon inside is read by some versions of libyaml only
_INNER = r"[^\0-\x20\"#,:?\[\]{}\x7f]"
_INNER_TEXT = rf"{_FIRST}{_INNER}*(?: +{_INNER}+)*"
_VALUE = rf"(?:({_INNER_TEXT})|({_DOUBLE}|{_SINGLE})|(?=[\[{{]))"  # or brackets that open
_PAIR = re.compile(rf" *(?:({_FIRST}{_INNER}*): +|({_DOUBLE}|{_SINGLE}): *){_VALUE} *([,}}])?")
_ITEM = re.compile(rf" *{_VALUE} *([,\]])?")
_AFTER = re.compile(r" *([,\]}])")
# as most are written: nothing but plain texts, one blank where there may be many
_KEYED = rf"{_FIRST}{_INNER}*: {_INNER_TEXT}"
_SIMPLE = re.compile(rf"\{{{_KEYED}(?:, {_KEYED})*\}}|\[{_INNER_TEXT}(?:, {_INNER_TEXT})*\]")
MARK = "---"
_BEGIN = re.compile(rf"{MARK}(?: *\Z| +{_COMMENT})")


def in_parts(text: str, source: Source) -> bool:
    """Whether documents can be read one by one: none is ended or begun by anything but ``---``."""
    far = any(text.startswith(sign) or f"\n{sign}" in text for sign in ("...", "%"))
    return not far and len(source.lines) == text.count("\n") + 1 and (text.isascii() or FOREIGN.search(text) is None)


# what YAML does not have; libyaml looks ahead for it, reads nothing before it, and does not say where it stands
FOREIGN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufeff\ufffe\uffff]")


def next_part(text: str, start: int) -> tuple[int, bool]:
    """Where the next document begins after that place, and whether it is the last one that begins there."""
    while (start := text.find(f"\n{MARK}", start)) >= 0:
        start += 1
        if text[start + len(MARK) : start + len(MARK) + 1] in ("", " ", "\t", "\r", "\n"):
            return start, False
    return len(text), True


class _Unusual(Exception):
    """Something that is not read here."""


# The columns of its dashes and its key, each with whether it is the key; the key, and where it ends; how its value is
# written, where that begins and ends, what it is, and how many quotes stand before it.
_Token: TypeAlias = "tuple[tuple[tuple[int, bool], ...], str, int, int, int, int, Any, int]"
_NONE, _PLAIN, _MAY_DIFFER, _QUOTED, _FLOW = range(5)
_BLANK: _Token = ((), "", 0, _NONE, 0, 0, None, 0)


class Lines:
    """A text that is read document by document."""

    def __init__(self, source: Source, unclear: list[tuple[Scalar, str]]) -> None:
        self.source = source
        self.unclear = unclear
        self.tokens: dict[str, _Token] = {}  # of the lines that were read: most stand there many times
        self.known: dict[str, Plain] = {}  # what plain texts mean, to every program

    def part(self, first: int, end: int, last: bool) -> list[Node] | None:
        """The document from one line to before another, or to the end of the text; None: it is not read here."""
        lines, many = self.source.lines, len(self.unclear)
        end_line = end + 1
        if last:
            end, end_line = len(lines), len(lines) + (lines[-1] != "")
            if lines[-1].lstrip(" ")[:1] in ("", "#") and lines[-1]:
                return None  # blocks end at different places of it
        begins = lines[first].startswith(MARK)
        if begins and _BEGIN.match(lines[first]) is None:
            return None
        try:
            node = self._document(first + begins, end, end_line)
        except _Unusual:
            del self.unclear[many:]
            return None
        return [] if node is None else [node]

    def _value(self, text: str) -> tuple[int, Plain]:
        """How a text without quotes is written, and what it means."""
        if text in self.known:
            return _PLAIN, self.known[text]
        value = scalar(text)
        if MAY_DIFFER.match(text):
            return _MAY_DIFFER, value
        self.known[text] = value
        return _PLAIN, value

    def _token(self, line: str) -> _Token:
        found = _LINE.match(line)
        if found is None:
            raise _Unusual
        _, dashes, name, text, quoted, flow = found.regs
        start, stop = name
        key = line[start:stop]
        if start >= 0:
            if key[0] == '"' or key[0] == "'":
                key = key[1:-1]
            if key == "<<" or stop > _LONGEST:
                raise _Unusual
        places = tuple([(at + 1, False) for at in range(*dashes) if line[at] == "-"]) if dashes[1] > dashes[0] else ()
        if start >= 0:
            places = (*places, (start + 1, True))
        how, value, (begin, end) = _NONE, None, text
        if begin >= 0:
            how, value = self._value(line[begin:end])
        elif quoted[0] >= 0:
            begin, end = quoted
            how, value = _QUOTED, line[begin + 1 : end - 1]
        elif flow[0] >= 0:
            how, begin = _FLOW, flow[0]
        if not places:
            if how:
                raise _Unusual
            return _BLANK
        return places, key, stop + 1, how, begin + 1, end + 1, value, int(how == _QUOTED)

    def _document(self, first: int, end: int, end_line: int) -> Node | None:
        source, tokens, make = self.source, self.tokens, self._token
        root: Node | None = None
        above: list[tuple[int, bool, Any, Node]] = []  # what has begun around the innermost block
        col = -1  # of the innermost block, which is
        mapped = False  # a mapping or a list
        holder: Any = []  # its entries or items
        block: Node | None = None
        waits = True  # for a value on the lines that follow
        key, key_span = "", Span(source, 0, 0, 0, 0)
        null = 0, 0  # where the value stands if none follows
        row = first
        for line in source.lines[first:end]:
            row += 1
            token = tokens.get(line)
            if token is None:
                token = tokens[line] = make(line)
            places, name, stop, how, begin, stops, value, quoted = token
            if not places:
                continue  # blank, or a comment
            at, named = places[0]
            # --- most lines: the next key of a block, with its value ---
            if at == col and how == _PLAIN and mapped and named and not waits and name not in holder:
                value = Scalar(Span(source, row, begin, row, stops), value)
                holder[name] = Entry(Span(source, row, at, row, stop), value)
                continue
            # --- what ends before this line, and what the one before waits for ---
            if waits and not (at > col or (at == col and mapped and not named)):
                span = Span(source, null[0], null[1], null[0], null[1])
                if mapped:
                    holder[key] = Entry(key_span, Scalar(span, None))
                else:
                    holder.append(Scalar(span, None))
                waits = False
            if not waits:
                while at < col or (at == col and named and not mapped):
                    assert block is not None
                    _close(block, holder, row, at)
                    if not above:
                        raise _Unusual
                    col, mapped, holder, block = above.pop()
                if at != col or mapped != named:
                    raise _Unusual
            # --- items, and a key ---
            node: Node
            for place, named in places:
                if waits:
                    begun: Any = {} if named else []
                    span = Span(source, row, place, 0, 0)
                    node = Mapping(span, begun) if named else Sequence(span, ())
                    if block is None:
                        root = node
                    else:
                        if mapped:
                            holder[key] = Entry(key_span, node)
                        else:
                            holder.append(node)
                        above.append((col, mapped, holder, block))
                    col, mapped, holder, block = place, named, begun, node
                    if len(above) >= MOST_DEPTH:
                        raise _Unusual
                elif named and name in holder:
                    raise _Unusual
                if named:
                    key, key_span = name, Span(source, row, place, row, stop)
                    null = row, stop + 1
                else:
                    null = row, place + 1
                waits = not named
            # --- its value, or that of the item ---
            if how == _NONE:
                waits = True
                continue
            waits = False
            if how == _FLOW:
                node, stops = self._flow(line, begin - 1, row, len(above) + 1)
                if _REST.match(line, stops) is None:
                    raise _Unusual
            else:
                node = Scalar(Span(source, row, begin, row, stops), value, quoted)
                if how == _MAY_DIFFER:
                    self.unclear.append((node, line[begin - 1 : stops - 1]))
            if mapped:
                holder[key] = Entry(key_span, node)
            else:
                holder.append(node)
        if block is None:
            return None  # nothing but comments
        if waits:
            span = Span(source, null[0], null[1], null[0], null[1])
            if mapped:
                holder[key] = Entry(key_span, Scalar(span, None))
            else:
                holder.append(Scalar(span, None))
        _close(block, holder, end_line, 1)
        for _, _, holder, block in reversed(above):
            _close(block, holder, end_line, 1)
        return root

    def _scalar(self, span: Span, text: str) -> Scalar:
        """A text in brackets that stands without quotes."""
        if text in self.known:
            return Scalar(span, self.known[text])
        how, value = self._value(text)
        node = Scalar(span, value)
        if how == _MAY_DIFFER:
            self.unclear.append((node, text))
        return node

    def _simple(self, line: str, start: int, end: int, row: int) -> Node:
        """What stands in brackets, of which ``_SIMPLE`` has said what it looks like."""
        source, at = self.source, start + 2
        span = Span(source, row, start + 1, row, end + 1)
        parts = line[start + 1 : end - 1].split(", ")
        if line[start] == "[":
            items: list[Node] = []
            for text in parts:
                stop = at + len(text)
                items.append(self._scalar(Span(source, row, at, row, stop), text))
                at = stop + 2
            return Sequence(span, tuple(items))
        entries: dict[str, Entry] = {}
        for part in parts:
            key, _, text = part.partition(": ")
            after, stop = at + len(key), at + len(part)
            value = self._scalar(Span(source, row, after + 2, row, stop), text)
            entries[key] = Entry(Span(source, row, at, row, after), value)
            at = stop + 2
        if len(entries) < len(parts):
            raise _Unusual
        return Mapping(span, entries)

    def _flow(self, line: str, start: int, row: int, depth: int) -> tuple[Node, int]:
        """A list or mapping in brackets, and where it ends."""
        if depth >= MOST_DEPTH:
            raise _Unusual
        simple = _SIMPLE.match(line, start)
        if simple is not None and simple.end() - start <= _LONGEST:
            return self._simple(line, start, simple.end(), row), simple.end()
        source, at = self.source, start + 1
        mapped = line[start] == "{"
        items: list[Node] = []
        entries: dict[str, Entry] = {}
        match, closing = (_PAIR.match, "}") if mapped else (_ITEM.match, "]")
        node: Node
        while True:
            found = match(line, at)
            if found is None:
                raise _Unusual
            regs = found.regs
            begin, stop = regs[-3]
            after = regs[-1]
            if begin >= 0:
                node = self._scalar(Span(source, row, begin + 1, row, stop + 1), line[begin:stop])
            elif regs[-2][0] >= 0:
                begin, stop = regs[-2]
                node = Scalar(Span(source, row, begin + 1, row, stop + 1), line[begin + 1 : stop - 1], 1)
            else:
                node, at = self._flow(line, found.end(), row, depth + 1)
                more = _AFTER.match(line, at)
                if more is None:
                    raise _Unusual
                after = more.regs[1]
            if mapped:
                begin, stop = regs[1]
                if begin >= 0:
                    key = line[begin:stop]
                else:
                    begin, stop = regs[2]
                    key = line[begin + 1 : stop - 1]
                if key in entries or key == "<<" or stop - begin > _LONGEST:
                    raise _Unusual
                entries[key] = Entry(Span(source, row, begin + 1, row, stop + 1), node)
            else:
                items.append(node)
            at = after[1]
            sign = line[at - 1]
            if sign == closing and at > 0:
                span = Span(source, row, start + 1, row, at + 1)
                return Mapping(span, entries) if mapped else Sequence(span, tuple(items)), at
            if sign != "," or at < 0:
                raise _Unusual


def _close(block: Node, held: Any, row: int, at: int) -> None:
    """It ends where the next token begins."""
    span = block.span
    span.end_line, span.end_col = row, at
    if isinstance(block, Sequence):
        block.items = tuple(held)
