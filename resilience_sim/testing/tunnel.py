"""The wind tunnel: a scenario around the client code of a test."""

from __future__ import annotations

import inspect
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from math import inf
from pathlib import Path
from typing import Any

from resilience_sim.api.results import Result
from resilience_sim.api.scenario import Scenario
from resilience_sim.api.scenario import load as load_scenario
from resilience_sim.client import load
from resilience_sim.measure.result import RunResult
from resilience_sim.runs.own_code import with_client
from resilience_sim.runs.simulate import simulate
from resilience_sim.settings.plan import Plan
from resilience_sim.testing.requests import RequestFold, difference

Call = Callable[..., Any] | str


class TunnelResult(Result):
    """One run of the code: a :class:`Result` with every metric, and what only code has.

    ``opens_after``: how many attempts had failed when a breaker first turned a call away; ``inf`` if none did.
    ``mistakes``: calls that raised although no attempt of theirs had failed, with the code's own frames.
    """

    def __init__(self, origin: Ran, figures: RunResult, requests: RequestFold) -> None:
        super().__init__(origin, figures)
        self.requests = requests
        self.opens_after: float = inf if requests.opened_after is None else requests.opened_after
        self.mistakes = figures.notes


class Ran:
    """What was run, so that it can be recorded."""

    def __init__(self, scenario: Scenario, plan: Plan) -> None:
        self._scenario = scenario
        self.plan = plan

    def record(self, path: str | Path, seed: int) -> Path:
        """Run it again into a recording."""
        return self._scenario.record_plan(self.plan, path, seed)


class Tunnel:
    """A scenario. :meth:`run` sends its traffic through your code, against its service, on a virtual clock."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self.scenario = scenario
        self._folder = folder
        self.ran: list[tuple[Call | None, TunnelResult]] = []

    def set(self, path: str, value: Any) -> Tunnel:
        """The tunnel with one setting changed: ``tunnel.set("service.workers", 4)``."""
        changed = Tunnel(self.scenario.set(path, value), self._folder)
        changed.ran = self.ran  # a test that fails leaves recordings of all its runs
        return changed

    def run(self, call: Call, seed: int | None = None) -> TunnelResult:
        """Run ``call`` for every request of the traffic.

        ``call``: a function, or its name, ``module:callable``. A function of one of your modules is imported anew with
        its module, so that nothing is carried over from one run to the next; one that the test defines runs as it is.

        Raises:
            OwnCodeError: it does what cannot be virtual, waits for ever, or is no callable.
        """
        return self._run(with_client(self.scenario.plan, target_of(call)), call, seed)

    def stack(self, seed: int | None = None) -> TunnelResult:
        """Run the stack of the scenario instead."""
        return self._run(self.scenario.plan, None, seed)

    def same_as(
        self,
        described: str | Path | None = None,
        call: Call | None = None,
        *,
        seeds: int | Iterable[int] = 1,
        instants: bool | None = None,
    ) -> None:
        """Whether the code does what a stack says, request by request; AssertionError with the first difference.

        ``described``: a file with the stack (a scenario, or only ``stack:``), or the scenario's own. ``call``: the
        code, or what was run last. ``instants``: whether attempts must be made at the same times, too; by default if
        the stack draws no waits by chance.
        """
        if call is None:
            call = next((each for each, _ in reversed(self.ran) if each is not None), None)
            if call is None:
                raise ValueError("nothing has been run that could be compared; give it: same_as(..., call)")
        plan = (
            self.scenario.plan
            if described is None
            else _with_stack(self.scenario.plan, _found(described, self._folder))
        )
        if instants is None:
            instants = not any(_draws(policy) for policy in plan.stack)
        first = self.scenario.plan.seed
        for seed in range(first, first + seeds) if isinstance(seeds, int) else seeds:
            ours = self._run(with_client(self.scenario.plan, target_of(call)), call, seed)
            theirs = self._run(plan, None, seed)
            _compare(ours, theirs, instants=instants)

    def _run(self, plan: Plan, call: Call | None, seed: int | None) -> TunnelResult:
        requests = RequestFold()
        figures = simulate(plan, plan.seed if seed is None else seed, [requests])
        result = TunnelResult(Ran(self.scenario, plan), figures, requests)
        self.ran.append((call, result))
        return result


class Tunnels:
    """The fixture: makes tunnels, and keeps recordings of what they ran where the test has failed."""

    MOST_KEPT = 4

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: list[Tunnel] = []

    def __call__(self, scenario: str | Path | Scenario, settings: Mapping[str, Any] | None = None) -> Tunnel:
        """A tunnel of a scenario: a path from the test's folder or the current one, a shipped name, or a Scenario."""
        found = scenario if isinstance(scenario, Scenario) else load_scenario(_found(scenario, self._folder))
        tunnel = Tunnel(found.with_settings(settings) if settings else found, self._folder)
        self._made.append(tunnel)
        return tunnel

    def keep(self, name: str, folder: Path | None) -> str:
        """Record the last runs again; how to look at them."""
        safe = re.sub(r"[^\w.-]+", "_", name)
        place = folder if folder is not None else Path(tempfile.mkdtemp(prefix="resim-"))
        lines = []
        runs = [each for tunnel in self._made for each in tunnel.ran]
        for number, (call, result) in enumerate(runs[-self.MOST_KEPT :], 1):
            path = place / f"{safe}.{number}.seed{result.seed}.resim"
            try:
                path.unlink(missing_ok=True)
                result.save(path)
            except Exception as error:  # the test's own failure is what matters
                lines.append(f"not recorded: {error}")
                continue
            what = "the stack" if call is None else target_of(call)
            lines.append(f"{what}, seed {result.seed}:  resim replay {_shown(path)}")
        return "\n".join(lines)


