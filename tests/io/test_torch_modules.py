"""Torch modules: what is read computes what the module computes, and nothing is guessed."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

import monic.nn as mn
from monic import (
    Limits,
    Network,
    UnreadableModel,
    UnsupportedModel,
    Verdict,
    check,
    decide,
    load,
)
from monic.errors import InvalidProof
from monic.model import Convolution, Linear
from tests.io.graphs import evaluate
from tests.io.torch_modules import CASES, MOVES, NORMALIZATIONS, Function, seeded


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in MOVES and k % 3 else ())
        for k, name in enumerate(CASES)
    ],
)
def test_what_is_read_computes_what_the_module_computes(name: str) -> None:
    """The network in exact arithmetic, against torch in float64."""
    module, shape = seeded(name)
    network = load(module, input_shape=shape)
    for x in torch.randn(2, 1, *shape, dtype=torch.float64):
        with torch.no_grad():
            expected = module(x).reshape(-1).numpy()
        got = evaluate(network, x.numpy(), slope=0.5)  # the alpha of ELU
        assert got.shape == expected.shape
        assert np.allclose(got, expected, rtol=1e-7, atol=1e-7)


def _steps(network: Network, kind: type[Any]) -> list[Any]:
    return [s for stage in network.stages for s in stage.map.steps() if isinstance(s, kind)]


@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16], ids=str
)
def test_weights_stay_as_they_are(dtype: torch.dtype) -> None:
    module = nn.Linear(3, 4, dtype=dtype)
    [linear] = _steps(load(module, input_shape=(3,)), Linear)
    assert linear.matrix.dtype.name == str(dtype).removeprefix("torch.")
    stored = module.weight.detach().contiguous().view(torch.uint8).numpy().tobytes()
    assert linear.matrix.tobytes() == stored


def test_a_border_is_the_padding_of_its_convolution() -> None:
    module, shape = seeded("conv circular")
    [step] = _steps(load(module, input_shape=shape), Convolution)
    assert (step.geometry.mode, step.geometry.pairs) == ("circular", ((1, 1), (1, 1)))


def test_layers_have_the_names_of_their_modules() -> None:
    encoder = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 5))
    module = nn.Sequential(nn.ModuleDict({"encoder": encoder})["encoder"], nn.ReLU())
    assert [s.name for s in load(module, input_shape=(3,)).stages] == ["0.0", "0.2"]


def test_the_batch_axis_may_be_given() -> None:
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    for shape in ((1, 5, 5), (1, 1, 5, 5), [1, 5, 5]):
        assert load(module, input_shape=shape).in_dim == 25


def test_the_module_is_left_as_it_is() -> None:
    module = nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.ReLU()).train()
    module[2].eval()
    before = {name: (value, value.clone()) for name, value in module.state_dict().items()}
    load(module, input_shape=(2,))
    assert [inner.training for inner in module] == [True, True, False, True]
    for name, value in module.state_dict().items():
        assert value.data_ptr() == before[name][0].data_ptr()
        assert torch.equal(value, before[name][1])
    assert all(parameter.grad is None for parameter in module.parameters())


def test_training_mode_is_read_as_evaluation() -> None:
    module = nn.Sequential(nn.Linear(2, 4), nn.Dropout(), nn.ReLU()).train()
    network = load(module, input_shape=(2,))
    assert module.training
    x = torch.randn(1, 2)
    assert np.allclose(
        evaluate(network, x.numpy()), module.eval()(x).detach().numpy()[0], atol=1e-5
    )


def test_weights_in_force() -> None:
    """Of weight norm neither direction nor length is read, but their product."""
    module = parametrizations.weight_norm(nn.Linear(3, 4))
    with torch.no_grad():
        dict(module.named_parameters())["parametrizations.weight.original0"].mul_(2)
    [linear] = _steps(load(module, input_shape=(3,)), Linear)
    assert linear.matrix.tobytes() == module.weight.detach().numpy().tobytes()


INJECTIVE: dict[str, tuple[Any, tuple[int, ...]]] = {
    "dense": (lambda dtype: mn.InjectiveLinear(3, 8, dtype=dtype), (3,)),
    "convolution": (
        lambda dtype: mn.InjectiveConv2d(2, 8, 3, padding=1, input_size=5, dtype=dtype),
        (2, 5, 5),
    ),
    "circular convolution": (
        lambda dtype: mn.InjectiveConv2d(
            2, 8, 3, padding=1, padding_mode="circular", input_size=5, dtype=dtype
        ),
        (2, 5, 5),
    ),
    "chain": (
        lambda dtype: mn.InjectiveSequential(
            mn.InjectiveLinear(2, 6, dtype=dtype), mn.InjectiveLinear(6, 12, dtype=dtype)
        ),
        (2,),
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", INJECTIVE)
def test_injective_layers_are_proved(name: str, dtype: torch.dtype) -> None:
    """The pairs stay in the graph, and the proof names the module's own arrays."""
    torch.manual_seed(0)
    make, shape = INJECTIVE[name]
    module = make(dtype)
    decision = decide(load(module, input_shape=shape))
    assert decision.verdict is Verdict.INJECTIVE
    for stage in decision.stages:
        assert stage.decision.certificate is not None
        check(stage.decision.certificate, module, input_shape=shape)


