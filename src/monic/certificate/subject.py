"""What a certificate speaks about: arrays by their hashes, and the expression over them."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from flint import fmpq

from monic.certificate.certificate import Certificate
from monic.model.affine import AffineMap, Concat, Input, Linear, Scale, Shift
from monic.model.array import Array, exact, sha256
from monic.model.channels import ChannelScale, ChannelShift
from monic.model.convolution import ConvolutionMap, TransposedConvolution
from monic.model.derived import BatchFactors, Dequantized, origin_of
from monic.model.domain import Ball, Box, Domain, Orthant, Polyhedron, WholeSpace
from monic.model.mean import Centre, Combine
from monic.model.quotient import Quotient
from monic.model.wiring import Select, Sum

__all__ = [
    "array",
    "arrays_in",
    "arrays_of",
    "domain_entry",
    "header",
    "joined",
    "rationals",
    "subject",
]


def header(
    claim: str,
    subject: dict[str, Any],
    evidence: dict[str, Any],
    *,
    assumption: str | None = None,
) -> dict[str, Any]:
    """Returns the header of a certificate, its keys in the order of the specification."""
    return {"claim": claim, "assumption": assumption, "subject": subject, "evidence": evidence}


def joined(assumptions: Iterable[str | None]) -> str | None:
    """Returns what several proofs rest on together, as headers and decisions say it.

    Example:
        >>> joined(["statistics", None, "general-position"])
        'general-position and statistics'
    """
    names = {name for each in assumptions if each is not None for name in each.split(" and ")}
    return " and ".join(sorted(names)) or None


def subject(kind: str, value: AffineMap, domain: Domain) -> dict[str, Any]:
    """Returns the subject: `kind` is "relu-layer" or "affine"."""
    steps = value.steps()
    arrays: list[Array] = []
    places: dict[int, int] = {}
    for step in steps:
        for entry in arrays_in(step):
            origin = origin_of(entry)
            for needed in (*(() if origin is None else origin.sources), entry):
                if id(needed) not in places:
                    places[id(needed)] = len(arrays)
                    arrays.append(needed)
    order = {id(step): i for i, step in enumerate(steps)}
    return {
        "kind": kind,
        "arrays": [_entry(entry, places) for entry in arrays],
        "map": [_step(step, order, places) for step in steps],
        "domain": domain_entry(domain, value.in_dim),
    }


def arrays_of(value: AffineMap) -> list[Array]:
    """Returns the arrays that a certificate about the map names by hash."""
    found = [entry for step in value.steps() for entry in arrays_in(step)]
    origins = [(entry, origin_of(entry)) for entry in found]
    named = [a for entry, origin in origins for a in (origin.sources if origin else (entry,))]
    return [entry for entry in named if entry.size > 1]


def rationals(numbers: Sequence[Fraction | int]) -> list[str]:
    """Returns exact numbers as strings p or p/q, of any length.

    Example:
        >>> rationals([3, Fraction(-5, 7)]), len(rationals([10**5000])[0])
        (['3', '-5/7'], 5001)
    """
    return [str(fmpq(int(number.numerator), int(number.denominator))) for number in numbers]


def point_certificate(
    subject: dict[str, Any], kind: str, points: dict[str, Sequence[Fraction]]
) -> Certificate:
    """Returns a certificate of NOT_INJECTIVE by points."""
    evidence = {"kind": kind} | {name: rationals(x) for name, x in points.items()}
    return Certificate(header("NOT_INJECTIVE", subject, evidence))


_VECTOR_STEPS = (Shift, Scale, ChannelShift, ChannelScale, Quotient)


def arrays_in(step: AffineMap) -> list[Array]:
    """Returns the arrays that one step uses, computed ones as they are."""
    if isinstance(step, Linear):
        return [step.matrix]
    if isinstance(step, ConvolutionMap):
        return [step.kernel]
    return [step.vector] if isinstance(step, _VECTOR_STEPS) else []


def _entry(value: Array, places: dict[int, int]) -> dict[str, Any]:
    """Returns an array of a subject: one that is computed names those it is computed from."""
    origin, shape = origin_of(value), list(value.shape)
    if isinstance(origin, BatchFactors):
        pair = [places[id(source)] for source in origin.sources]
        return {"factors": pair, "epsilon": str(exact(origin.epsilon)), "shape": shape}
    if isinstance(origin, Dequantized):
        used = [places[id(source)] for source in origin.sources]
        return {"dequantized": used, "axis": origin.axis, "shape": shape}
    return array(value)


def array(value: Array) -> dict[str, Any]:
    """Returns how a subject names an array: by its content, or a single number as it is."""
    if value.size == 1:  # literals of a graph are no arrays of the user's file
        return {"values": [str(exact(value.item()))], "shape": list(value.shape)}
    name = value.dtype.name
    return {"dtype": name, "shape": list(value.shape), "sha256": sha256(value)}


def _step(step: AffineMap, order: dict[int, int], places: dict[int, int]) -> list[Any]:
    if isinstance(step, Input):
        return ["input", step.dim]
    if isinstance(step, Select):
        return ["select", list(step.places), order[id(step.of)]]
    if isinstance(step, Combine):
        terms = [[[place, str(weight)] for place, weight in row] for row in step.rows]
        return ["combine", step.times, terms, order[id(step.of)]]
    if isinstance(step, Centre):
        return ["centre", step.groups, order[id(step.of)]]
    if isinstance(step, Sum):
        return ["add", *(order[id(part)] for part in step.parts())]
    if isinstance(step, Concat):
        return ["concat", *(order[id(part)] for part in step.parts())]
    if isinstance(step, Linear):
        name = "linear-transposed" if step.transposed else "linear"
        return [name, places[id(step.matrix)], order[id(step.of)]]
    if isinstance(step, ConvolutionMap):
        return _convolution(step, places[id(step.kernel)], order[id(step.of)])
    if isinstance(step, Quotient):
        return ["quotient", places[id(step.vector)], order[id(step.of)]]
    assert isinstance(step, _VECTOR_STEPS), "every step has a name in the specification"
    channels = "channel-" if isinstance(step, ChannelShift | ChannelScale) else ""
    name = "shift" if isinstance(step, Shift | ChannelShift) else "scale"
    negative = "-negative" if isinstance(step, Shift | ChannelShift) and step.negative else ""
    return [f"{channels}{name}{negative}", places[id(step.vector)], order[id(step.of)]]


def _convolution(step: ConvolutionMap, place: int, source: int) -> list[Any]:
    geometry, axes = step.geometry, range(len(step.geometry.spatial))
    grid: dict[str, Any] = {
        "shape": list(geometry.shape),
        "stride": [geometry.steps(axis)[0] for axis in axes],
        "dilation": [geometry.steps(axis)[1] for axis in axes],
        "padding": [list(pair) for pair in geometry.pairs],
        "groups": geometry.groups,
        "mode": geometry.mode,
    }
    if not isinstance(step, TransposedConvolution):
        return ["convolution", place, source, grid]
    grid["output_padding"] = [geometry.steps(axis)[2] for axis in axes]
    return ["transposed-convolution", place, source, grid]


def domain_entry(domain: Domain, dim: int) -> dict[str, Any]:
    """Returns how a subject writes a domain of R^dim, with all its bounds as exact numbers.

    Example:
        >>> import numpy as np
        >>> domain_entry(Box(np.array([0.0]), np.array([np.inf])), 1)
        {'kind': 'box', 'lower': ['0'], 'upper': [None]}
    """
    if isinstance(domain, WholeSpace):
        return {"kind": "whole"}
    if isinstance(domain, Orthant):
        return {"kind": "orthant"}
    if isinstance(domain, Box):
        bounds = {"lower": domain.lower, "upper": domain.upper}
        return {"kind": "box"} | {name: _bounds(value) for name, value in bounds.items()}
    if isinstance(domain, Ball):
        radius = str(exact(domain.radius))
        return {"kind": "ball", "radius": radius, "center": rationals(domain.middle(dim))}
    assert isinstance(domain, Polyhedron), "every domain has a name in the specification"
    sides = domain.half_spaces(dim)
    return {
        "kind": "polyhedron",
        "A": [rationals(normal) for normal, _ in sides],
        "c": [str(offset) for _, offset in sides],
    }


def _bounds(values: Array) -> list[str | None]:
    infinite = (float("inf"), float("-inf"))
    return [None if v in infinite else str(Fraction(v)) for v in values.tolist()]
