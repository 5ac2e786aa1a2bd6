"""Maps that act on whole filters of convolutions: every block of rows is scale * filter + bias."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from flint import fmpq, fmpz

from monic_checker.budget import PYTHON
from monic_checker.costs import times
from monic_checker.errors import InvalidProof
from monic_checker.grid import Grid
from monic_checker.prefix import check_invertible, takes_each_once
from monic_checker.steps import Step
from monic_checker.system import System

__all__ = ["Block", "kernel", "opposite", "read_blocks"]


@dataclass(frozen=True, slots=True)
class Block:
    """The rows scale * (filter at an output position) + bias, one for each output position.

    Arguments:
        step: The position of the convolution among the steps.
        grid: How it walks over the input.
        filter: The number of the filter.
        scale: Any rational.
        bias: Any rational.
    """

    step: int
    grid: Grid
    filter: int
    scale: fmpq
    bias: fmpq


def read_blocks(system: System) -> list[Block]:
    """Returns the blocks of the map, in the order of its rows.

    Raises:
        InvalidProof: when the map is not made of filters of convolutions of the input, or of one
            invertible change of it.
    """
    known: list[list[Block]] = []
    for i, step in enumerate(system.subject.steps):
        parts = [known[source] for source in step.sources]
        count = sum(map(len, parts)) + (step.grid.filters if step.grid is not None else 0)
        system.subject.budget.spend(count, 1024, f"subject.map[{i}]")
        if step.grid is not None:
            filters = range(step.grid.filters)
            known.append([Block(i, step.grid, f, fmpq(1), fmpq(0)) for f in filters])
        elif step.name == "concat" and all(parts):
            known.append([block for part in parts for block in part])
        elif step.name in _NUMBERS and parts[0]:
            known.append(_numbered(system, step, parts[0], i))
        else:
            known.append([])
    found = known[_before_permutation(system.subject.steps)]
    if not found:
        raise InvalidProof("subject.map", "expected filters of convolutions of the input")
    bases = {system.subject.steps[block.step].sources for block in found}
    if len(bases) != 1:
        raise InvalidProof("subject.map", "expected convolutions of the input, or of one change")
    ((base,),) = bases
    check_invertible(system, base)
    return found


def _before_permutation(steps: Sequence[Step]) -> int:
    """The last step, or the one before it where that only changes the order of the rows."""
    last = steps[-1]
    if last.name == "select" and takes_each_once(last, steps[last.sources[0]].size):
        return last.sources[0]
    return len(steps) - 1


def _numbered(system: System, step: Step, blocks: Sequence[Block], place: int) -> list[Block]:
    """Shifts or scales blocks by numbers that do not differ within a block."""
    array = system.arrays[step.array or 0]
    system.subject.budget.work(2 * PYTHON * len(array.entries), f"subject.map[{place}]")
    each = step.size // len(array.entries)
    sign = -1 if step.name.endswith("-negative") else 1
    result, start = [], 0
    for block in blocks:
        end = start + block.grid.positions
        first, *others = array.entries[start // each : (end - 1) // each + 1]
        if any(entry != first for entry in others):
            raise InvalidProof(f"subject.map[{place}]", "expected one number for each filter")
        number = fmpq(sign * first, array.denominator)
        if step.name == "quotient" and not first:
            raise InvalidProof(f"subject.map[{place}]", "expected divisors other than 0")
        number = 1 / number if step.name == "quotient" else number
        if step.name in ("scale", "channel-scale", "quotient"):
            result.append(replace(block, scale=block.scale * number, bias=block.bias * number))
        else:
            result.append(replace(block, bias=block.bias + number))
        start = end
    return result


_NUMBERS = (
    *("shift", "shift-negative", "scale"),
    *("channel-shift", "channel-shift-negative", "channel-scale", "quotient"),
)


def kernel(system: System, block: Block) -> list[fmpz]:
    """Returns the numerators of a block's filter, channel by channel, tap by tap."""
    array = system.arrays[system.subject.steps[block.step].array or 0]
    grid = block.grid
    return [
        array.entries[grid.entry(block.filter, channel, tap)]
        for channel in range(grid.width)
        for tap in range(grid.taps)
    ]


def opposite(system: System, first: Block, second: Block) -> bool:
    """Whether the second block's rows are -d times the first's, d > 0, and they leave no gap."""
    if first.scale == 0 or second.scale == 0:
        return False
    ratio = second.scale / first.scale
    if (first.step, first.filter) != (second.step, second.filter):
        grids = (first.grid, second.grid)
        if grids[0].shape != grids[1].shape:
            return False
        pairs = zip(grids[0].tables, grids[1].tables, strict=True)
        if not all(a.reads_like(b, system.subject.budget) for a, b in pairs):
            return False
        if [g.width for g in grids] != [grids[0].width] * 2 or (
            grids[0].group(first.filter) != grids[1].group(second.filter)
        ):
            return False
        steps = system.subject.steps
        arrays = [system.arrays[steps[block.step].array or 0] for block in (first, second)]
        length = max(system.lengths[steps[block.step].array or 0] for block in (first, second))
        each = 8 * PYTHON + 2 * times(length, length)
        system.subject.budget.work(first.grid.width * first.grid.taps * each, "evidence")
        ours, theirs = kernel(system, first), kernel(system, second)
        pivot = next((k for k, entry in enumerate(ours) if entry != 0), None)
        if pivot is None:
            return False
        factor = fmpq(theirs[pivot], ours[pivot])
        if any(b * factor.q != a * factor.p for a, b in zip(ours, theirs, strict=True)):
            return False
        ratio *= factor * fmpq(arrays[0].denominator, arrays[1].denominator)
    return bool(ratio < 0 and second.bias - ratio * first.bias >= 0)
