"""What the literature says about the same layer, beside monic's interval.

* [Puthawala et al., 2022], Theorem 3: kappa >= sigma*/sqrt(2 m).
* [Freeman and Haider, 2025]: sigma*/2 <= kappa <= sigma*.
* [Bruna, Szlam and LeCun, 2014], Proposition 2.2: A0 <= kappa, with A0 the smallest nonzero
  singular value over *open* cells. That is wrong (Appendix E of the preprint of [Puthawala et
  al., 2022] has examples, which are tests here); the table says where it can be seen to fail.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import nextafter

import numpy as np

from monic.bounds.convolution import WIDE, is_wide_convolution
from monic.bounds.result import Bounds
from monic.bounds.subject import Subject
from monic.geometry.exact_separation import Relation, separate_exactly
from monic.geometry.rational import rank
from monic.model import ReLULayer

__all__ = ["Claim", "compare", "open_cells"]

#: A0 and B0 are looked for on layers with at most this many open cells.
CELLS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one source says about kappa.

    Arguments:
        source: Who says it.
        lower: The lower bound; None where it is not defined, or too costly.
        upper: The upper bound; None where there is none.
        note: What there is to say about it.
    """

    source: str
    lower: float | None
    upper: float | None
    note: str


def compare(layer: ReLULayer, bounds: Bounds) -> list[Claim]:
    """Returns what the sources say about a layer whose bounds are known.

    The bounds of others are computed from monic's proved sigma*; A0 and B0 are rounded.

    Example:
        >>> from monic import bound
        >>> square = ReLULayer([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
        >>> [(c.source, c.note) for c in compare(square, bound(square))][-1]
        ('Bruna et al.', 'A0 > kappa: refuted on this layer; B0 = 1')
    """
    sigma, kappa = bounds.smallest_singular, bounds.inverse_lipschitz
    factor = kappa.lower / bounds.papers if bounds.papers > 0 else float("nan")
    return [
        Claim(source="monic", lower=kappa.lower, upper=kappa.upper, note=bounds.method),
        Claim(
            source="Puthawala et al.",
            lower=bounds.papers,
            upper=None,
            note=f"sigma*/sqrt(2m); monic's is {factor:.3g} times as large"
            if bounds.papers > 0
            else "sigma*/sqrt(2m)",
        ),
        Claim(
            source="Freeman and Haider",
            lower=nextafter(sigma.lower / 2, 0.0),
            upper=sigma.upper,
            note="sigma*/2 and sigma*",
        ),
        _large() if is_wide_convolution(layer) else _bruna(Subject(layer), bounds),
    ]


def open_cells(subject: Subject) -> Iterator[tuple[int, ...]]:
    """Yields the active rows of every open cell of the domain, exactly; not on balls.

    An open cell is a nonempty set where no row is zero and the signs are constant.
    """
    system = subject.system()
    sides = [system.rows[i] for i in system.strict]

    def walk(
        strict: list[tuple[int, ...]], k: int, active: tuple[int, ...]
    ) -> Iterator[tuple[int, ...]]:
        if isinstance(separate_exactly(strict, [], system.width), Relation):
            return
        if k == len(subject.weights):
            yield active
            return
        row = system.rows[k]
        if not any(row):
            return
        yield from walk([*strict, row], k + 1, active)
        yield from walk([*strict, tuple(-entry for entry in row)], k + 1, (*active, k))

    yield from walk(sides, 0, ())


def _large() -> Claim:
    note = f"not computed: more than {WIDE} inputs of a convolution"
    return Claim(source="Bruna et al.", lower=None, upper=None, note=note)


def _bruna(subject: Subject, bounds: Bounds) -> Claim:
    source = "Bruna et al."
    if subject.problem.ball is not None:
        return Claim(source=source, lower=None, upper=None, note="not computed on balls")
    if any(not any(w) and not b for w, b in zip(subject.weights, subject.biases, strict=True)):
        note = "not defined: a row and its bias are zero, so that no set is admissible"
        return Claim(source=source, lower=None, upper=None, note=note)
    low, high = np.inf, 0.0
    for count, active in enumerate(open_cells(subject)):
        if count == CELLS:
            note = f"not computed: more than {CELLS} open cells"
            return Claim(source=source, lower=None, upper=None, note=note)
        if active:
            dim = rank([subject.weights[i] for i in active])
            values = np.linalg.svd(subject.floats[list(active)], compute_uv=False)
            if dim:
                low, high = min(low, values[dim - 1]), max(high, values[0])
    first, second = float(np.ldexp(low, subject.shift)), float(np.ldexp(high, subject.shift))
    if first > bounds.inverse_lipschitz.upper * (1 + 1e-9):
        verdict = "A0 > kappa: refuted on this layer"
    else:
        verdict = "A0: not refuted on this layer"
    return Claim(source=source, lower=first, upper=None, note=f"{verdict}; B0 = {second:.6g}")
