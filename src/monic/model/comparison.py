"""What came of comparing a network that was read with what was read, as a value."""

from dataclasses import dataclass

__all__ = ["Comparison"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Whether a network was compared with an independent evaluation of its file or module.

    There is no such value for a difference: loading then raises `ReadingError`.

    Arguments:
        against: What evaluated the file or module, such as "onnx.reference".
        points: The number of inputs at which outputs and activations were compared; 0 is none.
        largest: The largest difference found, in parts of the bound that rounding errors have.
        reason: Why nothing was compared; None when something was.

    Example:
        >>> Comparison(against="onnx.reference", points=8, largest=0.01).describe()
        'compared with onnx.reference at 8 points'
    """

    against: str
    points: int = 0
    largest: float = 0.0
    reason: str | None = None

    def describe(self) -> str:
        """Returns what was compared in a few words."""
        if self.reason is not None:
            return f"reading not compared: {self.reason}"
        plural = "" if self.points == 1 else "s"
        return f"compared with {self.against} at {self.points} point{plural}"
