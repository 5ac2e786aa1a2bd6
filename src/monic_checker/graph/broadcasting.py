"""Sums, products and quotients entry by entry, with ONNX's broadcasting."""

from collections.abc import Sequence

from flint import fmpq

from monic_checker.graph.errors import NotCompared
from monic_checker.graph.run import Run
from monic_checker.graph.tensor import Shape, Tensor, strides, walk

__all__ = ["add", "broadcast", "divide", "multiply", "places_in", "scalar", "spread"]


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """Returns the shape that several shapes are broadcast to.

    Raises:
        NotCompared: when they do not fit together.
    """
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    found = []
    for sizes in zip(*padded, strict=True):
        others = {size for size in sizes if size != 1}
        if len(others) > 1:
            raise NotCompared(f"the shapes {shapes} do not fit together")
        found.append(others.pop() if others else 1)
    return tuple(found)


def places_in(shape: Shape, wanted: Shape) -> list[int]:
    """Returns where the entries of a broadcast tensor come from."""
    padded = (1,) * (len(wanted) - len(shape)) + shape
    lines = [
        [0] * size if own == 1 else [step * i for i in range(size)]
        for own, step, size in zip(padded, strides(padded), wanted, strict=True)
    ]
    return walk(lines)


def spread(run: Run, parts: Sequence[Tensor]) -> list[Tensor]:
    """Tensors of one shape and over one denominator."""
    shape = broadcast([part.shape for part in parts])
    unit = parts[0].denominator
    for part in parts[1:]:
        unit = unit.lcm(part.denominator)
    length = max(part.length for part in parts) + int(unit.bit_length())
    found = []
    for part in parts:
        run.hold(shape, length)
        part = part.over(unit)
        moved = part.shape != shape
        found.append(part.taken(places_in(part.shape, shape), shape) if moved else part)
    return found


def add(run: Run, left: Tensor, right: Tensor, sign: int = 1) -> Tensor:
    """Returns X + Z, or X - Z."""
    a, b = spread(run, [left, right])
    pairs = zip(a.entries, b.entries, strict=True)
    entries = [x + z for x, z in pairs] if sign > 0 else [x - z for x, z in pairs]
    return Tensor(a.shape, entries, a.denominator, left.dtype).lowest()


def multiply(run: Run, left: Tensor, right: Tensor) -> Tensor:
    """Returns X Z, entry by entry."""
    shape = broadcast([left.shape, right.shape])
    run.hold(shape, left.length + right.length)
    a, b = (t if t.shape == shape else t.taken(places_in(t.shape, shape), shape)
            for t in (left, right))  # fmt: skip
    entries = [x * z for x, z in zip(a.entries, b.entries, strict=True)]
    return Tensor(shape, entries, left.denominator * right.denominator, left.dtype).lowest()


def divide(run: Run, left: Tensor, right: Tensor) -> Tensor:
    """Returns X / Z, entry by entry; integers are divided towards zero."""
    shape = broadcast([left.shape, right.shape])
    run.hold(shape, left.length + right.length)
    tops = left.taken(places_in(left.shape, shape), shape).rationals()
    bottoms = right.taken(places_in(right.shape, shape), shape).rationals()
    if not all(bottoms):
        raise NotCompared("it divides by 0 at a point")
    found = [a / b for a, b in zip(tops, bottoms, strict=True)]
    if not left.is_float:
        found = [fmpq(abs(q.p) // q.q) * (1 if q > 0 else -1) for q in found]
    return Tensor.of_rationals(found, shape, left.dtype)


def scalar(number: fmpq) -> Tensor:
    """Returns one number, which fits every shape."""
    return Tensor.of_rationals([number], (), "float32")
