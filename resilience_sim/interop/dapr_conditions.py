"""Dapr's ``trip``: a condition in CEL over counters that are whole numbers.

Dapr compiles it with every unknown name declared as anything (pkg/expr/expr.go): what cannot be parsed refuses the
resource, and a name that does not exist fails when the condition is asked for, which counts as false
(pkg/resiliency/breaker/circuitbreaker.go).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from resilience_sim.kernel.expression import Expression, ExpressionError

COUNTS = ("requests", "totalSuccesses", "totalFailures", "consecutiveSuccesses", "consecutiveFailures")
NEVER = "requests < 0"
_COUNT = "|".join(COUNTS)
_SHARE = re.compile(rf"double\(\s*({_COUNT})\s*\)\s*/\s*double\(\s*({_COUNT})\s*\)")
_WHOLE = re.compile(rf"(?<![\w.)*/+-])\s*({_COUNT})\s*/\s*requests\s*(?:>\s*0?\.[0-9]+|>\s*0(?:\.0+)?(?![.0-9])|"
                    r">=\s*(?:0?\.0*[1-9][0-9]*|1(?:\.0+)?))(?![.0-9])")  # fmt: skip
_SIMPLE = re.compile(r"[A-Za-z0-9_ .()<>=!&|+*/-]{1,200}\Z")


@dataclass(frozen=True, slots=True)
class Condition:
    """``text``: the same in resim's words, "" where it has none. ``stranger``: a name that Dapr does not count.

    ``whole``: it divides counters as whole numbers. ``valid``: whether CEL reads it, as far as one can tell here.
    """

    text: str = ""
    stranger: str = ""
    whole: bool = False
    valid: bool = True


def read_condition(cel: str) -> Condition:
    """What Dapr makes of a condition."""
    if not cel.strip():
        return Condition(valid=False)
    shares = _SHARE.sub(r"\1 / \2", cel)
    names = re.findall(r"[A-Za-z_][A-Za-z0-9_]*", shares)
    calls = re.search(r"[A-Za-z_]\w*\s*\(|[?:\[\]{}\"'%,]|\.[A-Za-z]|\bin\b", shares)
    if calls or not _SIMPLE.match(shares):
        return Condition()  # CEL has more than is read here
    try:
        Expression(shares, tuple(dict.fromkeys(names)))
    except ExpressionError:
        return Condition(valid=False)
    if {"and", "or", "not"} & set(names) or "**" in shares or re.search(r"(?<![<>=!])=(?!=)", shares):
        return Condition(valid=False)
    stranger = next((each for each in names if each not in COUNTS), "")
    if stranger:
        return Condition(NEVER if "||" not in shares and "&&" not in shares else "", stranger)
    told = cel == shares and "/" in cel
    if told:
        shares = _WHOLE.sub(r" \1 >= requests ", cel).strip()  # the quotient is 1 where all failed, else 0
    left = "/" in shares if told else shares.count("/") != len(_SHARE.findall(cel))
    return Condition("" if left else shares, whole=told)
