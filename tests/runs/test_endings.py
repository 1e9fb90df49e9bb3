"""Ctrl-C, SIGTERM and SIGHUP: an exception where nothing is going on, a note where something is."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from resilience_sim.runs import endings
from resilience_sim.runs.endings import NUMBERS, Interrupts, Terminated, Whole, as_in_a_command


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a command, and as if nothing had been heard."""
    monkeypatch.setattr(endings._Seen, "terminated", 0)
    monkeypatch.setattr(endings._Seen, "unheard", 0)
    monkeypatch.setattr(endings._Seen, "held", 0)
    before = {number: signal.getsignal(number) for number in NUMBERS}
    endings.install()
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", NUMBERS)
def test_the_first_is_noted_and_the_second_does_not_wait(number: int) -> None:
    with Interrupts() as interrupts:
        signal.raise_signal(number)
        assert interrupts.asked == number
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert endings.terminated_by() == (0 if number == signal.SIGINT else number)


@pytest.mark.parametrize("number", NUMBERS)
def test_with_patience_nothing_is_raised_before_somebody_asks(number: int) -> None:
    with Interrupts(patient=True) as interrupts:
        interrupts.check()
        for _ in range(3):
            signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
        interrupts.check()


def test_with_patience_one_after_the_last_look_is_not_lost() -> None:
    """It came while processes were ended, and `tune` went on with the next generation."""

    def work() -> None:
        with Interrupts(patient=True) as interrupts:
            interrupts.check()
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        work()


def test_outside_it_is_an_exception_that_means_the_same() -> None:
    with pytest.raises(Terminated):
        signal.raise_signal(signal.SIGTERM)
    assert endings.terminated_by() == signal.SIGTERM


def test_an_exception_that_was_swallowed_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python ignores exceptions in some places, a destructor say; the run would go on for ever."""

    class Dying:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)
    dying = Dying()
    del dying
    assert [each.exc_type for each in ignored] == [Terminated]
    with Interrupts() as interrupts:
        assert interrupts.asked == signal.SIGTERM


def test_what_is_ignored_stays_ignored() -> None:
    """As nohup has it."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    endings.install()
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGHUP)
        assert not interrupts.asked
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


@pytest.mark.parametrize("number", NUMBERS)
def test_within_a_whole_the_first_waits_for_its_end(number: int) -> None:
    done = []

    def work() -> None:
        with Whole():
            with Whole():
                signal.raise_signal(number)
                done.append("this")
            done.append("and that")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["this", "and that"]
    with Whole():
        pass  # it is heard once
    assert endings.terminated_by() == (0 if number == signal.SIGINT else number)


def test_a_second_signal_ends_what_never_ends() -> None:
    """A policy of the user's own, say."""

    def work() -> None:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), Whole():
        work()


def test_another_thread_neither_holds_signals_back_nor_hears_them() -> None:
    with ThreadPoolExecutor(1) as others:
        inside = Whole()
        others.submit(inside.__enter__).result()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        others.submit(inside.__exit__, None, None, None).result()


def test_a_program_that_calls_us_is_interrupted_as_a_command_is() -> None:
    """And has its own handler back."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seen = []

    @as_in_a_command
    def work() -> None:
        with Whole():
            signal.raise_signal(signal.SIGINT)
            seen.append("to the end")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert seen == ["to the end"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with Interrupts() as interrupts:
        assert not interrupts.asked
