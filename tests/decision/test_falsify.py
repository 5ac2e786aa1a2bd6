"""Falsification: what it finds is true, what it misses is little, and floats cannot fool it."""

import importlib
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import monic
from monic import (
    Ball,
    Box,
    Execution,
    LayerError,
    Limits,
    Orthant,
    Polyhedron,
    ReLULayer,
    Verdict,
    WholeSpace,
)
from monic.clock import monotonic
from monic.decision.falsify import falsify, interior, sparse_margin, sparse_witness
from monic.decision.problem import Problem
from monic.decision.signs import active_rows
from monic.decision.witness import Witness, witness_certificate
from monic.model import AffineMap, Concat, Domain, Input, Linear, Product, Scale, Shift
from tests.reference import brute_force, evaluate, question, rank
from tests.strategies import DOMAINS, FAMILIES, random_layer


def look(layer: ReLULayer, seconds: float | None = None) -> Witness | None:
    return falsify(Problem(layer), limits=Limits(seconds=seconds), execution=Execution())


def gaussian(m: int, n: int, *, seed: int = 0, domain: Domain | None = None) -> ReLULayer:
    rows = np.random.default_rng(seed).standard_normal((m, n))
    return ReLULayer(rows) if domain is None else ReLULayer(rows, domain=domain)


def insist(layer: ReLULayer, found: Witness) -> None:
    """Believes nothing: the checker, and in few dimensions the criterion in Fractions."""
    problem = Problem(layer)
    monic.check(witness_certificate(problem, found), layer)
    if problem.dim > 10:
        return
    asked = question(layer)
    x = problem.outside(found.x)
    assert asked.holds(x, [])
    values = [
        sum((w * t for w, t in zip(row, x, strict=True)), b)
        for row, b in zip(asked.rows, asked.bias, strict=True)
    ]
    active = [i for i, value in enumerate(values) if value >= 0]
    assert list(found.active) == active
    assert not active or rank([asked.rows[i] for i in active]) < asked.dim


@pytest.mark.parametrize("bias", [False, True], ids=["linear", "biased"])
@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("family", FAMILIES)
def test_agrees_with_brute_force(family: str, domain: str, bias: bool) -> None:
    place = [FAMILIES.index(family), DOMAINS.index(domain), int(bias)]
    for n, k in [(1, 0), (2, 0), (2, 1), (2, 2), (3, 0), (3, 1), (3, 2), (4, 0)]:
        rng = np.random.default_rng([*place, n, k])
        layer = random_layer(rng, family=family, domain=domain, n=n, bias=bias)
        found = look(layer)
        if found is not None:
            insist(layer, found)
            assert not brute_force(question(layer)).injective


@pytest.mark.parametrize("domain", DOMAINS)
def test_finds_most_of_what_there_is(domain: str) -> None:
    """Gaussian rows: the bad points are open sets, and most of them are found."""
    there = met = 0
    for k in range(30):
        rng = np.random.default_rng([DOMAINS.index(domain), k])
        layer = random_layer(rng, family="gaussian", domain=domain, n=3, bias=k % 2 == 1)
        if not brute_force(question(layer)).injective:
            there += 1
            met += look(layer) is not None
    assert there >= 5
    assert met >= 0.8 * there


@pytest.mark.parametrize("ratio", [3.0, 4.5, 5.5])
def test_finds_what_the_mean_direction_does_not(ratio: float) -> None:
    for seed in range(3):
        layer = gaussian(round(60 * ratio), 60, seed=seed)
        found = look(layer, seconds=60)
        assert found is not None
        insist(layer, found)


def test_beyond_explicit_collisions_the_point_is_the_proof() -> None:
    layer = gaussian(500, 100)
    found = look(layer, seconds=60)
    assert found is not None
    assert found.collision is None
    assert len(found.active) < 100
    insist(layer, found)


def test_up_to_64_inputs_there_is_a_collision() -> None:
    layer = gaussian(160, 40)
    found = look(layer, seconds=60)
    assert found is not None
    assert found.collision is not None
    insist(layer, found)


