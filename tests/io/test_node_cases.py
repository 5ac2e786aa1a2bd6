"""ONNX's own tests of its operators: what is read gives what ONNX expects, the rest is refused."""

import copy
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper

from monic.errors import MonicError
from monic.io import load
from monic.model import Network
from monic.model.array import Array
from tests.io.floats import outputs

pytestmark = pytest.mark.thorough

#: At least so many pairs of an input and an output are read, so that the test cannot shrink.
READ = 325

_FLOATS = ("float16", "float32", "float64")


@dataclass(frozen=True)
class Case:
    """One test of ONNX as a function of one of its inputs; the others are constants.

    Arguments:
        name: ONNX's name of the test, and which input and output.
        model: The graph, whose other inputs are initialisers.
        x: The input.
        y: The output that is expected.
        tolerance: The relative tolerance, which the test states for float32.
    """

    name: str
    model: ModelProto
    x: Array
    y: Array
    tolerance: float


@cache
def _tests() -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case.node import collect_testcases

        return list(collect_testcases(None))


def _cases() -> Iterator[Case]:
    for test in _tests():
        if test.model is None:
            continue
        for inputs, expected in test.data_sets:
            plain = [isinstance(array, np.ndarray | np.generic) for array in inputs]
            if not all(plain) or len(inputs) != len(test.model.graph.input):
                continue
            for k, x in enumerate(inputs):
                for j, y in enumerate(expected):
                    if _is_float(x) and _is_float(y):
                        given = _of_one_input(test.model, inputs, k, j)
                        name = f"{test.name}-{k}-{j}"
                        yield Case(name, given, np.asarray(x), np.asarray(y), test.rtol)


def _is_float(array: Any) -> bool:
    return isinstance(array, np.ndarray | np.generic) and array.dtype.name in _FLOATS


def _of_one_input(model: ModelProto, inputs: Any, chosen: int, output: int) -> ModelProto:
    given = copy.deepcopy(model)
    ports, ends = list(given.graph.input), list(given.graph.output)
    del given.graph.input[:], given.graph.output[:]
    given.graph.input.append(ports[chosen])
    given.graph.output.append(ends[output])
    for k, port in enumerate(ports):
        if k != chosen:
            tensor = numpy_helper.from_array(np.asarray(inputs[k]), port.name)
            given.graph.initializer.append(tensor)
    return given


def _agrees(network: Network, case: Case) -> bool:
    examples = case.x.reshape(-1, network.in_dim)
    got = np.concatenate([outputs(network, example) for example in examples])
    expected = case.y.astype(np.float64).reshape(-1)
    coarse = case.x.dtype == np.float16 or case.y.dtype == np.float16
    bound = max(case.tolerance, 2e-3 if coarse else 1e-5)
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    return got.shape == expected.shape and bool(np.all(np.abs(got - expected) <= bound * scale))


def test_what_is_read_of_onnxs_tests_gives_what_onnx_expects(
    tmp_path: Path, record_testsuite_property: Any
) -> None:
    counts, wrong = Counter[str](), list[str]()
    for case in _cases():
        path = tmp_path / "case.onnx"
        path.write_bytes(case.model.SerializeToString())
        try:
            network = load(path)
        except MonicError:
            counts["refused"] += 1
            continue
        assert isinstance(network, Network)
        counts["read"] += 1
        if not _agrees(network, case):
            wrong.append(case.name)
    print(dict(counts))
    for outcome, count in counts.items():
        record_testsuite_property(f"onnx node tests {outcome}", count)
    assert not wrong
    assert counts["read"] >= READ
    assert counts["refused"] > 0
