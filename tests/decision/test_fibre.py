"""Fibres: everything in them has the same output, and nothing outside does."""

import sys
from collections.abc import Sequence
from fractions import Fraction
from math import inf
from typing import Any, NoReturn

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monic import Ball, Box, Network, Orthant, ReLULayer, Stage, Verdict, decide, fibre
from monic.decision.fibre import Fibre, Piece
from monic.errors import DomainError, LayerError, OutOfTime
from monic.geometry.program import maximum
from monic.model import Activation, Geometry, Input, Linear, TransposedConvolution
from tests.decision.networks import box, chain, outputs, random_network, same_output_exists
from tests.strategies import integer_layers

EYE = np.eye(3)


def as_network(layer: ReLULayer) -> Network:
    return Network([Stage("layer", layer.map)], layer.domain)


def confirmed(network: Network, found: Fibre) -> None:
    """The second point has the same output; so has every point of a piece, and it is inside."""
    for piece in found.pieces:
        points = [piece.point] if piece.other is None else [piece.point, piece.other]
        if piece.other is not None:
            points.append(tuple((a + b) / 2 for a, b in zip(*points, strict=True)))
        for point in points:
            assert network.domain.contains(point)
            assert outputs(network, point) == outputs(network, found.x)
        holds(piece)
    assert found.injective is not True or found.other is None
    assert found.injective is not False or found.other not in (None, found.x)


def holds(piece: Piece) -> None:
    def dot(a: Sequence[Fraction], x: Sequence[Fraction]) -> Fraction:
        return sum((s * t for s, t in zip(a, x, strict=True)), Fraction(0))

    for point in (piece.point, piece.other):
        if point is not None:
            assert all(dot(a, point) == c for a, c in piece.polytope.equalities)
            assert all(dot(a, point) <= c for a, c in piece.polytope.inequalities)


@pytest.mark.parametrize(
    ("x", "domain", "dimension", "width"),
    [
        ([1.0, 2.0, 3.0], None, 0, 0),
        ([1.0, -2.0, 3.0], None, 1, inf),
        ([-1.0, -2.0, 3.0], None, 2, inf),
        ([-1.0, 0.0, 0.0], None, 3, inf),
        ([-1.0, 0.5, -0.25], box([-1.0] * 3, [1.0] * 3), 2, 1),
        ([-1.0, 0.5, -0.25], box([-1.0, -1.0, -4.0], [1.0] * 3), 2, 4),
        ([0.0, 2.0, 0.0], Orthant(), 0, 0),
        ([-0.5, 0.25, 0.25], Ball(1.0), 1, None),
        ([-1.0, 0.0, 0.0], Ball(1.0), 3, None),
        ([0.0, 1.0, 0.0], Ball(1.0), 0, 0),
        ([0.0, 0.0, 1.0], Ball(1.0, np.array([0.0, 0.0, 1.0])), 2, None),
    ],
)
def test_the_identity(x: list[float], domain: Any, dimension: int, width: float | None) -> None:
    layer = ReLULayer(EYE) if domain is None else ReLULayer(EYE, domain=domain)
    found = fibre(layer, x)
    [piece] = found.pieces
    assert piece.dimension == dimension
    assert piece.width == width
    assert found.complete
    assert found.injective is (dimension == 0)
    confirmed(as_network(layer), found)


