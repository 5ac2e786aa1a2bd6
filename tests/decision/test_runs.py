"""Runs of stages that are proved together: residual blocks, against z3 and by construction."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from monic import Activation, Network, Verdict, check, decide
from monic.decision.network import runs
from monic.decision.network.contraction import contraction
from monic.decision.network.secants import Known, known, secants, slope_bounds
from monic.decision.pair_tree import program
from monic.decision.result import NetworkDecision
from monic.model import (
    AffineMap,
    Concat,
    Domain,
    Input,
    Linear,
    Orthant,
    Select,
    Shift,
    Stage,
    Sum,
    WholeSpace,
)
from monic.model.array import Array
from tests.decision.networks import box, same_output_exists
from tests.io.graphs import model, network, node


def block(
    *weights: Array,
    name: str = "block",
    kind: Activation = Activation.RELU,
    slope: float | None = None,
    bias: float = 0.0,
) -> list[Stage]:
    """x + W_k a(... a(W_1 x + b)), as stages; the last one is affine."""
    n = weights[0].shape[1]
    value: AffineMap = Input(n)
    hidden = value
    stages = []
    for k, weight in enumerate(weights[:-1]):
        inner: AffineMap = Linear(weight, hidden)
        inner = Shift(np.array([bias]), inner) if bias and k == 0 else inner
        keep = Select(range(n), value) if k else value
        below = None if slope is None else np.array([slope])
        stages.append(Stage(f"{name}/{k}", Concat((keep, inner)), kind, below, carried=n))
        value = Input(n + len(weight))
        hidden = Select(range(n, n + len(weight)), value)
    last = Sum((Select(range(n), value), Linear(weights[-1], hidden)))
    return [*stages, Stage(f"{name}/out", last, Activation.IDENTITY)]


def prepared(stages: list[Stage]) -> list[Known]:
    return [known(stage, WholeSpace()) for stage in stages]


def normed(rng: np.random.Generator, m: int, n: int, norm: float) -> Array:
    weight = rng.standard_normal((m, n))
    return np.asarray(weight * (norm / np.linalg.norm(weight, 2)))


def decided(stages: list[Stage], domain: Domain | None = None) -> NetworkDecision:
    net = Network(stages, domain)
    found = decide(net, time_limit=2)
    if found.verdict is not Verdict.UNDECIDED:
        assert found.certificate is not None
        check(found.certificate, net)
    return found


@pytest.mark.parametrize("depth", [2, 3, 4])
@pytest.mark.parametrize("kind", [Activation.RELU, Activation.TANH])
def test_contractions_are_proved(depth: int, kind: Activation, rng: np.random.Generator) -> None:
    """Two blocks in turn, each with a branch of Lipschitz constant 0.9."""
    stages = []
    for name in "ab":
        sizes = [4, *[9] * (depth - 1), 4]
        weights = [normed(rng, m, n, 0.9 ** (1 / depth)) for n, m in pairwise(sizes)]
        stages += block(*weights, name=name, kind=kind, bias=0.25)
    found = decided(stages)
    assert found.verdict is Verdict.INJECTIVE
    assert "'a/0' to 'a/out' (by a contraction), 'b/0'" in found.reason


def test_expanding_branches_are_proved_by_slopes() -> None:
    """x + 10 ReLU(x), entry by entry: no contraction, and one-to-one all the same."""
    stages = block(np.eye(3), 10 * np.eye(3))
    assert contraction(prepared(stages)) is None
    found = decided(stages)
    assert found.verdict is Verdict.INJECTIVE
    assert "by intervals of slopes" in found.reason


@pytest.mark.parametrize("share", [0.999, 1.0, 1.001])
def test_where_a_fold_begins(share: float) -> None:
    """x - c ReLU(x) is one-to-one exactly for c < 1."""
    net = Network(block(np.eye(1), np.array([[-share]])))
    found = decide(net, time_limit=2)
    assert (found.verdict is Verdict.INJECTIVE) == (share < 1)
    assert (found.verdict is Verdict.NOT_INJECTIVE) == (share >= 1)
    assert same_output_exists(net) == (share >= 1)


def test_bounds_of_the_domain_fix_signs() -> None:
    """x - 2 ReLU(x - 3) folds at 3, and not on [-1, 1]."""
    stages = block(np.eye(2), -2 * np.eye(2), bias=-3.0)
    assert decided(stages).verdict is Verdict.NOT_INJECTIVE
    inside = box([-1.0, -1.0], [1.0, 1.0])
    assert decided(stages, inside).verdict is Verdict.INJECTIVE
    across = box([-1.0, -1.0], [1.0, 4.0])
    assert decided(stages, across).verdict is Verdict.NOT_INJECTIVE
    above = box([3.0, 3.0], [9.0, 4.0])  # 6 - x there
    assert decided(stages, above).verdict is Verdict.INJECTIVE


def test_slopes_of_activations() -> None:
    def between(stage: Stage, domain: Domain) -> list[tuple[float, float]]:
        return [(float(a), float(b)) for a, b in slope_bounds(stage, domain)]

    [first, last] = block(np.array([[1.0], [-1.0]]), np.ones((1, 2)), bias=-3.0)
    assert between(first, box([0.0], [2.0])) == [(1, 1), (0, 0), (0, 0)]
    assert between(first, box([4.0], [9.0])) == [(1, 1), (1, 1), (0, 0)]
    assert between(first, Orthant()) == [(1, 1), (0, 1), (0, 0)]
    assert between(first, WholeSpace()) == [(1, 1), (0, 1), (0, 1)]
    assert between(last, WholeSpace()) == [(1, 1)]
    [leaky, _] = block(np.eye(1), np.eye(1), kind=Activation.LEAKY_RELU, slope=2.0)
    assert between(leaky, WholeSpace()) == [(1, 1), (1, 2)]
    [smooth, _] = block(np.eye(1), np.eye(1), kind=Activation.SIGMOID)
    assert between(smooth, WholeSpace()) == [(1, 1), (0, 0.25)]


@pytest.mark.thorough
def test_random_blocks_agree_with_z3() -> None:
    rng = np.random.default_rng(4)
    counts = dict.fromkeys(Verdict, 0)
    for _ in range(60):
        n, h = int(rng.integers(1, 3)), int(rng.integers(1, 4))
        down = rng.integers(-3, 4, (n, h)) / 2.0 ** rng.integers(0, 4)
        leaky = rng.random() < 0.3
        kind = Activation.LEAKY_RELU if leaky else Activation.RELU
        stages = block(
            rng.integers(-2, 3, (h, n)).astype(np.float64),
            down,
            kind=kind,
            slope=0.25 if leaky else None,
            bias=float(rng.integers(-1, 2)),
        )
        if rng.random() < 0.4:
            stages += block(np.eye(n), np.eye(n) / 4, name="second")
        domain = [None, Orthant(), box([-1.0] * n, [1.0] * n)][int(rng.integers(3))]
        found = decided(stages, domain)
        counts[found.verdict] += 1
        if found.verdict is not Verdict.UNDECIDED:
            exists = same_output_exists(Network(stages, domain))
            assert (found.verdict is Verdict.NOT_INJECTIVE) == exists
    assert counts[Verdict.INJECTIVE] >= 15
    assert counts[Verdict.NOT_INJECTIVE] >= 10


def test_a_relu_after_the_sum_is_part_of_the_run() -> None:
    """ReLU(x + ReLU(x)) loses x < 0; from x >= 1 on it loses nothing."""
    first, last = block(np.eye(1), np.eye(1))
    stages = [first, Stage("out", last.map)]
    assert decided(stages).verdict is Verdict.NOT_INJECTIVE
    assert decided(stages, box([1.0], [2.0])).verdict is Verdict.INJECTIVE


def test_beyond_the_limit_nothing_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "WIDEST", 3)
    monkeypatch.setattr(program, "UNITS", 0)  # nor all pairs of inputs
    found = decided(block(np.eye(2), np.eye(2) / 4))
    assert found.verdict is Verdict.UNDECIDED
    assert "over 3 numbers are not looked at together" in found.reason


def test_wrong_floats_prove_nothing(rng: np.random.Generator) -> None:
    """A branch of norm 1 + 1e-9 that turns every x round: x + g(x) = 0 for x < 0 in all."""
    turn = -np.eye(3) * (1 + 2.0**-30)
    stages = block(np.eye(3), turn)
    assert contraction(prepared(stages)) is None
    assert secants(prepared(stages)) is None
    assert decided(stages).verdict is Verdict.NOT_INJECTIVE


def test_residual_graphs_are_proved(tmp_path: Path, rng: np.random.Generator) -> None:
    """Two blocks in a file: the sum between them is a stage, where the second block starts."""
    nodes, arrays, at = [], {}, "x"
    for k in range(2):
        arrays[f"a{k}"] = normed(rng, 3, 5, 0.9).astype(np.float32)
        arrays[f"b{k}"] = normed(rng, 5, 3, 0.9).astype(np.float32)
        nodes += [
            node("Gemm", [at, f"a{k}"], [f"h{k}"], name=f"up{k}"),
            node("Relu", [f"h{k}"], [f"r{k}"]),
            node("Gemm", [f"r{k}", f"b{k}"], [f"g{k}"], name=f"down{k}"),
            node("Add", [at, f"g{k}"], ["y" if k else "s"], name=f"skip{k}"),
        ]
        at = "s"
    net = network(tmp_path / "m.onnx", model(nodes, arrays))
    assert [stage.name for stage in net.stages] == ["up0", "down0", "up1", "down1"]
    found = decide(net, time_limit=2)
    assert found.verdict is Verdict.INJECTIVE
    assert found.certificate is not None
    check(found.certificate, tmp_path / "m.onnx")


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["ReLU", "Tanh", "LeakyReLU"])
def test_exported_residual_blocks_are_proved(kind: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from monic.nn import InjectiveResidual
    from monic.nn.export import export

    torch.manual_seed(0)
    nn = torch.nn
    blocks = [
        InjectiveResidual(nn.Sequential(nn.Linear(6, 12), getattr(nn, kind)(), nn.Linear(12, 6)))
        for _ in range(2)
    ]
    export(nn.Sequential(*blocks), torch.zeros(2, 6), tmp_path / "m.onnx")
    net = network(tmp_path / "m.onnx")
    found = decide(net, time_limit=5)
    assert found.verdict is Verdict.INJECTIVE
    assert found.certificate is not None
    check(found.certificate, tmp_path / "m.onnx")
