"""What an import makes of settings one by one is what the loader makes of them together."""

from __future__ import annotations

import random

from resilience_sim.interop import emit
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.scenario.read.pieces import policy_of
from resilience_sim.settings.policy import PolicyConfig
from resilience_sim.settings.registry import POLICIES

ODD = ["0", "-1", "2", "5s", "50%", "null", "x", "[]", "2x", "exponential", "{a: 1}", "true"]


def loaded(kind: str, body: dict[str, str]) -> PolicyConfig | tuple[str, ...]:
    try:
        return policy_of(kind, {key: emit._value(text) for key, text in body.items()})
    except ScenarioError as error:
        paths = [each.path.split(".") for each in error.diagnostics]
        return tuple(dict.fromkeys(path[3] if len(path) > 3 else "" for path in paths))


def test_settings_one_by_one_and_together():
    luck = random.Random(11)
    made = refused = 0
    for _ in range(600):
        kind = luck.choice([*POLICIES, "retry", "circuit_breaker"])
        table = POLICIES[kind].table
        library = luck.choice([*POLICIES[kind].libraries, ""])
        params = [each for each in table.params if not each.libraries or library in each.libraries]
        body: dict[str, str] = {}
        for param in luck.sample(params, min(len(params), luck.randint(1, 6))):
            if param.name not in ("id", "like"):
                usual = param.default_text or str(param.type.example)
                body[param.name] = usual if luck.random() < 0.8 else luck.choice(ODD)
        if luck.random() < 0.05:
            body["nonsense"] = "1"
        if library and "like" in table.by_name:
            body["like"] = library
        found = emit._made(kind, {key: (text, True, 0) for key, text in body.items()}, kind)
        wanted = loaded(kind, body)
        assert found == wanted, body
        if isinstance(found, PolicyConfig) and isinstance(wanted, PolicyConfig):
            made += 1
            assert found.written == wanted.written
        else:
            refused += 1
    assert made > 100
    assert refused > 100
