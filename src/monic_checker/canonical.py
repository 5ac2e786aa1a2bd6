"""The canonical form of a subject, and its digest: what was checked, in 64 letters.

It is written from what the checker understood, not from the text of the header, so that nothing
that was overlooked can be in it. Section 3 of the specification says how others compute it.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Any

from flint import fmpq

from monic_checker.activation import Activation
from monic_checker.budget import PYTHON, Budget
from monic_checker.derived import Dequantized, Factors
from monic_checker.domain import Domain
from monic_checker.grid import Grid
from monic_checker.network import NetworkSubject
from monic_checker.steps import Step
from monic_checker.subject import Constant, Entry, Subject

__all__ = ["canonical_form", "subject_digest"]

_TITLE = b"monic-subject 1\n"


def subject_digest(subject: Subject | NetworkSubject) -> str:
    """Returns the SHA-256 of a subject's canonical form, in lower-case hex.

    Raises:
        OverBudget: when writing it takes too much work.
    """
    digest = hashlib.sha256(_TITLE)
    for piece in canonical_form(subject):
        digest.update(piece.encode("ascii"))
    return digest.hexdigest()


def canonical_form(subject: Subject | NetworkSubject) -> Iterator[str]:
    """Yields the canonical form, some letters at a time.

    Raises:
        OverBudget: when writing it takes too much work.
    """
    form: dict[str, Any] = {"kind": subject.kind, "domain": _domain(subject.domain, subject.n)}
    if isinstance(subject, Subject):
        return _written(form | _layer(subject), subject.budget)
    pairs = zip(subject.stages, subject.activations, strict=True)
    form["stages"] = (_layer(stage) | _activation(activation) for stage, activation in pairs)
    return _written(form, subject.budget)


def _written(form: dict[str, Any], budget: Budget) -> Iterator[str]:
    """JSON without spaces, its keys in alphabetical order; numbers other than integers as text."""
    for place, key in enumerate(sorted(form)):
        yield f'{"," if place else "{"}"{key}":'
        value = form[key]
        if not isinstance(value, Iterator):
            yield _encoded(value, budget)
            continue
        yield "["
        for number, entry in enumerate(value):
            yield f"{',' if number else ''}{_encoded(entry, budget)}"
        yield "]"
    yield "}"


def _encoded(value: Any, budget: Budget) -> str:
    text = _ENCODER.encode(value)
    budget.work(8 * len(text) + PYTHON, "subject")
    return text


def _plain(value: Any) -> str | list[Any]:
    """What stands for a rational, and for what is made entry by entry."""
    return str(value) if isinstance(value, fmpq) else list(value)


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_plain)


def _layer(subject: Subject) -> dict[str, Any]:
    return {"arrays": map(_array, subject.arrays), "map": map(_step, subject.steps)}


def _array(entry: Entry) -> dict[str, Any]:
    if isinstance(entry, Constant):
        return {"values": entry.values, "shape": entry.shape}
    if isinstance(entry, Factors):
        return {"factors": entry.sources, "epsilon": entry.epsilon, "shape": entry.shape}
    if isinstance(entry, Dequantized):
        return {"dequantized": entry.sources, "axis": entry.axis, "shape": entry.shape}
    return {"dtype": entry.dtype, "shape": entry.shape, "sha256": entry.sha256}


def _step(step: Step) -> list[Any]:
    if step.name == "input":
        return ["input", step.size]
    if step.name == "select":
        return ["select", step.places, *step.sources]
    if step.terms is not None:
        unit = step.terms.denominator
        rows = ([(place, fmpq(w, unit)) for place, w in row] for row in step.terms.rows)
        return ["combine", step.terms.times, rows, *step.sources]
    if step.name == "centre":
        return ["centre", step.groups, *step.sources]
    array = [] if step.array is None else [step.array]
    grid = [] if step.grid is None else [_grid(step.grid)]
    return [step.name, *array, *step.sources, *grid]


def _grid(grid: Grid) -> dict[str, Any]:
    more = {"output_padding": grid.walk.extra} if grid.transposed else {}
    return more | {
        "shape": grid.shape,
        "stride": grid.walk.stride,
        "dilation": grid.walk.dilation,
        "padding": grid.walk.padding,
        "groups": grid.groups,
        "mode": grid.walk.mode,
    }


def _activation(activation: Activation) -> dict[str, Any]:
    form: dict[str, Any] = {"activation": activation.name, "carried": activation.carried}
    form["slope"] = activation.slope
    if activation.groups:
        form["groups"] = activation.groups
    if activation.epsilon is not None:
        form["epsilon"] = activation.epsilon
    return form


def _domain(domain: Domain, n: int) -> dict[str, Any]:
    form: dict[str, Any] = {"kind": domain.kind}
    if domain.ball is not None:
        middle = domain.ball.center
        form["radius"] = domain.ball.radius
        form["center"] = (fmpq(entry, middle.denominator) for entry in middle.entries)
    if domain.kind == "box":
        form |= {"lower": [None] * n, "upper": [None] * n}
        for ((j, a),), c in domain.sides:
            form["lower" if a < 0 else "upper"][j] = fmpq(c, a)
    if domain.kind == "polyhedron":
        form["A"] = (_dense(side.a, n) for side in domain.sides)
        form["c"] = (fmpq(side.c) for side in domain.sides)
    return form


def _dense(entries: Iterable[tuple[int, Any]], n: int) -> list[fmpq]:
    row = [fmpq(0)] * n
    for j, entry in entries:
        row[j] = fmpq(entry)
    return row
