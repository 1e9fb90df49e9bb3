"""The pytest plugin: a tunnel for client code, the comparison with a stack, recordings of what has failed."""

from __future__ import annotations

import os
import subprocess
import sys
from math import inf
from pathlib import Path

import pytest
from cli.shell import resim
from lab_of_clients import CODE, own_code_is_found
from patience import PATIENCE

from resilience_sim.client.errors import OwnCodeError
from resilience_sim.testing.tunnel import Tunnels, target_of

ROOT = Path(__file__).parent.parent.parent
OUTAGE = """\
resim: 1
name: outage
service: {latency: {exponential: 60ms}, workers: 8}
traffic: {rate: 20/s, requests: 60}
faults: [{outage: {how: refuse, at: 1s, for: 1s}}]
stack: [{retry: {attempts: 3, delay: 1s}}, {timeout: {after: 1s}}]
"""
STACK = "stack: [{retry: {attempts: 3, delay: 2s}}, {timeout: {after: 1s}}]\n"


@pytest.fixture
def wind_tunnel(tmp_path):
    own_code_is_found()
    (tmp_path / "outage.yaml").write_text(OUTAGE)
    (tmp_path / "other.yaml").write_text(STACK)
    return Tunnels(tmp_path)


def test_a_tunnel_runs_code_and_knows_all_metrics(wind_tunnel):
    tunnel = wind_tunnel("outage.yaml")
    result = tunnel.run("shop_sync:three_times")
    assert result.availability == 1
    assert 1 < result.attempts_per_request < 2
    assert result.opens_after == inf
    assert result.mistakes == ()
    tunnel.same_as()
    guarded = tunnel.run("shop_sync:guarded", seed=5)
    assert guarded.opens_after == 3  # fail_max of its breaker
    assert guarded.seed == 5
    assert tunnel.set("service.workers", 1).stack().utilization > tunnel.stack().utilization


def test_the_first_difference_is_explained(wind_tunnel):
    tunnel = wind_tunnel("outage.yaml")
    tunnel.run("shop_sync:three_times")
    with pytest.raises(AssertionError) as raised:
        tunnel.same_as("other.yaml")
    said = str(raised.value)
    assert "requests went another way (seed 1). The first is #" in said
    assert "attempt 2 was made 1s after it, by the stack 2s" in said
    assert "the code:   success after 1." in said
    assert "attempts at 0s refused, at 1s success" in said
    with pytest.raises(AssertionError, match=r"attempt 2 came to|the code made|went another way"):
        tunnel.same_as("outage.yaml", "shop_sync:once", seeds=[3])


def test_a_function_of_a_test_runs_as_it_is(wind_tunnel):
    import requests

    calls = []

    def call():
        calls.append(requests.get("http://b.resim/", timeout=1).status_code)

    assert wind_tunnel("outage.yaml").run(call).availability < 1
    assert set(calls) == {200}
    assert target_of(call).startswith("test_a_function")


def test_a_function_of_a_module_has_its_module_anew(wind_tunnel):
    import waiting

    tunnel = wind_tunnel("outage.yaml", {"traffic.requests": 3})
    assert target_of(waiting.counts) == "waiting:counts"
    assert tunnel.run(waiting.counts).digest == tunnel.run(waiting.counts).digest
    assert waiting.calls == 0


def test_what_cannot_be_ends_the_test(wind_tunnel):
    with pytest.raises(OwnCodeError, match=r"api\.example\.com"):
        wind_tunnel("outage.yaml").run("awkward:stranger")
    with pytest.raises(ValueError, match="nothing has been run"):
        wind_tunnel("outage.yaml").same_as()


def test_as_a_plugin(tmp_path):
    (tmp_path / "outage.yaml").write_text(OUTAGE)
    (tmp_path / "test_checkout.py").write_text(
        "import asyncio\nimport functools\nimport threading\nimport time\nimport unittest\n\n"
        "import pytest\nimport shop_sync\nimport tenacity\n\n\n"
        "def test_holds(wind_tunnel, wind_tunnel_seed):\n"
        "    result = wind_tunnel('outage.yaml').run(shop_sync.three_times, seed=wind_tunnel_seed)\n"
        "    assert result.availability > 0.9\n\n\n"
        "def test_fails(wind_tunnel):\n"
        "    tunnel = wind_tunnel('outage.yaml')\n"
        "    result = tunnel.run(shop_sync.once)\n"
        "    assert result.availability > 0.9\n\n\n"
        "def test_without():\n"
        "    pass\n\n\n"
        "@pytest.mark.virtual_time\n"
        "def test_retries_for_half_an_hour():\n"
        "    tries = []\n"
        "    retry = tenacity.Retrying(wait=tenacity.wait_fixed(600), stop=tenacity.stop_after_delay(1800))\n"
        "    with pytest.raises(tenacity.RetryError):\n"
        "        retry(lambda: tries.append(time.monotonic()) or 1 / 0)\n"
        "    assert [round(each - tries[0]) for each in tries] == [0, 600, 1200, 1800]\n\n\n"
        "@pytest.mark.virtual_time\n"
        "async def test_as_a_task(tmp_path):\n"
        "    await asyncio.sleep(30)\n"
        "    assert tmp_path is None\n\n\n"
        "def by_a_plugin(test):\n"
        "    loop = asyncio.new_event_loop()  # as plugins make it, before the test\n"
        "    return functools.wraps(test)(lambda: loop.run_until_complete(test()))\n\n\n"
        "@pytest.mark.virtual_time\n"
        "@by_a_plugin\n"
        "async def test_of_another_plugin():\n"
        "    await asyncio.sleep(3000)\n\n\n"
        "@pytest.mark.virtual_time\n"
        "class OfUnittest(unittest.TestCase):\n"
        "    def setUp(self):\n"
        "        self.lock, self.begun = threading.Lock(), time.monotonic()\n"
        "        time.sleep(3000)\n\n"
        "    def test_waits(self):\n"
        "        holder = threading.Thread(target=self.hold)\n"
        "        holder.start()\n"
        "        time.sleep(1)\n"
        "        with self.lock:\n"
        "            assert time.monotonic() - self.begun == 6000\n\n"
        "    def hold(self):\n"
        "        with self.lock:\n"
        "            time.sleep(3000)\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(CODE)]), "RESIM_PURE": "1"}
    env.pop("PYTEST_ADDOPTS", None)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "pytest_resim", "-p", "no:xdist", "--wind-tunnel-seeds", "2", "-v"],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert "2 failed, 6 passed" in done.stdout, done.stdout + done.stderr
    assert "assert tmp_path is None" in done.stdout
    assert "test_holds[2] PASSED" in done.stdout
    kept = ".pytest_cache/d/resim/test_fails.1.seed1.resim"
    assert f"shop_sync:once, seed 1:  resim replay {kept}" in done.stdout
    played = resim("replay", str(tmp_path / kept), "-q")
    assert played.code == 0, played.err
    assert "available" in played.out


def test_the_plugin_loads_nothing_of_resim():
    code = "import sys, pytest_resim\nsys.exit(any(name.startswith('resilience_sim') for name in sys.modules))"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=env, timeout=PATIENCE, check=False).returncode == 0
