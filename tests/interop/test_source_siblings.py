"""Python source: objects made out of others, star imports, classes of one's own. Each with what Python would run."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from interop.shop import imported, plan_of
from resilience_sim.interop.emit import settle
from resilience_sim.interop.formats import instance_names, open_config
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.diagnostics import ScenarioError
from resilience_sim.settings.latency import Latency


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


def test_parameters_of_functions_that_make_policies_are_what_a_call_gives_them():
    found = read("""
import httpx
from tenacity import retry, stop_after_attempt, wait_fixed
def retrying(attempts=3, *, wait=2):
    return retry(stop=stop_after_attempt(attempts), wait=wait_fixed(wait))
@retrying()
def a(): ...
@retrying(7)
def b(): ...
SLOW = 9
@retrying(attempts=5, wait=SLOW)
def c(): ...
def client(timeout=4):
    return httpx.Client(timeout=timeout)
def d():
    return client(timeout=1).get("x")
@retrying(2)
def e():
    return client(6).get("x")
""")
    waits = {
        name: (each["tenacity"]["stop"][-2:-1], each["tenacity"]["wait"][-2:-1])
        for name, each in found.items()
        if "tenacity" in each
    }
    assert waits == {"a": ("3", "2"), "b": ("7", "2"), "c": ("5", "9"), "e": ("2", "2")}
    assert found["e"]["attempt"]["after"] == "6s"


def test_functions_that_are_called_through_an_object_of_tenacity():
    """``Retrying.__call__(fn, *args, **kwargs)``: tenacity 9.2, __init__.py."""
    found = read("""
import requests, tenacity
class Shop:
    def __init__(self):
        self.patient = tenacity.Retrying(stop=tenacity.stop_after_attempt(4))
    def get(self):
        return self.patient(self._get)
    def _get(self):
        return requests.get("u", timeout=9)
def once():
    return tenacity.Retrying(stop=tenacity.stop_after_attempt(2))(requests.get, "u", timeout=6)
