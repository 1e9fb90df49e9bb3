"""What all layers of a stack have in common, whether built in or written by a user."""

from __future__ import annotations

from mypy_extensions import i64, mypyc_attr

from resilience_sim.kernel.events import REJECTED
from resilience_sim.kernel.frames import Clock, Frame, Layer, Request, answer
from resilience_sim.kernel.rng import AGAIN, EXTRA
from resilience_sim.settings.policy import PolicyConfig

Gauges = dict[str, float]


@mypyc_attr(allow_interpreted_subclasses=True)
class PolicyLayer(Layer):
    """One policy around ``inner``: lets everything pass, knows nothing. Subclasses override what differs.

    ``purpose``: keys the random numbers of this policy (kernel/rng.py); the stack sets it where the layer does not.
    """

    __slots__ = ("inner", "purpose")

    inner: Layer
    purpose: i64

    def __init__(self, sim: Clock, source: i64, inner: Layer) -> None:
        super().__init__(sim, source)
        self.inner = inner
        self.purpose = 0

    def enter(self, parent: Frame) -> None:
        self.inner.enter(Frame(self, parent))

    def on_result(self, f: Frame, outcome: i64) -> None:
        answer(f, outcome)

    # --- for subclasses ---

    def reject(self, parent: Frame, outcome: i64, detail: i64) -> None:
        """Answer a call that does not go in. Which policy rejected it, the event says by its source."""
        sim = self.sim
        sim.sink.emit(sim.now, REJECTED, self.source, parent.req.rid, outcome, detail)
        parent.layer.on_result(parent, outcome)

    def reject_waiting(self, f: Frame, outcome: i64, detail: i64) -> None:
        """As :meth:`reject`, for a call that has a frame of this layer already and is not inside."""
        sim = self.sim
        sim.sink.emit(sim.now, REJECTED, self.source, f.req.rid, outcome, detail)
        answer(f, outcome)

    def uniform(self, req: Request, key: i64 = 0, nth: i64 = 0) -> float:
        """A random number of [0, 1) that belongs to this policy, the request, ``key`` (an attempt, say) and ``nth``."""
        return self.sim.rng.uniform(self.purpose + nth * EXTRA, req.luck, key)

    def fresh(self, req: Request, key: i64) -> i64:
        """A purpose that this policy has not yet used for this request and ``key``; to be asked once for each draw.

        Attempts alone do not tell draws apart: calls that a policy inside rejects are none, and legs of a hedge wait
        at the same time.
        """
        if req.drawn_at != req.attempts:  # nearly always: the first draw since an attempt needs no memory of draws
            req.drawn_at = req.attempts
            req.drawn_purpose = self.purpose
            req.drawn_key = key
            req.drawn = None
            return self.purpose
        drawn = req.drawn
        if drawn is None:
            drawn = {(int(req.drawn_purpose), int(req.drawn_key)): 1}
            req.drawn = drawn
        which = (int(self.purpose), int(key))
        before = drawn.get(which, 0)
        drawn[which] = before + 1
        return self.purpose + before * AGAIN

    # --- from outside ---

    def reconfigure(self, config: PolicyConfig) -> bool:
        """Take other settings and keep the state where it still applies. False: a new layer must take over."""
        return False

    def resume(self) -> None:
        """The stack around this layer is complete again after a change: let in whoever may go in now."""

    def gauges(self, now: i64) -> Gauges:
        """The levels of the policy's own state at ``now``, for people; reading them changes nothing.

        By name: ``inside``/``places``, ``waiting``/``queue``, ``tokens``/``burst``, ``chance``, a breaker's counts.
        What the state would forget if it were used at ``now`` is not counted.
        """
        return {}

    def restart(self) -> None:
        """The client instance came back with fresh state, this layer is replaced: report what that changes."""

    def trip(self) -> bool:
        """Open the breaker by hand. False: this policy knows no such transition."""
        return False

    def reset(self) -> bool:
        """Close the breaker by hand. False: this policy knows no such transition."""
        return False


def outcome_set(outcomes: tuple[int, ...]) -> int:
    """Outcomes as a set of bits: test with ``bits >> outcome & 1``."""
    bits = 0
    for outcome in outcomes:
        bits |= 1 << outcome
    return bits
