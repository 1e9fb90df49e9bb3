"""Python source: objects made out of others, star imports, classes of one's own. Each with what Python would run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cli.shell import resim

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


@pytest.mark.parametrize(
    "line",
    ["x = '😀'; import tenacity", "import os; from os import path, sep; import tenacity", "import os as o, tenacity",
     "try: import tenacity\nexcept: pass"],
)  # fmt: skip
def test_imports_that_do_not_begin_a_line(line: str):
    text = f"{line}\nf = '😀é', tenacity.retry(stop=tenacity.stop_after_attempt(3))\n"
    opened = open_config("client.py", text)
    assert opened is not None
    (name,) = instance_names(*opened)
    at = imported(text, "client.py", name).stack.layers[0].at
    assert at is not None
    assert text.split("\n")[at.span.line - 1][at.span.col - 1 :].startswith("tenacity.retry(")


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


def test_names_in_a_dict_that_is_spread_mean_what_they_mean_where_it_stands():
    """Not what they mean in the function that spreads it."""
    found = read("""
import stamina
TRIES = 3
BASE = {"attempts": TRIES}
def outer():
    TRIES = 7
    @stamina.retry(on=Exception, **BASE)
    def fetch(): ...
""")
    assert found["outer.fetch"]["stamina"]["attempts"] == "3"


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
    text = f"from tenacity import *\n@retry({THREE}, wait=wait_chain(wait_fixed(1), *more()))\ndef f(): ...\n"
    found = imported(text, "client.py")
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
        raise OSError("refused")

    with pytest.raises(OSError, match="refused"):
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


def test_nothing_is_not_the_default_of_a_breaker():
    """pybreaker and aiobreaker compare with ``fail_max``; what is falsy has a default in circuitbreaker, and the
    time of aiobreaker.
    """
    found = read("""
import aiobreaker, circuitbreaker, pybreaker
from datetime import timedelta
a = pybreaker.CircuitBreaker(fail_max=0, reset_timeout=0)
b = aiobreaker.CircuitBreaker(fail_max=0, timeout_duration=timedelta(0))
c = circuitbreaker.CircuitBreaker(failure_threshold=0, recovery_timeout=0)
""")
    breakers = [next(iter(each.values())) for each in found.values()]
    assert [(each["failure_threshold"], each["recovery_time"]) for each in breakers] == [
        ("1", "0ms"), ("1", "1m"), ("5", "30s"),
    ]  # fmt: skip


def test_errors_that_a_breaker_does_not_count():
    found = read("""
import pybreaker, requests
from circuitbreaker import circuit
a = pybreaker.CircuitBreaker(exclude=[requests.Timeout, ValueError])
@circuit(expected_exception=(ConnectionError, TimeoutError))
def b(): ...
@circuit(expected_exception=ValueError)
def c(): ...
@circuit(expected_exception=is_bad)
def d(): ...
""")
    assert found["a"]["pybreaker"]["ignore"] == "[timeout]"
    assert found["b"]["circuitbreaker"]["ignore"] == "[error, unavailable, rate_limited, shed]"
    assert list(found["c"]) == ["attempt"], "it never counts a failure of a call"
    assert "ignore" not in found["d"]["circuitbreaker"]


def test_calls_that_are_made_through_an_object():
    found = read("""
import aiobreaker, pybreaker, requests, stamina
breaker, other = pybreaker.CircuitBreaker(fail_max=3), aiobreaker.CircuitBreaker(fail_max=4)
def a():
    return breaker.call(requests.get, "u", timeout=3)
async def b():
    return await other.call_async(fetch)
@stamina.retry(on=OSError, attempts=6)
async def fetch(): ...
bound = stamina.RetryingCaller(attempts=5).on(requests.Timeout)
def c():
    return bound(requests.get, "u", timeout=7)
def d():
    return stamina.RetryingCaller(attempts=2)(requests.Timeout, requests.get, "u", timeout=8)