""")
    assert {name: (each["tenacity"]["stop"][-2:-1], each["attempt"]["after"]) for name, each in found.items()} == {
        "Shop.get": ("4", "9s"), "once": ("2", "6s"),
    }  # fmt: skip


CELL = {"cell_type": "code", "execution_count": 1, "id": "a", "metadata": {}}
CODE = ["%pip install tenacity\n", "import tenacity\n", "files = !ls\n",
        "@tenacity.retry(stop=tenacity.stop_after_delay(5))\n", "def f():\n", '    return "\\n"\n', "f?"]  # fmt: skip


def notebook(indent: int | None, *cells: dict[str, object]) -> str:
    return json.dumps({"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=indent)


def test_notebooks_are_read_cell_by_cell_and_lines_stay_where_they_are():
    outputs = [{"output_type": "stream", "name": "stdout", "text": ["@retry broken(\n"]}]
    text = notebook(
        1,
        {"cell_type": "markdown", "metadata": {}, "source": ["@retry is nice\n"]},
        {**CELL, "outputs": outputs, "source": CODE},
        {**CELL, "outputs": [], "source": ["%%bash\n", "echo (\n"]},
        {**CELL, "outputs": [], "source": []},
    )
    opened = open_config("try.ipynb", text)
    assert opened is not None
    assert instance_names(*opened) == ["f"]
    found = imported(text, "try.ipynb", "f")
    line = next(number for number, each in enumerate(text.split("\n"), 1) if "@tenacity.retry" in each)
    assert found.stack.layers[0].at is not None
    assert found.stack.layers[0].at.span.line == line


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (notebook(None, {**CELL, "outputs": [], "source": CODE}), "do not stand on lines of their own"),
        ("{}", "of a version before 4"),
        ("import tenacity", "it is not JSON"),
    ],
)
def test_notebooks_that_cannot_be_read_say_so(text: str, why: str):
    with pytest.raises(ScenarioError) as error:
        open_config("try.ipynb", text)
    assert why in error.value.diagnostics[0].message
    assert "nbconvert" in error.value.diagnostics[0].help


def tenacity(*arguments: str, more: str = "") -> dict[str, str]:
    """The settings of one `@retry(…)`."""
    text = f"import os\nfrom tenacity import *\n{more}\n@retry({', '.join(arguments)})\ndef f(): ...\n"
    return read(text)["f"].get("tenacity", {})


THREE = "stop=stop_after_attempt(3)"


@pytest.mark.parametrize(
    ("wait", "parts"),
    [
        ("wait_chain(*[wait_fixed(1)] * 2, wait_fixed(9))", (1, 1, 9)),
        ("wait_chain(*[wait_fixed(1) for _ in range(2)] + [wait_fixed(2)] * 3)", (1, 1, 2, 2, 2)),
        ("wait_chain(*(wait_fixed(2 ** n) for n in range(3)))", (1, 2, 4)),
        ("wait_chain(*WAITS)", (4, 5)),
        ("wait_chain(*[wait_fixed(n) for n in (3, 1)], *2 * [wait_fixed(7)])", (3, 1, 7, 7)),
    ],
)
def test_lists_that_a_chain_of_waits_is_made_of(wait: str, parts: tuple[int, ...]):
    """As the objects of tenacity 9.2 have them: ``[each.wait_fixed for each in wait.strategies]``."""
    made = tenacity("stop=stop_after_attempt(9)", f"wait={wait}", more="WAITS = [wait_fixed(4), wait_fixed(5)]")
    inside = ", ".join(f"{{kind: fixed, seconds: {each}}}" for each in parts)
    assert made["wait"] == f"{{kind: chain, of: [{inside}]}}"
    real = pytest.importorskip("tenacity")
    names = {name: getattr(real, name) for name in ("wait_chain", "wait_fixed")}
    names["WAITS"] = [real.wait_fixed(4), real.wait_fixed(5)]
    assert tuple(each.wait_fixed for each in eval(wait, names).strategies) == parts


def test_a_list_that_is_not_known_is_said():
    found = imported(f"from tenacity import *\n@retry({THREE}, wait=wait_chain(wait_fixed(1), *more()))\ndef f(): ...\n",
                     "client.py")  # fmt: skip
    assert any("a call of `more` is a list that is not known here" in each for each in found.stack.unsure)


def test_waits_that_are_summed():
    """tenacity, wait.py: ``__radd__`` takes the 0 that ``sum`` begins with."""
    assert tenacity(THREE, "wait=sum([wait_fixed(1), wait_random(0, 2)])")["wait"] == (
        "{kind: sum, of: [{kind: fixed, seconds: 1}, {kind: random, min: 0, max: 2}]}"
    )


def test_a_stop_after_no_attempt_is_one_after_the_first():
    """tenacity, stop.py: ``attempt_number >= max_attempt_number``."""
    for number in ("0", "-3", "1"):
        assert tenacity(f"stop=stop_after_attempt({number})", "wait=wait_fixed(2)")["stop"] == (
            "{kind: after_attempt, value: 1}"
        )
    assert tenacity("stop=stop_after_attempt(2.5)")["stop"] == "{kind: after_attempt, value: 3}"


@pytest.mark.parametrize("none", ["retry=retry_never", "enabled=False", "retry=retry_all(retry_never)",
                                  "retry=retry_if_exception_type(OSError) & retry_never",
                                  "retry=retry_if_exception_type(KeyError)"])  # fmt: skip
def test_a_retry_that_never_tries_again_is_none(none: str):
    """Whatever its stop is: without one it is no endless loop, either."""
    text = f"from tenacity import *\n@retry({none})\ndef f(): ...\n"
    found = imported(text, "client.py", "f")
    assert [layer.kind for layer in found.stack.layers] == ["timeout"]
    assert not {each.code for each in found.findings} & {"RL201", "RL202"}
    assert any("is not modelled" in each.message for each in found.findings)


def test_what_is_said_of_a_retry_beside_its_waits():
    assert tenacity(THREE, "retry=retry_any(retry_never, retry_if_exception_type(TimeoutError))")["on"] == "[timeout]"
    assert "on" not in tenacity(THREE, "retry=retry_always")
    unsure = imported(f"from tenacity import *\n@retry({THREE}, enabled=ON)\ndef f(): ...\n", "client.py").stack.unsure
    assert any("`enabled` is not a constant here" in each for each in unsure)
    answered = imported(f"from tenacity import *\n@retry({THREE}, retry_error_callback=print)\ndef f(): ...\n",
                        "client.py")  # fmt: skip
    assert any("retry_error_callback" in each for each in answered.stack.layers[0].remarks)


def backoff(*arguments: str) -> dict[str, str]:
    text = f"import backoff\n@backoff.on_exception({', '.join(arguments)})\ndef f(): ...\n"
    return read(text)["f"]["backoff"]


@pytest.mark.parametrize(
    ("arguments", "waits"),
    [
        ("backoff.fibo, OSError, jitter=None, max_tries=7", (1, 1, 2, 3, 5, 8)),
        ("backoff.fibo, OSError, jitter=None, max_tries=7, max_value=4", (1, 1, 2, 3, 4, 4)),
        ("backoff.constant, OSError, interval=[1, 5, 10], jitter=None, max_tries=3", (1, 5)),
        ("backoff.constant, OSError, interval=(2, 4), jitter=None, max_tries=9", (2, 4)),
        ("backoff.constant, OSError, interval=(2, 4), jitter=None", (2, 4)),
        ("backoff.expo, OSError, jitter=None, max_time=0", ()),
    ],
)
def test_backoff_waits_as_the_real_one(arguments: str, waits: tuple[int, ...], monkeypatch: pytest.MonkeyPatch):
    real = pytest.importorskip("backoff")
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)

    @eval(f"backoff.on_exception({arguments})", {"backoff": real})  # type: ignore[untyped-decorator]
    def call() -> None:
        raise OSError

    with pytest.raises(OSError):
        call()
    assert tuple(slept) == waits
    text = f"import backoff\n@backoff.on_exception({arguments})\ndef f(): ...\n"
    plan = plan_of(imported(text, "client.py", "f"))
    plan = replace(plan, service=replace(plan.service, latency=Latency(), failure_rate=1.0), faults=(),
                   traffic=replace(plan.traffic, arrivals="even", requests=1))  # fmt: skip
    result = simulate(plan, 1)
    assert result.metrics["attempts_per_request"].value == len(waits) + 1
    assert result.metrics["max"].value == sum(waits)


def test_backoff_s_list_of_intervals_under_jitter():
    made = backoff("backoff.constant", "OSError", "interval=[1, 5]", "max_tries=3")
    assert made["wait"] == "{kind: chain, of: [{kind: random, max: 1}, {kind: random, max: 5}]}"


@pytest.mark.parametrize("tries", ["0", "-1", "2.5"])
def test_backoff_compares_the_number_of_tries(tries: str):
    """_sync.py: ``tries == max_tries``, which is never reached."""
    text = f"import backoff\n@backoff.on_exception(backoff.expo, OSError, max_tries={tries})\ndef f(): ...\n"
    assert "RL202" in {each.code for each in imported(text, "client.py", "f").findings}


def test_nothing_is_not_none_for_stamina():
    """stamina, _core.py: ``attempts is not None``, and tenacity stops after the first attempt."""
    text = "import stamina\n@stamina.retry(on=OSError, attempts=0, timeout=None)\ndef f(): ...\n"
    assert read(text)["f"]["stamina"]["attempts"] == "1"
    assert not imported(text, "client.py", "f").findings
