"""The pytest plugin of resim: the fixture ``wind_tunnel``, the marker ``virtual_time``.

It stands beside the package, so that pytest, which loads every plugin that is installed, loads nothing of resim before
a test asks for it. docs/your-code.md tells what it is for.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from resilience_sim.testing.tunnel import Tunnels

_TUNNELS: pytest.StashKey[Any] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many seeds ``wind_tunnel_seed`` stands for."""
    group = parser.getgroup("resim")
    group.addoption(
        "--wind-tunnel-seeds",
        type=int,
        default=1,
        metavar="N",
        help="run tests that take `wind_tunnel_seed` with the seeds 1 to N",
    )


def pytest_configure(config: pytest.Config) -> None:
    """The marker."""
    config.addinivalue_line("markers", "virtual_time: runs the test on a virtual clock, where waiting takes no time")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A test with the marker ``virtual_time`` waits without waiting."""
    if pyfuncitem.get_closest_marker("virtual_time") is None:
        return None
    from resilience_sim.testing.virtual import run_virtually

    test, coroutine = pyfuncitem.obj, inspect.unwrap(pyfuncitem.obj)
    if inspect.iscoroutinefunction(coroutine):
        test = coroutine  # another plugin would run it in an event loop of its own
    names = inspect.signature(test).parameters
    run_virtually(test, {name: pyfuncitem.funcargs[name] for name in names if name in pyfuncitem.funcargs})
    return True


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """So does one of unittest's, with what its class sets up and tears down for it."""
    from _pytest.unittest import TestCaseFunction  # the only name there is for such a test

    if isinstance(item, TestCaseFunction) and item.get_closest_marker("virtual_time") is not None:
        from resilience_sim.testing.virtual import run_virtually

        item.runtest = functools.partial(run_virtually, item.runtest, {})  # type: ignore[method-assign]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes ``wind_tunnel_seed`` is one for each seed."""
    if "wind_tunnel_seed" in metafunc.fixturenames:
        count = max(1, metafunc.config.getoption("--wind-tunnel-seeds"))
        metafunc.parametrize("wind_tunnel_seed", range(1, count + 1))


@pytest.fixture
def wind_tunnel(request: pytest.FixtureRequest) -> Tunnels:
    """``wind_tunnel("outage.yaml")`` is the scenario as a tunnel for your client code: ``tunnel.run(call)``."""
    from resilience_sim.testing.tunnel import Tunnels

    tunnels = Tunnels(request.path.parent)
    request.node.stash[_TUNNELS] = tunnels
    return tunnels


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails leaves recordings of what it ran, and says how to look at them."""
    report = yield
    tunnels = item.stash.get(_TUNNELS, None)
    if tunnels is not None and report.when == "call" and report.failed:
        cache = getattr(item.config, "cache", None)
        folder = cache.mkdir("resim") if cache is not None else None
        said = tunnels.keep(item.name, folder)
        if said:
            report.sections.append(("wind tunnel", said))
    return report
