"""Linear layers on several rows at once: tokens, points of a cloud, rows and columns in turn."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from monic import Network, UnsupportedModel, load
from monic.model import Activation, Convolution, Select, TransposedConvolution
from monic.model.array import Array
from tests.io.graphs import agrees, evaluate, model, network, node, save
from tests.io.torch_modules import Function

RNG = np.random.default_rng(5)


def _random(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


W, M, B = _random(3, 5), _random(6, 4), _random(5)
TOKENS = (1, 4, 3)

GRAPHS: dict[str, tuple[list[Any], dict[str, Array], tuple[int, ...]]] = {
    "matmul": ([node("MatMul", ["x", "w"], ["y"])], {"w": W}, TOKENS),
    "matmul of a transpose": (
        [node("Transpose", ["w"], ["t"]), node("MatMul", ["x", "t"], ["y"])],
        {"w": W.T.copy()},
        TOKENS,
    ),
    "matmul on more axes": ([node("MatMul", ["x", "w"], ["y"])], {"w": W}, (1, 2, 4, 3)),
    "matmul of columns": ([node("MatMul", ["m", "x"], ["y"])], {"m": M}, TOKENS),
    "matmul of one row": ([node("MatMul", ["b", "x"], ["y"])], {"b": B[:1, None]}, (1, 3)),
    "matmul of a matrix": ([node("MatMul", ["m", "x"], ["y"])], {"m": M}, (4, 3)),
    "bias": (
        [node("MatMul", ["x", "w"], ["h"]), node("Add", ["b", "h"], ["y"])],
        {"w": W, "b": B},
        TOKENS,
    ),
    "one number": (
        [node("MatMul", ["x", "w"], ["h"]), node("Mul", ["h", "b"], ["y"])],
        {"w": W, "b": B[:1]},
        TOKENS,
    ),
    "gemm on rows": (
        [node("Squeeze", ["x"], ["h"]), node("Gemm", ["h", "w", "b"], ["y"], alpha=0.5, beta=2.0)],
        {"w": W, "b": B},
        TOKENS,
    ),
    "gemm with a bias for each row": (
        [node("Squeeze", ["x"], ["h"]), node("Gemm", ["h", "w", "b"], ["y"])],
        {"w": W, "b": _random(4, 1)},
        TOKENS,
    ),
    "maximum": ([node("ReduceMax", ["x"], ["y"], axes=[1])], {}, (1, 5, 3)),
    "maximum of two axes": (
        [node("ReduceMax", ["x"], ["y"], axes=[-1, 1], keepdims=0)],
        {},
        (1, 3, 2, 3),
    ),
    "maximum of all": ([node("ReduceMax", ["x"], ["y"], keepdims=0)], {}, (1, 3, 2)),
    "minimum": ([node("ReduceMin", ["x"], ["y"], axes=[2])], {}, TOKENS),
    "einsum of rows": (
        [node("Einsum", ["x", "w"], ["y"], equation="btn, nm -> btm")],
        {"w": W},
        TOKENS,
    ),
    "einsum of columns": (
        [node("Einsum", ["m", "x"], ["y"], equation="st,btn->bns")],
        {"m": M},
        TOKENS,
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs_agree_with_onnxruntime(name: str, tmp_path: Path) -> None:
    nodes, arrays, shape = GRAPHS[name]
    agrees(save(tmp_path / "x.onnx", model(nodes, arrays, shape)), shape)


@pytest.mark.parametrize(
    ("shape", "sizes"), [((2, 3), (3, 5)), ((2, 4, 3), (12, 20)), ((None, 4, 3), (12, 20))]
)
def test_a_batch_is_left_out(
    shape: tuple[int | None, ...], sizes: tuple[int, int], tmp_path: Path
) -> None:
    """A matrix on each row of axis 0 says that it counts examples."""
    read = network(
        tmp_path / "x.onnx", model([node("MatMul", ["x", "w"], ["y"])], {"w": W}, shape)
    )
    assert (read.in_dim, read.out_dim) == sizes


def test_rows_that_are_added_up_are_no_examples(tmp_path: Path) -> None:
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("ReduceSum", ["h", "a"], ["y"])]
    arrays = {"w": W, "a": np.array([0], dtype=np.int64)}
    read = agrees(save(tmp_path / "x.onnx", model(nodes, arrays, (4, 3))), (4, 3))
    assert (read.in_dim, read.out_dim) == (12, 5)


def _mixer(m: Any, x: Tensor) -> Tensor:
    """One block of MLP-Mixer, with ReLUs."""
    for k in (0, 4):
        h = m.inner[k](x)
        h = h.transpose(1, 2) if k == 0 else h
        h = m.inner[k + 2](torch.relu(m.inner[k + 1](h)))
        x = x + (h.transpose(1, 2) if k == 0 else h)
    return x


def _mixer_layers() -> list[nn.Module]:
    return [
        *(nn.LayerNorm(3), nn.Linear(4, 5), nn.Linear(5, 4), nn.Identity()),
        *(nn.LayerNorm(3), nn.Linear(3, 6), nn.Linear(6, 3)),
    ]


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "perceptron": (
        lambda: nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.Linear(5, 2), nn.Tanh()),
        (4, 3),
    ),
    "grid": (lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU()), (2, 2, 3)),
    "flattened": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2)),
        (4, 3),
    ),
    "cloud": (
        lambda: Function(
            lambda m, x: m.inner[1](torch.relu(m.inner[0](x)).max(dim=1).values),
            nn.Linear(3, 4),
            nn.Linear(4, 2),
        ),
        (5, 3),
    ),
    "amax": (lambda: Function(lambda m, x: m.inner[0](x).amax(1), nn.Linear(3, 4)), (5, 3)),
    "amin": (lambda: Function(lambda m, x: x.amin((1, 2), keepdim=True)), (5, 3)),
    "two": (lambda: Function(lambda m, x: torch.max(x, x.flip(1))), (5, 3)),
    "mean": (lambda: Function(lambda m, x: m.inner[0](x).mean(1), nn.Linear(3, 4)), (5, 3)),
    "pooled": (
        lambda: Function(
            lambda m, x: m.inner[1](m.inner[0](x).transpose(1, 2)),
            nn.Linear(3, 4),
            nn.MaxPool1d(2),
        ),
        (4, 3),
    ),
    "norm": (
        lambda: nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5), nn.Linear(5, 4), nn.ReLU()),
        (4, 3),
    ),
    "mixer": (lambda: Function(_mixer, *_mixer_layers()), (4, 3)),
    "positions": (
        lambda: Function(lambda m, x: torch.relu(m.inner[0](x + m.matrix.t())), nn.Linear(3, 4)),
        (4, 3),
    ),
    "positions after": (
        lambda: Function(lambda m, x: torch.relu(m.inner[0](x) + m.matrix), nn.Linear(2, 4)),
        (3, 2),
    ),
    "opposites": (
        lambda: Function(
            lambda m, x: torch.relu(torch.cat([m.inner[0](x), -2 * m.inner[0](x)], -1)),
            nn.Linear(3, 3),
        ),
        (4, 3),
    ),
    "opposites after": (
        lambda: Function(
            lambda m, x: torch.cat([torch.relu(m.inner[0](x)), torch.relu(-m.inner[0](x))], 2),
            nn.Linear(3, 3),
        ),
        (4, 3),
    ),
    "einsum": (
        lambda: Function(lambda m, x: torch.einsum("btn,nm->btm", x, m.matrix)),
        (2, 3),
    ),
    "clipped": (lambda: nn.Sequential(nn.Linear(3, 4), nn.ReLU6(), nn.Linear(4, 2)), (4, 3)),
    "slopes": (lambda: nn.Sequential(nn.Linear(3, 4), nn.PReLU()), (4, 3)),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", MODULES)
def test_modules_agree_with_torch(name: str) -> None:
    make, shape = MODULES[name]
    torch.manual_seed(len(name))
    _same(make().double().eval(), shape)


def _same(module: nn.Module, shape: tuple[int, ...]) -> Network:
    read = load(module, input_shape=shape)
    for x in torch.randn(2, 1, *shape, dtype=torch.float64):
        with torch.no_grad():
            expected = module(x).reshape(-1).numpy()
        assert np.allclose(evaluate(read, x.numpy()), expected, rtol=1e-7, atol=1e-7)
    return read


@pytest.mark.thorough
@settings(max_examples=15)
@given(
    st.lists(st.sampled_from(["rows", "columns", "relu", "bias", "norm"]), max_size=6), st.data()
)
def test_random_chains_agree_with_torch(kinds: list[str], data: st.DataObject) -> None:
    torch.manual_seed(data.draw(st.integers(0, 99)))
    tokens, width, layers = 3, 2, list[nn.Module]()
    for kind in kinds:
        size = data.draw(st.integers(1, 4))
        if kind == "rows":
            layers.append(nn.Linear(width, size))
            width = size
        elif kind == "columns":
            layers += [_Swapped(), nn.Linear(tokens, size, bias=False), _Swapped()]
            tokens = size
        elif kind == "norm" and width > 1:
            layers.append(nn.LayerNorm(width, eps=0.5))
        else:
            layers.append(nn.ReLU() if kind == "relu" else _Shifted(width))
    _same(nn.Sequential(nn.Identity(), *layers, nn.Flatten()).double(), (3, 2))


class _Swapped(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


class _Shifted(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.vector = nn.Parameter(torch.randn(width))

    def forward(self, x: Tensor) -> Tensor:
        return x - self.vector


def test_between_layers_on_rows_nothing_is_moved() -> None:
    """The permutations to channels first and back cancel, past the activations too."""
    outer = nn.Linear(3, 5)
    module = nn.Sequential(outer, nn.ReLU(), nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 2))
    read = load(module, input_shape=(4, 3))
    moves = [sum(isinstance(s, Select) for s in stage.map.steps()) for stage in read.stages]
    assert moves == [1, 0, 1]
    first = next(s for s in read.stages[0].map.steps() if isinstance(s, Convolution))
    assert first.kernel.shape == (5, 3)  # the array of the module itself
    assert np.array_equal(first.kernel, outer.weight.detach().numpy())


def test_a_matrix_on_columns_is_not_moved_either(tmp_path: Path) -> None:
    nodes = [node("MatMul", ["m", "x"], ["h"]), node("Relu", ["h"], ["y"])]
    read = network(tmp_path / "x.onnx", model(nodes, {"m": M}, TOKENS))
    kinds = [type(step) for step in read.stages[0].map.steps()]
    assert kinds[1:] == [Convolution]


def test_rows_on_the_right_are_a_transposed_convolution(tmp_path: Path) -> None:
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["y"])]
    read = network(tmp_path / "x.onnx", model(nodes, {"w": W}, TOKENS))
    steps = read.stages[0].map.steps()
    [step] = [step for step in steps if isinstance(step, TransposedConvolution)]
    assert np.array_equal(step.kernel, W)


def test_norms_of_tokens_are_one_group_each() -> None:
    read = load(nn.Sequential(nn.Linear(3, 5), nn.LayerNorm(5)), input_shape=(4, 3))
    [norm] = [s.norm for s in read.stages if s.activation is Activation.NORMALIZATION]
    assert norm is not None
    assert norm.groups == 4


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([node("Einsum", ["x", "w"], ["y"], equation="btn,nm->bt")], "its equation"),
        ([node("Einsum", ["x", "w"], ["y"], equation="btn,nn->bt")], "its equation"),
        ([node("Einsum", ["x", "x"], ["y"], equation="btn,bsn->bts")], "its equation"),
        ([node("Einsum", ["x"], ["y"], equation="btn->bnt")], "its equation"),
        ([node("MatMul", ["x", "c"], ["y"])], "store it as a matrix"),
        ([node("MatMul", ["c", "x"], ["y"])], "store a matrix"),
        ([node("MatMul", ["x", "b"], ["y"])], "store it as a matrix"),
    ],
    ids=range(7),
)
def test_other_products_are_refused(nodes: list[Any], words: str, tmp_path: Path) -> None:
    arrays = {"w": W, "c": _random(1, 3, 4), "b": _random(3)}
    with pytest.raises(UnsupportedModel, match=words):
        network(tmp_path / "x.onnx", model(nodes, arrays, TOKENS))