@pytest.mark.parametrize(
    "domain",
    [
        Orthant(),
        Box(np.full(80, -1.0), np.full(80, 2.0)),
        Box(np.zeros(80), np.full(80, np.inf)),
        Ball(0.5, np.full(80, 0.01)),
        Polyhedron(np.vstack([np.eye(80), -np.ones((1, 80))]), np.append(np.full(80, 3.0), 50.0)),
    ],
    ids=lambda domain: domain.describe(),
)
def test_domains_and_biases_in_many_dimensions(domain: Domain) -> None:
    rng = np.random.default_rng(5)
    rows, bias = rng.standard_normal((240, 80)), 0.01 * rng.standard_normal(240)
    layer = ReLULayer(rows, bias, domain=domain)
    found = look(layer, seconds=60)
    assert found is not None
    insist(layer, found)


def test_a_bias_on_the_whole_space() -> None:
    rng = np.random.default_rng(6)
    layer = ReLULayer(rng.standard_normal((320, 80)), rng.standard_normal(320))
    found = look(layer, seconds=60)
    assert found is not None
    insist(layer, found)


def test_rows_of_zeros_that_are_always_active_count() -> None:
    rows = np.vstack([np.zeros((70, 66)), -np.abs(np.random.default_rng(0).random((100, 66)))])
    assert look(ReLULayer(rows)) is None  # 70 rows are active everywhere: no count below 66
    found = look(ReLULayer(rows, np.append(np.full(70, -1.0), np.zeros(100))))
    assert found is not None


@pytest.mark.thorough
def test_injective_layers_are_never_falsified() -> None:
    for n in (1, 2, 5, 12, 70):
        square = np.random.default_rng(n).standard_normal((n, n))
        above = Linear(square, Input(n))
        layer = ReLULayer(Concat((above, Scale(np.full(1, -0.1), above))))
        assert look(layer, seconds=5) is None


def test_small_layers_cost_little() -> None:
    layer = gaussian(100, 10)
    look(layer)
    started = monotonic()
    for _ in range(10):
        assert falsify(Problem(layer), limits=Limits(), execution=Execution()) is None
    assert (monotonic() - started) / 10 < 0.25


def test_a_time_limit_is_kept() -> None:
    layer = gaussian(700, 100)  # where nothing is found
    started = monotonic()
    look(layer, seconds=0.5)
    assert monotonic() - started < 5


def test_no_time_at_all_is_no_error() -> None:
    assert look(gaussian(700, 100), seconds=0) is None


def test_hopeless_layers_are_given_up() -> None:
    started = monotonic()
    assert look(gaussian(1000, 50)) is None
    assert monotonic() - started < 20


@pytest.mark.thorough
def test_progress_is_told() -> None:
    heard: list[float] = []
    falsify(
        Problem(gaussian(680, 100)),
        limits=Limits(seconds=1.5),
        execution=Execution(),
        progress=lambda statistics: heard.append(statistics.seconds),
    )
    assert len(heard) >= 2
    assert heard == sorted(heard)


def test_an_interrupt_goes_through() -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        falsify(
            Problem(gaussian(680, 100)),
            limits=Limits(),
            execution=Execution(),
            progress=interrupt,
        )


def test_seeds_mean_one_thing() -> None:
    problem = Problem(gaussian(550, 100))
    first, again, other = (
        falsify(problem, limits=Limits(), execution=Execution(seed=seed)) for seed in (3, 3, 4)
    )
    assert first is not None
    assert first == again
    assert other is not None
    assert other.x != first.x


def test_torch_does_the_same_work() -> None:
    pytest.importorskip("torch")
    layer = gaussian(500, 100)
    found = falsify(Problem(layer), limits=Limits(), execution=Execution(device="cpu"))
    assert found is not None
    insist(layer, found)
    with pytest.raises(LayerError, match="device"):
        falsify(Problem(layer), limits=Limits(), execution=Execution(device="nowhere"))


def test_torch_knows_every_region() -> None:
    pytest.importorskip("torch")
    box, wedge = Box(np.zeros(70), np.ones(70)), Polyhedron(np.eye(70), np.ones(70))
    for domain in (Orthant(), box, Ball(2.0), wedge):
        layer = gaussian(150, 70, domain=domain)
        found = falsify(Problem(layer), limits=Limits(), execution=Execution(device="cpu"))
        assert found is not None
        insist(layer, found)


