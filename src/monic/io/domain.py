"""Domains from a few words or from a file: what `--domain` takes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from monic.errors import DomainError, MonicError
from monic.io.numpy import stored_arrays
from monic.io.pairs import Stored
from monic.io.vnnlib import load_vnnlib
from monic.model import Ball, Box, Domain, Orthant, Polyhedron, WholeSpace
from monic.model.array import Array

__all__ = ["load_domain"]


def load_domain(text: str, dim: int | None = None) -> Domain:
    """Returns the domain that a few words or a file describe.

    `whole`, `orthant`, `box:LO,HI` (the same bounds for every input), `ball:R` (around 0),
    `FILE.npz` with `lower` and `upper`, or `A` and `c`, or `radius` (and `center`), or
    `FILE.vnnlib` with conditions on X_0, X_1, .... Decimal numbers stand for the nearest float64.

    Arguments:
        text: The description.
        dim: The dimension of the input; None when it is not known yet. A box needs it.

    Raises:
        DomainError: when the text describes no domain, or one of another dimension.

    Example:
        >>> load_domain("box:-1,1", 3).describe()
        'box of 3'
    """
    if text in ("whole", "orthant"):
        return WholeSpace() if text == "whole" else Orthant()
    kind, colon, numbers = text.partition(":")
    suffix = Path(text).suffix.lower()
    if suffix in (".npz", ".vnnlib"):
        domain = _from_file(Path(text), dim)
    elif colon and kind == "box":
        domain = _box(text, numbers, dim)
    elif colon and kind == "ball":
        domain = Ball(_number(text, numbers))
    else:
        raise DomainError(
            "Expected whole, orthant, box:LO,HI, ball:R, FILE.npz or FILE.vnnlib as a domain. "
            f"Got {text!r}."
        )
    return _fitting(domain, dim)


def _from_file(path: Path, dim: int | None) -> Domain:
    if not path.is_file():
        raise DomainError(f"Expected a domain file. Found no file at {str(path)!r}.")
    if path.suffix.lower() == ".vnnlib":
        return load_vnnlib(path, dim)
    try:
        return _from_arrays(path.name, stored_arrays(path))
    except DomainError:
        raise
    except MonicError as error:
        raise DomainError(str(error)) from None


def _from_arrays(name: str, arrays: Mapping[str, Stored]) -> Domain:
    keys = frozenset(arrays)
    if keys == {"lower", "upper"}:
        return Box(_array(arrays, "lower"), _array(arrays, "upper"))
    if keys == {"A", "c"}:
        return Polyhedron(_array(arrays, "A"), _array(arrays, "c"))
    if keys in ({"radius"}, {"radius", "center"}):
        radius = _array(arrays, "radius")
        if radius.size != 1:
            raise DomainError(f"Expected one number as radius. Got shape {radius.shape}.")
        return Ball(
            float(radius.astype(np.float64).item()),
            _array(arrays, "center") if "center" in keys else None,
        )
    raise DomainError(
        f"Expected the arrays lower and upper, or A and c, or radius (and center) in {name!r}. "
        f"Got {', '.join(sorted(keys)) or 'none'}."
    )


def _array(arrays: Mapping[str, Stored], name: str) -> Array:
    array = arrays[name].read()
    if array.dtype.kind not in "fiu":
        raise DomainError(f"Expected real numbers in {name!r}. Got {array.dtype.name}.")
    return array


def _box(text: str, numbers: str, dim: int | None) -> Box:
    ends = numbers.split(",")
    if len(ends) != 2:
        raise DomainError(f"Expected two bounds, as in box:-1,1. Got {text!r}.")
    if dim is None:
        raise DomainError(
            f"Expected to know the dimension of the box {text!r}. Give the bounds in a FILE.npz "
            "instead, as the arrays lower and upper."
        )
    low, high = (_number(text, end) for end in ends)
    return Box(np.full(dim, low), np.full(dim, high))


def _number(text: str, number: str) -> float:
    try:
        return float(number)
    except ValueError:
        raise DomainError(f"Expected decimal numbers in a domain. Got {text!r}.") from None


def _fitting(domain: Domain, dim: int | None) -> Domain:
    size = _size(domain)
    if dim is not None and size is not None and size != dim:
        raise DomainError(f"Expected a domain in R^{dim}, as the model's input. Got R^{size}.")
    return domain


def _size(domain: Domain) -> int | None:
    if isinstance(domain, Box):
        return int(domain.lower.size)
    if isinstance(domain, Polyhedron):
        return int(domain.A.shape[1])
    if isinstance(domain, Ball) and domain.center is not None:
        return int(domain.center.size)
    return None
