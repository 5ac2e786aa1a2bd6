"""Third moments: orbits and designs without opposite rows, and no false proof."""

from itertools import permutations, product

import numpy as np
import pytest

import monic
from monic import ReLULayer
from monic.decision.moments import moments
from monic.decision.problem import Problem
from tests.decision.agreement import INJECTIVE, decided
from tests.reference import brute_force, question


def rotations(row: list[float]) -> np.ndarray:
    """The orbit of a row under the rotations of the cube, which have no cubic invariant."""
    orbit = []
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            matrix = np.diag(signs)[:, list(order)]
            if np.linalg.det(matrix) > 0:
                orbit.append(matrix @ row)
    return np.unique(np.array(orbit), axis=0)


def proved(layer: ReLULayer) -> bool:
    """Whether weights are found; the checker and brute force then agree."""
    found = moments(Problem(layer))
    if found is None:
        return False
    monic.check(found.certificate, layer)
    if layer.shape[1] <= 4:
        assert brute_force(question(layer)).injective
    return True


@pytest.mark.parametrize("row", [[1.0, 2.0, 5.0], [3.0, 1.0, 0.5]])
def test_an_orbit_without_opposite_rows(row: list[float]) -> None:
    rows = rotations(row)
    assert len(rows) == 24
    assert not any((rows == -other).all(axis=1).any() for other in rows)
    assert proved(ReLULayer(rows))


@pytest.mark.thorough
def test_small_layers_are_never_proved_wrongly() -> None:
    found = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 4))
        rows = rng.integers(-2, 3, (int(rng.integers(2 * n, 12)), n)).astype(float)
        bias = rng.integers(-1, 2, len(rows)).astype(float) if seed % 2 else None
        found += proved(ReLULayer(rows, bias))
    assert found > 30


def test_biases_may_spoil_it() -> None:
    rows = np.array([[1.0], [-1.0]])
    assert proved(ReLULayer(rows, [1.0, -0.5]))
    assert proved(ReLULayer(rows, [0.5, -0.5]))
    assert not proved(ReLULayer(rows, [0.5, -1.0]))  # both are inactive between 1/2 and 1


def test_many_rows_in_eight_dimensions_need_no_tree() -> None:
    rows = np.random.default_rng(0).integers(-3, 4, (500, 8)).astype(float)
    decision = decided(ReLULayer(rows))
    assert decision.verdict is INJECTIVE
    assert decision.method == "moments"


def test_generic_rows_have_independent_moments() -> None:
    rows = np.random.default_rng(0).standard_normal((40, 8))
    assert moments(Problem(ReLULayer(rows))) is None