def linear(rows: object) -> AffineMap:
    table = np.array(rows)
    return Linear(table, Input(table.shape[1]))


@given(st.data())
def test_signs_are_those_of_fractions(data: st.DataObject) -> None:
    n, m = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 5))
    seed = data.draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    powers = rng.integers(-1074, 1023, size=(m, n)) if seed % 3 == 0 else np.zeros((m, n), int)
    weight = np.ldexp(rng.integers(-2, 3, (m, n)).astype(float), powers)
    weight[~np.isfinite(weight)] = 1.0
    value: AffineMap = Linear(weight, Input(n))
    value = Concat((Shift(rng.integers(-1, 2, m), value), Scale(np.array([-0.1]), value), value))
    value = Linear(rng.integers(-2, 3, (3 * m, 4)).astype(np.int8), value, transposed=True)
    x = [Fraction(int(a), int(b)) for a, b in zip(*rng.integers(1, 9, (2, n)), strict=True)]
    assert active_rows(value, x) == _by_fractions(value, x)


def _by_fractions(value: AffineMap, x: list[Fraction]) -> tuple[int, ...]:
    rows, bias = evaluate(value)
    products = [sum((a * t for a, t in zip(row, x, strict=True)), Fraction(0)) for row in rows]
    return tuple(i for i, (v, b) in enumerate(zip(products, bias, strict=True)) if v + b >= 0)


@pytest.mark.parametrize("sign", [-1, 0, 1])
def test_products_that_almost_vanish(sign: int) -> None:
    """Floats see 0, or the wrong sign; the integers see one unit in the last place."""
    rng = np.random.default_rng(sign + 1)
    for _ in range(20):
        x = [Fraction(int(t), 1024) for t in rng.integers(1, 1024, 50)]
        row = rng.standard_normal(50)
        pair = np.concatenate([row, -row])
        rng.shuffle(pair)
        exact = sum((Fraction(a) * t for a, t in zip(row.tolist(), x, strict=True)), Fraction(0))
        doubled = Concat((linear([row]), linear([-row])))
        # row.x - row.x + sign 2^-400
        value = Shift(np.array([sign * 2.0**-400]), Linear(np.ones((1, 2)), doubled))
        assert active_rows(value, x) == ((0,) if sign >= 0 else ())
        # the same against a product that is rounded to a float
        near = float(exact)
        value = Shift(np.array([-near]), linear([row]))
        assert active_rows(value, x) == ((0,) if exact >= Fraction(near) else ())


def test_sums_beyond_float64_say_nothing() -> None:
    big = np.finfo(np.float64).max
    value = linear([[big, big, -big, -big], [-big, -big, big, big]])
    x = [Fraction(1), Fraction(1), Fraction(1), Fraction(10**9 - 1, 10**9)]
    assert active_rows(value, x) == (0,)
    assert active_rows(linear([[-1.0]]), [Fraction(10) ** 400]) == ()


def test_products_below_float64_say_nothing() -> None:
    tiny = 2.0**-1074
    value = linear([[tiny, -tiny], [-tiny, tiny], [tiny, 0.0]])
    x = [Fraction(1, 2**100), Fraction(1, 2**99)]
    assert active_rows(value, x) == (1, 2)


def test_integers_of_64_bits_are_not_rounded() -> None:
    value = Linear(np.array([[2**62 + 1, -(2**62)], [-(2**62) - 1, 2**62]]), Input(2))
    assert active_rows(value, [Fraction(1), Fraction(1)]) == (0,)
    shifted = Shift(np.array([-(2**62) - 1]), Linear(np.array([[2**62]]), Input(1)))
    assert active_rows(shifted, [Fraction(1)]) == ()