@breaker(__pybreaker_call_async=True)
async def e(): ...
@breaker.decorate
def f(): ...
""")
    assert {name: list(each) for name, each in found.items()} == {
        "a": ["pybreaker", "attempt"], "b": ["aiobreaker", "stamina", "attempt"], "fetch": ["stamina", "attempt"],
        "c": ["stamina", "attempt"], "d": ["stamina", "attempt"], "e": ["pybreaker", "attempt"],
        "f": ["pybreaker", "attempt"],
    }  # fmt: skip
    assert (found["a"]["attempt"]["after"], found["c"]["attempt"]["after"]) == ("3s", "7s")
    assert (found["c"]["stamina"]["attempts"], found["c"]["stamina"]["on"]) == ("5", "[timeout]")
    assert found["d"]["stamina"]["on"] == "[timeout]"


def test_a_retry_that_sees_no_error_of_the_call_it_is_made_around_is_said():
    text = """
import requests, stamina
bound = stamina.RetryingCaller(attempts=5).on(ValueError)
def f():
    return bound(requests.get, "u", timeout=7)
"""
    assert list(read(text)["f"]) == ["attempt"]
    assert any("is not modelled" in each.message for each in imported(text, "client.py", "f").findings)


@pytest.mark.parametrize("how", ["for each in Retrying(stop=stop_after_attempt(3)):\n  with each:\n   CALL",
                                 "Retrying(stop=stop_after_attempt(3))(requests.get, 'u', timeout=2)"])  # fmt: skip
def test_a_status_that_no_loop_of_retries_sees(how: str):
    """A decorator sees no more of an answer than a loop or a call through the object does."""
    text = f"import requests\nfrom tenacity import *\ndef f():\n {how}\n"
    text = text.replace("CALL", "requests.get('u', timeout=2)")
    assert "RL204" in {each.code for each in imported(text, "client.py", "f").findings}
    assert read(text)["f"]["tenacity"]["on"] == "[timeout, refused, reset]"


@pytest.mark.parametrize(
    "retrying",
    ["retry(retry=retry_if_result(bad))", "retry(retry=retry_if_exception_type(OSError) | retry_if_not_result(good))",
     "backoff.on_predicate(backoff.expo, bad, max_tries=3)"],
)  # fmt: skip
def test_a_retry_that_looks_at_results_sees_statuses(retrying: str):
    text = f"""
import backoff, requests
from tenacity import *
def bad(answer): return answer.status_code > 499
@{retrying}
def f(): return requests.get("u", timeout=2)
"""
    assert "RL204" not in {each.code for each in imported(text, "client.py", "f").findings}


def test_partials_of_partials_and_what_is_wrapped_by_hand():
    found = read("""
import functools, requests
from tenacity import *
base = functools.partial(retry, stop=stop_after_attempt(4), wait=wait_fixed(3))
more = functools.partial(base, wait=wait_fixed(5))
@more(reraise=True)
def a(): ...
def fetch(): return requests.get("u", timeout=9)
fetch = retry(stop=stop_after_attempt(7))(fetch)
get = retry(stop=stop_after_attempt(6))(requests.get)
""")
    assert (found["a"]["tenacity"]["stop"][-2], found["a"]["tenacity"]["wait"][-2]) == ("4", "5")
    assert list(found) == ["a", "fetch", "get"]


def test_constants_that_stand_in_tuples_dicts_and_lists():
    found = read("""
from tenacity import *
A, (B, C) = 5, (6, +7)
SETTINGS = {"tries": 3, **dict(wait=2)}
MORE = SETTINGS | {"tries": 8}
STEPS = [1, 2, 9]
@retry(stop=stop_after_attempt(A), wait=wait_incrementing(B, C))
def a(): ...
@retry(stop=stop_after_attempt(SETTINGS["tries"]), wait=wait_fixed(SETTINGS["wait"]))
def b(): ...
@retry(stop=stop_after_attempt(MORE["tries"]), wait=wait_fixed(STEPS[-1]))
def c(): ...
""")
    waits = {name: (each["tenacity"]["stop"][-2], each["tenacity"]["wait"]) for name, each in found.items()}
    assert waits == {
        "a": ("5", "{kind: incrementing, start: 6, increment: 7}"), "b": ("3", "{kind: fixed, seconds: 2}"),
        "c": ("8", "{kind: fixed, seconds: 9}"),
    }  # fmt: skip


@pytest.mark.parametrize("circle", ['X = {"a": X["a"]}', 'X = {**X, "b": 1}', "X = X | X", "X = [X[0]]"])
def test_dicts_that_hold_themselves(circle: str):
    key = "0" if "[X" in circle else '"a"'
    text = f"from tenacity import *\n{circle}\n@retry(stop=stop_after_attempt(X[{key}]), **X)\ndef f(): ...\n"
    assert any(
        "`max_attempt_number` is not a constant here" in each for each in imported(text, "c.py", "f").stack.unsure
    )


def test_dicts_that_are_put_together_for_botocore():
    found = read("""
