"""A piecewise-linear network as one list of ReLUs, exactly: what the pair tree speaks of.

Unit u has z_u = affine(x, r_0, ..., r_(u-1)) and r_u = max(z_u, 0); the outputs are affine in x
and all r. A slope s below 0 is no new kind of unit, since max(t, 0) + s min(t, 0) is
s t + (1 - s) max(t, 0).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from flint import fmpq, fmpq_mat

from monic.model import Activation, Ball, Network, Stage

__all__ = ["Block", "Interval", "Program", "program_of", "range_of"]

#: The numbers from low to high.
Interval = tuple[fmpq, fmpq]

#: The same, where None is no bound.
Ends = tuple[fmpq | None, fmpq | None]

#: (a, c) for a.x <= c.
Side = tuple[tuple[fmpq, ...], fmpq]

ZERO, ONE = fmpq(0), fmpq(1)

#: Networks of more units, or with more weights, are not written out.
UNITS, ENTRIES = 256, 1 << 17

#: The scale of an unbounded domain is at most two to this.
LARGEST = 20


@dataclass(frozen=True, slots=True)
class Block:
    """Units that do not depend on each other.

    Arguments:
        start: The number of the first one.
        matrix: A row for each over (1, x, r_0, ..., r_(start - 1)).
    """

    start: int
    matrix: fmpq_mat

    @property
    def size(self) -> int:
        """How many units."""
        return int(self.matrix.nrows())

    @property
    def units(self) -> range:
        """Their numbers."""
        return range(self.start, self.start + self.size)


@dataclass(frozen=True, slots=True)
class Program:
    """The network, flat.

    Where the domain is not bounded, x and y stand for (x, 1) and (y, 1) times one number tau with
    0 < tau <= 1, the last input of both, and biases are multiplied by it: r is positively
    homogeneous. tau is the largest number by which |x_j| and |y_j| are at most the scale.

    Arguments:
        n: The number of inputs, tau included.
        blocks: The units.
        outputs: A row for each output over (1, x, r).
        coordinates: An interval for each input.
        sides: (a, c) for a.x <= c: the sides of the domain that bound more than one coordinate.
        units: What each side is multiplied by in proofs, which leaves no denominators.
        scale: Where the domain is not bounded, how large x_j and y_j are with tau = 1; else None.
    """

    n: int
    blocks: tuple[Block, ...]
    outputs: fmpq_mat
    coordinates: tuple[Interval, ...]
    sides: tuple[Side, ...]
    units: tuple[int, ...]
    scale: fmpq | None = None

    @property
    def inputs(self) -> int:
        """The number of the network's inputs."""
        return self.n - (self.scale is not None)

    @property
    def size(self) -> int:
        """The number of units."""
        return sum(block.size for block in self.blocks)

    @property
    def forms(self) -> int:
        """How many numbers may be bounded: the inputs, then the z of all units."""
        return self.n + self.size

    def ranges(self) -> list[Interval]:
        """Returns an interval for each input and each z_u on the domain, in turn."""
        found, values = list(self.coordinates), list(self.coordinates)
        for block in self.blocks:
            new = [range_of(row, values) for row in block.matrix.tolist()]
            found += new
            values += [(max(low, ZERO), max(high, ZERO)) for low, high in new]
        return found

    def ways(self, facet: int) -> list[Interval]:
        """Returns an interval for (z_u at x less z_u at y) / t with t = x_i - y_i >= |x - y|.

        Arguments:
            facet: i, the coordinate in which x and y differ most.
        """
        found: list[Interval] = [(-ONE, ONE)] * self.inputs
        found[facet] = (ONE, ONE)
        found += [(ZERO, ZERO)] * (self.n - self.inputs)
        values = list(found)
        for block in self.blocks:
            new = [range_of([ZERO, *row[1:]], values) for row in block.matrix.tolist()]
            found += new
            values += [(min(low, ZERO), max(high, ZERO)) for low, high in new]
        return found


def range_of(row: Sequence[fmpq], values: Sequence[Interval]) -> Interval:
    """Returns the interval of row . (1, v) for v in intervals."""
    low = high = row[0]
    for weight, ends in zip(row[1:], values, strict=True):
        if weight == 0:
            continue
        first, second = ends if weight > 0 else ends[::-1]
        low, high = low + weight * first, high + weight * second
    return low, high


def program_of(network: Network) -> Program | None:
    """Returns a network as one list of ReLUs; None for others than piecewise-linear ones.

    An injective activation at the end is left out: it tells apart what comes before it.
    """
    stages = network.stages
    last = stages[-1]
    if last.is_partial or last.activation is Activation.GIVEN_STATISTICS:
        return None
    if any(stage.slopes() is None for stage in stages[:-1]) or not _is_small(network):
        return None
    n = network.in_dim
    value = fmpq_mat(n, n + 1)
    for j in range(n):
        value[j, j + 1] = ONE
    blocks: list[Block] = []
    start = 0
    for stage in stages:
        value = _image(stage, value)
        slopes = None if stage is last and stage.is_one_to_one else stage.slopes()
        if slopes is None or all(slope == 1 for slope in slopes):
            continue
        kinks = [i for i, slope in enumerate(slopes) if slope != 1]
        table = value.tolist()
        blocks.append(Block(start, fmpq_mat([table[i] for i in kinks])))
        value = _bent(table, slopes, kinks)
        start += len(kinks)
    ends, sides = _domain(network)
    bounded = [(low, high) for low, high in ends if low is not None and high is not None]
    if len(bounded) == n:
        others = tuple(side for side in sides if not _is_of_one(side[0]))
        units = tuple(map(_unit, others))
        return Program(n, tuple(blocks), value, tuple(bounded), others, units)
    return _homogeneous(blocks, value, n, sides)


