"""Bad input is refused with what was expected, what came, and what to do."""

import subprocess
import sys
import warnings
from typing import Any

import numpy as np
import pytest

from monic import InversionError, LayerError, MonicError, ReLULayer, invert
from monic.model import Product

LAYER = ReLULayer([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([1.0, 0.0, 0.0, float("nan")], "NaN or infinity"),
        ([1.0, 0.0, 0.0, float("inf")], "NaN or infinity"),
        ([1.0, 0.0], r"shape \(4,\)"),
        (np.zeros((4, 3)), r"\(4, 3\)"),
        (3.0, "shape"),
        (["a", "b", "c", "d"], "table of numbers"),
        (np.zeros(4, dtype=complex), "complex128"),
        ([[1.0], [1.0, 2.0]], "rectangular"),
    ],
)
def test_data(y: object, message: str) -> None:
    with pytest.raises(InversionError, match=message):
        invert(LAYER, y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"norm": "l3"}, "Expected a norm"),
        ({"method": "newton"}, "a method of"),
        ({"method": "frame", "norm": "l1"}, "least squares"),
        ({"noise": -1.0}, "noise as a finite number >= 0"),
        ({"noise": float("nan")}, "noise"),
        ({"inverse_lipschitz": 0.0}, "> 0"),
        ({"inverse_lipschitz": float("inf")}, "inverse_lipschitz"),
        ({"slopes": {"layer 7": 0.1}}, "layer 7"),
    ],
)
def test_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InversionError, match=message):
        invert(LAYER, np.zeros(4), **options)


def test_models() -> None:
    with pytest.raises(LayerError, match=r"ReLULayer or a Network\. Got list"):
        invert([[1.0]], [1.0])  # type: ignore[arg-type]
    huge = ReLULayer(Product([[1e200], [-1e200]], [[1e200]]))
    with pytest.raises(InversionError, match="range of float64"):
        invert(huge, [1.0, 0.0])


def test_errors_are_of_the_family() -> None:
    assert issubclass(InversionError, MonicError)
    assert issubclass(InversionError, ValueError)


def test_extreme_numbers_give_true_bounds() -> None:
    tiny = ReLULayer([[1e-300], [-1e-300]])
    answer = invert(tiny, [3e-300, 0.0], noise=0.0)
    assert answer.latent == pytest.approx([3.0])
    huge = invert(ReLULayer([[1e300], [-1e300]]), [3e300, 0.0])
    assert huge.latent == pytest.approx([3.0])
    assert huge.distance_to_range.upper >= 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        invert(LAYER, np.full(4, 1e-320))


def test_tensors_are_data_too() -> None:
    torch = pytest.importorskip("torch")
    answer = invert(LAYER, torch.tensor([[1.0, 2.0, 0.0, 0.0]], requires_grad=True))
    assert answer.latent.tolist() == [[1.0, 2.0]]


def test_inverting_arrays_does_not_load_torch() -> None:
    code = (
        "import sys, monic; monic.invert(monic.ReLULayer([[1.0], [-1.0]]), [1.0, 0.0]); "
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr
