"""What events pack into a number, and what is read back."""

from __future__ import annotations

from resilience_sim.kernel.events import first_of, pack_pair, second_of


def test_a_number_too_large_for_a_pair_counts_as_the_largest():
    """A breaker that was open for 26,688 days: no other number on the compiled core, and none beyond 64 bits here."""
    packed = pack_pair(26_688 * 86_400_000, 3)
    assert (first_of(packed), second_of(packed)) == (2**31 - 1, 3)
    assert pack_pair(1, 2**40) < 2**62
