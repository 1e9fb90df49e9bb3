"""Python source as stacks: a realistic file per library, names, constants, nesting, and what is not known."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path

import pytest
from cli.shell import resim

from interop.shop import imported, plan_of
from resilience_sim.interop.emit import policies, settle
from resilience_sim.interop.python import read
from resilience_sim.interop.source.module import Module
from resilience_sim.interop.source.stacks import Stack
from resilience_sim.lint.check import lint_text
from resilience_sim.runs.simulate import simulate
from resilience_sim.scenario.diagnostics import ScenarioError

FOLDER = Path(__file__).parent / "source"
FILES = sorted(FOLDER.glob("*.py"))


def stacks(text: str) -> dict[str, Stack]:
    """The stacks of a snippet by name."""
    return {each.name: each for each in read("x.py", textwrap.dedent(text))}


def of(name: str) -> dict[str, Stack]:
    """The stacks of a file here."""
    return stacks((FOLDER / f"{name}.py").read_text(encoding="utf-8"))


def settings(stack: Stack) -> list[dict[str, str]]:
    """Each layer as a scenario says it, with its kind."""
    return [
        {"kind": layer.kind} | {key: each.value for key, each in settle(layer).items()}
        for layer in stack.converted.layers
    ]


def one(text: str) -> dict[str, str]:
    """The settings of the only policy beside a timeout."""
    (stack,) = stacks(text).values()
    (found,) = [each for each in settings(stack) if each["kind"] != "timeout"]
    return found


def codes(stack: Stack) -> list[str]:
    """What is said about a stack."""
    return [each.code for each in stack.log.found]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_stack_of_every_file_loads_and_runs(path: Path):
    """A scenario without a mistake for each instance; the shortest of them is run."""
    text = path.read_text(encoding="utf-8")
    names = list(stacks(text))
    assert len(names) >= 4
    for name in names:
        plan = plan_of(imported(text, path.name, name))
        assert plan.stack or name == "endless"
    assert simulate(plan, 1).document["requests"]["total"] > 4000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_findings_point_into_the_source(path: Path):
    """Every place of every finding is where the code says that."""
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    for each in lint_text(text, path.name):
        assert lines[each.line - 1][each.col - 1 : each.col].strip(), each
        assert each.file == path.name


# --- library by library -----------------------------------------------------------------------------------------------


def test_tenacity():
    """Stops, waits and conditions, alone and joined, by whatever name they were imported."""
    found = of("tenacity_jobs")
    assert codes(found["forever"]) == ["RL201", "RL204"]
    assert codes(found["never_gives_up"]) == ["RL202"]
    retry, timeout = settings(found["both"])
    assert retry["stop"] == "{kind: any, of: [{kind: after_attempt, value: 5}, {kind: after_delay, value: 60}]}"
    assert retry["wait"] == "{kind: sum, of: [{kind: fixed, seconds: 1}, {kind: random, min: 0, max: 2}]}"
    assert timeout["after"] == "4s"
    retry, timeout = settings(found["all_of_them"])
    assert retry["stop"] == "{kind: all, of: [{kind: after_attempt, value: 2}, {kind: before_delay, value: 3}]}"
    assert retry["wait"] == "{kind: exponential, multiplier: 0.5, max: 10, min: 1}"
    assert timeout["after"] == "7s"
    chained, inner, _ = settings(found["chained"])
    assert chained["wait"].count("kind: fixed") == 3
    assert inner["stop"] == settings(found["both"])[0]["stop"]
    assert "incrementing, start: 1, increment: 2, max: 9" in settings(found["patient"])[0]["wait"]
    assert settings(found["configured"])[0]["on"] == "[timeout, reset]"
    assert "(`settings.attempts`): taken as 3 (line" in found["configured"].converted.unsure[0]
    assert settings(found["looped"])[0]["wait"] == "{kind: exponential_jitter, initial: 0.2, max: 4, jitter: 0.5}"
    assert codes(found["parses"]) == ["RL190"]


def test_stamina():
    """Its own rules; timedelta and None."""
    found = of("stamina_search")
    retry, timeout = settings(found["search"])
    assert (retry["like"], retry["attempts"], retry["max_elapsed"]) == ("stamina", "3", "20s")
    assert (retry["delay"], retry["max_delay"], retry["wait_jitter"]) == ("200ms", "3s", "1s")
    assert timeout["after"] == "2.5s"
    endless = settings(found["suggest"])[0]
    assert (endless["attempts"], endless["timeout"], endless["wait_jitter"]) == ("10000", "0s", "0ms")
    assert codes(found["suggest"]) == ["RL202"]
    assert settings(found["refresh"])[0]["factor"] == "3x"
    assert found["refresh"].converted.method == "POST"
    assert settings(found["caller"])[0]["attempts"] == "5"


def test_backoff():
    """Full jitter is the default, a giveup is said, random_jitter is exact in tenacity's words."""
    found = of("backoff_mail")
    send = settings(found["send"])[0]
    assert (send["attempts"], send["max_elapsed"], send["max_delay"], send["jitter"]) == ("8", "1m", "20s", "full")
    status = settings(found["status"])[0]
    assert (status["delay"], status["jitter"], status["on"]) == ("3s", "none", "[timeout, refused, reset]")
    assert codes(found["status"]) == ["RL203"]
    assert codes(found["poll"]) == ["RL202"]
    upload = settings(found["upload"])[0]
    assert upload["wait"] == (
        "{kind: sum, of: [{kind: exponential, multiplier: 0.5, exp_base: 3}, {kind: random, min: 0, max: 1}]}"
    )
    assert any("`str` gives up" in each for each in found["upload"].converted.unsure)
    assert not any("jitter" in each for each in found["upload"].converted.unsure)


