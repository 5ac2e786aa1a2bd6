"""sigma* against brute force over cells, its laws, and what limits and interrupts leave."""

from fractions import Fraction
from itertools import combinations, pairwise, product

import numpy as np
import pytest

from monic.bounds import bound, frame
from monic.bounds.compare import open_cells
from monic.bounds.frame import FrameSearch, State
from monic.bounds.subject import Subject
from monic.clock import monotonic
from monic.decision import decide
from monic.model import Ball, Box, Orthant, ReLULayer, WholeSpace
from tests.strategies import random_layer


def sigma(layer: ReLULayer, gap: float = 1e-6) -> FrameSearch:
    search = FrameSearch(Subject(layer), gap)
    search.run(np.random.default_rng(0))
    assert search.done
    return search


def least_over_cells(layer: ReLULayer) -> float:
    """The least singular value over all open cells, which exact simplex enumerates."""
    subject = Subject(layer)
    least = np.inf
    for active in open_cells(subject):
        table = subject.floats[list(active)].reshape(len(active), subject.dim)
        values = np.linalg.svd(table, compute_uv=False)
        full = len(active) >= subject.dim
        least = min(least, float(values[-1]) if full else 0.0)
    return float(np.ldexp(least, subject.shift))


@pytest.mark.parametrize("domain", ["whole", "orthant", "box", "polyhedron"])
def test_against_every_cell(domain: str) -> None:
    """Of degenerate layers too: duplicates, parallel rows, antiparallel rows, biases."""
    positive = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(1, 4))
        family = ("gaussian", "ternary", "quinary")[seed % 3]
        m = int(rng.integers(n, 8 if n == 3 else 10))
        layer = random_layer(rng, family=family, domain=domain, n=n, bias=seed % 2 == 1, m=m)
        layer = ReLULayer(layer.weight, layer.bias, layer.domain)
        if any(not row.any() for row in np.asarray(layer.weight)):
            continue  # a zero row without bias has no open cell
        least = least_over_cells(layer)
        found = sigma(layer).state().interval
        assert found.lower <= least * (1 + 1e-9) + 1e-12
        assert found.upper >= least * (1 - 1e-9) - 1e-12
        assert found.upper - found.lower <= 1e-5 * found.upper + 1e-12
        positive += least > 1e-9
    assert positive >= 5


def least_near_vertices(weight: np.ndarray) -> float:
    """Gaussian rows: every open cone has a ray, where n - 1 rows vanish and 2^(n-1) cones meet."""
    m, n = weight.shape
    best = np.inf
    for rows in combinations(range(m), n - 1):
        ray = np.linalg.svd(weight[list(rows)])[2][-1]
        inverse = np.linalg.inv(np.vstack([weight[list(rows)], ray]))
        signs = np.array(list(product((1.0, -1.0), repeat=n - 1)))
        for sign in (1.0, -1.0):
            points = sign * ray + 1e-7 * signs @ inverse[:, : n - 1].T
            for x in points:
                active = weight[weight @ x >= 0]
                values = np.linalg.svd(active, compute_uv=False)
                best = min(best, float(values[-1]) if len(active) >= n else 0.0)
    return best


@pytest.mark.parametrize(("n", "m"), [(3, 14), (4, 20)])
@pytest.mark.parametrize("seed", range(4))
def test_gaussian_layers_against_every_ray(n: int, m: int, seed: int) -> None:
    weight = np.random.default_rng(seed).standard_normal((m, n))
    found = sigma(ReLULayer(weight)).state().interval
    least = least_near_vertices(weight)
    assert found.lower <= least * (1 + 1e-9)
    assert found.upper == pytest.approx(least, rel=1e-5, abs=1e-7)


def test_the_point_attains_the_upper_bound() -> None:
    layer = ReLULayer(np.random.default_rng(1).standard_normal((30, 3)), np.ones(30), Ball(2.0))
    search = sigma(layer)
    assert search.point is not None
    assert layer.domain.contains(search.point)
    active = [
        i
        for i, row in enumerate(np.asarray(layer.weight))
        if sum(Fraction(w) * t for w, t in zip(row.tolist(), search.point, strict=True)) + 1 >= 0
    ]
    value = np.linalg.svd(np.asarray(layer.weight)[active], compute_uv=False)[-1]
    assert search.upper == pytest.approx(value, rel=1e-12)