def test_the_exact_road_works_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from monic.decision import signs

    monkeypatch.setattr(signs, "BLOCK", 7)
    monkeypatch.setattr(signs, "BLOCK_EXACT", 7)
    rng = np.random.default_rng(0)
    weight = rng.integers(-1, 2, (40, 6)) * np.ldexp(1.0, rng.integers(-30, 30, (40, 1)))
    for value in (Linear(weight, Input(6)), Product(weight, rng.integers(-1, 2, (6, 6)))):
        x = [Fraction(int(t)) for t in rng.integers(-2, 3, 6)]
        assert active_rows(value, x) == _by_fractions(value, x)


def test_wrong_proposals_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that claims success everywhere gets no witness for it."""
    layer = gaussian(700, 70)

    def boast(where: object, schedule: object, random: object, *_: object) -> object:
        return np.zeros(4, dtype=int), np.random.default_rng(0).standard_normal((70, 4))

    falsifying = importlib.import_module("monic.decision.falsify")
    monkeypatch.setattr(falsifying, "anneal", boast)
    assert look(layer) is None


def test_points_outside_are_refused() -> None:
    layer = gaussian(70, 70, domain=Orthant())
    edge = (Fraction(0),) + (Fraction(1),) * 69
    assert sparse_witness(Problem(layer), edge) is None
    assert not interior(Problem(layer), edge)
    box = Problem(
        ReLULayer(np.eye(2), domain=Box(np.array([-np.inf, 0.1]), np.array([1.0, np.inf])))
    )
    assert interior(box, (Fraction(-(10**9)), Fraction(0.1) + Fraction(1, 10**40)))
    assert not interior(box, (Fraction(0), Fraction(0.1)))
    assert not interior(box, (Fraction(1), Fraction(1)))


def test_counts_at_a_point_with_many_zeros() -> None:
    """Sparse rows: most products are exactly 0, which is active."""
    rng = np.random.default_rng(1)
    weight = np.zeros((3000, 300), dtype=np.float32)
    weight[np.arange(3000), rng.integers(0, 300, 3000)] = rng.choice([-1.0, 1.0], 3000)
    x = [Fraction(int(t)) for t in rng.integers(0, 2, 300)]
    expected = np.flatnonzero(weight @ np.array(x, dtype=float) >= 0)
    assert active_rows(Linear(weight, Input(300)), x) == tuple(expected.tolist())


@pytest.mark.thorough
def test_the_front_call_falsifies_large_layers_before_structure() -> None:
    layer = gaussian(1800, 400)
    decision = monic.decide(layer)
    assert decision.verdict is Verdict.NOT_INJECTIVE
    assert decision.method == "falsify"
    assert decision.certificate is not None
    assert decision.certificate.kind == "point"
    assert decision.margin is not None
    assert 0 < decision.margin.value < 1
    monic.check(decision.certificate, layer)


@pytest.mark.parametrize("domain", [None, Orthant(), Ball(2.0)])
@pytest.mark.parametrize("biased", [False, True])
def test_the_margin_in_floats_is_below_the_exact_one(biased: bool, domain: Domain | None) -> None:
    rng = np.random.default_rng(8)
    bias = rng.standard_normal(180) / 100 if biased else None
    layer = ReLULayer(rng.standard_normal((180, 70)), bias, domain=domain or WholeSpace())
    found = look(layer, seconds=60)
    assert found is not None
    weight, shift = np.asarray(layer.weight), np.zeros(180) if bias is None else bias
    x = np.array([float(t) for t in found.x])
    inactive = np.setdiff1d(np.arange(180), found.active)
    shares = -(weight @ x + shift)[inactive] / np.linalg.norm(weight[inactive], axis=1)
    exact = shares.min()
    if not biased and not isinstance(domain, Orthant):
        exact /= np.linalg.norm(x)
    value = sparse_margin(Problem(layer), found).value
    assert 0.99 * exact < value < exact * (1 + 1e-12)


@pytest.mark.slow
def test_four_million_weights_in_little_memory() -> None:
    layer = ReLULayer(
        np.random.default_rng(0).standard_normal((4096, 1024), dtype=np.float32),
    )
    tracemalloc.start()
    found = look(layer)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found is not None
    assert peak < 12 * 4096 * 1024 * 4
    monic.check(witness_certificate(Problem(layer), found), layer)