def test_http_clients():
    """Sessions and their adapters, pools, transports, retry options."""
    found = of("http_clients")
    retry, timeout = settings(found["make_session"])
    assert (retry["total"], retry["read"], retry["backoff_factor"]) == ("3", "1", "0.3")
    assert retry["status_forcelist"] == "[500, 502, 504]"
    assert timeout["after"] == "6s"  # of the call on `self.session`, which a function made
    assert "500, 502, 504, the default of the parameter `statuses`" in found["make_session"].converted.unsure[-1]
    assert [each["kind"] for each in settings(found["Shop.plain"])] == ["retry"]
    assert codes(found["pool"]) == ["RL205", "RL206"]
    assert settings(found["inventory"])[0]["on"] == "[refused]"
    assert settings(found["endless"]) == []
    polite = settings(found["polite"])[0]
    assert (polite["attempts"], polite["delay"], polite["jitter"]) == ("6", "1s", "full")
    crawl = settings(found["client"])[0]
    assert (crawl["attempts"], crawl["delay"], crawl["factor"]) == ("4", "400ms", "2x")
    assert codes(found["client"]) == ["RL207", "RL119"]
    assert settings(found["uneven"])[0]["on"] == "[unavailable, shed]"


def test_breakers():
    """As decorators, in a `with`, and alone; a key in the headers makes a POST harmless."""
    found = of("breakers_payments")
    breaker, timeout = settings(found["pay"])
    assert (breaker["failure_threshold"], breaker["recovery_time"], breaker["success_threshold"]) == ("3", "30s", "2")
    assert (timeout["after"], found["pay"].converted.method) == ("5s", "GET")
    assert settings(found["refund"])[0]["recovery_time"] == "1m30s"
    assert settings(found["balance"])[0]["failure_threshold"] == "10"
    assert found["balance"].converted.unsure == []
    assert settings(found["rates"])[0]["recovery_time"] == "30s"
    assert [each["kind"] for each in settings(found["report"])] == ["circuit_breaker", "timeout"]
    assert settings(found["ledger"])[0]["failure_threshold"] == "7"


