"""[C; -DC]: opposite filters make a layer one-to-one if and only if C has full column rank."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from flint import fmpz_mat

from monic.certificate import Certificate, header
from monic.decision.convolution.blocks import Block
from monic.decision.convolution.pairs import Pairs
from monic.decision.convolution.rank import Rank, column_rank
from monic.decision.convolution.sigma import SigmaEstimate, estimate_sigma_min
from monic.geometry.rational import primitive
from monic.model.array import dyadic

__all__ = ["PairedFilters", "kernel_vector", "of_one_step", "pair_evidence", "prove_pairs"]

#: Kernel vectors are computed over the rationals for matrices with up to so many entries.
KERNEL_ENTRIES = 1 << 18


@dataclass(frozen=True, slots=True)
class PairedFilters:
    """What pairs of filters say about a layer.

    Arguments:
        certificate: The proof that the layer is one-to-one, if it is.
        rank: What was found out about the rank.
        filters: The number of filters of C.
        sigma: How stable C is, beside a proof.
    """

    rank: Rank
    certificate: Certificate | None = None
    filters: int = 0
    sigma: SigmaEstimate | None = None


def prove_pairs(
    pairs: Pairs, n: int, subject: dict[str, Any], until: float | None = None
) -> PairedFilters | None:
    """Returns what the pairs show, or None when there are too few of them to span R^n.

    Arguments:
        pairs: The pairs.
        n: The number of inputs.
        subject: The subject of certificates about the layer.
        until: When to give up, on the monotonic clock.
    """
    chosen = of_one_step(pairs)
    if not chosen:
        return None
    taps = chosen[0][0].step.taps
    if len(chosen) * taps.positions < n:
        return None
    filters = np.array(sorted(pair[0].filter for pair in chosen))
    found = column_rank(taps, filters, until)
    if not found.full:
        return PairedFilters(found, filters=len(chosen))
    proof = Certificate(header("INJECTIVE", subject, pair_evidence(chosen, found.prime)))
    return PairedFilters(found, proof, len(chosen), estimate_sigma_min(taps, filters))


def of_one_step(pairs: Pairs) -> list[tuple[Block, Block]]:
    """Returns the pairs whose first filters belong to one convolution, that with the most."""
    by_step: dict[int, list[tuple[Block, Block]]] = defaultdict(list)
    for pair in pairs.pairs:
        by_step[id(pair[0].step)].append(pair)
    return max(by_step.values(), key=len, default=[])


def pair_evidence(pairs: Sequence[tuple[Block, Block]], prime: int) -> dict[str, Any]:
    """Returns the evidence `paired-filters`."""
    numbers = [[i.number, j.number] for i, j in pairs]
    return {"kind": "paired-filters", "prime": prime, "pairs": numbers}


def kernel_vector(found: Sequence[Block], n: int) -> tuple[int, ...] | None:
    """Returns an integer d != 0 orthogonal to every row; None if there is none or n is too large.

    Rows that are multiples of each other count once, so that the blocks' scales play no part.
    """
    used = {(id(b.step), b.filter): b for b in found if b.scale}
    rows = sum(block.positions for block in used.values())
    if rows * n > KERNEL_ENTRIES:
        return None
    entries: list[list[int]] = []
    steps = {id(block.step): block.step for block in used.values()}
    for name, step in steps.items():
        mine = np.array([block.filter for key, block in used.items() if key[0] == name])
        integers = [int(entry) for entry in dyadic(step.taps.kernel)[0].entries()]
        pattern = step.taps.pattern(mine)
        table = [[0] * n for _ in range(mine.size * step.taps.positions)]
        cells = zip(
            pattern.rows.tolist(), pattern.columns.tolist(), pattern.places.tolist(), strict=True
        )
        for row, column, place in cells:
            table[row][column] += integers[place]
        entries += table
    basis, nullity = fmpz_mat(entries).nullspace()
    if nullity == 0:
        return None
    columns = [[int(basis[i, j]) for i in range(n)] for j in range(int(nullity))]
    return primitive(min(columns, key=lambda column: sum(map(abs, column))))
