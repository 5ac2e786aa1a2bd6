"""Norms in networks: exactly what they lose, lifted only where both points are reached."""

from fractions import Fraction

import numpy as np
import pytest
import torch

from monic import (
    Activation,
    Box,
    Decision,
    Network,
    ReLULayer,
    Stage,
    bound,
    check,
    decide,
    fibre,
    invert,
)
from monic.model import (
    AffineMap,
    Centre,
    ChannelScale,
    ChannelShift,
    Concat,
    Convolution,
    Geometry,
    Input,
    Linear,
    Normalization,
    Scale,
    Shift,
)
from monic.model.array import Array
from monic.model.derived import BatchFactors, derive
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, UNDECIDED
from tests.reference import evaluate, rank


def norm(inner: AffineMap, groups: int = 1, *, centred: bool = True) -> Stage:
    """A stage that ends in a layer norm, or an RMS norm."""
    value = Centre(groups, inner) if centred else inner
    return Stage("norm", value, Activation.NORMALIZATION, norm=Normalization(groups, 1e-5))


def last(size: int, gamma: Array | None = None) -> Stage:
    """What a norm's gamma and beta, and a matrix after it, are."""
    inner = Scale(np.ones(size) if gamma is None else gamma, Input(size))
    return Stage("last", Shift(np.arange(float(size)), inner), Activation.IDENTITY)


def proved(network: Network, **options: object) -> Decision:
    decision = decide(network, time_limit=3, **options)  # type: ignore[call-overload]
    assert decision.certificate is not None
    check(decision.certificate, network)
    return decision  # type: ignore[no-any-return]