def test_hyx():
    """Decorators around decorators; attempts are retries."""
    found = of("hyx_stock")
    layers = settings(found["stock"])
    assert [each["kind"] for each in layers] == ["bulkhead", "retry", "circuit_breaker", "timeout"]
    assert (layers[0]["max_concurrent"], layers[0]["queue"]) == ("5", "3")
    assert (layers[1]["like"], layers[1]["attempts"], layers[1]["delay"]) == ("hyx", "2", "250ms")
    assert (layers[2]["failure_threshold"], layers[2]["success_threshold"]) == ("4", "3")
    limit, retry, _ = settings(found["reserve"])
    assert (limit["after"], retry["attempts"], retry["factor"], retry["max_delay"]) == ("4s", "4", "3x", "2s")
    assert settings(found["forever"])[0]["attempts"] == "10000"
    assert codes(found["forever"]) == ["RL202"]


def test_sdks():
    """botocore counts retries, the SDKs of language models wait ten minutes, retries around them multiply."""
    found = of("sdks")
    assert (settings(found["bucket"])[0]["attempts"], settings(found["bucket"])[1]["after"]) == ("5", "8s")
    assert (settings(found["table"])[0]["attempts"], settings(found["table"])[0]["mode"]) == ("6", "legacy")
    openai, timeout = settings(found["openai_client"])
    assert (openai["attempts"], openai["delay"], openai["max_delay"], timeout["after"]) == ("3", "437.5ms", "8s", "10m")
    assert (settings(found["quick"])[0]["attempts"], settings(found["quick"])[1]["after"]) == ("2", "30s")
    assert settings(found["claude"])[0]["attempts"] == "5"
    assert found["claude"].converted.unsure == [
        "`max_retries` is taken as 4, the default of an environment variable (line 19)"
    ]
    assert codes(found["openai_client"]) == ["RL208"]
    assert codes(found["quick"]) == []
    outer, inner, _ = settings(found["ask"])
    assert (outer["on"], inner["attempts"]) == ("[rate_limited]", "6")  # with_options
    assert [each["kind"] for each in settings(found["store"])] == ["retry", "retry", "timeout"]
    multiplied = [each for each in lint_text((FOLDER / "sdks.py").read_text(), "sdks.py") if each.code == "RL005"]
    assert [(each.instance, each.numbers["attempts"]) for each in multiplied] == [("ask", 36), ("store", 15)]
    assert "`max_retries=0`" in multiplied[0].remedy


# --- names and constants ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "written", "attempts"),
    [
        ("", "3", "3"),
        ("N = 3", "N", "3"),
        ("N = 2\nM = N + 1", "M * 2 - 1", "5"),
        ("N: int = 4", "N", "4"),
        ("", "2 ** 3", "8"),
        ("", "int('6')", "6"),
        ("", "max(2, 7)", "7"),
        ("class Config:\n    N = 5", "Config.N", "5"),
    ],
)
def test_constants(before: str, written: str, attempts: str):
    """What can be known without running anything is known."""
    (stack,) = stacks(
        f"import stamina\n{before}\n@stamina.retry(on=OSError, attempts={written})\ndef f(): ...\n"
    ).values()
    assert settings(stack)[0]["attempts"] == attempts
    assert not any("attempts" in each for each in stack.converted.unsure)


@pytest.mark.parametrize(
    ("before", "written", "said"),
    [
        ("from conf import N", "N", "(`N`)"),
        ("N = 1\nN = 2", "N", "(`N`, which is assigned more than once)"),
        ("N = 1\ndef g():\n    global N\n    N = 2", "N", "(`N`, which is assigned more than once)"),
        ("N = 1\nN += 1", "N", "(`N`, which is assigned more than once)"),
        ("import os", "int(os.environ['N'])", "(an environment variable)"),
        ("", "compute()", "(a call of `compute`)"),
        ("for N in range(3): pass", "N", "(`N`)"),
        ("", "9 ** 9 ** 9", "(a large power)"),
        ("A = B\nB = A", "A", "a long expression"),
    ],
)
def test_what_is_no_constant_is_said(before: str, written: str, said: str):
    """With the reason and what was taken for it; findings carry that along and are no errors."""
    text = f"import stamina\n{before}\n@stamina.retry(on=OSError, attempts={written}, timeout=None)\ndef f(): ...\n"
    (stack,) = stacks(text).values()
    (note,) = [each for each in stack.converted.unsure if "`attempts`" in each]
    assert said in note
    assert "taken as 10 (line" in note
    for each in lint_text(text, "x.py"):
        if each.code.startswith("RL0"):
            assert note in each.assumes
            assert each.severity != "error"