def test_implicit_equalities_lower_the_dimension() -> None:
    """x + y <= 0 and -x - y <= 0 with two dead rows leave a line, not the plane."""
    layer = ReLULayer([[1.0, 1.0], [-1.0, -1.0]])
    assert fibre(layer, [1.0, -1.0]).pieces[0].dimension == 1
    corner = ReLULayer([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    assert fibre(corner, [0.0, 0.0]).injective
    wedge = ReLULayer([[1.0, 0.0], [-1.0, -1.0], [-1.0, 1.0]])
    assert fibre(wedge, [0.0, 0.0]).injective


@given(integer_layers(domains=("whole", "orthant", "box")), st.data())
def test_layers_agree_with_z3(layer: ReLULayer, data: st.DataObject) -> None:
    n = layer.shape[1]
    half = st.integers(-4, 4).map(lambda k: Fraction(k, 2))
    x = data.draw(st.tuples(*[half] * n))
    if not layer.domain.contains(x):
        return
    found = fibre(layer, x)
    network = as_network(layer)
    confirmed(network, found)
    assert found.complete
    assert found.injective is not same_output_exists(network, x)


@given(integer_layers(domains=("whole", "orthant", "box")), st.data())
def test_where_a_layer_is_injective_every_fibre_is_a_point(
    layer: ReLULayer, data: st.DataObject
) -> None:
    x = data.draw(st.tuples(*[st.integers(-3, 3)] * layer.shape[1]))
    if layer.domain.contains([Fraction(t) for t in x]):
        verdict = decide(layer).verdict
        assert fibre(layer, x).injective or verdict is Verdict.NOT_INJECTIVE


def test_widths_agree_with_a_linear_program_in_floats(rng: np.random.Generator) -> None:
    from scipy.optimize import linprog

    bounded = 0
    for _ in range(40):
        n = int(rng.integers(2, 5))
        weight, bias = rng.normal(size=(n + 2, n)), rng.normal(size=n + 2)
        box = Box(np.full(n, -2.0), np.full(n, 3.0))
        x = rng.uniform(-2.0, 3.0, n)
        [piece] = fibre(ReLULayer(weight, bias, box), x.tolist()).pieces
        value = weight @ x + bias
        ends = []
        for j in range(n):
            for sign in (1.0, -1.0):
                found = linprog(
                    sign * np.eye(n)[j],
                    A_ub=weight[value <= 0] if (value <= 0).any() else None,
                    b_ub=-bias[value <= 0] if (value <= 0).any() else None,
                    A_eq=weight[value > 0] if (value > 0).any() else None,
                    b_eq=(value - bias)[value > 0] if (value > 0).any() else None,
                    bounds=[(-2.0, 3.0)] * n,
                )
                ends.append(sign * found.fun if found.status == 0 else x[j])
        pairs = zip(ends[::2], ends[1::2], strict=True)
        width = max(high - low for low, high in pairs)
        assert piece.width is not None
        assert float(piece.width) == pytest.approx(max(width, 0.0), abs=1e-6)
        bounded += piece.dimension > 0
    assert bounded >= 5


def test_maximum_is_exact() -> None:
    third = Fraction(1, 3)
    rows = [([third, Fraction(0)], Fraction(1)), ([Fraction(0), Fraction(1)], Fraction(2, 7))]
    assert maximum([Fraction(1), Fraction(1)], rows) == 3 + Fraction(2, 7)
    assert maximum([Fraction(-1), Fraction(0)], rows) == inf
    assert maximum([Fraction(0), Fraction(0)], rows) == 0


@pytest.mark.slow
def test_networks_agree_with_z3() -> None:
    rng = np.random.default_rng(3)
    shown = {True: 0, False: 0, None: 0}
    missed = 0
    for _ in range(60):
        network = random_network(rng)
        x = [Fraction(int(t), 4) for t in rng.integers(0, 5, network.in_dim)]
        found = fibre(network, x, time_limit=0.5)
        confirmed(network, found)
        truth = same_output_exists(network, x)
        shown[found.injective] += 1
        assert found.injective is None or found.injective is not truth
        missed += found.injective is None and truth
    assert shown[True] >= 10
    assert shown[False] >= 10
    assert missed <= 2


def test_pieces_of_a_folded_line() -> None:
    """||x| - 1| is 1/2 at four points, and 0 ... with a dead zone, on two intervals."""
    fold = ([[1.0], [-1.0]], None), ([[1.0, 1.0], [-1.0, -1.0]], [-1.0, 1.0]), ([[1.0, 1.0]], None)
    found = fibre(chain(*fold, last=Activation.IDENTITY), [0.5])
    assert found.injective is False
    assert {piece.point for piece in found.pieces} == {(Fraction(k, 2),) for k in (-3, -1, 1, 3)}
    assert not found.complete
    dead = fibre(chain(fold[0], ([[1.0, 1.0]], [-1.0]), domain=box([-5.0], [5.0])), [0.25])
    assert max(piece.dimension for piece in dead.pieces) == 1
    assert {piece.width for piece in dead.pieces} <= {1}


def test_smooth_activations_inside_leave_it_open() -> None:
    first = chain(([[1.0], [-1.0]], None), last=Activation.TANH).stages
    network = Network([*first, Stage("out", Linear(np.ones((1, 2)), Input(2)))])
    found = fibre(network, [1.0], time_limit=0.2)
    assert found.injective is None  # tanh(x) + tanh(-x) is 0: true, and not seen by rationals


def test_bad_inputs() -> None:
    layer = ReLULayer(EYE, domain=Orthant())
    with pytest.raises(LayerError, match=r"Expected an input of 3 numbers\. Got 2"):
        fibre(layer, [1.0, 2.0])
    with pytest.raises(LayerError, match="finite number for input 1"):
        fibre(layer, [1.0, float("nan"), 0.0])
    with pytest.raises(DomainError, match="in the domain"):
        fibre(layer, [1.0, -1.0, 0.0])
    with pytest.raises(LayerError, match="Expected a ReLULayer or a Network"):
        fibre(EYE, [1.0])  # type: ignore[arg-type]


@pytest.mark.parametrize("alone", [True, False])
def test_a_time_limit_holds_for_all_of_it(alone: bool) -> None:
    rng = np.random.default_rng(0)
    shapes = [(30, 20)] if alone else [(30, 20), (30, 30)]
    maps = [ReLULayer(rng.standard_normal(shape)).map for shape in shapes]
    network = Network([Stage(str(k), value) for k, value in enumerate(maps)])
    found = fibre(network, [0.5] * 20, time_limit=0)
    assert found.injective is None
    assert "time limit of 0 s" in found.reason
    assert found.pieces == ()
    assert found.other is None
    assert not found.complete
    with pytest.raises(LayerError, match="time limit"):
        fibre(network, [0.5] * 20, time_limit=-1)


def test_what_was_found_before_the_end_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(*_: object, **__: object) -> NoReturn:
        raise OutOfTime("the time limit of 3 s was hit; raise time_limit")

    module = sys.modules[fibre.__module__]  # a package exports the function by the same name
    monkeypatch.setattr(module, "meeting_points", late)
    network = Network([Stage(name, ReLULayer(np.eye(2)).map) for name in "ab"])
    found = fibre(network, [1.0, -1.0], time_limit=3)
    assert found.injective is False
    assert found.other is not None
    assert fibre(network, [1.0, 1.0]).injective  # no search is needed
    assert "before the time limit of 3 s" in found.reason


def test_a_generator_of_convolutions() -> None:
    """A basis of all directions that one of its layers loses would take minutes."""
    rng = np.random.default_rng(0)
    up = TransposedConvolution(
        rng.standard_normal((16, 8, 4, 4)).astype(np.float32),
        Input(256),
        Geometry((16, 4, 4), stride=2, padding=1),
    )
    first = Linear(rng.standard_normal((256, 8)).astype(np.float32), Input(8))
    network = Network([Stage("fc", first), Stage("up", up)])
    found = fibre(network, rng.standard_normal(8).tolist(), time_limit=3)
    assert found.reason
