"""How Spring Boot binds a configuration file: relaxed names, inheritance between configurations."""

from __future__ import annotations

from typing import Any

from resilience_sim.interop import durations
from resilience_sim.interop.findings import At, Log
from resilience_sim.interop.section import Section, Value

SPRING = "Spring reads `1500ms`, `2s` or `PT1.5S`, and refuses `1.5s`"
ORDER_KEYS: dict[str, str] = {
    "retry": "retryAspectOrder",
    "circuitbreaker": "circuitBreakerAspectOrder",
    "ratelimiter": "rateLimiterAspectOrder",
    "timelimiter": "timeLimiterAspectOrder",
    "bulkhead": "bulkheadAspectOrder",
}


class Chain:
    """The settings of one instance: its own, then those it inherits. The first that has a key wins."""

    def __init__(self, sections: list[Section]) -> None:
        self.sections = [each for each in sections if each]

    def __bool__(self) -> bool:
        return bool(self.sections)

    def get(self, method: str, name: str, *args: Any) -> Any:
        """``section.method(name, …)`` of the first section that has ``name``; the others are ticked off."""
        result = None
        for section in self.sections:
            if name in section:
                if result is None:
                    result = getattr(section, method)(name, *args)
                else:
                    section.ignore(name)
        return result

    def time(self, name: str) -> Value[int] | None:
        """A duration."""
        found: Value[int] | None = self.get("duration", name, durations.spring, SPRING)
        return found

    def skip(self, **reasons: str) -> None:
        """Known, and not modelled."""
        for section in self.sections:
            section.skip(**reasons)

    def at(self, name: str) -> At:
        """Where a key stands, or the instance."""
        return next((s.at(name) for s in self.sections if name in s), self.sections[0].at())

    def rest(self) -> None:
        """Report what is left."""
        for section in self.sections:
            section.ignore(
                "baseConfig",
                "registerHealthIndicator",
                "eventConsumerBufferSize",
                "allowHealthIndicatorToFail",
                "writableStackTraceEnabled",
                "subscribeForEvents",
            )
            section.rest()


def chain_of(root: Section, module: str, instance: str, log: Log) -> Chain:
    """Own settings, the named base, and ``configs.default`` where it is inherited."""
    section = root.section(module)
    configs = section.section("configs")
    own = section.section("instances").section(instance) or section.section("backends").section(instance)
    if not own and not (instance == "default" and "default" in configs):
        return Chain([])
    section.ignore("configs", "instances", "backends", *ORDER_KEYS.values(), "tags", "metrics")
    section.rest()
    base = own.word("baseConfig", fold=False) if own else None
    default = configs.section("default") if "default" in configs else None
    if base is None:
        return Chain([own, *([default] if default else [])])
    named = configs.section(base.value)
    if not named:
        log.add("RL192", "error", "`baseConfig` names a configuration that is not in `configs`", own.at("baseConfig"))
    inherits_default = module == "retry"
    if default and base.value != "default" and not inherits_default:
        log.trap(
            "RL109",
            f"a named base of a {module} does not inherit `configs.default`: what stands there does not "
            "apply here, the library's defaults do",
            own.at("baseConfig"),
            "repeat what you need in the named base",
        )
    return Chain([own, named, *([default] if default and inherits_default and base.value != "default" else [])])
