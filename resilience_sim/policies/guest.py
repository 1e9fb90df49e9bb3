"""Code of the user's own in the place of the stack, as far as the core has to know of it."""

from __future__ import annotations

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.frames import Clock, Layer
from resilience_sim.policies.layer import PolicyLayer
from resilience_sim.settings.own_code import OwnCodeConfig


@mypyc_attr(allow_interpreted_subclasses=True)
class Guest:
    """Runs the user's code on the clock of one run; ``Clock.guest`` names it (resilience_sim/client)."""

    def layer(self, sim: Clock, source: i64, inner: Layer, config: OwnCodeConfig) -> PolicyLayer:
        """The client of one instance, which starts with fresh state."""
        raise NotImplementedError


def make_guest(sim: Clock, source: i64, inner: Layer, config: OwnCodeConfig) -> PolicyLayer:
    """The layer that calls it."""
    guest = sim.guest
    assert isinstance(guest, Guest), "nobody runs this code"
    return guest.layer(sim, source, inner, config)
