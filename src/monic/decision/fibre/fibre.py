"""The fibre of an input: all inputs with the same output, exactly where that can be said.

For a layer it is one polytope. For a network it is a union of polytopes, one for each region
that it meets; it is the input alone where the fibre of every layer is, on what reaches it.
docs/fibres.md has the mathematics.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from monic.clock import monotonic, within
from monic.decision.fibre.conditions import layer_polytope, region_polytope
from monic.decision.fibre.polytope import Piece, is_alone, piece
from monic.decision.network.bounds import range_superset
from monic.decision.network.chain import Chain, Point, linear_part
from monic.decision.network.pairs import collision_between, meeting_points
from monic.decision.network.region import region
from monic.decision.network.sampling import Sampler
from monic.decision.problem import Problem
from monic.errors import DomainError, LayerError, OutOfTime
from monic.model import Domain, Network, ReLULayer
from monic.model.array import fraction
from monic.model.asked import as_network

__all__ = ["Fibre", "fibre"]

#: Seconds for the search in other regions, its starts, and regions that are reported, at most.
SECONDS, STARTS, REGIONS = 5.0, 200, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Fibre:
    """The inputs with the same output as x.

    Arguments:
        x: The input.
        injective: True when no other input has the output of x; False when one has; None when
            neither was shown.
        reason: The sentence that explains it.
        pieces: The polytopes that were found, the first one around x; none when time ran out
            before. For a layer, there is one and it is the whole fibre.
        complete: Whether the pieces are the whole fibre.
    """

    x: Point
    injective: bool | None
    reason: str
    pieces: tuple[Piece, ...]
    complete: bool

    @property
    def other(self) -> Point | None:
        """A second input with the same output, when one was found."""
        for found in self.pieces:
            if found.point != self.x:
                return found.point
            if found.other is not None:
                return found.other
        return None


def fibre(
    model: ReLULayer | Network,
    x: Sequence[Any],
    *,
    time_limit: float | None = None,
    seed: int = 0,
) -> Fibre:
    """Returns all inputs with the same output as x: { v in X : f(v) = f(x) }.

    For a layer with outputs y = ReLU(W x + b) that is the polytope of all v in X with
    w_i.v + b_i = y_i where y_i > 0 and w_i.v + b_i <= 0 elsewhere; its dimension, a second
    point and its width are exact. For a network other regions are searched.

    Arguments:
        model: The layer or network.
        x: The input; every float counts as the rational that it is.
        time_limit: Seconds for all of it; what is not known by then is said. None lets
            everything end but the search in other regions of a network, which takes 5 s.
        seed: The seed of that search.

    Raises:
        LayerError: when x has the wrong length or holds NaN or infinities, the network's
            first map is too large to be written down, it has a norm with epsilon = 0, or the
            time limit is negative.
        DomainError: when x lies outside the domain.

    Example:
        >>> from monic import ReLULayer, fibre
        >>> layer = ReLULayer([[1.0, 0.0], [0.0, 1.0]])
        >>> fibre(layer, [1.0, 2.0]).injective, fibre(layer, [1.0, -2.0]).injective
        (True, False)
    """
    network = as_network(model)
    point = _point(x, network)
    for stage in network.stages:
        if stage.is_partial:
            raise LayerError(
                f"Expected norms with epsilon > 0. Got the one of {stage.name!r} with 0, which is "
                "not defined everywhere; see what `decide` says."
            )
    chain = linear_part(network)
    if chain is None:
        raise LayerError(
            "Expected a first map that fits into memory as a matrix. Got a larger one."
        )
    if time_limit is not None and not time_limit >= 0:
        raise LayerError(f"Expected a time limit of 0 seconds or more. Got {time_limit}.")
    alone = len(chain.layers) == 1 and len(network.stages) == 1
    found: list[Piece] = []
    try:
        with within(time_limit):
            if alone:
                return _of_layer(chain, point)
            seconds = SECONDS if time_limit is None else time_limit
            return _of_network(network, chain, point, (monotonic() + seconds, seed), found)
    except OutOfTime as limit:
        return _unfinished(point, found, str(limit))


def _unfinished(x: Point, found: Sequence[Piece], limit: str) -> Fibre:
    """What is known when the time is over: the pieces so far, which may hold another input."""
    other = any(piece.other is not None or piece.point != x for piece in found)
    reason = f"another input with its output was found before {limit}" if other else limit
    return Fibre(
        x=x,
        injective=False if other else None,
        reason=reason,
        pieces=tuple(found),
        complete=False,
    )


def _point(x: Sequence[Any], network: Network) -> Point:
    numbers = [t.item() if isinstance(t, np.generic) else t for t in x]
    if len(numbers) != network.in_dim:
        raise LayerError(f"Expected an input of {network.in_dim} numbers. Got {len(numbers)}.")
    point = tuple(fraction(t, f"input {j}") for j, t in enumerate(numbers))
    if not network.domain.contains(point):
        raise DomainError(
            f"Expected an input in the domain ({network.domain.describe()}). Got one outside."
        )
    return point


def _of_layer(chain: Chain, x: Point) -> Fibre:
    polytope = layer_polytope(chain.layers[0], chain.domain, x, chain.traces(x)[0])
    found = piece(x, polytope)
    alone = found.other is None
    reason = (
        "no other input has its output"
        if alone
        else f"the inputs with its output form a polytope of dimension {found.dimension}"
    )
    return Fibre(x=x, injective=alone, reason=reason, pieces=(found,), complete=True)


def _of_network(
    network: Network, chain: Chain, x: Point, times: tuple[float, int], pieces: list[Piece]
) -> Fibre:
    """Returns the fibre; what is found on the way is noted in `pieces`."""
    around = region(chain, x, closed=True)
    assert around is not None, "a closed region holds every point"
    output = chain.outputs(x)
    here = piece(x, region_polytope(chain, around, output))
    pieces.append(here)
    if here.other is None and _alone_at_every_stage(network, chain, x):
        return Fibre(
            x=x,
            injective=True,
            reason="at every layer, no other point that can reach it has the same output",
            pieces=(here,),
            complete=True,
        )
    tried = _elsewhere(chain, x, times, pieces)
    if here.other is not None or len(pieces) > 1:
        dimension = max(found.dimension for found in pieces)
        regions = f"{len(pieces)} region{'s' if len(pieces) > 1 else ''}"
        reason = f"inputs with its output were found in {regions}, in dimension {dimension}"
        return Fibre(x=x, injective=False, reason=reason, pieces=tuple(pieces), complete=False)
    reason = (
        f"no other input with its output was found from {tried} starts, and none was excluded; "
        "raise the time limit or try another seed"
    )
    return Fibre(x=x, injective=None, reason=reason, pieces=tuple(pieces), complete=False)


def _alone_at_every_stage(network: Network, chain: Chain, x: Point) -> bool:
    """Whether each stage's input is the only one of its kind, on a superset of what comes."""
    if len(chain.layers) < len(network.stages):
        return False  # beyond a smooth activation the points are no rationals
    domain: Domain = network.domain
    value = x
    for stage, layer, trace in zip(network.stages, chain.layers, chain.traces(x), strict=True):
        polytope = layer_polytope(layer, domain, value, trace)
        if not is_alone(value, polytope):
            return False
        domain = range_superset(stage, domain)
        value = layer.value(trace)
    return True