@pytest.mark.parametrize(
    "text",
    [
        "import tenacity as t\n@t.retry(stop=t.stop_after_attempt(4))\ndef f(): ...",
        "from tenacity import retry as again, stop_after_attempt\n@again(stop=stop_after_attempt(4))\ndef f(): ...",
        "from tenacity.stop import stop_after_attempt\nimport tenacity\nSTOP = stop_after_attempt(4)\n"
        "@tenacity.retry(stop=STOP)\ndef f(): ...",
        "import tenacity, functools\nmine = functools.partial(tenacity.retry, stop=tenacity.stop_after_attempt(4))\n"
        "@mine()\ndef f(): ...",
        "import tenacity\nOPTIONS = {'stop': tenacity.stop_after_attempt(4)}\n@tenacity.retry(**OPTIONS)\ndef f(): ...",
        "import tenacity\ndef mine():\n    return tenacity.retry(stop=tenacity.stop_after_attempt(4))\n"
        "@mine()\ndef f(): ...",
        "try:\n    import tenacity\nexcept ImportError:\n    tenacity = None\n"
        "@tenacity.retry(stop=tenacity.stop_after_attempt(4))\nasync def f(): ...",
        "import tenacity as t\nclass A:\n    N = 4\n    @t.retry(stop=t.stop_after_attempt(N))\n    def f(self): ...",
        "import tenacity as t\nretryer = t.Retrying(stop=t.stop_after_attempt(4))\n@retryer.wraps\ndef f(): ...",
    ],
)
def test_names(text: str):
    """Aliases, partial, factories, class attributes: the same four attempts."""
    assert one(text)["stop"] == "{kind: after_attempt, value: 4}"


@pytest.mark.parametrize(
    "text",
    [
        "from mine import retry\n@retry\ndef f(): ...",  # somebody else's
        "import tenacity\ndef retry(f): return f\n@retry\ndef f(): ...",
        "import requests\nrequests.get('http://x')",  # ruff's S113 says that
        "import httpx\nclient = httpx.Client()",
        "from openai.types import Chat\nclass OpenAI: ...\nclient = OpenAI()",
        "import tenacity\nhelp(tenacity)",
    ],
)
def test_what_is_no_stack(text: str):
    """Names of others, and calls that configure nothing."""
    assert stacks(text) == {}


def test_a_decorated_function_that_calls_another_is_a_nest():
    """Through a helper without a decorator, too, and in no circle for ever."""
    text = """\
    import stamina, requests
    @stamina.retry(on=OSError, attempts=3)
    def outer():
        return helper()
    def helper():
        outer()
        return inner()
    @stamina.retry(on=OSError, attempts=4)
    def inner():
        return requests.get("http://x", timeout=2)
    """
    found = stacks(text)
    assert [each["kind"] for each in settings(found["outer"])] == ["retry", "retry", "timeout"]
    (nested,) = [each for each in lint_text(textwrap.dedent(text), "x.py") if each.code == "RL005"]
    assert (nested.instance, nested.line, nested.numbers["attempts"]) == ("outer", 2, 12)


def test_deadlines_around_the_call():
    """`wait_for` and `timeout()` are layers, outermost first; those beside the call are not."""
    text = """\
    import asyncio, stamina, httpx
    client = httpx.AsyncClient(timeout=9)
    @stamina.retry(on=OSError)
    async def f():
        async with asyncio.timeout(20):
            await asyncio.wait_for(client.get("http://x"), 5)
        async with asyncio.timeout(1):
            pass
    """
    assert [each.get("after") for each in settings(stacks(text)["f"])] == [None, "20s", "5s", "9s"]


