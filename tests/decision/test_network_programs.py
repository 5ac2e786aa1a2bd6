"""Mixed-integer programs: what they propose is confirmed, and they find what z3 finds."""

from fractions import Fraction

import numpy as np
import pytest

from monic.clock import monotonic
from monic.decision.network.chain import Chain, linear_part
from monic.decision.network.kernels import collision_inside
from monic.decision.network.pairs import collision_between
from monic.decision.network.programs import is_small_enough, proposals
from monic.model import Activation, Box, Network, Orthant
from tests.decision.networks import box, chain, outputs, random_network, same_output_exists

FOLD = ([[1.0], [-1.0]], None), ([[1.0, 1.0]], None)


def part(network: Network) -> Chain:
    found = linear_part(network)
    assert found is not None
    return found


def test_a_folded_line() -> None:
    network = chain(*FOLD, domain=box([-3.0], [2.0]), last=Activation.IDENTITY)
    [(x, other)] = proposals(part(network), monotonic() + 10)
    assert abs(x[0] - 2.0) < 1e-3  # as different as may be
    assert abs(other[0] + 2.0) < 1e-3
    exact = [tuple(Fraction(t) for t in point.tolist()) for point in (x, other)]
    pair = collision_between(part(network), exact[0], exact[1])
    assert pair is not None
    assert outputs(network, pair[0]) == outputs(network, pair[1])


@pytest.mark.thorough
def test_random_networks() -> None:
    """Where z3 finds two inputs on a box, a program does too, unless they share one region."""
    rng = np.random.default_rng(9)
    found = missed = 0
    for _ in range(40):
        drawn = random_network(rng)
        network = Network(drawn.stages, Box(-np.ones(drawn.in_dim), np.ones(drawn.in_dim)))
        pieces = part(network)
        pairs = [
            collision_between(pieces, *(tuple(map(Fraction, p.tolist())) for p in points))
            or collision_inside(pieces, tuple(map(Fraction, points[0].tolist())))
            for points in proposals(pieces, monotonic() + 10)
        ]
        confirmed = [pair for pair in pairs if pair is not None]
        for x, other in confirmed:
            assert outputs(network, x) == outputs(network, other)
        truth = same_output_exists(network)
        assert truth or not pairs  # floats propose nothing where nothing is
        found += bool(confirmed)
        missed += truth and not confirmed
    assert found >= 10
    assert missed <= 2


def test_only_small_networks_on_boxes() -> None:
    assert is_small_enough(part(chain(*FOLD, domain=box([0.0], [1.0]))))
    assert not is_small_enough(part(chain(*FOLD)))
    assert not is_small_enough(part(chain(*FOLD, domain=Orthant())))
    wide = chain((np.ones((61, 1)), None), domain=box([0.0], [1.0]))
    assert not is_small_enough(part(wide))


def test_the_time_limit_is_honoured() -> None:
    network = chain(*FOLD, domain=box([-3.0], [2.0]))
    assert list(proposals(part(network), monotonic() - 1)) == []
