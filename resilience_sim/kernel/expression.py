"""Small arithmetic expressions over named counters: gobreaker's ReadyToTrip, Dapr's CEL trip, Polly's generator.

Understood are ``+ - * / **``, comparisons, ``and``/``&&``, ``or``/``||``, ``not``/``!`` and parentheses.
Numbers are floats as in Go: what is divided by zero is infinite or no number, and no comparison with the latter holds.
Names that are not given are errors. An expression is kept in postfix form, so that evaluating it is one loop.
"""

from __future__ import annotations

import re
from math import inf, nan, pow

_TOKEN = re.compile(r"\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([A-Za-z_]\w*)|(\*\*|&&|\|\||>=|<=|==|!=|[-+*/()<>!]))")
_SAME = {"and": "&&", "or": "||", "not": "!"}
_RANK: dict[str, int] = {"||": 1, "&&": 2, "!": 3, ">=": 4, "<=": 4, "==": 4, "!=": 4, ">": 4, "<": 4, "+": 5, "-": 5,
                         "*": 6, "/": 6, "neg": 7, "**": 8}  # fmt: skip
_PREFIX = {"!", "neg", "**"}  # bind to the right


class ExpressionError(ValueError):
    """The text is no expression; the message says where and what was due."""


class Expression:
    """``Expression(text, names)``; :meth:`value` with the names' values in the same order."""

    __slots__ = ("_code", "_names", "text")

    def __init__(self, text: str, names: tuple[str, ...]) -> None:
        self.text = text
        self._names = names
        self._code: list[tuple[str, float]] = []  # (operator, 0), ("#", number) or ("$", index of a name)
        self._read(text)

    def _read(self, text: str) -> None:
        waiting: list[str] = []
        operand_due = True
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise ExpressionError(f"cannot read {text[at:].strip()!r}")
            number, name, operator = match.groups()
            at = match.end()
            if name is not None and name in _SAME:
                operator = _SAME[name]
                name = None
            if number is not None or name is not None:
                if not operand_due:
                    raise ExpressionError(f"expected an operator before {(number or name)!r}")
                self._operand(number, name)
                operand_due = False
            elif operator == "(" or (operand_due and operator in {"!", "-"}):
                if not operand_due:
                    raise ExpressionError("expected an operator before '('")
                waiting.append("neg" if operator == "-" else operator)
            elif operand_due:
                raise ExpressionError(f"expected a number or a name before {operator!r}")
            elif operator == ")":
                while waiting and waiting[-1] != "(":
                    self._code.append((waiting.pop(), 0.0))
                if not waiting:
                    raise ExpressionError("')' closes nothing")
                waiting.pop()
            else:
                self._shift(operator, waiting)
                operand_due = True
        if operand_due:
            raise ExpressionError("it ends too early" if text else "it is empty")
        while waiting:
            if waiting[-1] == "(":
                raise ExpressionError("'(' is never closed")
            self._code.append((waiting.pop(), 0.0))

    def _operand(self, number: str | None, name: str | None) -> None:
        if number is not None:
            self._code.append(("#", float(number)))
            return
        assert name is not None
        if name in {"true", "false"}:
            self._code.append(("#", 1.0 if name == "true" else 0.0))
            return
        known = [each.lower() for each in self._names]
        if name.lower() not in known:
            raise ExpressionError(f"no counter {name!r}; there are {', '.join(self._names)}")
        self._code.append(("$", float(known.index(name.lower()))))

    def _shift(self, operator: str, waiting: list[str]) -> None:
        rank = _RANK[operator]
        while waiting and waiting[-1] != "(":
            above = _RANK[waiting[-1]]
            if above < rank or (above == rank and operator in _PREFIX):
                break
            self._code.append((waiting.pop(), 0.0))
        waiting.append(operator)

    def value(self, values: list[float]) -> float:
        """What it comes to; a comparison is 1.0 or 0.0."""
        stack: list[float] = []
        for operator, number in self._code:
            if operator == "#":
                stack.append(number)
            elif operator == "$":
                stack.append(values[int(number)])
            elif operator == "neg":
                stack.append(-stack.pop())
            elif operator == "!":
                stack.append(0.0 if stack.pop() else 1.0)
            else:
                right = stack.pop()
                stack.append(_apply(operator, stack.pop(), right))
        return stack[0]

    def holds(self, values: list[float]) -> bool:
        """Whether it is true."""
        result = self.value(values)
        return result == result and result != 0.0  # noqa: PLR0124 - not a number is never true


def _apply(operator: str, left: float, right: float) -> float:
    if operator == "+":
        return left + right
    if operator == "-":
        return left - right
    if operator == "*":
        return left * right
    if operator == "/":
        if right == 0.0:
            return nan if left == 0.0 else inf if left > 0.0 else -inf
        return left / right
    if operator == "**":
        try:
            return pow(left, right)
        except OverflowError:
            return inf
        except ValueError:  # no real number, or a division by zero
            return inf if left == 0.0 else nan
    if operator == "&&":
        return 1.0 if left and right else 0.0
    if operator == "||":
        return 1.0 if left or right else 0.0
    return 1.0 if _compare(operator, left, right) else 0.0


def _compare(operator: str, left: float, right: float) -> bool:
    if operator in {">", ">="}:
        return left > right or (operator == ">=" and left == right)
    if operator in {"<", "<="}:
        return left < right or (operator == "<=" and left == right)
    return (left == right) == (operator == "==")
