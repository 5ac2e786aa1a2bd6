"""Ctrl-C is held back for a moment, and never lost."""

import signal
import threading
from collections.abc import Callable

import pytest

from monic.decision.interrupts import Interrupts


def safe_point_after_a_signal(reached: list[str]) -> None:
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        reached.append("after the signal")
        interrupts.let_in()
        reached.append("after the safe point")


def signal_and_no_safe_point(reached: list[str]) -> None:
    with Interrupts():
        signal.raise_signal(signal.SIGINT)
        reached.append("inside")
    reached.append("behind")


def two_signals(reached: list[str]) -> None:
    with Interrupts():
        signal.raise_signal(signal.SIGINT)
        reached.append("after the first")
        signal.raise_signal(signal.SIGINT)
        reached.append("after the second")


def signal_and_error() -> None:
    with Interrupts():
        signal.raise_signal(signal.SIGINT)
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("run", "wanted"),
    [
        (safe_point_after_a_signal, "after the signal"),
        (signal_and_no_safe_point, "inside"),
        (two_signals, "after the first"),
    ],
)
def test_it_comes_when_it_may_and_is_never_lost(run: Callable[..., None], wanted: str) -> None:
    reached: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        run(reached)
    assert reached == [wanted]


def test_another_error_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        signal_and_error()


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
            interrupts.let_in()
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_handler_is_put_back_and_threads_have_none() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
    inside: list[object] = []

    def elsewhere() -> None:
        with Interrupts():
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert inside == [before]
