"""Invertible affine changes of the input: shifts, scales other than 0, and permutations."""

from monic_checker.errors import InvalidProof
from monic_checker.steps import Step
from monic_checker.system import System

__all__ = ["check_invertible", "takes_each_once"]

_SHIFTS = ("shift", "shift-negative", "channel-shift", "channel-shift-negative")
_SCALES = ("scale", "channel-scale", "quotient")


def takes_each_once(step: Step, size: int) -> bool:
    """Whether a select step takes every one of so many entries once."""
    return len(step.places) == size and len({*step.places}) == size


def check_invertible(system: System, place: int) -> None:
    """Checks that the value of a step is T x + t with an invertible square matrix T.

    Raises:
        InvalidProof: when one of the steps that lead to it is none of those, or loses something.
    """
    steps = system.subject.steps
    while place != 0:
        step, address = steps[place], f"subject.map[{place}]"
        if step.name not in (*_SHIFTS, *_SCALES, "select"):
            raise InvalidProof(
                address,
                "expected shifts, scales and permutations of the input, perhaps before "
                f"convolutions. Got a {step.name}",
            )
        (place,) = step.sources
        if step.name in _SCALES and not all(system.arrays[step.array or 0].entries):
            raise InvalidProof(address, "expected a change of the input by scales other than 0")
        if step.name == "select" and not takes_each_once(step, steps[place].size):
            raise InvalidProof(
                address, "expected a change of the input that takes each entry once"
            )