from botocore.config import Config
BASE = {"max_attempts": 6, "mode": "standard"}
a = Config(retries={**BASE, "mode": "adaptive"})
b = Config(retries=dict(BASE, max_attempts=2))
""")
    settings = {name: each["botocore"] for name, each in found.items()}
    assert {name: (each["attempts"], each["mode"]) for name, each in settings.items()} == {
        "a": ("7", "adaptive"), "b": ("3", "standard"),
    }  # fmt: skip


def test_retries_of_urllib3_s_pools():
    """poolmanager.py, connectionpool.py: a number is `Retry.from_int`, the default `Retry(3)`, a call has its own."""
    found = read("""
import urllib3
from urllib3 import Retry
a = urllib3.PoolManager(timeout=3.0)
b = urllib3.PoolManager(retries=5)
c = urllib3.PoolManager(retries=False, timeout=2)
d = urllib3.HTTPSConnectionPool("h", 443, retries=Retry(2))
e = urllib3.PoolManager(retries=Retry(9), timeout=1)
def f():
    return e.request("GET", "u", retries=Retry(4), timeout=8)
""")
    totals = {name: (each.get("urllib3", {}).get("total"), each["attempt"]["after"]) for name, each in found.items()}
    assert totals == {
        "a": ("3", "3s"), "b": ("5", "1s"), "c": (None, "2s"), "d": ("2", "1s"), "e": ("4", "8s"), "Retry": ("9", "1s"),
    }  # fmt: skip
    real = pytest.importorskip("urllib3")
    assert real.Retry.from_int(None, default=None).total == 3
    assert real.Retry.from_int(5).total == 5


def test_timeouts_and_connections_of_httpx():
    """httpx, _config.py: a pair or four numbers, the second for reading; a place in the pool is waited for, too."""
    found = read("""
import httpx
a = httpx.Client(timeout=(1, 2, 3, 4))
b = httpx.Client(limits=httpx.Limits(max_connections=5), timeout=7)
c = httpx.Client(mounts={"https://": httpx.HTTPTransport(retries=3)})
d = httpx.Client(transport=httpx.HTTPTransport(retries=1, limits=httpx.Limits(max_connections=3)),
                 limits=httpx.Limits(max_connections=9))
""")
    assert list(found["d"]) == ["connections", "httpx", "attempt"], "connecting is tried again in its place"
    assert found["d"]["connections"]["max_concurrent"] == "3"
    assert found["a"]["attempt"]["after"] == "2s"
    assert found["b"]["connections"] == {"max_concurrent": "5", "queue": "1000000", "max_wait": "7s"}
    assert found["c"]["httpx"]["stop"] == "{kind: after_attempt, value: 4}"


def test_httpx_connects_anew_without_a_wait_first(monkeypatch: pytest.MonkeyPatch):
    """httpcore, _sync/connection.py: ``exponential_backoff(factor=0.5)`` begins with nothing."""
    core = pytest.importorskip("httpcore._sync.connection")
    real = [next(waits) for waits in [core.exponential_backoff(factor=0.5)] for _ in range(4)]
    text = "import httpx\nc = httpx.Client(transport=httpx.HTTPTransport(retries=4), timeout=1)\n"
    plan = plan_of(imported(text, "client.py", "c"))
    faults = tuple(replace(each, at=0, duration=10**12, how="refuse") for each in plan.faults)
    traffic = replace(plan.traffic, arrivals="even", requests=1)
    plan = replace(plan, service=replace(plan.service, latency=Latency()), traffic=traffic, faults=faults)
    result = simulate(plan, 1)
    assert result.metrics["attempts_per_request"].value == 5
    assert result.metrics["max"].value == pytest.approx(sum(real))


def test_timeouts_of_aiohttp():
    """aiohttp, client.py: ``ClientTimeout`` has no total of its own; only the default one has."""
    found = read("""
