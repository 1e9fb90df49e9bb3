"""What can go wrong with code of the user's own."""

from __future__ import annotations

from resilience_sim.kernel.sim import SimulationError


class OwnCodeError(SimulationError):
    """It cannot be run, or not on a virtual clock: ``cause`` with the place, and a ``remedy``."""

    def __init__(self, cause: str, remedy: str = "") -> None:
        super().__init__(f"{cause}; {remedy}" if remedy else cause)
        self.cause = cause
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[OwnCodeError], tuple[str, str]]:
        return OwnCodeError, (self.cause, self.remedy)


class Refusal(BaseException):
    """Raised in the user's code where it does what cannot be virtual. No ``except Exception`` holds it up."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy


class Ended(BaseException):
    """Raised in the user's code when its client instance went down or the run is over."""
