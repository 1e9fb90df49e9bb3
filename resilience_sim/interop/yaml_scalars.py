"""What plain scalars of YAML mean to the program that a file is for: ``010`` is ten to some and eight to others.

Each rule is that of the parser the program has, read from its source: SnakeYAML e6eb1b7 (Resolver, SafeConstructor),
smallrye-config 3f13795 (YamlConfigSource: numbers stay the text they are), sigs.k8s.io/yaml aadfabb with yaml.v2 2.4
(resolve.go), yaml-cpp c3f8112 (convert.h) with Envoy's yaml_utility.cc of 0f485d8. registry.py says
which format has which.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

from resilience_sim.scenario.text.parse import scalar

Plain: TypeAlias = str | int | float | bool | None

# all that any of them reads in another way than YAML 1.2
MAY_DIFFER = re.compile(
    r"[-+]?0[0-9_bBoOxX]|[-+]?\.?[0-9][0-9.eE+-]*[_:]|[yYnN]\Z|(?:[yY]es|YES|[nN]o|NO|[oO](?:n|N|ff|FF))\Z"
)
_FLAGS = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_SNAKE_INT = re.compile(
    r"(?P<sign>[-+]?)(?:0b_*(?P<two>[01][01_]*)|0_*(?P<eight>[0-7][0-7_]*)|(?P<ten>0|[1-9][0-9_]*)"
    r"|0x_*(?P<sixteen>[0-9a-fA-F][0-9a-fA-F_]*)|(?P<sixty>[1-9][0-9_]*(?::[0-5]?[0-9])+))\Z"
)
_SNAKE_FLOAT = re.compile(
    r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?\Z|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+\Z"
    r"|[-+]?\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?\Z"
)
_SNAKE_SIXTY = re.compile(r"([-+]?)([0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)\Z")
_BASES = {"two": 2, "eight": 8, "ten": 10, "sixteen": 16}
_GO_INT = re.compile(r"(?P<sign>[-+]?)(?:0[bB](?P<two>[01]+)|0[oO]?(?P<eight>[0-7]+)|(?P<ten>0|[1-9][0-9]*)"
                     r"|0[xX](?P<sixteen>[0-9a-fA-F]+))\Z")  # fmt: skip
_CPP_INT = re.compile(r"(?P<sign>[-+]?)(?:0[oO]?(?P<eight>[0-7]+)|(?P<ten>0|[1-9][0-9]*)"
                      r"|0[xX](?P<sixteen>[0-9a-fA-F]+))\Z")  # fmt: skip
_LONGEST = 100  # characters of a number


def _flag(text: str) -> bool | None:
    """The words of YAML 1.1, in its three spellings."""
    return _FLAGS.get(text.lower()) if text in (text.lower(), text.capitalize(), text.upper()) else None


def _whole(found: re.Match[str]) -> int:
    (name,) = (name for name in _BASES if found.groupdict().get(name))
    number = int(found[name].replace("_", ""), _BASES[name])
    return -number if found["sign"] == "-" else number


def _sixty(text: str) -> float:
    value = 0.0
    for part in text.replace("_", "").split(":"):
        value = value * 60 + float(part)
    return value


def _decimal(text: str) -> Plain:
    """A number that both hand on as JSON: ``08``, no octal, is 8 there."""
    number = float(text)
    return int(number) if number.is_integer() else number


def snakeyaml(text: str) -> Plain:
    """YAML 1.1 as SnakeYAML reads it: Spring Boot and Micronaut."""
    flag = _flag(text)
    if flag is not None or len(text) > _LONGEST:
        return text if flag is None else flag
    found = _SNAKE_INT.match(text)
    if found:
        if not found["sixty"]:
            return _whole(found)
        seconds = int(_sixty(found["sixty"]))
        return -seconds if found["sign"] == "-" else seconds
    sixty = _SNAKE_SIXTY.match(text)
    if sixty:
        return _sixty(sixty[2]) * (-1 if sixty[1] == "-" else 1)
    if _SNAKE_FLOAT.match(text):
        return float(text.replace("_", ""))
    return text


def smallrye(text: str) -> Plain:
    """SmallRye Config: words are flags, and numbers what a Java converter makes of their text."""
    flag = _flag(text)
    if flag is not None:
        return flag
    return scalar(text) if _DECIMAL.match(text) else text


def go_yaml(text: str) -> Plain:
    """Go's yaml.v2 below sigs.k8s.io/yaml: Kubernetes, Istio, the Gateway API, Dapr."""
    plain = text.replace("_", "")
    return _handed_on(text, _GO_INT.match(plain), text if text[:1] == "." else plain)


def yaml_cpp(text: str) -> Plain:
    """Envoy: yaml-cpp reads integers as C does, and what is none as a decimal number."""
    return _handed_on(text, _CPP_INT.match(text), text)


def _handed_on(text: str, integer: re.Match[str] | None, decimal: str) -> Plain:
    """A value of those that pass YAML on as JSON, where single letters are flags, too."""
    flag = text in "yY" if text in ("y", "Y", "n", "N") else _flag(text)
    if flag is not None or len(text) > _LONGEST:
        return text if flag is None else flag
    if integer:
        return _whole(integer)
    return _decimal(decimal) if _DECIMAL.match(decimal) else text


DIALECTS: dict[str, Callable[[str], Plain]] = {
    "SnakeYAML": snakeyaml,
    "SmallRye Config": smallrye,
    "Go's yaml.v2": go_yaml,
    "yaml-cpp": yaml_cpp,
}