@pytest.mark.thorough
def test_odd_modules(tmp_path: Path) -> None:
    """An input changed in place, a compiled module, no parameters, no numbers, no copies."""
    inner = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(2, 3))
    assert load(inner, input_shape=(2,)).out_dim == 3
    compiled = torch.compile(inner)
    assert isinstance(compiled, nn.Module)
    assert load(compiled, input_shape=(2,)).out_dim == 3
    assert load(nn.Tanh(), input_shape=(2, 2)).out_dim == 4
    with pytest.raises(UnsupportedModel, match="meta"):
        load(nn.Linear(2, 3, device="meta"), input_shape=(2,))
    with (tmp_path / "open").open("w") as file:
        inner.log = file  # type: ignore[assignment]
        with pytest.raises(UnreadableModel, match="can copy"):
            load(inner, input_shape=(2,))


def test_proofs_about_a_module_hold_for_its_checkpoint(tmp_path: Path) -> None:
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    certificate = decide(load(module, input_shape=(2,))).stages[0].decision.certificate
    assert certificate is not None
    torch.save(module.state_dict(), tmp_path / "m.pt")
    check(certificate, tmp_path / "m.pt")


def test_proofs_are_checked_against_modules() -> None:
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    decision = decide(load(module, input_shape=(2,)))
    assert decision.verdict is Verdict.NOT_INJECTIVE
    assert decision.stages[0].decision.certificate is not None
    check(decision.stages[0].decision.certificate, module)
    with torch.no_grad():
        dict(module.named_parameters())["0.bias"].add_(1)
    with pytest.raises(InvalidProof, match="other weights"):
        check(decision.stages[0].decision.certificate, module)


@pytest.mark.parametrize("name", ["weight norm", "old weight norm", "orthogonal"])
def test_proofs_about_weights_in_force(name: str) -> None:
    module, shape = seeded(name, torch.float32)
    decision = decide(load(nn.Sequential(module, nn.ReLU()), input_shape=shape))
    assert decision.stages[0].decision.certificate is not None
    check(decision.stages[0].decision.certificate, module)


# errors


def _refused(module: nn.Module, shape: tuple[int, ...] = (3,)) -> str:
    with pytest.raises(UnsupportedModel) as caught:
        load(module, input_shape=shape)
    return str(caught.value)


def _unreadable(module: Any, shape: Any = (3,)) -> str:
    with pytest.raises(UnreadableModel) as caught:
        load(module, input_shape=shape)
    return str(caught.value)


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return x
        return -x


