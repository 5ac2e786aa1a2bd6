"""Laws of injectivity, each one hypothesis test; every product in them is exact."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monic import Ball, Box, Domain, Orthant, Polyhedron, ReLULayer, WholeSpace
from monic.model.array import Array
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, decided
from tests.strategies import gaussian_layer, integer_layers, unimodular

FLAT_SIDED = ("whole", "orthant", "box", "polyhedron")
quick = settings(max_examples=60)


def _arrays(layer: ReLULayer) -> tuple[Array, Array | None]:
    weight, bias = layer.weight, layer.bias
    assert isinstance(weight, np.ndarray)
    assert bias is None or isinstance(bias, np.ndarray)
    return weight, bias


def _sides(domain: Domain, n: int) -> tuple[Array, Array]:
    """Returns (A, c) of a flat-sided domain: exact, since its numbers are floats."""
    sides = domain.half_spaces(n)
    normals = np.array([[float(a) for a in normal] for normal, _ in sides]).reshape(-1, n)
    return normals, np.array([float(c) for _, c in sides])


@quick
@given(integer_layers(), st.randoms(use_true_random=False))
def test_permuting_rows_changes_nothing(layer: ReLULayer, random: "np.random.Generator") -> None:
    weight, bias = _arrays(layer)
    order = list(range(len(weight)))
    random.shuffle(order)
    other = ReLULayer(weight[order], None if bias is None else bias[order], layer.domain)
    assert decided(other).verdict is decided(layer).verdict


@quick
@given(integer_layers(), st.data())
def test_positive_scaling_of_rows_changes_nothing(layer: ReLULayer, data: st.DataObject) -> None:
    """Entries are integers up to 2 and factors have 24 bits, so float64 holds the products."""
    weight, bias = _arrays(layer)
    power = st.integers(-60, 60).map(lambda e: 2.0**e)
    odd = st.floats(2.0**-100, 2.0**100, width=32)
    factors = np.array(
        data.draw(st.lists(power | odd, min_size=len(weight), max_size=len(weight)))
    )
    scaled = None if bias is None else factors * bias
    other = ReLULayer(factors[:, None] * weight, scaled, layer.domain)
    assert decided(other).verdict is decided(layer).verdict


@quick
@given(st.integers(0, 2**32), st.integers(1, 4), st.data())
def test_gaussian_rows_may_be_scaled_by_powers_of_two(
    seed: int, n: int, data: st.DataObject
) -> None:
    weight, _ = _arrays(gaussian_layer(seed, data.draw(st.integers(2 * n, 6 * n)), n))
    powers = st.lists(st.integers(-300, 300), min_size=len(weight), max_size=len(weight))
    scaled = weight * 2.0 ** np.array(data.draw(powers), dtype=np.float64)[:, None]
    assert decided(ReLULayer(scaled)).verdict is decided(ReLULayer(weight)).verdict


@quick
@given(integer_layers(domains=FLAT_SIDED), st.data())
def test_a_change_of_x_changes_nothing(layer: ReLULayer, data: st.DataObject) -> None:
    """x = M y with M unimodular: W becomes W M, and the domain A x <= c becomes A M y <= c."""
    weight, bias = _arrays(layer)
    n = weight.shape[1]
    change = data.draw(unimodular(n))
    normals, offsets = _sides(layer.domain, n)
    moved: Domain = WholeSpace()
    if len(normals):
        assume(bool(np.all(normals == np.round(normals, 3) * 1.0)))  # few bits: exact products
        moved = Polyhedron(normals @ change, offsets)
    other = ReLULayer(weight @ change, bias, moved)
    assert decided(other).verdict is decided(layer).verdict


@quick
@given(integer_layers(domains=("whole",)), st.data())
def test_an_invertible_change_of_x_changes_nothing(layer: ReLULayer, data: st.DataObject) -> None:
    weight, bias = _arrays(layer)
    n = weight.shape[1]
    entry = st.integers(-3, 3).map(float)
    table = st.lists(st.lists(entry, min_size=n, max_size=n), min_size=n, max_size=n)
    change = np.array(data.draw(table))
    assume(abs(np.linalg.det(change)) > 0.5)  # an integer
    assert decided(ReLULayer(weight @ change, bias)).verdict is decided(layer).verdict


@quick
@given(integer_layers(), st.data())
def test_more_rows_keep_injective(layer: ReLULayer, data: st.DataObject) -> None:
    weight, bias = _arrays(layer)
    n = weight.shape[1]
    entry = st.integers(-3, 3).map(float)
    row = st.lists(entry, min_size=n + 1, max_size=n + 1)
    more = np.array(data.draw(st.lists(row, min_size=1, max_size=4)))
    longer = np.vstack([weight, more[:, :n]])
    first = np.zeros(len(weight)) if bias is None else bias
    larger = ReLULayer(longer, np.concatenate([first, more[:, n]]), layer.domain)
    if decided(larger).verdict is NOT_INJECTIVE:
        assert decided(layer).verdict is NOT_INJECTIVE


@quick
@given(integer_layers(), st.data())
def test_moving_the_origin_changes_nothing(layer: ReLULayer, data: st.DataObject) -> None:
    """x = y + p: the bias becomes b + W p and the domain X - p; all numbers have few bits."""
    weight, bias = _arrays(layer)
    m, n = weight.shape
    coordinate = st.integers(-64, 64).map(lambda v: v / 8)
    p = np.array(data.draw(st.lists(coordinate, min_size=n, max_size=n)))
    moved = _moved(layer.domain, p)
    other = ReLULayer(weight, (np.zeros(m) if bias is None else bias) + weight @ p, moved)
    assert decided(other).verdict is decided(layer).verdict


def _moved(domain: Domain, p: Array) -> Domain:
    """Returns X - p, or the draw is given up where floats cannot hold it."""
    if isinstance(domain, WholeSpace):
        return domain
    if isinstance(domain, Ball):
        center = np.zeros(len(p)) if domain.center is None else domain.center
        _insist_on_few_bits(center)
        return Ball(domain.radius, center - p)
    if isinstance(domain, Box):
        _insist_on_few_bits(domain.lower, domain.upper)
        return Box(domain.lower - p, domain.upper - p)
    if isinstance(domain, Orthant):
        return Box(-p, np.full(len(p), np.inf))
    assert isinstance(domain, Polyhedron)
    _insist_on_few_bits(domain.A, domain.c)
    return Polyhedron(domain.A, domain.c - domain.A @ p)


def _insist_on_few_bits(*arrays: Array) -> None:
    for array in arrays:
        finite = array[np.isfinite(array)]
        assume(bool(np.all(finite == finite.astype(np.float16))))


@quick
@given(integer_layers(), st.data())
def test_a_smaller_domain_keeps_injective(layer: ReLULayer, data: st.DataObject) -> None:
    n = _arrays(layer)[0].shape[1]
    whole = ReLULayer(layer.weight, layer.bias)
    if decided(whole).verdict is INJECTIVE:
        assert decided(layer).verdict is INJECTIVE
    bounds = st.lists(st.integers(0, 4).map(float), min_size=n, max_size=n)
    inner = Box(-np.ones(n) * data.draw(bounds), np.ones(n) + data.draw(bounds))
    outer = Box(inner.lower - 1, inner.upper + data.draw(st.sampled_from([0.0, 1.0, np.inf])))
    if decided(ReLULayer(layer.weight, layer.bias, outer)).verdict is INJECTIVE:
        assert decided(ReLULayer(layer.weight, layer.bias, inner)).verdict is INJECTIVE


@quick
@given(integer_layers(), st.sampled_from([0, 1, 2**31]))
def test_the_seed_changes_no_verdict(layer: ReLULayer, seed: int) -> None:
    assert decided(layer, seed=seed).verdict is decided(layer).verdict