def _is_small(network: Network) -> bool:
    """Whether the tables of a network can be written out for a search."""
    units = entries = 0
    for stage in network.stages:
        units += sum(slope != 1 for slope in stage.slopes() or ())
        entries += max(step.out_dim for step in stage.map.steps()) * stage.map.in_dim
    return units <= UNITS and entries <= ENTRIES


def _homogeneous(
    blocks: Sequence[Block], outputs: fmpq_mat, n: int, known: Sequence[Side]
) -> Program:
    """Returns a network on an unbounded domain with tau as a further input."""
    scale = _scale(blocks)
    coordinates: list[Interval] = [(-scale, scale)] * n
    sides: list[Side] = []
    factors = []
    for normal, offset in known:
        if offset == 0 and _is_of_one(normal):
            [(j, a)] = [(j, a) for j, a in enumerate(normal) if a != 0]
            low, high = coordinates[j]
            coordinates[j] = (low, ZERO) if a > 0 else (ZERO, high)
        else:
            sides.append(((*normal, -offset), ZERO))
            factors.append(_unit((normal, offset)))
    units = tuple(Block(block.start, _with_tau(block.matrix, n)) for block in blocks)
    coordinates.append((ZERO, ONE))
    made = _with_tau(outputs, n)
    ends = tuple(coordinates)
    return Program(n + 1, units, made, ends, tuple(sides), tuple(factors), scale)


def _with_tau(matrix: fmpq_mat, n: int) -> fmpq_mat:
    rows = matrix.tolist()
    return fmpq_mat([[ZERO, *row[1 : n + 1], row[0], *row[n + 1 :]] for row in rows])


def _scale(blocks: Sequence[Block]) -> fmpq:
    """Returns a power of two about as large as where the walls of the first units are."""
    rows = blocks[0].matrix.tolist() if blocks else []
    sizes = [abs(row[0]) / max(map(abs, row[1:])) for row in rows if row[0] and any(row[1:])]
    if not sizes:
        return ONE
    largest = max(sizes)
    power = int(largest.p).bit_length() - int(largest.q).bit_length()
    return fmpq(2) ** max(-LARGEST, min(LARGEST, power))


def _image(stage: Stage, value: fmpq_mat) -> fmpq_mat:
    exact = stage.map.exact()
    scale = _rational(exact.scale)
    found = fmpq_mat(exact.weight) * value * scale
    for i, entry in enumerate(exact.bias.entries()):
        found[i, 0] += scale * entry
    return found


def _bent(table: list[list[fmpq]], slopes: Sequence[Fraction], kinks: Sequence[int]) -> fmpq_mat:
    """Returns the values after an activation, with a column more for every new unit."""
    places = {i: k for k, i in enumerate(kinks)}
    rows = []
    for i, (row, slope) in enumerate(zip(table, slopes, strict=True)):
        s, new = _rational(slope), [ZERO] * len(kinks)
        if i in places:
            new[places[i]] = ONE - s
        rows.append([*(s * entry for entry in row), *new])
    return fmpq_mat(rows)


def _domain(network: Network) -> tuple[list[Ends], tuple[Side, ...]]:
    """Returns the ends of every input, and all half-spaces of the domain."""
    domain, n = network.domain, network.in_dim
    if isinstance(domain, Ball):  # the box around it
        radius = Fraction(domain.radius)
        return [(_rational(t - radius), _rational(t + radius)) for t in domain.middle(n)], ()
    bounds: list[Ends] = [(None, None)] * n
    sides = []
    for normal, offset in domain.half_spaces(n):
        places = [j for j, a in enumerate(normal) if a]
        sides.append((tuple(map(_rational, normal)), _rational(offset)))
        if len(places) > 1:
            continue
        j, (low, high) = places[0], bounds[places[0]]
        end = _rational(offset / normal[j])
        if normal[j] > 0:
            bounds[j] = low, end if high is None else min(high, end)
        else:
            bounds[j] = end if low is None else max(low, end), high
    return bounds, tuple(sides)


def _unit(side: Side) -> int:
    """Returns the least common denominator of the numbers of a half-space."""
    normal, offset = side
    return lcm(*(int(number.q) for number in (*normal, offset)))


def _is_of_one(normal: Sequence[fmpq]) -> bool:
    return sum(a != 0 for a in normal) == 1


def _rational(number: Fraction) -> fmpq:
    return fmpq(number.numerator, number.denominator)