@pytest.mark.parametrize("groups", [1, 2])
def test_exactly_the_mean_is_lost(groups: int) -> None:
    network = Network([norm(Input(4), groups), last(4)])
    decision = proved(network)
    assert decision.verdict is NOT_INJECTIVE
    pair = decision.collision
    assert pair is not None
    shifts = [b - a for a, b in zip(pair.x, pair.other, strict=True)]
    for first in range(0, 4, 4 // groups):  # constant in each group, and somewhere not 0
        assert len(set(shifts[first : first + 4 // groups])) == 1
    assert any(shifts)
    module = torch.nn.GroupNorm(groups, 4, affine=False, dtype=torch.float64)
    both = torch.tensor([[float(t) for t in point] for point in (pair.x, pair.other)])
    first, second = module(both.double())
    assert torch.allclose(first, second)


def test_an_rms_norm_loses_nothing() -> None:
    network = Network([norm(Input(4), centred=False), last(4)])
    decision = proved(network)
    assert decision.verdict is INJECTIVE
    assert decision.assumption is None


def test_given_statistics_a_norm_is_one_to_one() -> None:
    network = Network([norm(Input(4), 2), last(4)])
    decision = decide(network, assume="statistics")
    assert decision.verdict is INJECTIVE
    assert decision.assumption == "statistics"
    assert [stage.decision.assumption for stage in decision.stages] == ["statistics", None]
    assert "its statistics given" in decision.stages[0].activation
    assert decision.certificate is not None
    check(decision.certificate, network)  # by the same arrays
    assert decision.certificate.header["assumption"] == "statistics"


def test_without_a_norm_nothing_is_assumed() -> None:
    decision = proved(Network([last(3)]), assume=("statistics", "general-position"))
    assert decision.verdict is INJECTIVE
    assert decision.assumption is None


def test_a_mean_that_no_two_inputs_differ_by_is_not_lost() -> None:
    """x -> ReLU(x, -x) has a zero in each pair; adding a constant leaves its image."""
    pairs = Stage("pairs", Linear(np.array([[1.0], [-1.0]]), Input(1)))
    network = Network([pairs, norm(Input(2)), last(2)])
    decision = decide(network, time_limit=3)
    assert [stage.decision.verdict for stage in decision.stages][1] is NOT_INJECTIVE
    assert decision.verdict is UNDECIDED  # it is one-to-one, but no rule says so
    assert proved(network, assume="statistics").verdict is INJECTIVE


def test_a_mean_is_lost_where_both_points_are_reached() -> None:
    """On [1, 2]^3 the ReLU does nothing, so that the collision of the norm is one of the whole."""
    first = Stage("first", Linear(np.vstack([np.eye(3), -np.eye(3)]), Input(3)))
    chosen = Linear(np.hstack([np.eye(3), np.zeros((3, 3))]), Input(6))
    network = Network([first, norm(chosen), last(3)], Box(np.ones(3), 2 * np.ones(3)))
    decision = proved(network)
    assert decision.verdict is NOT_INJECTIVE
    assert decision.collision is not None
    x, other = decision.collision.x, decision.collision.other
    assert all(1 <= t <= 2 for t in (*x, *other))
    assert len({b - a for a, b in zip(x, other, strict=True)}) == 1


@pytest.mark.parametrize("seed", range(12))
def test_a_norm_after_a_matrix_by_the_exact_rank(seed: int) -> None:
    """x -> norm(W x) is one-to-one if and only if W has full rank once its group means are off."""
    rng = np.random.default_rng(seed)
    n, m = int(rng.integers(1, 4)), int(rng.integers(2, 6))
    groups = int(rng.choice([g for g in range(1, m + 1) if m % g == 0]))
    weight = rng.integers(-1, 2, (m, n)).astype(float)
    network = Network([norm(Linear(weight, Input(n)), groups)])
    rows, _ = evaluate(network.stages[0].map)
    full = rank([tuple(row) for row in rows]) == n
    assert proved(network).verdict is (INJECTIVE if full else NOT_INJECTIVE)
    given = proved(network, assume="statistics")
    whole = rank([tuple(map(Fraction, row)) for row in weight.tolist()]) == n
    assert given.verdict is (INJECTIVE if whole else NOT_INJECTIVE)
    assert given.assumption == ("statistics" if whole else None)


def test_a_factor_of_zero_is_dead_and_said() -> None:
    gamma = np.array([1.0, 0.0, 2.0, 0.0])
    network = Network([norm(Input(4), centred=False), last(4, gamma)])
    decision = decide(network, time_limit=3)
    assert decision.verdict is UNDECIDED  # the search ends at the norm
    assert "channels 1, 3 (from 0): dead" in decision.stages[1].decision.reason
    many = Network([last(12, np.zeros(12))])
    assert "12 of 12 channels are dead" in decide(many).stages[0].decision.reason


def test_other_questions_are_refused_or_left_open() -> None:
    first = Stage("first", Linear(np.vstack([np.eye(3), -np.eye(3)]), Input(3)))
    network = Network([first, norm(Input(6), centred=False)])
    hidden = np.array([[1.0, 2.0, 3.0, 0.0, 0.0, 0.0]])
    y = hidden / np.sqrt((hidden**2).mean() + 1e-5)
    np.testing.assert_allclose(invert(network, y).latent, [[1.0, 2.0, 3.0]], rtol=1e-6)
    found = bound(network)
    assert found.inverse_lipschitz.lower == 0
    assert found.lipschitz.upper == np.inf
    alone = fibre(network, [1.0, 2.0, 3.0], time_limit=1)
    assert alone.injective is True  # an RMS norm loses nothing


def batch(value: AffineMap, gamma: list[float], beta: list[float] | None = None) -> AffineMap:
    """A batch norm with mean 0 and variances 1, 2, 3, ... in evaluation mode."""
    count = len(gamma)
    variances = 1.0 + np.arange(count)
    factors = derive(BatchFactors(np.array(gamma), variances, 1e-5))
    centred = ChannelShift(np.zeros(count), value, negative=True)
    return ChannelShift(np.array(beta or [0.0] * count), ChannelScale(factors, centred))


PAIR = np.array([[1.0], [-1.0]])


def test_a_negative_gamma_before_the_relu_flips_a_row() -> None:
    """[1; -1] is one-to-one under a ReLU; with gamma = (1, -1) both rows point the same way."""
    good = ReLULayer(batch(Linear(PAIR, Input(1)), [1.0, 3.0]))
    bad = ReLULayer(batch(Linear(PAIR, Input(1)), [1.0, -1.0]))
    for layer, verdict in ((good, INJECTIVE), (bad, NOT_INJECTIVE)):
        decision = decide(layer)
        assert decision.verdict is verdict
        assert decision.certificate is not None
        check(decision.certificate, layer)


@pytest.mark.parametrize(("gamma", "verdict"), [(-1.0, INJECTIVE), (0.0, NOT_INJECTIVE)])
def test_after_the_relu_a_gamma_that_is_not_zero_is_enough(gamma: float, verdict: object) -> None:
    first = Stage("first", Linear(PAIR, Input(1)))
    second = Stage("second", batch(Input(2), [1.0, gamma]), Activation.IDENTITY)
    decision = decide(Network([first, second]), time_limit=3)
    assert decision.verdict is verdict
    assert "rounded to float64" in decision.reason
    assert ("channel 1 (from 0): dead" in decision.stages[1].decision.reason) == (gamma == 0)


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("flipped", [False, True])
def test_paired_filters_survive_a_batch_norm(place: str, flipped: bool) -> None:
    """[C; -DC] stays exactly antiparallel, filter by filter, since factors are not multiplied in.

    A negative gamma of the pairs' own is no harm; one of a filter and not of its opposite is.
    """
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((2, 2, 3, 3))
    convolved = Convolution(kernel, Input(2 * 6 * 6), Geometry((2, 6, 6), padding=((1, 1),) * 2))
    signs = [1.0, -1.0 if flipped else 1.0]
    scales = -np.repeat([0.3, 1.7], 36)
    if place == "before":
        y = batch(convolved, [0.3 * s for s in signs])
        value: AffineMap = Concat((y, Scale(scales, y)))
    else:
        both = Concat((convolved, Scale(scales, convolved)))
        value = batch(both, [*(0.7 * s for s in signs), 0.9, 1.1], [0.1] * 4)
    layer = ReLULayer(value)
    decision = decide(layer, time_limit=30)
    if place == "after" and flipped:
        assert decision.verdict is NOT_INJECTIVE
    else:
        assert decision.verdict is INJECTIVE
        assert decision.method == "paired filters"
    assert decision.certificate is not None
    check(decision.certificate, layer)
