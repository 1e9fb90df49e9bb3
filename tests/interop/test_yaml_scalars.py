"""A plain scalar of YAML is what the program of its format reads, number by number."""

from __future__ import annotations

import pytest

from interop.shop import imported
from resilience_sim.interop.registry import FORMATS
from resilience_sim.interop.yaml_scalars import DIALECTS, MAY_DIFFER, go_yaml, smallrye, snakeyaml, yaml_cpp
from resilience_sim.lint.check import lint_text
from resilience_sim.scenario.text.parse import scalar

READ = [  # text, then what SnakeYAML, SmallRye Config, yaml.v2 and yaml-cpp make of it
    ("200", 200, 200, 200, 200),
    ("0200", 128, 200, 128, 128),
    ("-010", -8, -10, -8, -8),
    ("0", 0, 0, 0, 0),
    ("00", 0, 0, 0, 0),
    ("08", "08", 8, 8, 8),
    ("0o17", "0o17", "0o17", 15, 15),
    ("0x1F", 31, "0x1F", 31, 31),
    ("0X1F", "0X1F", "0X1F", 31, 31),
    ("0b101", 5, "0b101", 5, "0b101"),
    ("1_000", 1000, "1_000", 1000, "1_000"),
    ("1:30", 90, "1:30", "1:30", "1:30"),
    ("-1:00:30", -3630, "-1:00:30", "-1:00:30", "-1:00:30"),
    ("0:30", "0:30", "0:30", "0:30", "0:30"),
    ("1:30.5", 90.5, "1:30.5", "1:30.5", "1:30.5"),
    ("1:90", "1:90", "1:90", "1:90", "1:90"),
    ("8080:80", "8080:80", "8080:80", "8080:80", "8080:80"),
    ("1_0.5", 10.5, "1_0.5", 10.5, "1_0.5"),
    ("00.5", 0.5, 0.5, 0.5, 0.5),
    ("yes", True, True, True, True),
    ("Off", False, False, False, False),
    ("yEs", "yEs", "yEs", "yEs", "yEs"),
    ("y", "y", "y", True, True),
    ("N", "N", "N", False, False),
    ("2026-11-28", "2026-11-28", "2026-11-28", "2026-11-28", "2026-11-28"),
    ("10s", "10s", "10s", "10s", "10s"),
    ("0" * 101, "0" * 101, "0" * 101, "0" * 101, "0" * 101),
]


@pytest.mark.parametrize("each", READ, ids=[each[0][:9] for each in READ])
def test_each_program_reads_its_own_number(each: tuple[str, object, object, object, object]) -> None:
    text, *expected = each
    read = [reader(text) for reader in (snakeyaml, smallrye, go_yaml, yaml_cpp)]
    assert [(type(value), value) for value in read] == [(type(value), value) for value in expected]


def test_whatever_any_of_them_reads_otherwise_is_looked_at_again() -> None:
    signs, heads = (
        ("", "-", "+"),
        ("0", "1", "08", "010", "1_0", "0x1f", "0o7", "0b1", "1:30", "1.5", ".5", "1e3", "yes", "n"),
    )
    for text in [
        f"{sign}{head}{tail}" for sign in signs for head in heads for tail in ("", ".5", "e3", "s", ":15", "_0")
    ]:
        if not MAY_DIFFER.match(text):
            assert {name: reader(text) for name, reader in DIALECTS.items() if reader(text) != scalar(text)} == {}, text


FILES = {
    "resilience4j": "resilience4j.retry.instances.b:\n  maxAttempts: {}\n  waitDuration: 1s\n",
    "microprofile": "com.acme.B/call/Retry/maxRetries: {}\n",
    "micronaut": "micronaut.http.services.b.pool:\n  max-concurrent-http1-connections: {}\n",
    "istio": "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: b}}\nspec:\n  hosts: [b]\n"
    "  http:\n  - route: [{{destination: {{host: b}}}}]\n    retries: {{attempts: {}}}\n",
    "envoy": "virtual_hosts:\n- routes:\n  - route: {{cluster: b, retry_policy: {{retry_on: 5xx, num_retries: {}}}}}\n",
    "dapr": "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nspec:\n  policies:\n    retries:\n"
    "      r: {{policy: constant, duration: 1s, maxRetries: {}}}\n  targets: {{apps: {{b: {{retry: r}}}}}}\n",
}


@pytest.mark.parametrize("name", FILES)
def test_a_leading_zero_is_octal_where_it_is_for_the_program(name: str) -> None:
    """Each file says ten with a leading zero; only SmallRye Config reads ten, and only plain text is octal."""
    octal = 10 if name == "microprofile" else 8
    plain, same, quoted = (imported(FILES[name].format(text), f"{name}.yaml") for text in ("010", str(octal), '"010"'))
    assert FORMATS[name].yaml in DIALECTS
    assert plain.text.split("stack:")[1] == same.text.split("stack:")[1]
    assert quoted.text.split("stack:")[1] != same.text.split("stack:")[1] or octal == 10
    assert ("RL196" in [each.code for each in plain.findings]) == (octal == 8)
    assert "RL196" not in [each.code for each in (*same.findings, *quoted.findings)]


def test_a_number_to_the_base_of_sixty_is_said() -> None:
    text = "resilience4j.retry.instances.b:\n  maxAttempts: 3\n  waitDuration: 1:30\n"
    assert "delay: 90ms" in imported(text, "application.yml").text
    (found,) = (each for each in lint_text(text, "application.yml") if each.code == "RL196")
    assert found.line == 3
    assert "base 60" in found.message


def test_scenarios_and_service_configs_keep_the_numbers_of_yaml_1_2() -> None:
    assert FORMATS["grpc"].yaml == ""
    assert scalar("010") == 10
