"""Whatever stands in a file: an import ends with a scenario that loads, or with an error in words, never a fault."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from resilience_sim.interop import formats
from resilience_sim.lint.check import subjects
from resilience_sim.lint.look import findings
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.load import load_text

FILES = sorted((Path(__file__).parent / "files").iterdir())
VALUES = ["0", "-1", "1", "999999999999", "1.5", "true", "null", "[]", "{}", '""', "5s", "0s", "00:00:00", "100", "abc",
          "50%",
          "1h", "[1, 2]", "{a: 1}", "2.5e3", "0.1s", "9", "00:30:00", "${X:3}", "${X}", "~", "PT2S", "1ns"]  # fmt: skip


def mutated(text: str, dice: random.Random) -> str:
    """A few lines lost, doubled or moved; a few values exchanged."""
    lines = text.split("\n")
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(lines))
        kind = dice.randrange(5)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(at, dice.choice(lines))
        elif kind == 2:
            lines[at] = lines[at][: dice.randrange(len(lines[at]) + 1)]
        else:
            for mark in (": ", "= ", "="):
                head, found, tail = lines[at].partition(mark)
                if found:
                    end = tail[-1:] if tail[-1:] in ",}" else ""
                    value = dice.choice(VALUES)
                    quoted = f'"{value}"' if '"' in text and dice.random() < 0.5 else value
                    lines[at] = head + mark + quoted + end
                    break
        lines = lines or [""]
    return "\n".join(lines)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_mutated_files(path: Path):
    """Eighty damaged versions of each sample."""
    text = path.read_text(encoding="utf-8")
    imports = 0
    for seed in range(80):
        damaged = mutated(text, random.Random(f"{path.name} {seed}"))
        try:
            opened = formats.open_config(path.name, damaged)
            if opened is None:
                continue
            names = formats.instance_names(*opened)
            if not names:  # the linter says so and gives no clean bill
                with pytest.raises(ScenarioError, match="nothing in this configuration"):
                    subjects(damaged, path.name, ())
                continue
            for instance in names:
                found = formats.convert(*opened, instance)
                load_text(found.text, "imported.yaml", files={})
                imports += 1
        except ScenarioError as error:
            if any(each.file != path.name for each in error.diagnostics):
                raise  # the import's fault, not the file's
            continue
        for subject in subjects(damaged, path.name, ()):
            for each in findings(subject):
                assert each.line >= 1
                assert each.message
    assert imports > 15


EXTREMES = ["0", "-1", "1e12", "1e-9", "999999999999", "999999999999s", "0s", "1ns", "1e308", "0.0001", "5", "10" * 11]
SPRING = {
    "retry": ("maxAttempts", "waitDuration", "exponentialBackoffMultiplier", "randomizedWaitFactor",
              "exponentialMaxWaitDuration"),
    "circuitbreaker": ("slidingWindowSize", "minimumNumberOfCalls", "waitDurationInOpenState",
                       "exponentialBackoffMultiplier", "permittedNumberOfCallsInHalfOpenState", "slowCallRateThreshold",
                       "slowCallDurationThreshold", "failureRateThreshold", "maxWaitDurationInHalfOpenState"),
    "ratelimiter": ("limitForPeriod", "limitRefreshPeriod", "timeoutDuration"),
    "timelimiter": ("timeoutDuration",),
    "bulkhead": ("maxConcurrentCalls", "maxWaitDuration"),
}  # fmt: skip
FLAGS = {"retry": ("enableExponentialBackoff", "enableRandomizedWait"), "circuitbreaker": ("enableExponentialBackoff",)}


@pytest.mark.parametrize("module", SPRING)
@pytest.mark.parametrize("value", EXTREMES)
def test_extreme_values_make_a_scenario_that_loads(module: str, value: str):
    """One key after the other; what cannot be is a finding, never a scenario that resim refuses."""
    for key in SPRING[module]:
        prefix = f"resilience4j.{module}.instances.i"
        lines = [f"{prefix}.{flag}=true" for flag in FLAGS.get(module, ())] + [f"{prefix}.waitDuration=1s"] * (
            module == "retry"
        )
        opened = formats.open_config("a.properties", "\n".join([*lines, f"{prefix}.{key}={value}"]))
        assert opened is not None
        load_text(formats.convert(*opened, "i").text, "imported.yaml", files={})
