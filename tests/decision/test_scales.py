"""Norms with epsilon = 0: mean and scale are lost where they are defined; against torch."""

import numpy as np
import pytest
import torch

from monic import Activation, Box, Decision, LayerError, Network, Stage, check, decide, fibre
from monic.model import AffineMap, Ball, Centre, Input, Linear, Normalization, Shift
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, UNDECIDED


def norm(inner: AffineMap, groups: int = 1, *, centred: bool = False, carried: int = 0) -> Stage:
    value = Centre(groups, inner) if centred else inner
    given = Normalization(groups, 0.0)
    return Stage("norm", value, Activation.NORMALIZATION, norm=given, carried=carried)


def proved(network: Network) -> Decision:
    decision = decide(network, time_limit=2)
    assert decision.verdict is NOT_INJECTIVE
    assert "defined" in decision.reason
    assert decision.certificate is not None
    check(decision.certificate, network)
    return decision  # type: ignore[return-value]


def both(decision: Decision) -> torch.Tensor:
    pair = decision.collision
    assert pair is not None
    assert pair.x != pair.other
    return torch.tensor([[float(t) for t in p] for p in (pair.x, pair.other)]).double()


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("box", [None, Box(np.full(4, -3.0), np.full(4, 0.5))])
def test_a_centred_norm(groups: int, box: Box | None) -> None:
    decision = proved(Network([norm(Input(4), groups, centred=True)], box))
    first, second = torch.nn.functional.group_norm(both(decision), groups, eps=0.0)
    assert torch.isfinite(first).all()
    assert torch.allclose(first, second)


@pytest.mark.parametrize("seed", range(8))
def test_an_rms_norm_of_a_map_with_its_bias_in_its_range(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.integers(-3, 4, (4, 3)).astype(float)
    bias = weight @ rng.integers(-2, 3, 3)
    domain = None if seed % 2 else Ball(0.25, np.full(3, 0.5))
    network = Network([norm(Shift(bias, Linear(weight, Input(3))))], domain)
    points = both(proved(network))
    before = points @ torch.tensor(weight).T + torch.tensor(bias)
    first, second = torch.nn.functional.rms_norm(before, (4,), eps=0.0)
    assert torch.isfinite(first).all()
    assert torch.allclose(first, second)


def test_a_bias_out_of_range_and_carried_numbers_are_left_open() -> None:
    line = Shift(np.array([1.0, 0.0]), Linear(np.array([[0.0], [2.0]]), Input(1)))
    for stage, why in ((norm(line), "no value of its"), (norm(Input(3), carried=1), "carried")):
        decision = decide(Network([stage]), time_limit=1)
        assert decision.verdict is UNDECIDED
        assert why in decision.reason


def test_a_norm_that_is_defined_nowhere_is_left_open() -> None:
    decision = decide(Network([norm(Input(3), 3, centred=True)]), time_limit=1)
    assert decision.verdict is UNDECIDED
    assert "no input where it is defined" in decision.stages[0].decision.reason


def test_a_collision_where_a_later_norm_is_not_defined_is_none() -> None:
    """ReLU(x, 2x) merges x <= 0, where the norm behind it is not defined."""
    first = Stage("first", Linear(np.array([[1.0], [2.0]]), Input(1)))
    decision = decide(Network([first, norm(Input(2))]), time_limit=1)
    assert decision.verdict is UNDECIDED
    assert decision.certificate is None
    assert "is defined" in decision.reason
    sum_first = Stage("sum", Linear(np.array([[1.0, 1.0], [2.0, 2.0]]), Input(2)))
    where = Box(np.ones(2), 2 * np.ones(2))
    proved(Network([sum_first, norm(Input(2))], where))


def test_given_statistics_it_is_one_to_one() -> None:
    network = Network([norm(Input(4), 2, centred=True)])
    decision = decide(network, assume="statistics")
    assert decision.verdict is INJECTIVE
    assert decision.certificate is not None
    check(decision.certificate, network)


def test_fibres_are_refused() -> None:
    with pytest.raises(LayerError, match="epsilon > 0"):
        fibre(Network([norm(Input(2))]), [1.0, 2.0])
