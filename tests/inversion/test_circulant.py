"""Circulant neighbours of convolutions, against dense matrices, and what they save."""

from collections.abc import Callable

import numpy as np
import pytest

from monic.inversion import circulant
from monic.inversion.circulant import CirculantGram, circular
from monic.inversion.conjugate import conjugate_gradients, least_squares
from monic.model import Convolution, Geometry, Input, TransposedConvolution
from monic.model.array import Array
from monic.model.taps import Taps


def gauss(*shape: int) -> Array:
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def taps_of(kernel: Array, geometry: Geometry) -> Taps:
    return Convolution(kernel, Input(int(np.prod(geometry.shape))), geometry).taps


CASES: dict[str, Callable[[], Taps]] = {
    "plain": lambda: taps_of(gauss(5, 3, 3, 3), Geometry((3, 6, 4), padding=1)),
    "one axis": lambda: taps_of(gauss(4, 2, 3), Geometry((2, 7), padding=1)),
    "three axes": lambda: taps_of(gauss(3, 2, 3, 3, 3), Geometry((2, 3, 4, 3), padding=1)),
    "stride": lambda: taps_of(gauss(13, 3, 3, 3), Geometry((3, 6, 4), padding=1, stride=2)),
    "groups": lambda: taps_of(gauss(6, 2, 3, 3), Geometry((4, 4, 4), padding=1, groups=2)),
    "dilation": lambda: taps_of(gauss(3, 2, 3), Geometry((2, 9), padding=2, dilation=2)),
    "even kernel": lambda: taps_of(gauss(3, 2, 4), Geometry((2, 8), padding=((1, 2),))),
    "reflect": lambda: taps_of(gauss(5, 3, 3, 3), Geometry((3, 6, 4), padding=1, mode="reflect")),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_inverse_of_the_circular_one(name: str, rng: np.random.Generator) -> None:
    taps = CASES[name]()
    found, around = CirculantGram.of(taps), circular(taps)
    assert found is not None
    assert around is not None
    matrix = around.matrix().toarray()
    gram = matrix.T @ matrix
    level = np.trace(gram) / len(gram)
    v = rng.standard_normal((3, len(gram)))
    wanted = np.linalg.solve(gram + circulant.RIDGE * level * np.eye(len(gram)), v.T).T
    np.testing.assert_allclose(found(v), wanted, rtol=1e-9, atol=1e-12 * np.abs(wanted).max())


@pytest.mark.parametrize("name", CASES)
def test_padding_is_made_circular_and_nothing_else(name: str) -> None:
    """Rows that read no border are the same."""
    taps = CASES[name]()
    around = circular(taps)
    assert around is not None
    if around.out_shape != taps.out_shape:
        return
    full = [
        all(
            np.array_equal(table[q], other[q])
            for table, other, q in zip(taps.tables, around.tables, at, strict=True)
        )
        for at in np.ndindex(*taps.out_shape[1:])
    ]
    assert any(full)
    rows = np.tile(full, taps.out_shape[0])
    matrix, other = taps.matrix().toarray(), around.matrix().toarray()
    assert np.array_equal(matrix[rows], other[rows])
    assert circular(around) is not None


def test_a_circular_convolution_is_its_own() -> None:
    taps = taps_of(gauss(5, 3, 3, 3), Geometry((3, 6, 4), padding=1, mode="circular"))
    around = circular(taps)
    assert around is not None
    assert np.array_equal(around.matrix().toarray(), taps.matrix().toarray())


def test_some_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    finer = TransposedConvolution(
        gauss(3, 2, 4, 4), Input(27), Geometry((3, 3, 3), stride=2, padding=1)
    )
    assert CirculantGram.of(finer.taps) is None
    odd = taps_of(gauss(13, 3, 3, 3), Geometry((3, 7, 7), padding=1, stride=2))
    assert CirculantGram.of(odd) is None
    assert CirculantGram.of(taps_of(np.zeros((5, 3, 3)), Geometry((3, 6), padding=1))) is None
    monkeypatch.setattr(circulant, "MOST", 10)
    assert CirculantGram.of(CASES["plain"]()) is None


@pytest.mark.thorough
def test_fewer_steps_lead_to_the_same_solution(rng: np.random.Generator) -> None:
    taps = taps_of(gauss(12, 6, 3, 3), Geometry((6, 12, 12), padding=1))
    gram, matrix = CirculantGram.of(taps), taps.matrix().toarray()
    right = rng.standard_normal((3, len(matrix)))
    wanted = np.linalg.lstsq(matrix, right.T, rcond=None)[0].T
    steps = []

    def apply(x: Array) -> Array:
        steps.append(len(x))
        return np.asarray(x @ matrix.T)

    counts = []
    for near in (None, gram):
        steps.clear()
        norm = float(np.linalg.norm(matrix, 2))
        found = least_squares(apply, lambda v: v @ matrix, right, norm, near)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)
        counts.append(len(steps))
        steps.clear()
        again = conjugate_gradients(lambda v: apply(v) @ matrix, right @ matrix, 1e-12, near)
        np.testing.assert_allclose(again, wanted, rtol=1e-8, atol=1e-9)
        counts.append(len(steps))
    assert counts[2] < 0.8 * counts[0]
    assert counts[3] < 0.8 * counts[1]