class TestLaws:
    WEIGHT = np.random.default_rng(2).standard_normal((20, 3))

    def test_order_of_rows(self) -> None:
        first = sigma(ReLULayer(self.WEIGHT))
        second = sigma(ReLULayer(self.WEIGHT[::-1].copy()))
        assert first.upper == pytest.approx(second.upper, rel=1e-6)

    @pytest.mark.parametrize("exponent", [-500, -30, 0, 7, 900])
    def test_powers_of_two_scale_it(self, exponent: int) -> None:
        scaled = sigma(ReLULayer(np.ldexp(self.WEIGHT, exponent))).state().interval
        plain = sigma(ReLULayer(self.WEIGHT)).state().interval
        assert scaled.lower == pytest.approx(float(np.ldexp(plain.lower, exponent)), rel=1e-12)
        assert scaled.upper == float(np.ldexp(plain.upper, exponent))

    def test_smaller_domains_have_larger_constants(self) -> None:
        rows = self.WEIGHT
        bias = np.random.default_rng(3).standard_normal(20)
        domains = (WholeSpace(), Ball(4.0), Box(-np.ones(3), np.ones(3)), Ball(0.5))
        values = [sigma(ReLULayer(rows, bias, domain)) for domain in domains]
        for outer, inner in pairwise(values):
            assert outer.lower <= inner.upper * (1 + 1e-12)

    def test_more_rows_do_not_lower_it(self) -> None:
        more = np.vstack([self.WEIGHT, np.random.default_rng(4).standard_normal((5, 3))])
        assert sigma(ReLULayer(more)).upper >= sigma(ReLULayer(self.WEIGHT)).lower

    def test_an_orthant_inside_the_whole_space(self) -> None:
        inner = sigma(ReLULayer(self.WEIGHT, domain=Orthant()))
        assert inner.upper >= sigma(ReLULayer(self.WEIGHT)).lower


def hard() -> ReLULayer:
    return ReLULayer(np.random.default_rng(0).standard_normal((200, 14)))


@pytest.mark.thorough
def test_a_time_limit_leaves_valid_intervals() -> None:
    began = monotonic()
    found = bound(hard(), time_limit=2.0)
    assert monotonic() - began < 20
    assert found.limit is not None
    assert "raise time_limit" in found.limit
    assert 0 <= found.smallest_singular.lower <= found.smallest_singular.upper < 10
    assert found.inverse_lipschitz.lower <= found.inverse_lipschitz.upper


@pytest.mark.slow
def test_a_layer_that_is_too_large_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "ROOM", 100)
    found = bound(ReLULayer(np.random.default_rng(0).standard_normal((30, 3))))
    assert found.limit is not None
    assert "too large" in found.limit
    assert found.smallest_singular.lower == 0.0
    assert found.inverse_lipschitz.upper < 10


def test_no_time_at_all() -> None:
    found = bound(ReLULayer(np.random.default_rng(0).standard_normal((30, 3))), time_limit=0.0)
    assert found.limit is not None
    assert found.inverse_lipschitz.lower == 0.0
    assert np.isfinite(found.inverse_lipschitz.upper)


@pytest.mark.thorough
def test_an_interrupt_leaves_valid_intervals() -> None:
    """At any report: what was proved by then is returned, and holds."""
    layer = ReLULayer(np.random.default_rng(0).standard_normal((64, 8)))
    full = bound(layer).smallest_singular
    for after in (1, 3, 6):
        states: list[State] = []

        def interrupt(state: State, after: int = after, states: list[State] = states) -> None:
            states.append(state)
            if len(states) == after:
                raise KeyboardInterrupt

        found = bound(layer, progress=interrupt)
        assert found.limit is not None
        assert found.limit.startswith("interrupted")
        assert found.smallest_singular.lower <= full.upper
        assert found.smallest_singular.upper >= full.lower
        assert found.smallest_singular == states[-1].interval


@pytest.mark.thorough
def test_bounds_close_in() -> None:
    states: list[State] = []
    bound(ReLULayer(np.random.default_rng(3).standard_normal((64, 8))), progress=states.append)
    lowers = [state.interval.lower for state in states]
    uppers = [state.interval.upper for state in states]
    assert lowers == sorted(lowers)
    assert uppers == sorted(uppers, reverse=True)
    assert 0 < lowers[-1] < uppers[-1]


def test_not_one_to_one_is_zero_with_a_collision() -> None:
    layer = ReLULayer(np.random.default_rng(0).standard_normal((5, 3)))
    assert decide(layer).verdict.name == "NOT_INJECTIVE"
    found = bound(layer)
    assert (found.inverse_lipschitz.lower, found.inverse_lipschitz.upper) == (0.0, 0.0)
    assert found.collision is not None
    outputs = [
        [
            max(Fraction(0), sum(Fraction(w) * t for w, t in zip(row, x, strict=True)))
            for row in np.asarray(layer.weight).tolist()
        ]
        for x in (found.collision.x, found.collision.other)
    ]
    assert outputs[0] == outputs[1]
    assert found.collision.x != found.collision.other


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "m", "seconds"), [(4, 32, 1), (5, 50, 5), (6, 60, 30), (8, 64, 600)]
)
def test_gaussian_layers_in_time(n: int, m: int, seconds: float) -> None:
    bound(ReLULayer([[1.0], [-1.0]]))  # compiled code is loaded
    began = monotonic()
    search = FrameSearch(
        Subject(ReLULayer(np.random.default_rng(0).standard_normal((m, n)))), 0.01
    )
    search.run(np.random.default_rng(0))
    assert search.state().interval.gap <= 0.0100001
    assert monotonic() - began <= seconds