def target_of(call: Call) -> str:
    """What names the callable: its module and name, or a name that only this process knows it by."""
    if isinstance(call, str):
        return call
    module, name = getattr(call, "__module__", ""), getattr(call, "__qualname__", "")
    found: Any = sys.modules.get(module)
    if found is not None and name and "." not in name and getattr(found, name, None) is call and load.can_import(found):
        return f"{module}:{name}"
    known = f"{name or type(call).__name__} of {Path(inspect.getsourcefile(_plain(call)) or 'a test').name}"
    load.remember(call, known)
    return known


def _plain(call: Any) -> Any:
    inner = inspect.unwrap(call)
    return inner if inspect.isfunction(inner) or inspect.ismethod(inner) else type(inner)


def _found(source: str | Path, folder: Path) -> str:
    beside = folder / source
    return str(beside) if beside.is_file() else str(source)


def _with_stack(plan: Plan, source: str) -> Plan:
    from dataclasses import replace

    from resilience_sim.runs.stack_file import read_stack

    return replace(plan, stack=read_stack(source).stack)


def _draws(policy: Any) -> bool:
    """Whether a policy's waits are a matter of chance."""
    return policy.kind == "retry" and "jitter" in repr(policy) and "jitter='none'" not in repr(policy)


def _compare(ours: TunnelResult, theirs: TunnelResult, *, instants: bool) -> None:
    from resilience_sim.kernel import format as fmt

    pairs = list(zip(ours.requests.records, theirs.requests.records, strict=False))
    found = [
        (rid, difference(mine, other, instants=instants))
        for rid, (mine, other) in enumerate(pairs)
        if difference(mine, other, instants=instants)
    ]
    if not found:
        return
    rid, what = found[0]
    mine, other = pairs[rid]
    raise AssertionError(
        f"{len(found)} of {len(pairs)} requests went another way (seed {ours.seed}). The first is "
        f"{fmt.request(rid)}, which came at {fmt.instant(mine.arrived)}: {what}\n"
        f"  the code:   {mine.says()}\n"
        f"  the stack:  {other.says()}"
    )


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
