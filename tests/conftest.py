"""Shared surroundings of the tests: the helpers beside this file can be imported; Hypothesis repeats itself exactly.

The source is what is tested, whether or not it has been compiled: some tests look inside, and edited code counts at
once. That the compiled core does the same is proven by tests/compiled; ``RESIM_PURE=0`` runs everything on it.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("RESIM_PURE", "1")

sys.path.insert(0, str(Path(__file__).parent))
from compiled import forms
from costs import Costs

# Started with ``&`` by a script, or under nohup, the tests inherit ignored signals and would hand them down to every
# command they start: none of them could be interrupted.
for name in ("SIGINT", "SIGHUP", "SIGTERM"):
    if signal.getsignal(number := getattr(signal, name, signal.SIGINT)) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

settings.register_profile(
    "resim",
    max_examples=100 * int(os.environ.get("RESIM_EXAMPLES", "1")),
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("resim")


def pytest_addoption(parser: pytest.Parser) -> None:
    """One option of our own."""
    parser.addoption(
        "--costs",
        nargs="?",
        const=25,
        type=int,
        metavar="N",
        help="print the most expensive files and tests",
    )


def pytest_configure(config: pytest.Config) -> None:
    """One marker of our own, and what ``--costs`` asks for."""
    if config.getoption("costs"):
        config.pluginmanager.register(Costs(config.getoption("costs")))
    config.addinivalue_line("markers", "white_box: replaces parts of the core, which only its source lets happen")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Workers begin with halves of the suite and steal later: one of them makes what the tests of a module share."""
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Collect tests without collecting garbage: some 300,000 objects live to the end, and nobody walks through them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)  # nor every 700 objects while they run: events and frames leave no cycles
        gc.enable()


def needs_compiling(item: pytest.Item) -> bool:
    """Whether it runs both forms of the core."""
    return not {"compiled", "compiled_runs", "forms"}.isdisjoint(
        getattr(item, "fixturenames", ())
    ) or item.name.endswith("[compiled]")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put last what waits for the compiler; leave out what cannot be done to compiled code."""
    items.sort(key=needs_compiling)
    from resilience_sim._build_mode import describe

    if describe() == "compiled":
        for item in items:
            if item.get_closest_marker("white_box"):
                item.add_marker(pytest.mark.skip(reason="nothing inside the compiled core can be replaced"))


@pytest.fixture(scope="session")
def place_of_session(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all workers of this session share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if hasattr(request.config, "workerinput") else base


@pytest.fixture(scope="session", autouse=True)
def _bytecode(place_of_session: Path) -> None:
    """The commands that tests start would each compile all that they import, if nobody may write it down anywhere."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):
        os.environ["PYTHONPYCACHEPREFIX"] = str(place_of_session / "bytecode")


@pytest.fixture(scope="session")
def place_of_compiled(request: pytest.FixtureRequest, place_of_session: Path) -> list[Path]:
    """The folder of this session, and the one of all sessions, if pytest keeps a cache."""
    cache = getattr(request.config, "cache", None)
    return [place_of_session, cache.mkdir("resim-compiled")] if cache else [place_of_session]


@pytest.fixture(scope="session", autouse=True)
def _compile_ahead(request: pytest.FixtureRequest, place_of_compiled: list[Path]) -> object:
    """Let another process begin with it while other tests run."""
    worker = getattr(request.config, "workerinput", {"workerid": "gw0"})["workerid"]
    if worker == "gw0" and any(map(needs_compiling, request.session.items)):
        return forms.begin(*place_of_compiled)
    return None


@pytest.fixture(scope="session")
def compiled(place_of_compiled: list[Path]) -> Path:
    """The folder to put on the path for the compiled core."""
    return forms.built(*place_of_compiled)
