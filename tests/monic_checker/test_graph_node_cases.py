"""ONNX's own node tests: whatever the interpreter of graphs carries out gives what they expect."""

import warnings
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from onnx.backend.test.case.node import collect_testcases
from onnx.backend.test.case.test_case import TestCase

from monic_checker.graph.errors import NotCompared
from tests.monic_checker.graphs import carried_out

#: Values that stand for smooth functions are near them to 2^-12.
_NEAR = 6e-3


@cache
def _cases() -> list[TestCase]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return collect_testcases(None)


def _is_plain(arrays: Sequence[object]) -> bool:
    return all(isinstance(a, np.ndarray) and a.dtype.kind in "fiub" for a in arrays)


def _outcome(case: TestCase, folder: Path) -> str:
    """Returns "carried out", "refused", or what is wrong."""
    assert case.model is not None
    for inputs, outputs in case.data_sets or ():
        if not _is_plain(inputs) or not _is_plain(outputs):
            return "no numbers"
        try:
            found = carried_out(case.model, inputs, folder)
        except NotCompared:
            return "refused"
        for ours, theirs in zip(found, outputs, strict=True):
            if ours.shape != theirs.shape:
                return f"{case.name}: shape {ours.shape}, not {theirs.shape}"
            if not np.allclose(ours, theirs.astype(np.float64), rtol=_NEAR, atol=_NEAR):
                return f"{case.name}: {np.abs(ours - theirs).max()} apart"
    return "carried out"


@pytest.mark.thorough
def test_whatever_is_carried_out_gives_what_onnx_expects(tmp_path: Path) -> None:
    cases = [case for case in _cases() if case.model is not None]
    outcomes = Counter(_outcome(case, tmp_path) for case in cases)
    wrong = sorted(set(outcomes) - {"carried out", "refused", "no numbers"})
    assert wrong == []
    assert outcomes["carried out"] >= 550
