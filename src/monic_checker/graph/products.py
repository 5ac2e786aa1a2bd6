"""Matrix products: MatMul, Gemm, and sums over letters."""

import math
from collections.abc import Sequence

from flint import fmpq, fmpz, fmpz_mat

from monic_checker.graph.broadcasting import add, broadcast, multiply, places_in
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.node import Node
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.tensor import Shape, Tensor, strides, walk

__all__ = ["TABLE", "permuted", "product"]


def product(run: Run, left: Tensor, right: Tensor) -> Tensor:
    """Returns the matrix products along the last two axes, the others broadcast."""
    a = left if len(left.shape) > 1 else left.reshaped((1, *left.shape))
    b = right if len(right.shape) > 1 else right.reshaped((*right.shape, 1))
    if not left.shape or not right.shape or a.shape[-1] != b.shape[-2]:
        raise NotCompared(f"the shapes {left.shape} and {right.shape} do not fit together")
    if len(b.shape) == 2:  # one matrix for all rows
        found = _matrix_product(run, a, b, (*a.shape[:-1], b.shape[-1]))
    else:
        found = _batches(run, a, b)
    rows = found.shape[-2:-1] if len(left.shape) > 1 else ()
    columns = found.shape[-1:] if len(right.shape) > 1 else ()
    return found.reshaped((*found.shape[:-2], *rows, *columns)).lowest()


def _matrix_product(run: Run, a: Tensor, b: Tensor, shape: Shape) -> Tensor:
    inner, columns = b.shape
    rows = math.prod(a.shape[:-1])
    length = a.length + b.length + inner.bit_length()
    run.matrices(rows, inner, columns, (a.length, b.length))
    run.hold(shape, length)
    found = fmpz_mat(rows, inner, a.entries) * fmpz_mat(inner, columns, b.entries)
    return Tensor(shape, found.entries(), a.denominator * b.denominator, a.dtype)


def _batches(run: Run, a: Tensor, b: Tensor) -> Tensor:
    outer = broadcast([a.shape[:-2], b.shape[:-2]])
    whole = [(*outer, *t.shape[-2:]) for t in (a, b)]
    for shape in whole:
        run.hold(shape, max(a.length, b.length))
    a, b = (t.taken(places_in(t.shape, s), s) for t, s in zip((a, b), whole, strict=True))
    entries: list[fmpz] = []
    shape = (a.shape[-2], b.shape[-1])
    pieces = [t.shape[-2] * t.shape[-1] for t in (a, b)]
    for k in range(math.prod(outer)):
        left, right = (
            Tensor(t.shape[-2:], t.entries[k * n : (k + 1) * n], t.denominator)
            for t, n in zip((a, b), pieces, strict=True)
        )
        entries += _matrix_product(run, left, right, shape).entries
    return Tensor((*outer, *shape), entries, a.denominator * b.denominator, a.dtype)


def permuted(run: Run, found: Tensor, order: Sequence[int]) -> Tensor:
    """Returns a tensor with its axes in another order."""
    run.hold(found.shape, 0)
    steps = strides(found.shape)
    lines = [[steps[axis] * i for i in range(found.shape[axis])] for axis in order]
    return found.taken(walk(lines), tuple(found.shape[axis] for axis in order))


def _matmul(node: Node, operands: Operands, run: Run) -> Tensor:
    return product(run, operands.tensor(0), operands.tensor(1))


def _gemm(node: Node, operands: Operands, run: Run) -> Tensor:
    a, b, c = operands.tensor(0), operands.tensor(1), operands.optional(2)
    if len(a.shape) != 2 or len(b.shape) != 2:
        raise NotCompared(f"it takes matrices. Got the shapes {a.shape} and {b.shape}")
    a = permuted(run, a, (1, 0)) if node.integer("transA", 0) else a
    b = permuted(run, b, (1, 0)) if node.integer("transB", 0) else b
    found = _scaled(run, product(run, a, b), node.number("alpha", fmpq(1)))
    if c is None:
        return found
    if broadcast([found.shape, c.shape]) != found.shape:
        raise NotCompared(f"its bias of shape {c.shape} does not fit {found.shape}")
    return add(run, found, _scaled(run, c, node.number("beta", fmpq(1))))


def _scaled(run: Run, found: Tensor, factor: fmpq) -> Tensor:
    return found if factor == 1 else multiply(run, found, Tensor.of_rationals([factor], (), ""))


def _einsum(node: Node, operands: Operands, run: Run) -> Tensor:
    """A sum over the letters that the output does not have, of products of entries."""
    inputs, arrow, output = node.string("equation", "").replace(" ", "").partition("->")
    terms, parts = inputs.split(","), operands.tensors()
    plain = all(term.isalpha() and len({*term}) == len(term) for term in terms)
    fits = len(terms) == len(parts) == 2 and arrow and plain
    if not fits or len({*output}) != len(output) or not {*output} <= {*inputs}:
        raise NotCompared(f"its equation {node.string('equation', '')!a:.80} is not carried out")
    sizes: dict[str, int] = {}
    for term, part in zip(terms, parts, strict=True):
        if len(term) != len(part.shape):
            raise NotCompared("its equation does not fit the shapes")
        for letter, size in zip(term, part.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise NotCompared("its equation does not fit the shapes")
    return _contracted(run, parts, terms, output, sizes)


def _contracted(
    run: Run, parts: Sequence[Tensor], terms: Sequence[str], output: str, sizes: dict[str, int]
) -> Tensor:
    """Shared letters of the output come first, as batches; the summed ones are multiplied."""
    left, right = parts
    kept = {*output}
    both = [x for x in terms[0] if x in terms[1] and x in kept]
    summed = [x for x in terms[0] if x in terms[1] and x not in kept]
    rows = [x for x in terms[0] if x not in terms[1]]
    columns = [x for x in terms[1] if x not in terms[0]]
    if not kept >= {*rows, *columns}:
        raise NotCompared("its equation sums a letter of one tensor alone")
    a = permuted(run, left, [terms[0].index(x) for x in (*both, *rows, *summed)])
    b = permuted(run, right, [terms[1].index(x) for x in (*both, *summed, *columns)])
    outer = [sizes[x] for x in both]
    m, k, n = (math.prod(sizes[x] for x in part) for part in (rows, summed, columns))
    found = product(run, a.reshaped((*outer, m, k)), b.reshaped((*outer, k, n)))
    order = (*both, *rows, *columns)
    whole = found.reshaped([sizes[x] for x in order])
    return permuted(run, whole, [order.index(x) for x in output])


TABLE = {"Einsum": _einsum, "Gemm": _gemm, "MatMul": _matmul}
