"""Affine maps followed by one-to-one activations: injective if and only if of full column rank."""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from monic.certificate import Certificate, header, point_certificate, subject
from monic.clock import monotonic
from monic.decision.convolution.blocks import Block, blocks, unordered
from monic.decision.convolution.decide import DENSE, SMALL
from monic.decision.convolution.kernel import local_kernel
from monic.decision.convolution.prefix import changed_input, is_invertible, undone
from monic.decision.convolution.rank import column_rank
from monic.decision.convolution.residues import primes, residues
from monic.decision.problem import Problem
from monic.decision.result import Collision, Decision, Statistics, Verdict
from monic.decision.structure import column_rank as independent_or_kernel
from monic.decision.witness import float_pair
from monic.geometry.elimination import has_full_column_rank
from monic.model import AffineMap, ChannelShift, Domain, Linear, ReLULayer, Shift

__all__ = ["decide_affine"]


def decide_affine(value: AffineMap, domain: Domain, until: float | None = None) -> Decision:
    """Decides whether x -> W x + b is one-to-one on a domain with interior, by its rank.

    Arguments:
        value: The map.
        domain: The domain.
        until: When to give up, on the monotonic clock.

    Example:
        >>> from monic.model import Product, WholeSpace
        >>> decide_affine(Product([[1.0, 2.0]]), WholeSpace()).verdict.name
        'NOT_INJECTIVE'
    """
    started = monotonic()
    problem = Problem(ReLULayer(value, domain=domain))
    about = subject("affine", value, domain)
    size = value.in_dim * max(step.out_dim for step in value.steps())
    decided = _by_structure(problem, about, (started, until)) if size > SMALL else None
    if decided is not None:
        return decided
    if size > DENSE:
        return _undecided(problem, started)
    if size > SMALL and _first_rows_span(value, until):
        evidence = {"kind": "independent-rows", "rows": list(range(problem.dim))}
        reason = f"the affine map has full column rank {problem.dim}"
        return _injective(about, evidence, reason, started)
    if until is not None and monotonic() > until:
        return _undecided(problem, started, "the time limit was hit; raise time_limit")
    found = independent_or_kernel([row[:-1] for row in problem.rows], problem.dim)
    if isinstance(found, list):
        evidence = {"kind": "independent-rows", "rows": found}
        reason = f"the affine map has full column rank {problem.dim}"
        return _injective(about, evidence, reason, started)
    reason = f"the affine map has column rank below {problem.dim}"
    return _not_injective(problem, about, list(map(Fraction, found)), reason, started)


def _by_structure(
    problem: Problem, about: dict[str, Any], times: tuple[float, float | None]
) -> Decision | None:
    """Decides maps that lose nothing step by step, and those of filters, without a matrix."""
    started, until = times
    value = unordered(problem.layer.map)
    if is_invertible(value):
        evidence: dict[str, Any] = {"kind": "invertible"}
        reason = "the affine map shifts, scales and permutes numbers, and loses none"
        return _injective(about, evidence, reason, started)
    base = changed_input(value)
    found = blocks(value, base)
    if found is None:
        return None
    kernel = local_kernel(found)
    if kernel is not None:
        reason = f"the affine map has column rank below {problem.dim}: what is lost lies"
        reason += " at one position"
        return _not_injective(problem, about, undone(base, kernel), reason, started)
    chosen = _of_one_step(found)
    if len(chosen) * chosen[0].positions < problem.dim:
        return None
    filters = np.array(sorted(chosen_by_filter := {block.filter: block for block in chosen}))
    rank = column_rank(chosen[0].step.taps, filters, until)
    if not rank.full:
        return None
    numbers = [chosen_by_filter[filter].number for filter in filters.tolist()]
    evidence = {"kind": "independent-filters", "prime": rank.prime, "filters": numbers}
    reason = (
        f"the affine map has full column rank {problem.dim:,}: its filters have it modulo the "
        f"prime {rank.prime}"
    )
    return _injective(about, evidence, reason, started)


def _of_one_step(found: Sequence[Block]) -> list[Block]:
    """Returns the blocks of the convolution with the most filters."""
    by_step: dict[int, list[Block]] = defaultdict(list)
    for block in found:
        if block.scale:
            by_step[id(block.step)].append(block)
    return max(by_step.values(), key=len)


def _injective(
    about: dict[str, Any], evidence: dict[str, Any], reason: str, started: float
) -> Decision:
    return Decision(
        verdict=Verdict.INJECTIVE,
        reason=reason,
        method="rank",
        certificate=Certificate(header("INJECTIVE", about, evidence)),
        statistics=Statistics(seconds=monotonic() - started),
    )


def _first_rows_span(value: AffineMap, until: float | None) -> bool:
    """Whether a matrix of floats, perhaps shifted, has its first n rows independent.

    It is looked at modulo a prime, with no long integers; False says nothing.
    """
    while isinstance(value, Shift | ChannelShift):
        value = value.of
    if not isinstance(value, Linear) or not is_invertible(value.of):
        return False
    matrix = value.matrix.T if value.transposed else value.matrix
    if len(matrix) < matrix.shape[1]:
        return False
    prime = primes(2, 1)[0]
    table = residues(matrix[: matrix.shape[1]], prime).astype(np.float64)
    return bool(has_full_column_rank(np.ascontiguousarray(table), prime, until))


def _undecided(problem: Problem, started: float, why: str = "") -> Decision:
    m, n = problem.layer.shape
    beyond = (
        f"its matrix of {m:,} x {n:,} is beyond the limit of {DENSE:,} entries, and neither are "
        "filters of it known to have full rank, nor is a vector lost at one position"
    )
    return Decision(
        verdict=Verdict.UNDECIDED,
        reason=why or beyond,
        method="rank",
        statistics=Statistics(seconds=monotonic() - started),
    )


def _not_injective(
    problem: Problem,
    about: dict[str, Any],
    kernel: Sequence[Fraction],
    reason: str,
    started: float,
) -> Decision:
    pair = _collision(problem, kernel)
    return Decision(
        verdict=Verdict.NOT_INJECTIVE,
        reason=reason,
        method="rank",
        certificate=point_certificate(about, "collision", {"x": pair.x, "other": pair.other}),
        collision=pair,
        point=pair.x,
        statistics=Statistics(seconds=monotonic() - started),
    )


def _collision(problem: Problem, kernel: Sequence[Fraction]) -> Collision:
    """Two points inside the domain that differ by a kernel vector."""
    x = problem.inner_point()
    step = 1 / max(map(abs, kernel))
    while not problem.contains(
        other := tuple(t + step * d for t, d in zip(x, kernel, strict=True))
    ):
        step /= 2
    first, second = problem.outside(x), problem.outside(other)
    floats = float_pair(problem.layer.map, first, second, least=None)
    return Collision(x=first, other=second, floats=floats)
