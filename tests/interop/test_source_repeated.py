"""Functions and classes that are the same but for their names are read once: nothing comes out otherwise for that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from resilience_sim.interop import section
from resilience_sim.interop.formats import convert, copy_of, instance_names, open_config
from resilience_sim.interop.source.repeated import repeated
from resilience_sim.lint.check import lint_files

IMPORTS = """import asyncio, requests, httpx
from functools import partial
from openai import OpenAI
from tenacity import retry, stop_after_attempt, wait_fixed
from urllib3.util.retry import Retry
from requests.adapters import HTTPAdapter

LIMIT = 4
SESSION = requests.Session()
CLIENT = httpx.Client(timeout=3)
SDK = OpenAI(timeout=4)
POLICY = retry(stop=stop_after_attempt(LIMIT))
"""
KINDS = {
    "bare": "@retry\ndef {0}():\n    return requests.get('http://b').json()",
    "constant": "@retry(stop=stop_after_attempt(LIMIT), wait=wait_fixed({{}}))\nasync def {0}(n):\n    await get(n)",
    "shared": "@POLICY\ndef {0}():\n    return helper_of_all()",
    "session": "@POLICY\ndef {0}(url):\n    return SESSION.get(url, timeout=2).status_code",
    "spread": "def {0}(**more):\n    return CLIENT.get('http://b', **more)",
    "sdk": "@POLICY\ndef {0}(x):\n    return SDK.chat.completions.create(x, timeout=9)",
    "mount": "def {0}():\n    session = requests.Session()\n"
    "    session.mount('http://', HTTPAdapter(max_retries=Retry(total=3, method_whitelist=[])))\n"
    "    return session.get('http://b')",
    "class": 'class {0}Client:\n    """Talks {{{{to}}}} {{}}."""\n\n    def __init__(self):\n'
    "        self.openai = OpenAI(max_retries=7)\n        self.session = requests.Session()\n\n"
    "    @retry(stop=stop_after_attempt(20), wait=wait_fixed(0))\n    def get(self, n):\n"
    "        return self.openai.responses.create(n)\n\n"
    "    @retry(stop=stop_after_attempt(n))\n    def get_more(self, n):\n        return self.session.get(n)",
    "unknown": "@retry(stop=stop_after_attempt(env()), wait=wait_fixed(w))\nasync def {0}():\n    await get(1)",
    "global": "def {0}():\n    global CHANGED\n    CHANGED = OpenAI(timeout=1)",
    "caller": "def {0}():\n    return deep_down_900()",
    "nothing": "def {0}():\n    return 1",
}
HELPERS = (
    "@retry(stop=stop_after_attempt(3), wait=wait_fixed(1))\ndef helper_of_all():\n    return requests.get('http://c')",
    "class Deeper:\n    LIMIT = 60",
    "class Deep:\n    LIMIT = Deeper.LIMIT",
    "@retry(stop=stop_after_attempt(Deep.LIMIT))\ndef deepest():\n    return requests.get(1)",
    "def made():\n    return SDK",
    "@POLICY\ndef through():\n    return made().responses.create(1)",
    "changed = CHANGED.chat.completions.create(1)",
    "patient = deep_down_903.retry_with(stop=stop_after_attempt(8))",
    '"""\n\n\n@retry\ndef in_text_1():\n    return requests.get(1)\n\n\n"""',
)


def text_of(kinds: list[str], n: int, *more: str) -> str:
    rows = [KINDS[kind].format(f"{kind}_{i:03}") for i in range(n) for kind in kinds]
    return "\n\n\n".join([IMPORTS, *rows, *more]) + "\n"


def seen(file: Path) -> tuple[list[object], list[str]]:
    opened = open_config(str(file), file.read_text(encoding="utf-8"))
    assert opened is not None
    return list(lint_files([str(file)]).found), instance_names(*opened)


@pytest.mark.parametrize("kinds", [[kind] for kind in KINDS] + [list(KINDS)], ids=lambda kinds: "+".join(kinds)[:12])
def test_copies_are_what_they_are_when_each_is_read(kinds: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "clients.py"
    deep = [KINDS["bare"].format(f"deep_down_{i}") for i in range(900, 906)]
    file.write_text(text_of(kinds, 7, *deep, *HELPERS), encoding="utf-8")
    monkeypatch.setattr(section, "LARGE", 3)
    assert repeated(file.read_text(encoding="utf-8")) is not None
    found, names = seen(file)
    monkeypatch.setattr(section, "LARGE", 10_000)
    every, all_names = seen(file)
    assert found == every
    assert names == all_names
    assert any("60 attempts" in str(each) for each in found)


def test_few_are_read_and_one_that_is_asked_for_is_read_whole(monkeypatch: pytest.MonkeyPatch):
    text = text_of(["constant", "class"], 9)
    monkeypatch.setattr(section, "LARGE", 3)
    file, name = open_config("clients.py", text) or pytest.fail("not recognised")
    names = instance_names(file, name)
    copies = [each for each in names if copy_of(file, name, each) is not None]
    assert len(names) == 3 + 9 * 4
    assert len(copies) == 7 * 4  # the first and the last piece begin and end otherwise
    some = copies[-1]
    last = convert(file, name, some)
    monkeypatch.setattr(section, "LARGE", 10_000)
    alone = replace(file, memo={})
    assert copy_of(alone, name, some) is None
    assert convert(alone, name, some) == last


@pytest.mark.parametrize(
    "last", ["def broken(:\n    pass", "  indented = 1", "else:\n    pass", '"""\nan open text'], ids=str.split
)
def test_a_broken_file_is_broken_where_it_is(last: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "clients.py"
    file.write_text(text_of(["bare"], 9, last), encoding="utf-8")
    monkeypatch.setattr(section, "LARGE", 3)
    (unread,) = lint_files([str(file)]).unreadable
    monkeypatch.setattr(section, "LARGE", 10_000)
    assert lint_files([str(file)]).unreadable == [unread]
