"""Affine maps followed by one-to-one activations: injective if and only if of full column rank."""

from fractions import Fraction
from time import monotonic
from typing import Any

from monic.certificate import Certificate, header, point_certificate, subject
from monic.decision.convolution.blocks import blocks
from monic.decision.convolution.decide import DENSE
from monic.decision.convolution.kernel import local_kernel
from monic.decision.problem import Problem
from monic.decision.result import Collision, Decision, Statistics, Verdict
from monic.decision.structure import column_rank
from monic.decision.witness import float_pair
from monic.model import AffineMap, Domain, ReLULayer

__all__ = ["decide_affine"]


def decide_affine(value: AffineMap, domain: Domain) -> Decision:
    """Decides whether x -> W x + b is one-to-one on a domain with interior, by its rank.

    Example:
        >>> from monic.model import Product, WholeSpace
        >>> decide_affine(Product([[1.0, 2.0]]), WholeSpace()).verdict.name
        'NOT_INJECTIVE'
    """
    started = monotonic()
    problem = Problem(ReLULayer(value, domain=domain))
    about = subject("affine", value, domain)
    if value.in_dim * max(step.out_dim for step in value.steps()) > DENSE:
        return _without_matrix(problem, about, started)
    found = column_rank([row[:-1] for row in problem.rows], problem.dim)
    if isinstance(found, list):
        evidence = {"kind": "independent-rows", "rows": found}
        return Decision(
            verdict=Verdict.INJECTIVE,
            reason=f"the affine map has full column rank {problem.dim}",
            method="rank",
            certificate=Certificate(header("INJECTIVE", about, evidence)),
            statistics=Statistics(seconds=monotonic() - started),
        )
    reason = f"the affine map has column rank below {problem.dim}"
    return _not_injective(problem, about, found, reason, started)


def _without_matrix(problem: Problem, about: dict[str, Any], started: float) -> Decision:
    """Convolutions that lose something at one position; other large maps are not decided."""
    found = blocks(problem.layer.map)
    kernel = None if found is None else local_kernel(found)
    spent = Statistics(seconds=monotonic() - started)
    m, n = problem.layer.shape
    if kernel is None:
        return Decision(
            verdict=Verdict.UNDECIDED,
            reason=f"its matrix of {m:,} x {n:,} is beyond the limit of {DENSE:,} entries, and "
            "no vector at one position of the input is lost",
            method="rank",
            statistics=spent,
        )
    reason = f"the affine map has column rank below {n}: what is lost lies at one position"
    return _not_injective(problem, about, kernel, reason, started)


def _not_injective(
    problem: Problem, about: dict[str, Any], kernel: tuple[int, ...], reason: str, started: float
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


def _collision(problem: Problem, kernel: tuple[int, ...]) -> Collision:
    """Two points inside the domain that differ by a kernel vector."""
    x = problem.inner_point()
    step = Fraction(1, max(map(abs, kernel)))
    while not problem.contains(
        other := tuple(t + step * d for t, d in zip(x, kernel, strict=True))
    ):
        step /= 2
    first, second = problem.outside(x), problem.outside(other)
    floats = float_pair(problem.layer.map, first, second, least=None)
    return Collision(x=first, other=second, floats=floats)
