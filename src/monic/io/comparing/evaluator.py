"""An independent evaluation of a file or module: the second road to what a network computes."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from monic.clock import monotonic
from monic.model.affine import FloatArray

__all__ = ["Deadline", "Evaluator", "Unevaluated"]


class Unevaluated(Exception):
    """Raised when a file or module cannot be evaluated here; says why, in a few words."""


class Deadline:
    """A moment by which a comparison has to end.

    Example:
        >>> Deadline(0.0).check()
        Traceback (most recent call last):
            ...
        monic.io.comparing.evaluator.Unevaluated: it takes longer than 0 seconds
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = monotonic() + seconds

    @property
    def left(self) -> float:
        """The seconds that are left; 0 or less when there are none."""
        return self._end - monotonic()

    def check(self) -> None:
        """Goes on, or ends the comparison.

        Raises:
            Unevaluated: when no time is left.
        """
        if self.left <= 0:
            raise Unevaluated(f"it takes longer than {self.seconds:.3g} seconds")


class Evaluator(ABC):
    """What computes the tensors of a file or module, with no code of the reader; abstract."""

    #: What it is called in answers.
    name: str
    #: Its unit roundoff, of numbers in its arithmetic.
    unit: float
    #: It may round so many times more than once an operation.
    careless: int = 1024

    @abstractmethod
    def tensors(
        self, x: FloatArray, names: Sequence[str], deadline: Deadline
    ) -> Mapping[str, FloatArray]:
        """Returns some tensors at one input, as far as they are known by these names.

        Arguments:
            x: The numbers of the input in C order, for all examples that it takes at once.
            names: The tensors that are wanted.
            deadline: When to give up.

        Raises:
            Unevaluated: when the input cannot be evaluated, or not in time.
        """

    def at(
        self, inputs: Sequence[FloatArray], names: Sequence[str], deadline: Deadline
    ) -> Iterator[Mapping[str, FloatArray]]:
        """Yields the tensors at each of several inputs; raises as `tensors` does."""
        for x in inputs:
            yield self.tensors(x, names, deadline)


def as_floats(array: object) -> FloatArray:
    """Returns a tensor's numbers in C order, in float64."""
    return np.asarray(array).astype(np.float64).reshape(-1)
