"""A time limit stops ranks and windows of opposite filters, and the reason says so."""

import numpy as np
import pytest

from monic import ReLULayer, check, decide
from monic.clock import monotonic
from monic.decision.convolution.blocks import blocks
from monic.decision.convolution.pairs import find_pairs
from monic.decision.convolution.rank import column_rank, window_rank
from monic.decision.convolution.windows import prove_paired_windows
from monic.decision.problem import Problem
from monic.geometry.elimination import has_full_column_rank
from monic.model import (
    ChannelScale,
    Concat,
    Convolution,
    Geometry,
    Input,
    TransposedConvolution,
)
from monic.model.window import Window
from tests.decision.agreement import INJECTIVE, UNDECIDED


def opposite(channels: int, filters: int) -> ReLULayer:
    """A dense rank of about 16 x channels columns, then windows."""
    rng = np.random.default_rng(0)
    kernel = rng.standard_normal((channels, filters, 4, 4)).astype(np.float32)
    grid = Geometry((channels, 4, 4), stride=2, padding=1)
    y = TransposedConvolution(kernel, Input(16 * channels), grid)
    return ReLULayer(Concat((y, ChannelScale(np.full(filters, -0.5), y))))


def test_the_reason_names_the_limit() -> None:
    layer = opposite(256, 64)
    began = monotonic()
    decision = decide(layer, time_limit=0.05)
    assert decision.verdict is UNDECIDED
    assert "time limit" in decision.reason
    assert "raise time_limit" in decision.reason
    assert monotonic() - began < 20


@pytest.mark.parametrize("mode", ["zero", "circular"])
def test_ranks_end_with_the_time(mode: str) -> None:
    rng = np.random.default_rng(1)
    step = Convolution(
        rng.standard_normal((4, 2, 3, 3)),
        Input(128),
        Geometry((2, 8, 8), padding=1, mode=mode),
    )
    late = column_rank(step.taps, np.arange(4), monotonic() - 1)
    assert late.full is None
    assert "raise time_limit" in late.limit
    assert column_rank(step.taps, np.arange(4), monotonic() + 60).full is True
    if mode == "zero":
        late = window_rank(step.taps, np.arange(4), Window((0, 0), (4, 4)), monotonic() - 1)
        assert late.full is None


def test_dense_ranks_end_with_the_time() -> None:
    table = np.eye(5)
    assert has_full_column_rank(table.copy(), 101, monotonic() - 1) is None
    assert has_full_column_rank(table.copy(), 101, monotonic() + 60) is True


def test_windows_end_with_the_time() -> None:
    rng = np.random.default_rng(2)
    y = Convolution(rng.standard_normal((6, 2, 3)), Input(40), Geometry((2, 20), padding=1))
    layer = ReLULayer(Concat((y, ChannelScale(np.full(6, -0.5), y))))
    found = blocks(layer.map)
    assert found is not None
    pairs, subject = find_pairs(found), Problem(layer).subject
    late = prove_paired_windows(layer, found, pairs, subject, monotonic() - 1)
    assert late.certificate is None
    assert "raise time_limit" in late.limit
    assert prove_paired_windows(layer, found, pairs, subject).certificate is not None
    assert decide(layer).verdict is INJECTIVE


@pytest.mark.slow
def test_few_channels_on_a_large_grid_cost_their_band() -> None:
    kernel = np.random.default_rng(8).standard_normal((16, 8, 3, 3)).astype(np.float32)
    y = Convolution(kernel, Input(8192), Geometry((8, 32, 32), padding=1))
    layer = ReLULayer(Concat((y, ChannelScale(np.full(16, -0.5), y))))
    decision = decide(layer, time_limit=30)
    assert decision.verdict is INJECTIVE
    assert decision.certificate is not None
    began = monotonic()
    check(decision.certificate, layer)
    assert monotonic() - began < 90