import aiohttp, aiohttp_retry
a = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60))
b = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(connect=5))
c = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(None, None, 4))
d = aiohttp_retry.RetryClient(client_session=c)
""")
    assert {name: each.get("attempt", {}).get("after") for name, each in found.items()} == {
        "a": "1m", "b": None, "c": "4s", "d": "4s",
    }  # fmt: skip


def test_waits_of_aiohttp_retry_that_are_no_formula():
    """aiohttp-retry 2.9.1, retry_options.py; the first wait is `get_timeout(1)`."""
    found = read("""
from aiohttp_retry import FibonacciRetry, ListRetry, RetryClient
a = ListRetry([1, 2, 4])
b = FibonacciRetry(attempts=5, multiplier=0.5, max_timeout=2)
c = RetryClient()
async def d():
    await c.get("u", retry_options=ListRetry([1, 9]))
""")
    waits = {name: each["aiohttp-retry"]["wait"] for name, each in found.items()}
    assert waits == {
        "a": "{kind: chain, of: [{kind: fixed, seconds: 2}, {kind: fixed, seconds: 4}]}",
        "b": "{kind: chain, of: [{kind: fixed, seconds: 1}, {kind: fixed, seconds: 1.5}, {kind: fixed, seconds: 2}]}",
        "c": "{kind: chain, of: [{kind: fixed, seconds: 9}]}",
    }  # fmt: skip


def test_the_timeout_of_the_http_client_that_an_sdk_is_given():
    """openai, _base_client.py: it is taken over, and other names of the client are the same class."""
    found = read("""
import anthropic, httpx, openai
a = openai.OpenAI(http_client=httpx.Client(timeout=9))
b = openai.AsyncClient(timeout=4, max_retries=1)
c = anthropic.Client(timeout=5)
""")
    assert {name: each["attempt"]["after"] for name, each in found.items() if name in "abc"} == {
        "a": "9s", "b": "4s", "c": "5s",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("retries", "code"),
    [("{'mode': 'Standard'}", "RL174"), ("{'max_attempts': -1}", "RL192"), ("{'total_max_attempts': 0}", "RL192"),
     ("{'max_attempts': 0}", ""), ("{'total_max_attempts': 1, 'mode': 'adaptive'}", "")],
)  # fmt: skip
def test_what_botocore_refuses_in_its_config(retries: str, code: str):
    config = pytest.importorskip("botocore.config").Config
    refused = ""
    try:
        config(retries=eval(retries))
    except Exception as error:
        refused = type(error).__name__
    assert bool(refused) == bool(code)
    text = f"from botocore.config import Config\nc = Config(retries={retries})\n"
    found = imported(text, "client.py", "c").findings
    assert {each.code for each in found if each.severity == "error"} == ({code} if code else set())
    assert not any("1 calls" in each.message for each in found)


def test_defaults_of_the_class_that_settings_are_made_by():
    text = """
import dataclasses
from dataclasses import dataclass
from pydantic import Field
from tenacity import *
class Settings:
    tries: int = 5
    wait = Field(1.5, gt=0)
settings = Settings()
@dataclass
class Other:
    n: int = dataclasses.field(default=7)
