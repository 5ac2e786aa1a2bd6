"""The bytes after the header, read in pieces, as varints."""

from typing import BinaryIO

from monic_checker.budget import PYTHON, Budget
from monic_checker.errors import MalformedProof

__all__ = ["Body", "Part"]

_PIECE = 1 << 16

#: Row numbers and counts have at most this many bytes.
_NUMBER_BYTES = 9


class Body:
    """Reads varints from a stream, and knows at which node the reader is.

    Arguments:
        stream: The file, after its header.
        budget: The memory and the work that are left.
    """

    def __init__(self, stream: BinaryIO, budget: Budget) -> None:
        self._budget = budget
        self.node = 0  # only for the addresses of errors
        self._stream = stream
        self._piece = b""
        self._at = 0

    @property
    def address(self) -> str:
        """The node that is being read, for messages."""
        return f"node {self.node}"

    def number(self) -> int:
        """Reads a row number or a count.

        Raises:
            MalformedProof: when the bytes end, or the varint is too long or not the shortest.
        """
        byte = self._byte()
        if byte < 128:  # nearly always
            return byte
        value, shift = byte & 127, 7
        while byte >= 128:
            if shift == 7 * _NUMBER_BYTES:
                raise MalformedProof(self.address, f"a varint of over {_NUMBER_BYTES} bytes")
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
        self._refuse_padding(byte)
        return value

    def multiplier(self) -> int:
        """Reads a positive varint of any length.

        Raises:
            MalformedProof: when the bytes end, or the varint is zero or not the shortest.
            OverBudget: when it is too long for the budget.
        """
        digits = [self._byte()]
        while digits[-1] >= 128:
            if len(digits) % _PIECE == 0:
                self._budget.spend(_PIECE, 64, self.address)
            digits.append(self._byte())
        if len(digits) > 1:
            self._refuse_padding(digits[-1])
        # joined as binary text, since adding up shifts takes quadratic time
        value = int("".join(f"{digit & 127:07b}" for digit in reversed(digits)), 2)
        if value == 0:
            raise MalformedProof(self.address, "expected a positive multiplier. Got 0")
        return value

    def end(self) -> None:
        """Insists that there are no more bytes.

        Raises:
            MalformedProof: when there are.
        """
        if self._at < len(self._piece) or self._stream.read(1):
            raise MalformedProof("body", "expected the file to end here. Got more bytes")

    def _byte(self) -> int:
        if self._at == len(self._piece):
            self._piece, self._at = self._stream.read(_PIECE), 0
            self._budget.work(PYTHON * len(self._piece), self.address)
            if not self._piece:
                raise MalformedProof(self.address, "the file ends before the proof does")
        byte = self._piece[self._at]
        self._at += 1
        return byte

    def _refuse_padding(self, last: int) -> None:
        if last == 0:
            raise MalformedProof(self.address, "a varint with a superfluous zero byte at its end")


class Part(Body):
    """The body as one layer's evidence reads it: the file may go on after it."""

    def __init__(self, body: Body) -> None:
        self.__dict__ = body.__dict__  # one place in one stream

    def end(self) -> None:
        """Leaves the rest to the next layer."""