def test_statuses_that_no_retry_sees():
    """RL204 where nothing looks at the answer; silent where something does, or where the retry asks for less."""
    text = "import tenacity, requests\n@tenacity.retry(stop=tenacity.stop_after_attempt(3){})\ndef f():\n    {}\n"
    silent = [
        "r = requests.get('u', timeout=1)\n    r.raise_for_status()",
        "if requests.get('u', timeout=1).ok: return",
    ]
    assert "RL204" in codes(stacks(text.format("", "return requests.get('u', timeout=1)"))["f"])
    for body in silent:
        assert "RL204" not in codes(stacks(text.format("", body))["f"])
    narrow = ", retry=tenacity.retry_if_exception_type(requests.Timeout)"
    assert "RL204" not in codes(stacks(text.format(narrow, "return requests.get('u', timeout=1)"))["f"])


def test_a_call_without_a_timeout():
    """RL203 at the call stands for RL004 at the decorator; with a timeout neither is said."""
    text = "import tenacity as t, requests\n@t.retry(stop=t.stop_after_attempt(3))\ndef f():\n    requests.get('u'{})\n"
    found = lint_text(text.format(""), "x.py")
    (endless,) = [each for each in found if each.code in ("RL203", "RL004")]
    assert (endless.code, endless.line, endless.col) == ("RL203", 4, 5)
    assert not [each for each in lint_text(text.format(", timeout=1"), "x.py") if each.code in ("RL203", "RL004")]


def test_the_remedy_is_in_the_words_of_the_library():
    """Not in those of a scenario."""
    text = "import tenacity as t\n@t.retry(stop=t.stop_after_attempt(3), wait=t.wait_fixed(1))\ndef f(): ...\n"
    (jitter,) = [each for each in lint_text(text, "x.py") if each.code == "RL014"]
    assert "wait_random(0, 1)" in jitter.remedy
    assert "1s later and 2 times" in jitter.message
    assert jitter.source.strip() == "wait=t.wait_fixed(1)"  # as written, for it is made of names and numbers


def test_a_random_wait_is_no_wait_at_once():
    """wait_random and sums have no fixed part, and wait all the same."""
    text = "import tenacity as t\n@t.retry(stop=t.stop_after_attempt(3), wait={})\ndef f(): ...\n"
    for wait in ("t.wait_random(0, 2)", "t.wait_fixed(1) + t.wait_random(0, 2)", "t.wait_random_exponential()"):
        assert not {each.code for each in lint_text(text.format(wait), "x.py")} & {"RL014", "RL016"}
    assert "RL016" in {each.code for each in lint_text(text.format("t.wait_fixed(0)"), "x.py")}


# --- files that are none ----------------------------------------------------------------------------------------------

