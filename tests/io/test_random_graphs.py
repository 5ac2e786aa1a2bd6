"""Random chains, deep graphs and modules of everything that is read, by second roads."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import NodeProto

import monic
from monic import Network, UnsupportedModel
from monic.model.array import Array
from tests.io.graphs import agrees, model, node, run, save
from tests.io.random_graphs import OPERATORS, random_graph
from tests.io.random_modules import random_module


@dataclass
class Chain:
    """Nodes written one after another, with the width of what they give."""

    rng: np.random.Generator
    width: int
    nodes: list[NodeProto] = field(default_factory=list)
    arrays: dict[str, Array] = field(default_factory=dict)
    at: str = "x"

    def array(self, *shape: int) -> str:
        name = f"c{len(self.arrays)}"
        self.arrays[name] = self.rng.integers(-3, 4, shape).astype(np.float32) / 2
        return name

    def then(self, op: str, *inputs: str, width: int | None = None, **attributes: Any) -> None:
        given = f"t{len(self.nodes)}"
        self.nodes.append(node(op, list(inputs), [given], **attributes))
        self.at, self.width = given, width or self.width


def _gemm(chain: Chain) -> None:
    out, flag = int(chain.rng.integers(1, 5)), int(chain.rng.integers(2))
    shape = (out, chain.width) if flag else (chain.width, out)
    weight, bias = chain.array(*shape), chain.array(out)
    chain.then("Gemm", chain.at, weight, bias, transB=flag, alpha=0.5, beta=-2.0, width=out)


def _matmul(chain: Chain) -> None:
    out = int(chain.rng.integers(1, 5))
    kept = chain.at
    chain.then("Transpose", chain.array(out, chain.width))
    chain.then("MatMul", kept, chain.at, width=out)


def _entrywise(chain: Chain) -> None:
    op = str(chain.rng.choice(["Add", "Sub", "Mul"]))
    pair = [chain.at, chain.array(*([chain.width] if chain.rng.integers(2) else [1, 1]))]
    chain.then(op, *(pair if chain.rng.integers(2) else pair[::-1]))


def _pair(chain: Chain) -> None:
    kept = chain.at
    chain.then("Mul", kept, chain.array(chain.width))
    chain.then("Concat", kept, chain.at, axis=-1, width=2 * chain.width)


def _pair_of_relus(chain: Chain) -> None:
    kept = chain.at
    chain.then("Relu", kept)
    first = chain.at
    chain.then("Neg", kept)
    chain.then("Relu", chain.at)
    chain.then("Concat", chain.at, first, axis=1, width=2 * chain.width)


def _moved(chain: Chain) -> None:
    chain.then("Transpose", chain.at, perm=[1, 0])
    chain.then("Flatten", chain.at, axis=0)


def _activation(chain: Chain) -> None:
    chain.then(str(chain.rng.choice(["Relu", "Relu", "Tanh", "LeakyRelu"])), chain.at)


def _norm(chain: Chain) -> None:
    """A layer or RMS norm in single operators; its root may be an output as well."""
    x, width, keeps = chain.at, chain.width, int(chain.rng.integers(2))
    chain.then("ReduceMean", x, axes=[-1])
    mean = chain.at
    chain.then("Sub", x, mean)
    centred = chain.at if chain.rng.integers(3) else x
    chain.then("Mul", centred, centred)
    chain.then("ReduceMean", chain.at, axes=[1], keepdims=keeps)
    if not keeps:
        chain.arrays["column"] = np.array([-1, 1], np.int64)
        chain.then("Reshape", chain.at, "column")
    chain.arrays["epsilon"] = np.array(0.25, np.float32)
    chain.then("Add", chain.at, "epsilon")
    chain.then("Sqrt", chain.at)
    root = chain.at
    if chain.rng.integers(2):
        chain.then("Mul", chain.array(width), centred)
        centred = chain.at
    chain.then("Div", centred, root)
    more = [name for name in (mean, root) if chain.rng.integers(2)]
    if more:
        chain.then("Concat", chain.at, *more, axis=-1, width=width + len(more))


_STEPS = (_gemm, _matmul, _entrywise, _pair, _pair_of_relus, _moved, _activation, _norm)


@given(st.lists(st.sampled_from(_STEPS), min_size=1, max_size=7), st.integers(0, 2**32 - 1))
@settings(max_examples=80)
def test_random_chains(
    tmp_path_factory: pytest.TempPathFactory, steps: list[Callable[[Chain], None]], seed: int
) -> None:
    chain = Chain(np.random.default_rng(seed), width=3)
    for step in steps:
        if chain.width < 40:
            step(chain)
    chain.nodes.append(node("Identity", [chain.at], ["y"]))
    path = tmp_path_factory.getbasetemp() / "random_chain.onnx"
    agrees(save(path, model(chain.nodes, chain.arrays)), (1, 3), count=1)


def _is_near(got: Array, expected: Array) -> bool:
    """float32 in deep graphs: a thousandth of the largest output."""
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    return got.shape == expected.shape and bool(np.abs(got - expected).max() <= 1e-3 * scale)


def _counted(folder: Path, seeds: Sequence[int]) -> Counter[str]:
    """Reads graphs, which compares them with onnx.reference, and compares with onnxruntime."""
    counts, path = Counter[str](), folder / "graph.onnx"
    for seed in seeds:
        given, shape = random_graph(seed)
        save(path, given)
        try:
            network = monic.load(path)
        except UnsupportedModel:
            counts["refused"] += 1
            continue
        assert isinstance(network, Network)
        assert network.reading is not None
        counts["read"] += 1
        counts["compared with onnx.reference"] += network.reading.points > 0
        counts.update(f"{each.op_type}" for each in given.graph.node)
        x = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
        try:
            expected = run(path, x)
        except Exception:  # a version that it does not run
            counts["not run by onnxruntime"] += 1
            continue
        assert _is_near(network(x.reshape(-1)), expected.reshape(-1)), f"graph of seed {seed}"
    return counts


@pytest.mark.thorough
def test_deep_graphs(tmp_path: Path) -> None:
    counts = _counted(tmp_path, range(300))
    assert counts["read"] >= 290
    assert counts["compared with onnx.reference"] >= 280
    assert counts["not run by onnxruntime"] == 0
    kinds = [kind for kind in counts if kind[0].isupper()]
    assert len(kinds) >= 45
    assert len(OPERATORS) >= 38


@pytest.mark.slow
def test_many_deep_graphs(tmp_path: Path) -> None:
    counts = _counted(tmp_path, range(1000, 21000))
    print(counts)
    assert counts["read"] >= 19_000


def _modules_agree(seeds: Sequence[int]) -> int:
    torch, count = pytest.importorskip("torch"), 0
    for seed in seeds:
        module, shape = random_module(seed)
        try:
            network = monic.load(module, shape)
        except UnsupportedModel:
            continue
        count += 1
        assert network.reading is not None
        assert network.reading.points > 0
        x = torch.randn(1, *shape, dtype=torch.float64)
        floats = [p.dtype for p in module.parameters()] or [torch.float32]
        with torch.no_grad():
            expected = module(x.to(floats[0])).double().numpy().reshape(-1)
        assert _is_near(network(x.numpy().reshape(-1)), expected), f"module of seed {seed}"
    return count


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")
def test_modules() -> None:
    assert _modules_agree(range(24)) >= 20


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_many_modules() -> None:
    assert _modules_agree(range(100, 2100)) >= 1800
