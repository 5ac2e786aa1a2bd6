"""A layer over convolutions as blocks of rows: scale * (filter of a convolution) + bias.

Shifts, scales and concatenations after a convolution act on whole filters, as long as their
numbers do not differ between the output positions of one filter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from monic.model import (
    AffineMap,
    ChannelScale,
    ChannelShift,
    Concat,
    Input,
    Quotient,
    Scale,
    Shift,
)
from monic.model.array import Array
from monic.model.convolution import ConvolutionMap
from monic.model.wiring import Select

__all__ = ["Block", "blocks", "unordered"]


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """The rows scale * (row of the filter at an output position) + bias, for all positions.

    Arguments:
        step: The convolution, applied to the layer's input itself, or all to one change of it.
        filter: The number of its filter.
        scale: Any number.
        bias: Any number.
        number: The number of the block in the layer.
    """

    step: ConvolutionMap
    filter: int
    scale: Fraction
    bias: Fraction
    number: int = 0

    @property
    def positions(self) -> int:
        """The number of rows."""
        return self.step.taps.positions


def blocks(value: AffineMap, base: AffineMap | None = None) -> list[Block] | None:
    """Returns the blocks of a map in the order of its rows, or None when it has none.

    Arguments:
        value: The map.
        base: The step that its convolutions are applied to; None for the input.

    Example:
        >>> from monic.model import Convolution, Geometry, Input
        >>> y = Convolution([[[1.0, 2.0]]], Input(4), Geometry((1, 4)))
        >>> [str(block.scale) for block in blocks(Concat((y, Scale([-0.5], y))))]
        ['1', '-1/2']
    """
    known: dict[int, list[Block] | None] = {}
    for step in value.steps():
        known[id(step)] = _blocks(step, [known[id(part)] for part in step.parts()], base)
    found = known[id(value)]
    if found is None:
        return None
    return [replace(block, number=i) for i, block in enumerate(found)]


def unordered(value: AffineMap) -> AffineMap:
    """Returns a map without a permutation at its end: as a layer, it merges the same inputs.

    Example:
        >>> from monic.model import Select
        >>> start = Input(2)
        >>> unordered(Select([1, 0], start)) is start
        True
    """
    if isinstance(value, Select) and sorted(value.places) == list(range(value.of.out_dim)):
        return value.of
    return value


def _blocks(
    step: AffineMap, parts: Sequence[list[Block] | None], base: AffineMap | None
) -> list[Block] | None:
    if isinstance(step, ConvolutionMap):
        if not (isinstance(step.of, Input) if base is None else step.of is base):
            return None
        one, zero = Fraction(1), Fraction(0)
        return [Block(step, filter, one, zero) for filter in range(step.out_shape[0])]
    inner = [block for part in parts if part is not None for block in part]
    if isinstance(step, Input) or any(part is None for part in parts):
        return None
    if isinstance(step, Concat):
        return inner
    if not isinstance(step, Shift | Scale | ChannelShift | ChannelScale | Quotient):
        return None
    numbers = _numbers(step.vector, inner, step.out_dim)
    if numbers is None:
        return None
    pairs = zip(inner, numbers, strict=True)
    if isinstance(step, Scale | ChannelScale):
        return [replace(b, scale=b.scale * v, bias=b.bias * v) for b, v in pairs]
    if isinstance(step, Quotient):
        return [replace(b, scale=b.scale / v, bias=b.bias / v) for b, v in pairs]
    sign = -1 if step.negative else 1
    return [replace(b, bias=b.bias + sign * v) for b, v in pairs]


def _numbers(vector: Array, inner: Sequence[Block], size: int) -> list[Fraction] | None:
    """Returns the number for each block, or None when some block would need several."""
    each = size // vector.size
    flat = vector.reshape(-1)
    numbers, start = [], 0
    for block in inner:
        first, last = start // each, (start + block.positions - 1) // each
        values = flat[first : last + 1]
        if (values != values[0]).any():
            return None
        entry = values[0].item() if values.dtype.kind in "iu" else float(values[0])
        numbers.append(Fraction(entry))
        start += block.positions
    return numbers
