"""Networks as values."""

from typing import Any

import numpy as np
import pytest

from monic import Activation, Box, DomainError, LayerError, Network, Orthant, Stage, WholeSpace
from monic.model import Input, Linear


def _stage(name: str, m: int, n: int, activation: Activation = Activation.RELU) -> Stage:
    return Stage(name, Linear(np.ones((m, n)), Input(n)), activation)


def test_a_network_reads_its_dimensions() -> None:
    network = Network(_stage(name, m, n) for name, m, n in [("a", 4, 2), ("b", 8, 4)])
    assert (network.in_dim, network.out_dim) == (2, 8)
    assert [stage.name for stage in network.stages] == ["a", "b"]
    assert isinstance(network.domain, WholeSpace)
    assert isinstance(Network([_stage("a", 1, 1)], Orthant()).domain, Orthant)


def test_a_network_is_frozen() -> None:
    stages = [_stage("a", 2, 2)]
    network = Network(stages)
    stages.append(_stage("b", 3, 5))
    assert len(network.stages) == 1
    with pytest.raises(AttributeError):
        network.domain = Orthant()  # type: ignore[misc]


def test_no_stage_is_refused() -> None:
    with pytest.raises(LayerError, match="at least one"):
        Network([])


def test_stages_that_do_not_fit_are_refused_by_name() -> None:
    with pytest.raises(LayerError, match=r"'/fc2'.*4 numbers.*'/fc1'.*5"):
        Network([_stage("/fc1", 4, 2), _stage("/fc2", 8, 5)])


def test_a_domain_of_another_dimension_is_refused() -> None:
    with pytest.raises(DomainError, match=r"R\^2"):
        Network([_stage("a", 4, 2)], Box(np.zeros(3), np.ones(3)))


@pytest.mark.parametrize("stages", [[np.eye(2)], ["fc"], [Input(2)]], ids=["array", "name", "map"])
def test_what_is_no_stage_is_refused(stages: Any) -> None:
    with pytest.raises((LayerError, TypeError), match="Expected"):
        Network(stages)


def test_relu_alone_is_not_one_to_one() -> None:
    assert [a for a in Activation if not a.is_one_to_one] == [Activation.RELU]
