"""The digest stands for every event, their order and their number."""

from __future__ import annotations

from math import isqrt

from hypothesis import given
from hypothesis import strategies as st

from resilience_sim.kernel.compiled import COMPILED
from resilience_sim.kernel.sink import K0, K1, K2, K3, K4, Fold, Sink, mix64

EVENT = st.tuples(
    st.integers(0, 2**50), st.integers(1, 26), st.integers(0, 200), st.integers(-1, 10**7),
    st.integers(-(2**40), 2**60), st.integers(-1, 2**62),
)  # fmt: skip
M64 = (1 << 64) - 1


def digest(events) -> str:
    """Of these events."""
    sink = Sink([])
    for event in events:
        sink.emit(*event)
    return sink.digest()


def roots(n: int) -> int:
    """The first 62 fractional bits of the root of ``n``, the last one set."""
    return isqrt(n << 124) % (1 << 62) | 1


def murmur(z: int) -> int:
    """The 64-bit finalizer of MurmurHash3, in unsigned arithmetic."""
    z = (z ^ (z >> 33)) * 0xFF51AFD7ED558CCD & M64
    z = (z ^ (z >> 33)) * 0xC4CEB9FE1A85EC53 & M64
    return z ^ (z >> 33)


def spelled_out(events) -> str:
    """The same in unsigned arithmetic, independently."""
    k = [roots(n) for n in (2, 3, 5, 7, 11)]
    value = 0
    for t, kind, source, rid, a, b in events:
        word = t * k[1] ^ (kind + (source << 8)) * k[2] ^ rid * k[3] ^ a * k[4] ^ b
        value = (value * k[0] + word) & M64
    return f"{murmur((value + len(events) * k[0]) & M64):016x}"


def test_the_multipliers_are_what_they_are_said_to_be():
    """The first 62 fractional bits of five roots, made odd."""
    assert [roots(n) for n in (2, 3, 5, 7, 11)] == [K0, K1, K2, K3, K4]


@given(st.integers(0, M64))
def test_the_finalizer_is_murmurhash3_s(z):
    """As published."""
    signed = z - 2**64 if COMPILED and z >> 63 else z  # as machine integers have it
    assert int(mix64(signed)) & M64 == murmur(z)


@given(st.lists(EVENT, max_size=20))
def test_a_digest_is_sixteen_hexadecimal_digits_by_the_book(events):
    """Against an independent spelling."""
    assert digest(events) == spelled_out(events)
    assert len(digest(events)) == 16
    int(digest(events), 16)


@given(st.lists(EVENT, min_size=1, max_size=10), st.data())
def test_every_field_of_every_event_counts(events, data):
    """Change any one integer: another digest."""
    i = data.draw(st.integers(0, len(events) - 1))
    field = data.draw(st.integers(0, 5))
    changed = list(events[i])
    changed[field] += data.draw(st.integers(1, 100))
    if field == 1:
        changed[1] %= 256
    assert digest([*events[:i], tuple(changed), *events[i + 1 :]]) != digest(events)


@given(st.lists(EVENT, min_size=2, max_size=10, unique=True), st.data())
def test_order_and_number_count(events, data):
    """Swap two, drop one, repeat one: another digest."""
    i = data.draw(st.integers(0, len(events) - 2))
    swapped = [*events[:i], events[i + 1], events[i], *events[i + 2 :]]
    assert len({digest(events), digest(swapped), digest(events[:-1]), digest([*events, events[-1]])}) == 4


def test_the_empty_run_has_a_digest():
    """Nothing happened, and an event of zeros is something."""
    assert digest([]) != digest([(0, 0, 0, 0, 0, 0)])


def test_folds_see_events_in_order_each_once():
    """In the order in which the folds were given."""

    class Notes(Fold):
        def __init__(self, name: str, shared: list) -> None:
            self.name, self.shared = name, shared

        def on_event(self, t: int, kind: int, source: int, rid: int, a: int, b: int) -> None:
            self.shared.append((self.name, t))

    shared: list = []
    sink = Sink([Notes(name, shared) for name in "xyz"])
    sink.emit(1, 1, 0, 0, 0, 0)
    sink.emit(2, 1, 0, 0, 0, 0)
    assert shared == [("x", 1), ("y", 1), ("z", 1), ("x", 2), ("y", 2), ("z", 2)]
    assert sink.count == 2
