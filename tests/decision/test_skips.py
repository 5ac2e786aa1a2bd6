"""Theorem 5: F(z) + A z, said to be one-to-one on request only, and never against a collision."""

import numpy as np
import pytest

from monic import Activation, Network, NetworkDecision, Stage, check, decide
from monic.model import AffineMap, Concat, Input, Linear, Scale, Select, Shift, Sum
from monic.model.array import Array
from tests.decision.agreement import INJECTIVE, UNDECIDED

NAMES = ("random-projections",)


def skip(matrix: Array, branch: Array, epsilon: float, seed: int = 0) -> list[Stage]:
    """Z -> U ReLU(V z + b) + epsilon A z, in two stages."""
    rng = np.random.default_rng(seed)
    n, hidden = matrix.shape[1], branch.shape[1]
    z, state = Input(n), Input(n + hidden)
    bent = Shift(rng.standard_normal(hidden), Linear(rng.standard_normal((hidden, n)), z))
    drawn: AffineMap = Linear(matrix, Select(range(n), state))
    if epsilon != 1:
        drawn = Scale(np.array([epsilon]), drawn)
    made = Linear(branch, Select(range(n, n + hidden), state))
    return [
        Stage("beside", Concat((z, bent)), carried=n),
        Stage("sum", Sum((made, drawn)), Activation.IDENTITY),
    ]


def asked(stages: list[Stage], assume: object = NAMES) -> NetworkDecision:
    decision = decide(Network(stages), assume=assume, time_limit=2)  # type: ignore[call-overload]
    assert isinstance(decision, NetworkDecision)
    if decision.certificate is not None:
        check(decision.certificate, Network(stages))
    return decision


def drawn(rows: int, columns: int, seed: int = 1) -> Array:
    return np.random.default_rng(seed).standard_normal((rows, columns))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_only_on_request_and_from_2n_plus_1_rows_on(n: int) -> None:
    enough = skip(drawn(2 * n + 1, n), drawn(2 * n + 1, 8, 2), 2.0**-10)
    assert asked(enough, None).assumption is None
    decision = asked(enough)
    assert decision.verdict is INJECTIVE
    assert decision.assumption == "random-projections"
    assert "almost surely" in decision.reason
    assert "Theorem 5" in decision.reason
    assert "'sum'" in decision.reason
    assert decision.certificate is not None
    fewer = skip(drawn(2 * n, n), drawn(2 * n, 8, 2), 2.0**-10)
    assert asked(fewer).assumption is None


def test_a_skip_from_the_last_point_that_is_proved() -> None:
    """N is the dimension of the network's input, and z has more numbers."""
    basis = Linear(drawn(4, 2, 3), Input(2))
    wide = Stage("wide", Concat((basis, Scale(np.array([-1.0]), basis))))
    after = Linear(np.eye(5), Input(5))
    last = Stage("last", Concat((after, Scale(np.array([-2.0]), after))))
    decision = asked([wide, *skip(drawn(5, 8), drawn(5, 9, 2), 2.0**-10), last])
    assert decision.verdict is INJECTIVE
    assert decision.assumption == "random-projections"
    assert decision.certificate is not None
    layers = decision.certificate.header["evidence"]["layers"]
    assert [layer["stages"] for layer in layers] == [1, 2, 1]
    assert layers[1]["evidence"] == {"kind": "random-skip"}


def test_what_is_proved_without_an_assumption_has_none() -> None:
    """The branch is small: the matrix at hand is good enough."""
    decision = asked(skip(drawn(5, 2), 2.0**-10 * drawn(5, 3, 2), 1.0))
    assert decision.verdict is INJECTIVE
    assert decision.assumption is None


@pytest.mark.parametrize("kind", ["dependent", "tied", "zero"])
def test_matrices_that_are_plainly_not_random(kind: str) -> None:
    matrix, branch, epsilon = drawn(5, 2), drawn(5, 8, 2), 2.0**-10
    if kind == "dependent":
        matrix[:, 1] = matrix[:, 0]
    if kind == "tied":
        branch = matrix
    if kind == "zero":
        epsilon = 0.0
    assert asked(skip(matrix, branch, epsilon)).assumption is None


def test_a_collision_refutes_the_assumption() -> None:
    """|x| u + A x, whose slopes to the left and to the right of 0 are opposite."""
    left, right = np.array([[1.0], [2.0], [3.0]]), np.array([[-2.0], [-4.0], [-6.0]])
    z, state = Input(1), Input(2)
    first = Stage("beside", Concat((z, Shift(np.zeros(1), z))), carried=1)
    kept = Linear(left, Select([0], state))
    bent = Linear(right, Select([1], state))
    decision = asked([first, Stage("sum", Sum((kept, bent)), Activation.IDENTITY)])
    assert decision.verdict not in (INJECTIVE, UNDECIDED)
    assert decision.certificate is not None
