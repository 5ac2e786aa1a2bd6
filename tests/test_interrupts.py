"""Ctrl-C is held back for a moment, and never lost."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from monic.interrupts import Interrupts


@pytest.fixture
def terminable() -> Iterator[None]:
    """SIGINT and SIGTERM are KeyboardInterrupt, as on the command line."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, interrupt) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


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


def two_signals_in_quick_succession(reached: list[str]) -> None:
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        reached.append("after both")
        assert not interrupts.cut
        interrupts.let_in()
        reached.append("after the safe point")


def a_second_signal_after_the_grace(reached: list[str]) -> None:
    with Interrupts(grace=0.01) as interrupts:
        signal.raise_signal(signal.SIGINT)
        time.sleep(0.02)
        try:
            signal.raise_signal(signal.SIGINT)
        finally:
            reached.append(f"cut: {interrupts.cut}")


def termination(reached: list[str]) -> None:
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGTERM)
        reached.append("held back")
        interrupts.let_in()


def a_signal_while_the_first_is_on_its_way(reached: list[str]) -> None:
    with Interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
        try:
            interrupts.let_in()
        except KeyboardInterrupt:
            signal.raise_signal(signal.SIGINT)
            reached.append("the state is kept in peace")
            raise


def signal_and_error() -> None:
    with Interrupts():
        signal.raise_signal(signal.SIGINT)
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("run", "wanted"),
    [
        (safe_point_after_a_signal, "after the signal"),
        (signal_and_no_safe_point, "inside"),
        (two_signals_in_quick_succession, "after both"),
        (a_second_signal_after_the_grace, "cut: True"),
        (termination, "held back"),
        (a_signal_while_the_first_is_on_its_way, "the state is kept in peace"),
    ],
)
def test_it_comes_when_it_may_and_is_never_lost(
    run: Callable[..., None], wanted: str, terminable: None
) -> None:
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
