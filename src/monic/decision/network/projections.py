"""Corollary 3: matrices that lower the dimension, and are one-to-one almost surely if random.

After stages that are one-to-one and Lipschitz near every point, on a part of R^n, a matrix with at
least 2n + 1 rows is one-to-one on what reaches it for almost every matrix (Lemma 7 and Corollary 3
of [Puthawala et al., 2020]); so is what follows, if it is one-to-one on all of R^m. A ReLU right
after the matrix is not covered: a ReLU layer of such a matrix is a layer like any other.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from monic.clock import monotonic
from monic.decision.convolution.residues import primes, residues
from monic.decision.network.kinship import has_kin
from monic.decision.result import Decision, StageDecision, Statistics, Verdict
from monic.model import Activation, AffineMap, Input, Linear, Network, Shift, Stage, WholeSpace
from monic.model.array import Array
from monic.model.derived import origin_of

__all__ = [
    "decide_projection",
    "full_rank",
    "is_alone",
    "is_projected",
    "projection_reason",
    "uncovered",
    "with_projections",
]

#: The rank of a matrix with more entries is not computed: 0.5 GB of floats.
ENTRIES = 1 << 26

#: A matrix whose rows are dependent modulo so many primes is taken to be none of a random kind.
TRIED = 3


def with_projections(network: Network) -> Network:
    """Returns the same network, where matrices that lower the dimension are stages of their own.

    Nothing is lost: a stage that begins with such a matrix is never one-to-one by itself.

    Example:
        >>> import numpy as np
        >>> wide = Stage("wide", Linear(np.ones((9, 1)), Input(1)))
        >>> deep = Linear(np.ones((8, 4)), Linear(np.ones((4, 9)), Input(9)))
        >>> [stage.name for stage in with_projections(Network([wide, Stage("deep", deep)])).stages]
        ['wide', 'deep (projection)', 'deep']
    """
    stages: list[Stage] = []
    for stage in network.stages:
        rest = stage
        while (parts := _split(rest, network.in_dim)) is not None:
            stages.append(parts[0])
            rest = parts[1]
        stages.append(rest)
    return Network(stages, network.domain, network.reading)


def decide_projection(network: Network, stage: Stage) -> StageDecision | None:
    """Returns what is assumed of a stage, or None where it is no projection of Corollary 3.

    A matrix with dependent rows, or one whose numbers the network uses twice, was not drawn so.

    Arguments:
        network: The network.
        stage: Its stage; all before it are one-to-one.
    """
    began, n = monotonic(), network.in_dim
    cut = _projection(stage.map, n)
    if cut is not stage.map or not stage.is_one_to_one:
        return None
    matrix = _matrix(cut)
    if not is_alone(matrix, network) or not full_rank(matrix):
        return None
    rows, columns = cut.out_dim, cut.in_dim
    decision = Decision(
        verdict=Verdict.INJECTIVE,
        reason=f"a matrix into {rows:,} >= 2 x {n:,} + 1 dimensions is almost surely one-to-one "
        "on the image of what comes before, if it was drawn from a density",
        method="random projection",
        assumption="random-projections",
        statistics=Statistics(seconds=monotonic() - began),
    )
    return StageDecision(
        name=stage.name,
        shape=(rows, columns),
        domain=WholeSpace().describe(),
        activation=stage.activation.value,
        decision=decision,
    )


def is_projected(stage: StageDecision) -> bool:
    """Whether a decision is one of `decide_projection`."""
    return stage.decision.method == "random projection"


def projection_reason(network: Network, names: Sequence[str], *, skips: bool) -> str:
    """Returns why a network with projections is one-to-one, and how sure that is.

    Arguments:
        network: The network.
        names: The stages with the matrices.
        skips: Whether a matrix is one of a sum F(x) + A x.
    """
    source = "Corollary 3 and Theorem 5" if skips else "Corollary 3"
    return (
        "almost surely, if the matrices of these stages were drawn from a density independent of "
        f"the rest: {', '.join(map(repr, names))} (at least 2 x {network.in_dim:,} + 1 outputs, "
        f"{source}); every other layer is one-to-one on a convex superset of what reaches it"
    )


def uncovered(network: Network, stages: Sequence[StageDecision]) -> str:
    """Says why Corollary 3 does not help with a convolution that lowers the dimension, or ""."""
    for stage in stages:
        if stage.decision.verdict is Verdict.INJECTIVE:
            continue
        rows, columns = stage.shape
        if stage.kind == "dense" or not 2 * network.in_dim + 1 <= rows < columns:
            return ""
        return (
            f"{stage.name!r} has {rows:,} >= 2 x {network.in_dim:,} + 1 outputs, but Corollary 3 "
            "is about matrices drawn from a density, and a convolution's repeats its entries"
        )
    return ""


def _projection(value: AffineMap, n: int) -> AffineMap | None:
    """The largest beginning of a map that is a matrix which lowers the dimension, and shifts."""
    steps = value.steps()
    first = next((step for step in steps if isinstance(step, Linear)), None)
    if first is None or not isinstance(first.of, Input) or len(_readers(steps, first.of)) > 1:
        return None
    if not 2 * n + 1 <= first.out_dim < first.in_dim or _is_derived(first.matrix):
        return None
    cut: AffineMap = first
    while cut is not value:
        after = _readers(steps, cut)
        if len(after) != 1 or not isinstance(after[0], Shift) or _is_derived(after[0].vector):
            break
        cut = after[0]
    return cut


def _is_derived(array: Array) -> bool:
    """Whether an array is computed from others; a density for those is none for it."""
    return origin_of(array) is not None


def _readers(steps: Sequence[AffineMap], of: AffineMap) -> list[AffineMap]:
    return [step for step in steps if any(part is of for part in step.parts())]


def _split(stage: Stage, n: int) -> tuple[Stage, Stage] | None:
    cut = _projection(stage.map, n)
    if cut is None or cut is stage.map:
        return None
    steps = stage.map.steps()
    made: dict[int, AffineMap] = {id(cut): Input(cut.out_dim)}
    for step in steps[steps.index(cut) + 1 :]:
        made[id(step)] = step.after(*(made[id(part)] for part in step.parts()))
    name = f"{stage.name} (projection)"
    return Stage(name, cut, Activation.IDENTITY), replace(stage, map=made[id(stage.map)])


def _matrix(cut: AffineMap) -> Array:
    return next(step for step in cut.steps() if isinstance(step, Linear)).matrix


def is_alone(matrix: Array, network: Network) -> bool:
    """Returns whether a network uses a matrix once only, and has its numbers nowhere else."""
    same = [
        step
        for stage in network.stages
        for step in stage.map.steps()
        if isinstance(step, Linear) and np.array_equal(step.matrix, matrix)
    ]
    return len(same) == 1 and not has_kin(matrix, network)


def full_rank(matrix: Array) -> bool:
    """Returns whether the rank is full, modulo some prime and hence over the rationals."""
    if matrix.size > ENTRIES:
        return False
    columns = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    from monic.geometry.elimination import has_full_column_rank  # compiled when it is needed

    return any(
        has_full_column_rank(residues(columns, prime).astype("float64"), prime)
        for prime in primes(2, TRIED)
    )