def test_all_problems_are_found_at_once() -> None:
    inner = nn.Sequential(nn.Linear(3, 3), nn.Softmax(1))
    text = _refused(nn.Sequential(nn.Softplus(), inner, nn.GELU()))
    assert "Got 3 things" in text
    for line in ("0 (softplus): ", "1.1 (softmax): ", "2 (gelu): "):
        assert f"\n  {line}" in text
    assert "export the network again" not in text


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda m, x: x * x, "mul (mul): it combines two tensors"),
        (lambda m, x: torch.cumsum(x, 1), "cumsum (cumsum): this operator of torch is not read"),
        (lambda m, x: x + torch.randn(3), "randn (randn): it is random"),
        (lambda m, x: nn.functional.dropout(x), "it drops at random even in evaluation mode"),
        (lambda m, x: x.half(), "rounds numbers to another format"),
        (lambda m, x: torch.div(x, 2, rounding_mode="floor"), "it rounds"),
        (lambda m, x: nn.functional.threshold(x, 1, 0), "it jumps"),
        (lambda m, x: m.order[:1] + 0 * m.order[:1], "does not depend on the input"),
        (
            lambda m, x: nn.functional.batch_norm(
                x[:, :, None] * m.vector, None, None, training=True
            ),
            "of the batch",
        ),
        (lambda m, x: torch.cond(x.sum() > 0, torch.neg, torch.abs, (x,)), "cond"),
    ],
)
def test_refusals_name_the_operator(function: Any, text: str) -> None:
    assert text in _refused(Function(function))


def test_data_dependent_branches_are_named() -> None:
    text = _refused(nn.Sequential(nn.Linear(3, 3), nn.Sequential(Branching())))
    assert "looks at the numbers in '1.0' (if x.sum() > 0:)" in text


def test_data_dependent_shapes_are_named() -> None:
    assert "the numbers: nonzero (nonzero)" in _refused(
        Function(lambda m, x: x[x.nonzero()[:, 1]])
    )


def test_several_results() -> None:
    assert "returns one tensor. Got 2" in _refused(Function(lambda m, x: (x, -x)))
    load(Function(lambda m, x: {"only": -x}), input_shape=(3,))


@pytest.mark.parametrize("shape", [3, (), "3", (0, 3), (3.0,), (-1,), None])
def test_bad_shapes(shape: Any) -> None:
    text = _unreadable(nn.Linear(3, 3), shape)
    assert "Expected input_shape" in text
    assert "(3, 32, 32)" in text


def test_shapes_that_do_not_fit() -> None:
    text = _unreadable(nn.Sequential(nn.ReLU(), nn.Linear(3, 3)), (4,))
    assert "one example of shape (4,)" in text
    assert "in '1'" in text


def test_modules_that_raise() -> None:
    def fail(module: Any, x: Tensor) -> Tensor:
        raise KeyError("mine")

    assert "KeyError" in _unreadable(Function(fail))


def test_other_things_are_no_modules() -> None:
    with pytest.raises(UnreadableModel, match=r"or a torch module\. Got int"):
        load(3)  # type: ignore[call-overload]
    with pytest.raises(UnreadableModel, match="no input_shape beside the file"):
        load("model.onnx", input_shape=(3,))  # type: ignore[call-overload]


def test_weights_that_are_not_finite() -> None:
    module = nn.Linear(3, 3)
    nn.init.constant_(module.weight, float("nan"))
    assert "NaN" in _refused(module)


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    _refused(nn.Sequential(Branching()))
    _unreadable(nn.Linear(3, 3), (4,))
    out, err = capfd.readouterr()
    assert out == err == ""


def test_limits_are_handed_on() -> None:
    network = load(nn.Sequential(nn.Linear(6, 40), nn.ReLU()), input_shape=(6,))
    decision = decide(network, limits=Limits(nodes=1))
    assert decision.verdict is not Verdict.INJECTIVE


WITHOUT = [name for name in NORMALIZATIONS if " without " in name]


@pytest.mark.parametrize("name", [*WITHOUT, "rms norm"])
def test_a_norm_without_weights_needs_no_array_that_is_not_stored(name: str) -> None:
    module, shape = seeded(name)
    if name == "rms norm":
        module = nn.RMSNorm(4, elementwise_affine=False)
    network = load(module, input_shape=shape)
    assert isinstance(network, Network)
    for decision in (decide(network), decide(network, assume="statistics")):
        if decision.certificate is not None:
            check(decision.certificate, module)
            check(decision.certificate, network)
            check(decision.certificate, module, input_shape=shape)
    assert decision.verdict is Verdict.INJECTIVE
