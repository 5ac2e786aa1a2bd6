"""The exact decision, against other roads to it."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import monic
from monic import ReLULayer, Verdict
from monic.geometry.rational import rank
from monic.nn import InjectiveConv1d, InjectiveConv2d, InjectiveConvTranspose1d, InjectiveLinear
from monic.nn.dense import matrix_of
from monic.nn.paired import PairedLayer
from monic.nn.residues import PRIMES, independent_rows, residues
from tests.nn.layers import CASES, Case

PAIRED = [case for case in CASES if isinstance(case.make(), PairedLayer)]


@pytest.mark.parametrize("case", PAIRED, ids=lambda case: case.name)
def test_the_exact_operator_is_the_one_that_torch_computes(case: Case) -> None:
    layer = case.module()
    assert isinstance(layer, PairedLayer)
    for weight in (layer.basis, layer.rest):
        if weight is None:
            continue
        kept = weight

        def apply(x: Tensor, kept: Tensor = kept) -> Tensor:
            return layer.linear(x, kept, None)

        dense = matrix_of(apply, layer.example_shape(), weight)
        exact = layer.operator(weight.detach().numpy())
        assert exact.shape == tuple(dense.shape)
        found = exact.matrix()
        assert found is not None
        assert np.array_equal(found, dense.detach().numpy())


@pytest.mark.parametrize("case", PAIRED, ids=lambda case: case.name)
def test_certificates_check_and_the_model_computes_the_layer(case: Case) -> None:
    layer, x = case.module(), case.batch()
    assert isinstance(layer, PairedLayer)
    decision, model = layer.is_injective(), layer.to_model()
    assert decision.verdict is Verdict.INJECTIVE
    assert decision.certificate is not None
    monic.check(decision.certificate, model)
    assert monic.decide(model).method == "paired rows"
    exact = model.map.exact()
    scale = 2.0**exact.exponent
    weight = np.array(exact.weight.tolist(), dtype=object).astype(float) * scale
    bias = np.array(exact.bias.tolist(), dtype=object).astype(float)[:, 0] * scale
    expected = np.maximum(0, x.reshape(len(x), -1).numpy() @ weight.T + bias)
    assert np.allclose(layer(x).detach().reshape(len(x), -1).numpy(), expected)


def small_kernels() -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(-1, 1), min_size=12, max_size=12)


@settings(max_examples=25)
@given(small_kernels(), st.sampled_from([1, 2]), st.sampled_from(["zeros", "circular"]))
def test_convolutions_agree_with_the_engine_on_the_written_matrix(
    kernel: list[int], stride: int, mode: Any
) -> None:
    """Entries -1, 0, 1: degenerate kernels are frequent; with s = 1 nothing rounds."""
    layer = InjectiveConv1d(
        1, 8, 3, padding=1, stride=stride, padding_mode=mode, bias=False, input_size=4
    )
    with torch.no_grad():
        layer.basis.copy_(torch.tensor(kernel).reshape(4, 1, 3))
    matrix = matrix_of(layer, (1, 4), layer.basis) - matrix_of(
        lambda x: layer(-x), (1, 4), layer.basis
    )
    decision = layer.is_injective()
    assert decision.verdict is monic.decide(ReLULayer(matrix.detach())).verdict
    half = matrix.detach().numpy()[: len(matrix) // 2].astype(int)
    full = rank(half.tolist()) == 4
    assert decision.verdict is (Verdict.INJECTIVE if full else Verdict.NOT_INJECTIVE)


def test_stride_two_with_one_tap_never_sees_half_of_the_input() -> None:
    layer = InjectiveConv1d(1, 8, 1, stride=2, input_size=4)
    decision = layer.is_injective()
    assert decision.verdict is Verdict.NOT_INJECTIVE
    assert decision.collision is not None
    x, other = (
        torch.tensor([float(t) for t in point]).reshape(1, 1, 4)
        for point in (decision.collision.x, decision.collision.other)
    )
    assert not torch.equal(x, other)
    assert torch.allclose(layer(x), layer(other))


def test_cropping_can_lose_an_input() -> None:
    """k = 2, s = 2, p = 1 with (1, 0), (-1, 0) never sees x_1 (docs of the design of windows)."""
    layer = InjectiveConvTranspose1d(1, 4, 2, stride=2, padding=1, bias=False, input_size=2)
    with torch.no_grad():
        layer.basis.copy_(torch.tensor([[[1.0, 0.0], [-1.0, 0.0]]]))
    assert layer.is_injective().verdict is Verdict.NOT_INJECTIVE


def test_a_vanished_scale_is_noticed() -> None:
    layer = InjectiveLinear(2, 4)
    with torch.no_grad():
        layer.s[0] = 0.0
    assert layer.is_injective().verdict is Verdict.NOT_INJECTIVE
    with torch.no_grad():
        layer.s[0] = 1e-30  # its square is 0 in single precision
    assert layer.is_injective().verdict is Verdict.NOT_INJECTIVE


def test_dependent_columns_are_noticed_and_rest_can_help() -> None:
    layer = InjectiveLinear(2, 8, pairs=2)
    assert layer.rest is not None
    with torch.no_grad():
        layer.basis.copy_(torch.tensor([[1.0, 1.0], [2.0, 2.0]]))
        layer.rest.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
    assert layer.is_injective().verdict is Verdict.INJECTIVE
    with torch.no_grad():
        layer.rest.zero_()
    assert layer.is_injective().verdict is Verdict.NOT_INJECTIVE


def test_limits_are_named() -> None:
    layer = InjectiveConv2d(1, 4, 3, padding=1, input_size=9)
    decision = layer.is_injective(limit=80)
    assert decision.verdict is Verdict.UNDECIDED
    assert "81" in decision.reason
    assert "raise `limit`" in decision.reason
    assert layer.is_injective(limit=81).verdict is Verdict.INJECTIVE


def test_a_large_singular_basis_is_undecided_with_the_way_on() -> None:
    layer = InjectiveLinear(70, 140)
    with torch.no_grad():
        layer.basis[0] = layer.basis[1]
    decision = layer.is_injective()
    assert decision.verdict is Verdict.UNDECIDED
    assert "monic.decide" in decision.reason


def test_large_layers_with_too_few_rows_are_refuted() -> None:
    """By a point with fewer active rows than inputs, with a certificate."""
    layer = InjectiveConv2d(8, 32, 3, stride=2, padding=1)
    layer.input_size = (6, 6)
    decision = layer.is_injective()
    assert decision.verdict is Verdict.NOT_INJECTIVE
    assert decision.certificate is not None
    monic.check(decision.certificate, layer.to_model())


@pytest.mark.parametrize("prime", PRIMES)
def test_residues_are_those_of_the_integers(prime: int, rng: np.random.Generator) -> None:
    array = rng.standard_normal((4, 3)) * 2.0 ** rng.integers(-300, 300, (4, 3))
    array[1, 1] = 0
    from fractions import Fraction

    exact = [Fraction(v) for v in array.ravel().tolist()]
    unit = next(2**k for k in range(2000) if all((f * 2**k).denominator == 1 for f in exact))
    integers = [int(f * unit) for f in exact]
    # the module's power of two may be smaller than the first one found: compare quotients
    found = residues(array, prime).ravel().tolist()
    factor = next(f * pow(i, -1, prime) % prime for f, i in zip(found, integers, strict=True) if i)
    assert [i * factor % prime for i in integers] == found


def test_independent_rows_are_a_basis(rng: np.random.Generator) -> None:
    matrix = rng.integers(-2, 3, (9, 4)) @ rng.integers(-2, 3, (4, 5))
    rows = independent_rows(matrix % PRIMES[0], PRIMES[0])
    assert len(rows) == rank(matrix.tolist()) == rank(matrix[rows].tolist())
