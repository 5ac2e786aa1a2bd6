"""Norms as a centring and a one-to-one map of each group: against torch, and by their laws."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from monic.errors import LayerError
from monic.model import (
    Activation,
    Centre,
    Concat,
    Input,
    Linear,
    Network,
    Normalization,
    Stage,
)
from monic.model.normalization import uncentred
from monic.model.wiring import FloatArray


def centred(y: FloatArray, groups: int) -> FloatArray:
    return Centre(groups, Input(y.size)).act(y)


@pytest.mark.parametrize("groups", [1, 2, 3])
def test_a_group_norm_is_a_centring_and_a_normalization(groups: int) -> None:
    x = np.random.default_rng(0).standard_normal(6)
    norm = torch.nn.GroupNorm(groups, 6, eps=0.125, affine=False, dtype=torch.float64)
    expected = norm(torch.tensor(x).reshape(1, 6)).numpy().reshape(-1)
    assert np.allclose(Normalization(groups, 0.125).apply(centred(x, groups)), expected)


def test_an_rms_norm_is_a_normalization() -> None:
    x = np.random.default_rng(0).standard_normal((3, 5))
    norm = torch.nn.RMSNorm(5, eps=1e-3, elementwise_affine=False, dtype=torch.float64)
    assert np.allclose(Normalization(1, 1e-3).apply(x), norm(torch.tensor(x)).numpy())


@given(st.lists(st.floats(-50, 50), min_size=4, max_size=4), st.floats(1e-3, 10))
def test_a_normalization_has_an_inverse(y: list[float], epsilon: float) -> None:
    """With z = y / sqrt(|y|^2 / k + e): y = z sqrt(e / (1 - |z|^2 / k))."""
    before = np.array(y)
    z = Normalization(2, epsilon).apply(before)
    groups = z.reshape(2, 2)
    rest = 1 - np.mean(groups**2, axis=1, keepdims=True)
    again = (groups * np.sqrt(epsilon / rest)).reshape(-1)
    assert np.allclose(again, before, rtol=1e-6, atol=1e-6)


@given(st.lists(st.integers(-9, 9), min_size=6, max_size=6), st.sampled_from([0.0, 0.5]))
def test_values_times_deviations_are_what_was_there(y: list[int], epsilon: float) -> None:
    before = np.array(y, dtype=float)
    if epsilon == 0 and not before.reshape(2, 3).any(axis=1).all():
        return  # it is not defined there
    norm = Normalization(2, epsilon, deviations=True)
    found = norm.apply(before)
    assert norm.more == 2
    assert found.shape == (8,)
    values, deviations = found[:6].reshape(2, 3), found[6:]
    assert np.allclose(values * deviations[:, None], before.reshape(2, 3))
    assert np.allclose(found[:6], Normalization(2, epsilon).apply(before))
    plain = torch.tensor(before).reshape(2, 3)
    assert np.allclose(deviations, torch.sqrt(plain.square().mean(1) + epsilon).numpy())


def test_a_stage_that_gives_out_deviations_gives_more_numbers() -> None:
    norm = Normalization(2, 0.0, deviations=True)
    stage = Stage("n", Input(5), Activation.NORMALIZATION, norm=norm, carried=1)
    assert (stage.map.out_dim, stage.out_dim) == (5, 7)
    assert stage.describe() == "normalisation and deviations with epsilon = 0, 1 carried"
    assert stage.is_partial
    assert not stage.loses_scale
    assert stage.slopes() is None
    network = Network([stage, Stage("last", Linear(np.ones((2, 7)), Input(7)))])
    assert (network.in_dim, network.out_dim) == (5, 2)
    assert Network([stage]).out_dim == 7
    with pytest.raises(LayerError, match="the 7 numbers that 'n' gives"):
        Network([stage, Stage("last", Input(5))])
    with pytest.raises(LayerError, match="whose statistics are given"):
        Stage("n", Input(4), Activation.GIVEN_STATISTICS, norm=norm)


def test_uncentred() -> None:
    inner = Linear(np.eye(2), Input(2))
    assert uncentred(Centre(1, inner)) is inner
    assert uncentred(inner) is inner
    both = uncentred(Concat((Input(2), Centre(1, Input(2)))))
    assert isinstance(both, Concat)
    assert all(isinstance(branch, Input) for branch in both.branches)
    x = Input(2)
    three = Concat((Centre(1, x), Centre(1, x), Centre(2, x)))
    for carried, kept in ((0, 0), (1, 1), (2, 1), (3, 2), (4, 2)):  # a part of one is all of it
        found = uncentred(three, carried)
        assert isinstance(found, Concat)
        centred = [isinstance(branch, Centre) for branch in found.branches]
        assert centred == [True] * kept + [False] * (3 - kept)


def test_bad_norms() -> None:
    for groups, epsilon in ((0, 1.0), (0, 0.0), (1, -1.0), (1, np.inf), (1, np.nan)):
        with pytest.raises(LayerError, match="at least one group"):
            Normalization(groups, epsilon)
    with pytest.raises(LayerError, match="Normalization with a normalisation"):
        Stage("n", Input(2), Activation.NORMALIZATION)
    with pytest.raises(LayerError, match="Normalization with a normalisation"):
        Stage("n", Input(2), Activation.TANH, norm=Normalization(1, 1.0))
    with pytest.raises(LayerError, match="equal groups"):
        Stage("n", Input(3), Activation.NORMALIZATION, norm=Normalization(2, 1.0))
