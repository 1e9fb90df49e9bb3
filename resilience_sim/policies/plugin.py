"""What a policy written in plain Python by a user is derived from, and how it is found.

Such a class may be interpreted while everything around it is compiled. Where it goes in the stack is decided by the
command line (runs/plugins.py); a scenario never names code::

    from resilience_sim.policies.plugin import ERROR, FALLBACK, Policy

    class Once(Policy):
        '''After a failure the next call is not even tried.'''

        failed = False

        def enter(self, parent):
            if self.failed:
                self.failed = False
                self.turn_away(parent, ERROR)
            else:
                self.call(parent)

        def on_result(self, f, outcome):
            self.failed = outcome > FALLBACK
            self.answer(f, outcome)
"""

from __future__ import annotations

from importlib import import_module

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.events import ERROR as ERROR  # noqa: PLC0414 (passed on)
from resilience_sim.kernel.events import FALLBACK as FALLBACK  # noqa: PLC0414
from resilience_sim.kernel.events import SUCCESS as SUCCESS  # noqa: PLC0414
from resilience_sim.kernel.frames import Clock, Frame, Layer, answer, cancel_child
from resilience_sim.kernel.sim import SimulationError
from resilience_sim.policies.layer import PolicyLayer
from resilience_sim.settings.plugin import PluginConfig


class PolicyCall(Frame):
    """A frame with room for anything: ``data``."""

    __slots__ = ("data",)

    data: object

    def __init__(self, layer: Layer, parent: Frame) -> None:
        super().__init__(layer, parent)
        self.data = None


@mypyc_attr(allow_interpreted_subclasses=True)
class Policy(PolicyLayer):
    """A policy that lets everything pass. Override what is to be different; state of all calls goes into ``self``.

    ``self.sim``: ``now`` (virtual ns), ``schedule(when, f)`` (calls ``on_timer(f)``).
    A call's own state goes into its frame: the integers ``f.x`` and ``f.k``, or ``f.data`` with :meth:`call_noting`.
    No clock but ``sim.now`` and no random numbers but :meth:`uniform`: a run must be the same every time.
    """

    __slots__ = ()

    def __init__(self, sim: Clock, source: i64, inner: Layer) -> None:
        super().__init__(sim, source, inner)

    # --- to be overridden ---

    def enter(self, parent: Frame) -> None:
        """A call comes in: :meth:`call` now, or :meth:`turn_away`."""
        self.call(parent)

    def on_result(self, f: Frame, outcome: i64) -> None:
        """The inside has answered: :meth:`answer`, or :meth:`again`, now or from a timer."""
        answer(f, outcome)

    def on_timer(self, f: Frame) -> None:
        """A time asked for has come; as it stands, for another try."""
        self.inner.enter(f)

    # --- to be used ---

    def call(self, parent: Frame, x: i64 = 0, k: i64 = 0) -> None:
        """Let the call go inside, with ``x`` and ``k`` in its frame."""
        f = Frame(self, parent)
        f.x = x
        f.k = k
        self.inner.enter(f)

    def call_noting(self, parent: Frame, data: object) -> None:
        """As :meth:`call`; the frame is a :class:`Note`."""
        f = PolicyCall(self, parent)
        f.data = data
        self.inner.enter(f)

    def again(self, f: Frame) -> None:
        """One more try with the same frame."""
        self.inner.enter(f)

    def answer(self, f: Frame, outcome: i64) -> None:
        """The call is over."""
        answer(f, outcome)

    def give_up(self, f: Frame, outcome: i64) -> None:
        """Answer while the inside is still at work (from a timer): it is told that nobody waits; B's work goes on."""
        cancel_child(f, outcome, False)
        answer(f, outcome)

    def turn_away(self, parent: Frame, outcome: i64) -> None:
        """Answer a call that never went in."""
        self.reject(parent, outcome, 0)


class PluginError(Exception):
    """A policy that cannot be used: which, and why."""


def find(module: str, name: str) -> type[Policy]:
    """The class.

    Raises:
        PluginError: there is none, or it is no policy.
    """
    try:
        found = getattr(import_module(module), name)
    except ImportError as error:
        raise PluginError(f"cannot import `{module}`: {error}") from error
    except AttributeError as error:
        raise PluginError(f"there is no `{name}` in `{module}`") from error
    if not (isinstance(found, type) and issubclass(found, Policy)):
        raise PluginError(f"`{module}:{name}` is no class derived from resilience_sim.policies.plugin.Policy")
    return found


def make_plugin(sim: Clock, source: i64, inner: Layer, config: PluginConfig) -> PolicyLayer:
    """One of them around ``inner``."""
    sim.leaves_calls = True  # it may forget to tell the inside
    made = find(config.module, config.name)(sim, source, inner)
    if getattr(made, "inner", None) is None:
        raise SimulationError(
            f"`__init__` of {config.module}:{config.name} has to call `super().__init__(sim, source, inner)`"
        )
    return made