def _elsewhere(chain: Chain, x: Point, times: tuple[float, int], pieces: list[Piece]) -> int:
    """Notes pieces of the fibre in other regions; returns the number of starts it took."""
    if not chain.is_finite:
        return 0
    deadline, seed = times
    sampler = Sampler(chain.domain, chain.dim, _inner(chain), seed)
    start = np.array([float(t) for t in x])
    output, seen, tried = chain.outputs(x), {_signs(chain, x)}, 0
    for near in meeting_points(chain, sampler, STARTS, fixed=start):
        tried += 1
        if near is not None:
            other = tuple(Fraction(t) for t in near[1].tolist())
            pair = collision_between(chain, x, other, fixed=True)
            if pair is not None and _signs(chain, pair[1]) not in seen:
                seen.add(_signs(chain, pair[1]))
                there = region(chain, pair[1], closed=True)
                assert there is not None, "a closed region holds every point"
                pieces.append(piece(pair[1], region_polytope(chain, there, output)))
        if len(pieces) >= REGIONS or monotonic() > deadline:
            break
    return tried


def _inner(chain: Chain) -> Point:
    layer = ReLULayer([[1.0] * chain.dim], domain=chain.domain)
    problem = Problem(layer)
    return problem.outside(problem.inner_point())


def _signs(chain: Chain, x: Point) -> tuple[tuple[bool, ...], ...]:
    return tuple(tuple(value > 0 for value in trace) for trace in chain.traces(x))