other, given = Other(), Other(n=2)
@retry(stop=stop_after_attempt(settings.tries), wait=wait_fixed(settings.wait))
def a(): ...
@retry(stop=stop_after_attempt(other.n))
def b(): ...
@retry(stop=stop_after_attempt(given.n))
def c(): ...
"""
    found = read(text)
    assert (found["a"]["tenacity"]["stop"][-2], found["a"]["tenacity"]["wait"][-4:-1]) == ("5", "1.5")
    said = {name: imported(text, "client.py", name).stack.unsure for name in found}
    assert any("is taken as 5, the default of `settings.tries`" in each for each in said["a"])
    assert any("is not a constant here (`given.n`)" in each for each in said["c"])


def test_hyx_reads_nothing_as_nothing_and_lists_as_lists():
    """hyx, retry/counters.py (0 retries: one call) and retry/backoffs.py: ``interval`` begins anew at its end."""
    found = read("""
from hyx.circuitbreaker import consecutive_breaker
from hyx.retry import retry
@retry(on=OSError, attempts=0)
async def a(): ...
@retry(on=OSError, attempts=4, backoff=(1, 2, 3))
async def b(): ...
c = consecutive_breaker(exceptions=(TimeoutError,), failure_threshold=2, recovery_time_secs=0)
""")
    assert found["a"]["hyx"]["attempts"] == "1"
    assert [each for each in found["b"]["hyx"]["wait"] if each.isdigit()] == ["1", "2", "3", "1"]
    assert found["b"]["hyx"]["stop"] == "{kind: after_attempt, value: 5}"
    assert found["c"]["hyx"]["recovery_time"] == "0ms"
    assert found["c"]["hyx"]["ignore"] == "[error, unavailable, rate_limited, refused, reset, shed]"


@pytest.mark.parametrize(
    ("client", "raises"),
    [("aiohttp.ClientSession()", False), ("aiohttp.ClientSession(raise_for_status=True)", True),
     ("httpx.AsyncClient()", False), ("httpx.AsyncClient(event_hooks={'response': [check]})", True)],
)  # fmt: skip
def test_clients_that_raise_errors_for_statuses(client: str, raises: bool):
    text = f"""
import aiohttp, httpx
from tenacity import *
client = {client}
@retry({THREE})
async def f():
    return await client.get("u", timeout=2)
"""
    assert ("RL204" in {each.code for each in imported(text, "client.py", "f").findings}) != raises


def test_a_deadline_around_a_call_is_of_the_whole_call():
    text = """
import asyncio, httpx, tenacity
@tenacity.retry
async def f():
    async with asyncio.timeout(2):
        httpx.get("u")
"""
    layers = imported(text, "client.py", "f").stack.layers
    remarks = [layer.remarks for layer in layers if layer.kind == "timeout"]
    assert remarks == [["it limits the whole call"], ["it limits each wait for bytes, not the whole answer"]]


def test_names_that_are_given_by_assignment():
    found = read("""
import httpx, tenacity, urllib3
again, Attempts = tenacity.retry, tenacity.stop_after_attempt
Wait = tenacity.wait_fixed
Circle = Circle
@again(stop=Attempts(4), wait=Wait(2))
def a(): ...
@Circle(stop=Attempts(4))
def b(): ...
class Api:
    Policy = urllib3.util.Retry
    def __init__(self, client=None):
        self.client = client or httpx.Client(timeout=3)
        self.retry = self.Policy(5)
""")
    assert (found["a"]["tenacity"]["stop"][-2], found["a"]["tenacity"]["wait"][-2]) == ("4", "2")
    assert list(found) == ["a", "Api.client"]


def test_remedies_are_in_the_words_of_the_library(tmp_path: Path):
    """Neither pybreaker has a window, nor tenacity an `on`."""
    text = """
import aiohttp, pybreaker
from tenacity import *
breaker = pybreaker.CircuitBreaker(fail_max=1, reset_timeout=9)
@retry(stop=stop_after_attempt(3), wait=wait_random(0, 1))
@breaker
async def f():
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(3))
    (await session.post("u")).raise_for_status()
"""
    file = tmp_path / "client.py"
    file.write_text(text, encoding="utf-8")
    found = json.loads(resim("lint", str(file), "--json").out)["findings"]
    said = {each["code"]: each["remedy"] for each in found}
    assert said["RL031"] == "write a larger `fail_max`"
    assert said["RL019"].startswith("write `retry=retry_if_not_exception_type(")
    assert said["RL017"].startswith("send an idempotency key")
