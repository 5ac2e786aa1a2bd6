"""Norms that give out their deviations, in networks: nothing is lost where they are defined."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
import torch

from monic import (
    Activation,
    Box,
    Decision,
    LayerError,
    Network,
    Stage,
    bound,
    check,
    decide,
    fibre,
    invert,
)
from monic.decision.network import range_superset
from monic.model import (
    AffineMap,
    Ball,
    Centre,
    Combine,
    Concat,
    Domain,
    Input,
    Linear,
    Normalization,
    Orthant,
    Scale,
    WholeSpace,
)
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, UNDECIDED


def means(inner: AffineMap, groups: int) -> AffineMap:
    size = inner.out_dim // groups
    return Combine([[(j, Fraction(1, size)) for j in range(size)]], inner, groups)


def augmented(
    inner: AffineMap, groups: int = 1, epsilon: float = 1e-5, *, mean: bool = True
) -> Stage:
    """A layer norm with its means, if they are asked for, and its deviations."""
    centred = Centre(groups, inner)
    value = Concat((means(inner, groups), centred)) if mean else centred
    norm = Normalization(groups, epsilon, deviations=True)
    carried = groups if mean else 0
    return Stage("norm", value, Activation.NORMALIZATION, norm=norm, carried=carried)


def rms(inner: AffineMap, groups: int = 1, epsilon: float = 1e-5) -> Stage:
    norm = Normalization(groups, epsilon, deviations=True)
    return Stage("norm", inner, Activation.NORMALIZATION, norm=norm)


def proved(network: Network, **options: object) -> Decision:
    decision = decide(network, time_limit=3, **options)  # type: ignore[call-overload]
    assert decision.certificate is not None
    check(decision.certificate, network)
    return decision  # type: ignore[no-any-return]


@pytest.mark.parametrize("epsilon", [1e-5, 0.0])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("domain", [None, Box(np.zeros(4), np.ones(4)), Ball(1.0)])
def test_nothing_is_lost(epsilon: float, groups: int, domain: Domain | None) -> None:
    decision = proved(Network([augmented(Input(4), groups, epsilon)], domain))
    assert decision.verdict is INJECTIVE
    assert decision.assumption is None
    assert ("where the norm, whose epsilon is 0, is defined" in decision.reason) == (epsilon == 0)


@pytest.mark.parametrize("epsilon", [1e-5, 0.0])
def test_layers_behind_it_are_decided(epsilon: float) -> None:
    rng = np.random.default_rng(0)
    tall, pairs = rng.standard_normal((8, 6)), rng.standard_normal((6, 6))
    first = Stage("first", Linear(np.vstack([np.eye(2), -np.eye(2)]), Input(2)))
    norm = augmented(Input(4), 1, epsilon)
    last = Stage("last", Linear(np.vstack([pairs, -pairs]), Input(6)))
    for after in (Stage("tall", Linear(tall, Input(6)), Activation.IDENTITY), last):
        decision = proved(Network([first, norm, after]))
        assert decision.verdict is INJECTIVE
        assert [stage.decision.verdict for stage in decision.stages] == [INJECTIVE] * 3  # type: ignore[attr-defined]
    flat = Stage("flat", Linear(tall[:5], Input(6)), Activation.IDENTITY)
    assert decide(Network([first, norm, flat]), time_limit=1).verdict is UNDECIDED


def test_without_the_mean_exactly_it_is_lost() -> None:
    for epsilon in (1e-5, 0.0):
        network = Network([augmented(Input(4), 2, epsilon, mean=False)])
        for assume in (None, "statistics"):  # it has no statistics that are kept aside
            decision = proved(network, assume=assume)
            assert decision.verdict is NOT_INJECTIVE
            assert decision.assumption is None
            pair = decision.collision
            assert pair is not None
            values = torch.tensor([[float(t) for t in p] for p in (pair.x, pair.other)]).double()
            groups = values.reshape(2, 2, 2)
            spread = groups.var(-1, unbiased=False)
            assert torch.allclose(spread[0], spread[1])
            unit = (groups - groups.mean(-1, keepdim=True)) / (spread + epsilon).sqrt()[..., None]
            assert torch.isfinite(unit).all()
            assert torch.allclose(unit[0], unit[1])


def test_an_rms_norm_keeps_what_comes_before() -> None:
    """With epsilon = 0 it would lose the scale; with its root it does not."""
    plain = Stage("n", Input(3), Activation.NORMALIZATION, norm=Normalization(1, 0.0))
    assert decide(Network([plain]), time_limit=1).verdict is NOT_INJECTIVE
    assert proved(Network([rms(Input(3), 1, 0.0)])).verdict is INJECTIVE
    narrow = Linear(np.array([[1.0, 2.0, 3.0], [0.0, 1.0, 1.0]]), Input(3))
    for epsilon in (0.0, 0.5):
        assert proved(Network([rms(narrow, 1, epsilon)])).verdict is NOT_INJECTIVE


def test_where_it_is_defined_nowhere_nothing_is_said() -> None:
    """One number less its mean is 0."""
    assert decide(Network([augmented(Input(1), 1, 0.0)]), time_limit=1).verdict is UNDECIDED
    assert proved(Network([augmented(Input(1), 1, 0.5)])).verdict is INJECTIVE
    assert decide(Network([augmented(Input(1), 1, 0.0, mean=False)])).verdict is UNDECIDED


@pytest.mark.parametrize("epsilon", [0.0, 0.25])
@pytest.mark.parametrize("gamma", [[1, 1, 1], [1, 0, 1], [0, 0, 1], [2, -1, 1]])
def test_verdicts_agree_with_brute_force(gamma: list[int], epsilon: float) -> None:
    """All inputs in {-2, ..., 2}^3: of two with the same deviation and mean, the values agree."""
    scale = Scale(np.array([1.0, *gamma, 1.0]), Input(5))
    last = Stage("gamma", scale, Activation.IDENTITY)
    decision = decide(Network([augmented(Input(3), 1, epsilon), last]), time_limit=1)
    outputs = set()
    points = [x for x in product(range(-2, 3), repeat=3) if epsilon or len(set(x)) > 1]
    for x in points:
        mean = Fraction(sum(x), 3)
        centred = [t - mean for t in x]
        outputs.add(
            (
                mean,
                *(g * c for g, c in zip(gamma, centred, strict=True)),
                sum(c * c for c in centred),
            )
        )
    if decision.verdict is INJECTIVE:
        assert len(outputs) == len(points)
    if len(outputs) < len(points):
        assert decision.verdict is not INJECTIVE
    assert (decision.verdict is INJECTIVE) == (0 not in gamma)


def test_what_reaches_the_next_stage() -> None:
    stage = augmented(Input(2))
    assert isinstance(range_superset(stage, WholeSpace()), WholeSpace)
    after = range_superset(stage, Orthant())
    values = Network([stage]).out_dim
    assert values == 4
    assert after.contains((Fraction(1), Fraction(-5), Fraction(5), Fraction(7)))
    box = range_superset(stage, Box(np.zeros(2), np.array([1.0, 2.0])))
    assert isinstance(box, Box)
    assert box.lower.tolist() == [0.0, -np.inf, -np.inf, -np.inf]
    assert box.upper.tolist() == [1.5, np.inf, np.inf, np.inf]


def test_random_matrices_do_not_come_after_epsilon_0() -> None:
    rng = np.random.default_rng(1)
    wide = Stage("wide", Linear(np.array([[1.0], [-1.0], [2.0], [-2.0], [1.0]]), Input(1)))
    drawn = Stage("drawn", Linear(rng.standard_normal((4, 6)), Input(6)), Activation.IDENTITY)
    for epsilon, verdict in ((1e-5, INJECTIVE), (0.0, UNDECIDED)):
        network = Network([wide, rms(Input(5), 1, epsilon), drawn])
        decision = decide(network, assume="random-projections", time_limit=2)
        assert decision.verdict is verdict
        if decision.certificate is not None:
            check(decision.certificate, network)


def test_other_questions() -> None:
    network = Network([augmented(Input(4), 2)])
    code = np.array([1.0, 2.0, 3.0, 5.0])
    mean, deviation = np.array([1.5, 4.0]), np.sqrt(np.array([0.25, 1.0]) + 1e-5)
    unit = (code.reshape(2, 2) - mean[:, None]) / deviation[:, None]
    y = np.concatenate([mean, unit.reshape(-1), deviation])
    np.testing.assert_allclose(invert(network, y).latent, code, rtol=1e-9)
    found = bound(network)
    assert (found.inverse_lipschitz.lower, found.lipschitz.upper) == (0, np.inf)
    assert found.stages[0].shape == (8, 4)
    assert fibre(network, [1, 2, 3, 4]).injective is True
    assert fibre(Network([augmented(Input(4), mean=False)]), [1, 2, 3, 4]).injective is False
    with pytest.raises(LayerError, match="epsilon > 0"):
        fibre(Network([augmented(Input(4), 2, 0.0)]), [1, 2, 3, 4])