TENACITY = "import tenacity\n@tenacity.retry\ndef f(): ...\n"
BROKEN = {
    "two.py": "import tenacity\nprint 'hello'\n",
    "cut.py": "import tenacity\ndef f(:\n",
    "deep.py": "import tenacity\nx = " + "(" * 300 + ")" * 300 + "\n",
    "minus.py": "import tenacity\nx = " + "-" * 100_000 + "1\n",
    "plus.py": "import tenacity\nx = " + "1+" * 100_000 + "1\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_parsed(name: str, tmp_path: Path):
    """Named: exit code 2 with the place. In a folder: a warning, and the other files are linted."""
    with pytest.raises(ScenarioError) as caught:
        read(name, BROKEN[name])
    assert [each.code for each in caught.value.diagnostics] == ["RL200"]
    (tmp_path / name).write_text(BROKEN[name], encoding="utf-8")
    (tmp_path / "good.py").write_text(TENACITY, encoding="utf-8")
    alone = resim("lint", str(tmp_path / name))
    assert (alone.code, "RL200" in alone.err, "Traceback" in alone.err) == (2, True, False)
    folder = resim("lint", str(tmp_path), "--format", "concise")
    assert folder.code == 1
    assert "RL200" in folder.out
    assert "RL201" in folder.out


@pytest.mark.parametrize("depth", [10, 150, 4000])
def test_long_chains_end(depth: int):
    """Deep, but parsed: an answer or a finding, never a crash."""
    for text in (
        f"N = {'+'.join(['1'] * depth)}\n@t.retry(stop=t.stop_after_attempt(N))\ndef f(): ...\n",
        f"x = t{'.a' * depth}\n",
        f"x = t{'.a()' * depth}\n",
        "".join(f"N{i + 1} = N{i}\n" for i in range(depth)) + f"retry = N{depth}\n@retry\ndef f(): ...\n",
        f"@t.retry(stop={' | '.join(['t.stop_after_attempt(2)'] * depth)})\ndef f(): ...\n",
    ):
        said: set[str] = set()
        try:
            said = {each.code for each in lint_text(f"import tenacity as t\n{text}", "x.py")}
        except ScenarioError as error:
            said = {each.code for each in error.diagnostics}
        assert said <= {"RL200", "RL016", "RL029"}


def test_encodings(tmp_path: Path):
    """Python says its encoding itself; columns are characters."""
    text = f"# -*- coding: latin-1 -*-\n{TENACITY}é = tenacity.Retrying()\n"
    (tmp_path / "latin.py").write_bytes(text.encode("latin-1"))
    (tmp_path / "mark.py").write_bytes(b"\xef\xbb\xbf" + TENACITY.encode())
    (tmp_path / "wrong.py").write_bytes(b"import tenacity\nx = '\xff'\n")
    answer = resim("lint", str(tmp_path), "--format", "concise")
    assert f"{tmp_path}/latin.py:5:5" in answer.out
    assert f"{tmp_path}/mark.py:2:2" in answer.out
    assert "wrong.py" in answer.out
    assert "not UTF-8" in answer.out


def test_secrets_in_source_are_not_shown(tmp_path: Path):
    """Nor are strings, comments or lines."""
    path = tmp_path / "client.py"
    path.write_text(
        "from openai import OpenAI  # hunter2\nimport requests\nfrom tenacity import retry\n"
        "client = OpenAI(api_key='hunter2', max_retries='hunter2', timeout='hunter2')\n"
        "@retry\ndef f(): requests.get('http://u:hunter2@x', headers={'A': 'hunter2'})\n",
        encoding="utf-8",
    )
    said = [resim("import", str(path), "--instance", "client"), resim("import", str(path), "--instance", "f")]
    said += [
        resim("lint", str(path), *form) for form in ((), ("--json",), ("--format", "sarif"), ("--format", "github"))
    ]
    assert all(each.out + each.err for each in said)
    assert "hunter2" not in "".join(each.out + each.err for each in said)


EXTREMES = ("0", "-5", "1e308", "None", "True", "'x'", "lambda e: 1", "10**9", "(1, 2)", "1e-12")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_extreme_values_make_a_scenario_that_loads(path: Path):
    """One number after the other, and all at once: whatever stands there, an import ends in a scenario or in words."""
    text = path.read_text(encoding="utf-8")
    numbers = [each.span() for each in re.finditer(r"(?<==)\d[\d.]*|(?<=\()\d[\d.]*(?=[),])", text)]
    assert len(numbers) > 3
    for index, value in enumerate(EXTREMES):
        for at in ([numbers[index % len(numbers)]], numbers):
            changed = text
            for start, end in reversed(at):
                changed = changed[:start] + value + changed[end:]
            try:
                found = read(path.name, changed)
            except ScenarioError:
                continue  # no Python any more
            for stack in found:
                assert policies(stack.converted) is not None, [settings(stack), value]


# --- folders ----------------------------------------------------------------------------------------------------------


def test_folders_leave_out_what_tools_made(tmp_path: Path):
    """Virtual environments, packages, hidden folders; scenarios, configurations and source are linted together."""
    for folder in (".venv/lib", "node_modules/x", "build/lib", ".git", "env", "my.egg-info", "other"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.py").write_text(TENACITY, encoding="utf-8")
    (tmp_path / "other" / "pyvenv.cfg").write_text("home = /usr\n", encoding="utf-8")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text(TENACITY, encoding="utf-8")
    (tmp_path / "src" / "plain.py").write_text("print('hello')\n", encoding="utf-8")
    (tmp_path / "application.yml").write_text("resilience4j.retry.instances.b.maxAttempts: 3\n", encoding="utf-8")
    answer = resim("lint", str(tmp_path), "--format", "concise")
    assert answer.code == 1
    assert answer.out.count("RL201") == 1
    assert "src/a.py" in answer.out
    assert "application.yml" in answer.out
    full = resim("lint", str(tmp_path))
    assert "in 3 files with 2 stacks" in full.err


def test_source_without_stacks_is_nothing_to_complain_about(tmp_path: Path):
    """A hook may be handed every changed file."""
    path = tmp_path / "plain.py"
    path.write_text("import requests\nprint(requests.get('http://x', timeout=3))\n", encoding="utf-8")
    answer = resim("lint", str(path))
    assert (answer.code, answer.out) == (0, "")
    assert "nothing found with no stacks" in answer.err
    assert resim("import", str(path)).code == 2


def test_github_and_sarif(tmp_path: Path):
    """One line a finding, with file, line and column."""
    path = tmp_path / "a.py"
    path.write_text(TENACITY, encoding="utf-8")
    line = resim("lint", str(path), "--format", "github").out.splitlines()[0]
    assert line.startswith(f"::error file={path},line=2,col=2")
    assert '"startLine": 2' in resim("lint", str(path), "--format", "sarif").out


def test_import_by_name(tmp_path: Path):
    """--instance takes the name that the function or client has in the file; the scenario runs."""
    path = FOLDER / "http_clients.py"
    several = resim("import", str(path))
    assert several.code == 2
    assert "make_session" in several.err
    target = tmp_path / "shop.yaml"
    assert resim("import", str(path), "--instance", "inventory", "-o", str(target)).code == 0
    assert "(line 3" in target.read_text(encoding="utf-8")
    assert resim("run", str(target), "-q").code == 0


def test_nothing_is_imported_or_run(tmp_path: Path):
    """The file is text: what it would do when imported does not happen."""
    trap = tmp_path / "trap"
    path = tmp_path / "evil.py"
    path.write_text(f"{TENACITY}open({str(trap)!r}, 'w')\n", encoding="utf-8")
    assert resim("lint", str(path)).code == 1
    assert not trap.exists()


def test_the_work_grows_with_the_file_only():
    """Ten times the text makes about ten times the nodes that are visited, and no more names to follow."""
    block = (FOLDER / "tenacity_jobs.py").read_text(encoding="utf-8")
    steps = [_steps(block * copies) for copies in (2, 20)]
    assert steps[1] < 14 * steps[0]


def _steps(text: str) -> int:
    """Calls of the resolver."""
    count = 0
    real = Module.bindings

    def counted(self: Module, node: ast.AST, scope: object) -> list:
        nonlocal count
        count += 1
        return real(self, node, scope)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Module, "bindings", counted)
        read("x.py", text)
    return count


def test_arguments_that_are_not_seen_are_not_missing():
    """`**options` of elsewhere may hold a timeout: nothing is said about its absence."""
    text = (
        "import requests, stamina\nfrom openai import OpenAI\n@stamina.retry(on=OSError)\ndef f(**options):\n    {}\n"
    )
    for call in ("requests.get('u', **options)", "OpenAI(**options).models.list()"):
        (stack,) = [each for each in read("x.py", text.format(call)) if each.name == "f"]
        assert codes(stack) == ([] if "OpenAI" in call else ["RL204"])
        assert any("arguments come from `options`" in each for each in stack.converted.unsure)
    for library in ("tenacity.retry({})", "backoff.on_exception(backoff.expo, OSError, {})"):
        made = f"import tenacity, backoff\ndef make(**options):\n    return {library}\n"
        (unknown,) = stacks(made.format("**options")).values()
        assert codes(unknown) == []
        (bare,) = stacks(made.format("")).values()
        assert codes(bare) == ["RL201" if "tenacity" in library else "RL202"]
    told = stacks(text.format("OpenAI().models.list()"))
    assert codes(told["f"]) == ["RL208"]


def test_a_parameter_without_a_value_is_not_none():
    """`timeout=None` in a signature is nobody's decision; in a call it is one."""
    text = "import httpx\ndef make(timeout=None):\n    return httpx.Client(timeout={})\n"
    (unknown,) = stacks(text.format("timeout")).values()
    assert [each["kind"] for each in settings(unknown)] == ["timeout"]
    assert "None by default" in unknown.converted.unsure[0]
    found = lint_text(text.format("None"), "x.py")
    assert [(each.code, each.line, each.col) for each in found] == [("RL004", 3, 12)]


def test_retry_from_wherever_it_is_exported():
    """requests.adapters and requests.packages hand out urllib3's."""
    for place in (
        "urllib3",
        "urllib3.util",
        "urllib3.util.retry",
        "requests.adapters",
        "requests.packages.urllib3.util",
    ):
        assert one(f"from {place} import Retry\npolicy = Retry(total=2)\n")["total"] == "2"


def test_ten_minutes_are_said_once_a_file():
    """SDKs are made in many places; the first stands for all."""
    text = "import openai\n" + "".join(f"client{i} = openai.OpenAI()\n" for i in range(5))
    assert [each.line for each in lint_text(text, "x.py") if each.code == "RL208"] == [2]


def test_made_up_traffic_weighs_less_in_source():
    """How many call at once nobody says: worth knowing, unless it is told."""
    text = "import tenacity as t\n@t.retry(stop=t.stop_after_attempt(2), wait=t.wait_fixed(1))\ndef f(): ...\n"
    (guessed,) = [each for each in lint_text(text, "x.py") if each.code == "RL014"]
    (told,) = [each for each in lint_text(text, "x.py", ["traffic.rate=20/s"]) if each.code == "RL014"]
    assert (guessed.severity, told.severity) == ("info", "warning")
    assert "1s later and once;" in told.message


def test_a_thousand_files_take_a_thousand_times_as_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each file is read once, parsed once where it mentions a library, and let go of before the next."""
    plain = "import os\n" + "print(os.name)\n" * 20
    for i in range(1000):
        text = TENACITY if i % 20 == 0 else plain
        (tmp_path / f"m{i:04}.py").write_text(text, encoding="utf-8")
    parsed = 0
    real = ast.parse

    def counted(*args: object, **options: object) -> ast.AST:
        nonlocal parsed
        parsed += 1
        return real(*args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(ast, "parse", counted)
    answer = resim("lint", str(tmp_path), "--format", "concise")
    assert answer.out.count("RL201") == 50
    assert parsed == 50


@pytest.mark.parametrize(
    ("argument", "methods"),
    [
        ("", None),
        ("allowed_methods=None", "any"),
        ("allowed_methods=False", "any"),
        ('allowed_methods=["get", "POST"]', "[GET, POST]"),
        ('allowed_methods=frozenset({"PUT"})', "[PUT]"),
        ("allowed_methods=METHODS", None),
    ],
)
def test_the_methods_that_urllib3_tries_again(argument: str, methods: str | None):
    """They decide whether a POST is; where they are no constant the default stands in, and that is said."""
    made = f"urllib3.PoolManager(retries=urllib3.Retry(total=3, {argument}))"
    text = f"import urllib3\npool = {made}\npool.request('GET', U)\n"
    (stack,) = stacks(text).values()
    retry = next(each for each in settings(stack) if each["kind"] == "retry")
    assert retry.get("allowed_methods") == methods
    assert any("`allowed_methods` is not a constant" in each for each in stack.converted.unsure) == (
        "METHODS" in argument
    )
