"""A policy of your own, next to the service: after a failure the next call is not even tried."""

import resilience_sim as rs
from resilience_sim.kernel.frames import Frame
from resilience_sim.policies.plugin import ERROR, FALLBACK


class Once(rs.Policy):
    failed = False

    def enter(self, parent: Frame) -> None:
        if self.failed:
            self.failed = False
            self.turn_away(parent, ERROR)
        else:
            self.call(parent)

    def on_result(self, f: Frame, outcome: int) -> None:
        self.failed = outcome > FALLBACK
        self.answer(f, outcome)


if __name__ == "__main__":
    without = rs.load("hard-outage")
    print(rs.compare({"without": without, "with": without.with_policy(Once, "inner")}, seeds=10))
