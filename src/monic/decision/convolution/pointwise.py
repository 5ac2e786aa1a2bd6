"""Convolutions with one tap: the same small layer at every position, decided there once.

A linear layer on tokens or on the points of a cloud is such a convolution. Every row reads one
position, so that the layer is one-to-one on a product of domains if and only if the small one is
on each of them. Windows of one position carry the proof; a collision moves one position.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import prod
from typing import IO, Any, NamedTuple

import numpy as np

from monic.decision.approach import Approach
from monic.decision.convolution.blocks import Block, unordered
from monic.decision.convolution.cover import Cover, certified, first_cover, shares
from monic.decision.convolution.prefix import before, permuted_domain
from monic.decision.convolution.window_problem import Share, restricted
from monic.decision.outcome import new_body
from monic.decision.problem import Point, Problem
from monic.decision.result import Decision, Verdict
from monic.model import (
    AffineMap,
    Box,
    ChannelScale,
    ChannelShift,
    Concat,
    Domain,
    Input,
    Linear,
    Orthant,
    Quotient,
    ReLULayer,
    Scale,
    Shift,
    TransposedConvolution,
    WholeSpace,
)
from monic.model.array import Array
from monic.model.convolution import ConvolutionMap
from monic.model.window import Window

__all__ = ["Shared", "at_one_position", "decide_by_position", "is_pointwise"]


def is_pointwise(found: Sequence[Block]) -> bool:
    """Whether blocks are all of convolutions with one tap, of all channels.

    Example:
        >>> from monic.decision.convolution.blocks import blocks
        >>> from monic.model import Convolution, Geometry
        >>> step = Convolution([[1.0, 2.0], [3.0, 4.0]], Input(6), Geometry((2, 3)))
        >>> is_pointwise(blocks(step))
        True
    """
    steps = {id(block.step): block.step for block in found}.values()
    shapes = {step.geometry.shape for step in steps}
    return len(shapes) == 1 and all(s.taps.groups == 1 and s.taps.is_pointwise for s in steps)


def at_one_position(value: AffineMap, base: AffineMap | None) -> AffineMap:
    """Returns what a pointwise map does at one position, over the same arrays.

    Arguments:
        value: A map with blocks, all of convolutions with one tap.
        base: The step that they are applied to; None for the input.

    Example:
        >>> from monic.model import Convolution, Geometry
        >>> step = Convolution([[1.0, 2.0]], Input(6), Geometry((2, 3)))
        >>> at_one_position(ChannelShift([5.0], step), None).exact().weight.tolist()
        [[1, 2]]
    """
    known: dict[int, AffineMap] = {}
    for step in value.steps():
        if isinstance(step, ConvolutionMap):
            backwards = isinstance(step, TransposedConvolution)
            matrix = step.kernel.reshape(step.kernel.shape[:2])
            known[id(step)] = Linear(matrix, Input(step.geometry.channels), backwards)
        elif all(id(part) in known for part in step.parts()) and step.parts():
            known[id(step)] = _smaller(step, [known[id(part)] for part in step.parts()])
    return known[id(value)]


def _smaller(step: AffineMap, parts: list[AffineMap]) -> AffineMap:
    if isinstance(step, Concat):
        return Concat(tuple(parts))
    known = Shift | Scale | ChannelShift | ChannelScale | Quotient
    assert isinstance(step, known), "it has blocks"
    vector = _each(step.vector, step.out_dim, parts[0].out_dim)
    if isinstance(step, Quotient):
        return Quotient(vector, parts[0])
    if isinstance(step, Scale | ChannelScale):
        return Scale(vector, parts[0])
    return Shift(vector, parts[0], step.negative)


def _each(vector: Array, size: int, blocks: int) -> Array:
    """Returns the number for each block, of numbers that do not differ within one."""
    flat = vector.reshape(-1)
    if flat.size == 1:
        return flat
    return flat[np.arange(blocks) * (size // blocks) // (size // flat.size)]


class Shared(NamedTuple):
    """A point with few active rows, or two colliding inputs."""

    x: Point
    other: Point | None


@dataclass(slots=True)
class ByPosition:
    """Windows of one position as whole layers, decided by all that decides layers.

    Arguments:
        layer: The question; its domain is what is asked about at each position.
        small: The layer at one position.
        approach: How.
        refused: The first decision that was not INJECTIVE, and its window.
    """

    layer: ReLULayer
    small: AffineMap
    approach: Approach
    refused: list[tuple[Decision, Window]] = field(default_factory=list)

    def blocks(self, share: Share) -> Sequence[Block]:
        """Returns the blocks whose rows count: all."""
        return share.blocks

    def prove(self, share: Share, window: Window, body: IO[bytes]) -> dict[str, Any] | None:
        """Returns the evidence about one position; None once one was refused."""
        from monic.decision.layer import decide_layer  # which asks about convolutions first

        if self.refused:
            return None
        shape = share.blocks[0].step.geometry.spatial
        domain = restricted(self.layer.domain, share, window, shape)
        approach = replace(self.approach, assume=(), resume={}, method="auto")
        decision = decide_layer(Problem(ReLULayer(self.small, domain=domain)), approach)
        proof = decision.certificate
        if decision.verdict is not Verdict.INJECTIVE or proof is None:
            self.refused.append((decision, window))
            return None
        if proof.body is not None:
            proof.body.seek(0)
            body.write(proof.body.read())
        evidence: dict[str, Any] = proof.header["evidence"]
        return evidence


def decide_by_position(
    problem: Problem, found: Sequence[Block], base: AffineMap | None, approach: Approach
) -> tuple[Cover, Decision | None, Shared | None]:
    """Returns a proof by windows of one position; or what was decided there, and what it shows.

    Arguments:
        problem: The question.
        found: Its blocks, of convolutions with one tap, with the map that they are rows of.
        base: The change of the input that they are applied to; None for the input.
        approach: How, and until when.
    """
    value = unordered(problem.layer.map)
    domain = problem.layer.domain
    small = at_one_position(value, base)
    # what the domain leaves for a changed input is not looked at in a proof: all of R^n is more
    asked = ReLULayer(value, domain=domain if base is None else WholeSpace())
    search = ByPosition(asked, small, approach)
    size = (1,) * len(found[0].step.geometry.spatial)
    cover = certified(
        first_cover(asked, found, [size], search, approach.deadline), problem.subject
    )
    if cover.certificate is None and not search.refused and approach.left() != 0:
        # too few rows for any window to be asked: one position says what that leads to
        search.prove(_share(found), Window((0,) * len(size), size), new_body())
    if not search.refused:
        return cover, None, None
    decision, window = search.refused[0]
    inner = permuted_domain(base, domain)
    if inner is None:
        return cover, decision, None
    if base is not None and not isinstance(inner, WholeSpace):
        search = ByPosition(ReLULayer(value, domain=inner), small, approach)
        search.prove(_share(found), window, new_body())
        if not search.refused:  # it is one-to-one on the domain, which windows do not prove
            return cover, decision, None
        decision, _ = search.refused[0]
    return cover, decision, _shared(decision, inner, found[0], window, base)


def _share(found: Sequence[Block]) -> Share:
    parts = shares(found)
    assert parts is not None, "blocks of one shape have shares"
    return parts[0]


def _shared(
    decision: Decision, domain: Domain, block: Block, window: Window, base: AffineMap | None
) -> Shared | None:
    """Returns inputs that show what a point or a pair at one position shows."""
    if decision.verdict is not Verdict.NOT_INJECTIVE:
        return None
    geometry = block.step.geometry
    size, count = prod(geometry.shape), prod(geometry.spatial)
    pair = decision.collision
    if pair is None:
        point = tuple(t for t in decision.point or () for _ in range(count))
        usable = len(point) == size and domain.contains(point, interior=True)
        return Shared(before(base, point), None) if usable else None
    rest = _inner(domain, size)
    place = int(np.ravel_multi_index(window.start, geometry.spatial))
    points = []
    for ends in (pair.x, pair.other):
        moved = list(rest)
        moved[place::count] = ends
        points.append(before(base, tuple(moved)))
    return Shared(*points)


def _inner(domain: Domain, size: int) -> Point:
    if isinstance(domain, Box):
        return domain.middle()
    return (Fraction(int(isinstance(domain, Orthant))),) * size
