"""The body of a `pair-tree` proof: nodes in preorder, as varints."""

from typing import IO

from flint import fmpq

from monic.decision.outcome import new_body
from monic.decision.pair_tree.rows import Multipliers

__all__ = ["Writer"]


class Writer:
    """Writes nodes as they are entered."""

    def __init__(self) -> None:
        self.stream: IO[bytes] = new_body()
        self._piece = bytearray()

    def leaf(self, multipliers: Multipliers) -> None:
        """Writes a node that a combination of its rows shows to be dead."""
        self._number(0)
        self._number(len(multipliers))
        last = 0
        for row, weight in multipliers:
            self._number(row - last)
            self._signed(weight)
            last = row
        self._flush()

    def branch(self, side: int, form: int, at: fmpq) -> None:
        """Writes a node whose children are the cases >= and <= of a number."""
        self._number(1 + 3 * form + side)
        self._signed(int(at.p))
        if at != 0:
            self._number(int(at.q))
        self._flush()

    def end(self) -> IO[bytes]:
        """Returns the stream."""
        self.stream.write(self._piece)
        self._piece.clear()
        return self.stream

    def _flush(self) -> None:
        if len(self._piece) > 1 << 16:
            self.end()

    def _signed(self, value: int) -> None:
        self._number(2 * value + 1 if value >= 0 else -2 * value)

    def _number(self, value: int) -> None:
        while value >= 128:
            self._piece.append((value & 127) | 128)
            value >>= 7
        self._piece.append(value)
