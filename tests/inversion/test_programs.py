"""The linear programs, against brute force over all sets of active rows with scipy."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import linprog

from monic import ReLULayer, invert
from monic.inversion.programs import nearest_linf, program_l1, program_linf
from monic.model import Activation, Network, Orthant
from monic.model.array import Array
from tests.inversion.examples import outputs, paired, stage


def brute_force(weight: Array, bias: Array, y: Array, *, norm: str, orthant: bool) -> float:
    """The distance from y to the range: one program for each set of active rows."""
    count, size = weight.shape
    best = np.inf
    for choice in product([False, True], repeat=count):
        active = np.array(choice)
        slack = 1 if norm == "linf" else count
        rows, limits = [], []
        for i in range(count):
            e = np.zeros(slack)
            e[0 if norm == "linf" else i] = -1.0
            zero = np.zeros(slack)
            if active[i]:  # |w.x + b - y| <= e and w.x + b >= 0
                rows += [(*weight[i], *e), (*-weight[i], *e), (*-weight[i], *zero)]
                limits += [y[i] - bias[i], bias[i] - y[i], bias[i]]
            else:  # |y| <= e and w.x + b <= 0
                rows += [(*np.zeros(size), *e), (*weight[i], *zero)]
                limits += [-abs(y[i]), -bias[i]]
        bounds = [(0 if orthant else None, None)] * size + [(0, None)] * slack
        cost = np.concatenate([np.zeros(size), np.ones(slack)])
        found = linprog(cost, np.array(rows), np.array(limits), bounds=bounds)
        if found.status == 0:
            best = min(best, float(found.fun))
    return best


@pytest.mark.parametrize("orthant", [False, True])
def test_linf_finds_a_nearest_point(orthant: bool, rng: np.random.Generator) -> None:
    for _ in range(12):
        n, m = int(rng.integers(1, 3)), int(rng.integers(2, 6))
        weight, bias = rng.standard_normal((m, n)), rng.standard_normal(m)
        y = rng.standard_normal(m) * rng.exponential()
        sides = (-np.eye(n), np.zeros(n)) if orthant else (np.zeros((0, n)), np.zeros(0))
        x = nearest_linf(weight, bias, y, sides)
        found = float(np.abs(y - np.maximum(weight @ x + bias, 0)).max())
        wanted = brute_force(weight, bias, y, norm="linf", orthant=orthant)
        assert found == pytest.approx(wanted, rel=1e-7, abs=1e-9)
        assert not orthant or x.min() >= -1e-9


@pytest.mark.thorough
def test_l1_is_no_better_than_brute_force_and_close_for_small_noise(
    rng: np.random.Generator,
) -> None:
    for _ in range(8):
        weight, bias = rng.standard_normal((7, 2)), rng.standard_normal(7)
        layer = ReLULayer(weight, bias)
        y = outputs(layer, rng.standard_normal(2))
        y = np.where(y > 0.1, y + 0.01 * rng.standard_normal(7), 0.0)
        found = float(np.abs(y - outputs(layer, invert(layer, y, norm="l1").latent)).sum())
        wanted = brute_force(weight, bias, y, norm="l1", orthant=False)
        assert found >= wanted - 1e-9
        assert found <= wanted + 0.15, "entries below 0.1 were taken for 0"


def test_l1_ignores_a_few_gross_errors(rng: np.random.Generator) -> None:
    """What the norm is for: most entries exact, one entry far off."""
    layer = ReLULayer(rng.standard_normal((40, 4)), rng.standard_normal(40))
    for _ in range(10):
        x = rng.standard_normal(4)
        y = outputs(layer, x)
        y[int(y.argmax())] += 5.0
        np.testing.assert_allclose(invert(layer, y, norm="l1").latent, x, atol=1e-8)
        assert np.linalg.norm(invert(layer, y).latent - x) > 1e-3


@pytest.mark.parametrize("make", [program_linf, program_l1])
def test_programs_against_scipy(make: object, rng: np.random.Generator) -> None:
    """The same programs written for scipy, with equal optimal values."""
    for _ in range(10):
        weight, target = rng.standard_normal((9, 3)), rng.standard_normal(9)
        active = rng.random(9) < 0.6
        active[:4] = True
        shared = make is program_linf
        slack = np.ones((9, 1)) if shared else np.eye(9)
        rows = np.vstack(
            [np.hstack([weight, -slack]), np.hstack([-weight[active], -slack[active]])]
        )
        size = slack.shape[1]
        wanted = linprog(
            [0.0] * 3 + [1.0] * size,
            rows,
            np.concatenate([target, -target[active]]),
            bounds=[(None, None)] * 3 + [(0, None)] * size,
        )
        program = program_linf if shared else program_l1
        found = program(weight, target, active, (np.zeros((0, 3)), np.zeros(0)))
        assert found[3:].sum() == pytest.approx(wanted.fun, rel=1e-8, abs=1e-10)


@pytest.mark.parametrize("norm", ["l1", "linf"])
def test_networks(norm: str, rng: np.random.Generator) -> None:
    parts = [
        stage(rng, "a", (24, 3), Activation.RELU),
        stage(rng, "b", (60, 24), Activation.RELU),
        stage(rng, "c", (60, 60), Activation.TANH),
    ]
    from monic.inversion import Inverter

    inverter = Inverter.of(Network(parts[:2]))
    x = rng.standard_normal((10, 3))
    answer = inverter.invert(inverter.chain.value(x), norm=norm)  # type: ignore[arg-type]
    np.testing.assert_allclose(answer.latent, x, atol=1e-6)
    affine = Inverter.of(Network([parts[2]]))
    hidden = 0.05 * rng.standard_normal((3, 60))
    back = affine.invert(affine.chain.value(hidden), norm=norm)  # type: ignore[arg-type]
    np.testing.assert_allclose(back.latent, hidden, atol=1e-6)


def test_domains_are_constraints(rng: np.random.Generator) -> None:
    layer = ReLULayer(rng.standard_normal((9, 3)), None, Orthant())
    y = outputs(layer, -np.abs(rng.standard_normal(3)))
    for norm in ("l1", "linf"):
        assert invert(layer, y, norm=norm).latent.min() >= 0.0


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_absolute_tolerances_do_not_matter(scale: float, rng: np.random.Generator) -> None:
    layer = paired(rng, 3, bias=False)
    x = rng.standard_normal(3)
    for norm in ("l1", "linf"):
        answer = invert(layer, scale * outputs(layer, x), norm=norm)
        np.testing.assert_allclose(answer.latent / scale, x, atol=1e-8)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    invert(ReLULayer([[1.0], [-1.0]]), [0.5, 0.1], norm="linf")
    invert(ReLULayer([[1.0], [-1.0]]), [0.5, 0.1], norm="l1")
    assert capfd.readouterr() == ("", "")


def test_l1_with_noise_everywhere(rng: np.random.Generator) -> None:
    """Half of the inactive rows are positive by noise; least squares says which."""
    layer = paired(rng, 5)
    for _ in range(10):
        x = rng.standard_normal(5)
        y = outputs(layer, x) + 0.01 * rng.standard_normal(10)
        assert np.linalg.norm(invert(layer, y, norm="l1").latent - x) < 0.3
