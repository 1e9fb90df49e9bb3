"""Python source: objects made out of others, star imports, classes of one's own. Each with what Python would run."""

from __future__ import annotations

from interop.shop import imported
from resilience_sim.interop.emit import settle
from resilience_sim.interop.formats import instance_names, open_config


def read(text: str) -> dict[str, dict[str, dict[str, str]]]:
    """The settings of all stacks, by name and layer."""
    opened = open_config("client.py", text)
    assert opened is not None
    found = {}
    for name in instance_names(*opened):
        layers = imported(text, "client.py", name).stack.layers
        found[name] = {each.id or each.kind: {k: v.value for k, v in settle(each).items()} for each in layers}
    return found


def test_a_client_made_out_of_another_one_is_its_own_and_leaves_the_other_as_it_was():
    """openai 1.x, _client.py: ``with_options`` is ``copy``, which makes a new client with the arguments laid over."""
    found = read("""
from openai import OpenAI
patient = OpenAI(max_retries=5, timeout=10)
quick = patient.with_options(max_retries=1)
calm = patient.copy(timeout=3)
""")
    assert {name: (each["openai"]["attempts"], each["attempt"]["after"]) for name, each in found.items()} == {
        "patient": ("6", "10s"), "quick": ("2", "10s"), "calm": ("6", "3s"),
    }  # fmt: skip


STOPS = "stop=stop_after_attempt(4), wait=wait_fixed(2)"


def test_copies_of_tenacity_s_objects_and_of_decorated_functions():
    """tenacity 9.2, __init__.py: ``copy`` lays what it is given over the object's own; ``retry_with`` is
    ``copy(…).wraps(f)``.
    """
    found = read(f"""
from tenacity import *
long = Retrying({STOPS}).copy(stop=stop_after_attempt(9))
@retry({STOPS})
def fetch(): ...
longer = fetch.retry_with(wait=wait_fixed(7))
def now():
    fetch.retry_with(stop=stop_after_attempt(2))()
""")
    waits = {name: (each["tenacity"]["stop"], each["tenacity"]["wait"]) for name, each in found.items()}
    four, two = "{kind: after_attempt, value: 4}", "{kind: fixed, seconds: 2}"
    assert waits == {
        "long": ("{kind: after_attempt, value: 9}", two),
        "fetch": (four, two),
        "longer": (four, "{kind: fixed, seconds: 7}"),
        "fetch.retry_with": ("{kind: after_attempt, value: 2}", two),
    }


def test_names_that_a_star_brings():
    text = "from tenacity import *\n@retry(stop=stop_after_attempt(3))\ndef fetch(): ...\n"
    assert list(read(text)) == ["fetch"]
    assert read(text.replace("retry(", "open(")) == {}, "a builtin keeps its name"
    assert list(read("from requests import *\n" + text)) == ["fetch"]


def test_a_breaker_s_class_with_constants_of_its_own():
    """circuitbreaker 2.1, circuitbreaker.py: ``failure_threshold or self.FAILURE_THRESHOLD`` and so on."""
    found = read("""
from circuitbreaker import CircuitBreaker
class Patient(CircuitBreaker):
    FAILURE_THRESHOLD = 9
    RECOVERY_TIMEOUT = 45
@Patient()
def a(): ...
@Patient(recovery_timeout=7)
def b(): ...
alone = Patient(failure_threshold=2)
""")
    breakers = {name: each["circuitbreaker"] for name, each in found.items()}
    assert {name: (each["failure_threshold"], each["recovery_time"]) for name, each in breakers.items()} == {
        "a": ("9", "45s"), "b": ("9", "7s"), "alone": ("2", "45s"),
    }  # fmt: skip
