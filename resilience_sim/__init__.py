"""resim: a wind tunnel for resilience settings.

>>> import resilience_sim as rs
>>> rs.load("hard-outage").set("retry.attempts", 5).run(seeds=20).summary()  # doctest: +SKIP

Names are imported when they are used: importing the package loads neither YAML nor a terminal library.
"""

from resilience_sim._build_mode import TYPE_CHECKING, select_core

if TYPE_CHECKING:
    from resilience_sim.api.comparison import Comparison as Comparison
    from resilience_sim.api.events import Event as Event
    from resilience_sim.api.results import Result as Result
    from resilience_sim.api.results import Results as Results
    from resilience_sim.api.scenario import Scenario as Scenario
    from resilience_sim.api.scenario import compare as compare
    from resilience_sim.api.scenario import load as load
    from resilience_sim.api.scenario import loads as loads
    from resilience_sim.api.scenario import simulate as simulate
    from resilience_sim.api.scenario import simulate_many as simulate_many
    from resilience_sim.measure.statistics import Difference as Difference
    from resilience_sim.measure.statistics import Summary as Summary
    from resilience_sim.policies.plugin import Policy as Policy
    from resilience_sim.scenario.diagnostics import ScenarioError as ScenarioError

__version__ = "0.1.0"

_HOMES = {
    "Comparison": "api.comparison",
    "compare": "api.scenario",
    "Event": "api.events",
    "Result": "api.results",
    "Results": "api.results",
    "Scenario": "api.scenario",
    "load": "api.scenario",
    "loads": "api.scenario",
    "simulate": "api.scenario",
    "simulate_many": "api.scenario",
    "Difference": "measure.statistics",
    "Summary": "measure.statistics",
    "Policy": "policies.plugin",
    "ScenarioError": "scenario.diagnostics",
}

__all__ = [
    "Comparison",
    "Difference",
    "Event",
    "Policy",
    "Result",
    "Results",
    "Scenario",
    "ScenarioError",
    "Summary",
    "__version__",
    "compare",
    "load",
    "loads",
    "simulate",
    "simulate_many",
]

select_core()


def __getattr__(name: str) -> object:
    """Import a public name from where it is defined."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names."""
    return __all__
