"""Stopping and going on: the same proof, however often; damaged files are refused."""

import errno
import os
import signal
import threading
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import monic
from monic import Limits, ReLULayer, UnreadableCheckpoint
from monic.decision.result import Statistics
from tests.decision.agreement import INJECTIVE, NOT_INJECTIVE, UNDECIDED


def gaussian(m: int, n: int, seed: int = 0) -> ReLULayer:
    return ReLULayer(np.random.default_rng(seed).standard_normal((m, n)))


LAYER = gaussian(100, 10)


@pytest.fixture(scope="module")
def whole() -> bytes:
    decision = monic.decide(LAYER, method="branching")
    assert decision.certificate is not None
    return decision.certificate.to_bytes()


@pytest.mark.thorough
@pytest.mark.parametrize("workers", [1, 2])
def test_many_stops_make_the_same_proof(tmp_path: Path, whole: bytes, workers: int) -> None:
    file, nodes, stops = tmp_path / "a.checkpoint", 2_000, 0
    options: dict[str, Any] = {"method": "branching", "workers": workers}
    decision = monic.decide(LAYER, limits=Limits(nodes=nodes), **options)
    while decision.verdict is UNDECIDED:
        stops += 1
        monic.save_checkpoint(file, decision)
        nodes += 7_000
        decision = monic.decide(LAYER, limits=Limits(nodes=nodes), resume=file, **options)
    assert stops >= 3
    assert decision.certificate is not None
    assert decision.certificate.to_bytes() == whole
    assert decision.statistics.nodes == 28_539
    monic.check(decision.certificate, LAYER)


def test_a_finished_search_is_not_done_again(tmp_path: Path, whole: bytes) -> None:
    file = monic.save_checkpoint(tmp_path / "done", monic.decide(LAYER, method="branching"))
    seen: list[Statistics] = []
    again = monic.decide(LAYER, method="branching", resume=file, progress=seen.append)
    assert again.certificate is not None
    assert again.certificate.to_bytes() == whole
    assert again.statistics.seconds < 1


def test_a_point_is_kept(tmp_path: Path) -> None:
    layer = gaussian(44, 10, 1)
    first = monic.decide(layer, method="branching")
    assert first.verdict is NOT_INJECTIVE
    file = monic.save_checkpoint(tmp_path / "point", first)
    again = monic.decide(layer, method="branching", resume=file)
    assert again.verdict is NOT_INJECTIVE
    assert again.point == first.point


@pytest.mark.slow
def test_packings_go_on(tmp_path: Path) -> None:
    layer = gaussian(112, 14)
    options: dict[str, Any] = {"method": "packing", "assume": "general-position"}
    whole = monic.decide(layer, **options)
    first = monic.decide(layer, limits=Limits(nodes=300), **options)
    assert first.verdict is UNDECIDED
    file = monic.save_checkpoint(tmp_path / "packing", first)
    last = monic.decide(layer, resume=file, **options)
    assert last.verdict is whole.verdict is INJECTIVE
    assert whole.certificate is not None
    assert last.certificate is not None
    assert last.certificate.to_bytes() == whole.certificate.to_bytes()
    with pytest.raises(UnreadableCheckpoint, match="without packings"):
        monic.decide(layer, method="branching", resume=file)


def test_ctrl_c_carries_a_checkpoint(tmp_path: Path, whole: bytes) -> None:
    calls = 0

    def press(statistics: Statistics) -> None:
        nonlocal calls
        calls += 1
        if calls == 20:
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)  # ignored where the tests run in the background
    with pytest.raises(monic.Interrupted) as stopped:
        monic.decide(LAYER, method="branching", progress=press)
    assert isinstance(stopped.value, KeyboardInterrupt)
    assert signal.getsignal(signal.SIGINT) is before
    file = monic.save_checkpoint(tmp_path / "stopped", stopped.value)
    last = monic.decide(LAYER, method="branching", resume=file)
    assert last.certificate is not None
    assert last.certificate.to_bytes() == whole


def test_a_search_outside_the_main_thread(whole: bytes) -> None:
    found: list[bytes] = []

    def search() -> None:
        decision = monic.decide(LAYER, method="branching")
        assert decision.certificate is not None
        found.append(decision.certificate.to_bytes())

    thread = threading.Thread(target=search)
    thread.start()
    thread.join()
    assert found == [whole]


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    decision = monic.decide(LAYER, method="branching", limits=Limits(nodes=5_000))
    return monic.save_checkpoint(tmp_path / "stopped", decision)


def test_another_layer_is_refused(stopped: Path) -> None:
    for other in (gaussian(100, 10, 1), ReLULayer(LAYER.weight, domain=monic.Orthant())):
        with pytest.raises(UnreadableCheckpoint, match="another layer"):
            monic.decide(other, method="branching", resume=stopped)


def test_damaged_files_are_refused(stopped: Path) -> None:
    data = stopped.read_bytes()
    for place in range(0, len(data), max(1, len(data) // 60)):
        stopped.write_bytes(data[:place])
        with pytest.raises(UnreadableCheckpoint, match="Cannot read"):
            monic.decide(LAYER, method="branching", resume=stopped)
    with pytest.raises(UnreadableCheckpoint, match="Cannot read"):
        monic.decide(LAYER, method="branching", resume=stopped.with_name("missing"))


def test_flipped_bits_never_make_a_wrong_proof(stopped: Path, whole: bytes) -> None:
    """Checksums cover every part; what they do not cover changes nothing."""
    data, rng = stopped.read_bytes(), np.random.default_rng(0)
    refused = 0
    for place in rng.integers(0, len(data), 60).tolist():
        stopped.write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        try:
            decision = monic.decide(LAYER, method="branching", resume=stopped)
        except UnreadableCheckpoint:
            refused += 1
            continue
        assert decision.certificate is not None
        assert decision.certificate.to_bytes() == whole
    assert refused > 30


def test_an_array_with_a_damaged_header_is_refused(stopped: Path) -> None:
    """As a rewritten archive has it, whose checksums fit: numpy's parser raises what it likes."""
    with zipfile.ZipFile(stopped) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    [role] = [name for name in parts if name.endswith("top/role.npy")]
    header = parts[role]
    end = header.index(b"\n")
    for damaged in (
        header[:10]
        + b"{'descr': '<i8', 'fortran_order': False, 'shape': (".ljust(end - 10)
        + header[end:],
        header[:10] + b"((((".ljust(end - 10) + header[end:],
        header[:10] + b"\x00" * (end - 10) + header[end:],
        header.replace(b"'shape': (", b"'shape': (9" + b"9" * 12),
        header[:-1],
    ):
        with zipfile.ZipFile(stopped, "w") as archive:
            for name, part in parts.items():
                archive.writestr(name, damaged if name == role else part)
        with pytest.raises(UnreadableCheckpoint, match="Expected"):
            monic.decide(LAYER, method="branching", resume=stopped)


def test_checkpoints_on_the_way_make_the_same_proof(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keeping one changes nothing, and whichever was the last, the search goes on from it."""
    from monic.decision import checkpoint
    from monic.decision.approach import Approach
    from monic.decision.layer import decide_layer
    from monic.decision.problem import Problem

    monkeypatch.setattr(checkpoint, "PERIOD", 0.0)
    monkeypatch.setattr(checkpoint, "SPARE", 0.0)
    files: list[Path] = []

    def keep(found: Mapping[int, checkpoint.Checkpoint]) -> None:
        files.append(checkpoint.save_checkpoints(tmp_path / str(len(files)), found))

    for workers in (1, 2):
        files.clear()
        execution = monic.Execution(workers=workers)
        approach = Approach(method="branching", keep=keep, execution=execution)
        decision = decide_layer(Problem(LAYER), approach)
        assert decision.certificate is not None
        assert decision.certificate.to_bytes() == whole
        assert decision.statistics.nodes == 28_539
        for file in (files[0], files[len(files) // 2], files[-1]):
            again = monic.decide(LAYER, method="branching", resume=file)
            assert again.certificate is not None
            assert again.certificate.to_bytes() == whole
            assert again.statistics.nodes == 28_539


def test_nothing_is_unpickled(stopped: Path) -> None:
    with zipfile.ZipFile(stopped) as archive:
        names = archive.namelist()
        parts = {name: archive.read(name) for name in names}
    [role] = [name for name in names if name.endswith("top/role.npy")]
    with stopped.with_name("object.npy").open("wb") as file:
        np.save(file, np.array([print], dtype=object), allow_pickle=True)
    parts[role] = stopped.with_name("object.npy").read_bytes()
    with zipfile.ZipFile(stopped, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with pytest.raises(UnreadableCheckpoint):
        monic.decide(LAYER, method="branching", resume=stopped)


def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, stopped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decision = monic.decide(LAYER, method="branching", limits=Limits(nodes=5_000))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("monic.decision.checkpoint.shutil.copyfileobj", full)
    before, data = sorted(tmp_path.iterdir()), stopped.read_bytes()
    with pytest.raises(OSError, match="No space"):
        monic.save_checkpoint(stopped, decision)
    assert sorted(tmp_path.iterdir()) == before
    assert stopped.read_bytes() == data


def test_a_network_goes_on_at_the_layer_where_it_stopped(tmp_path: Path) -> None:
    first = monic.Stage("first", monic.Product(LAYER.weight))
    network = monic.Network([first])
    stopped = monic.decide(network, method="branching", limits=Limits(nodes=5_000))
    assert stopped.verdict is UNDECIDED
    file = monic.save_checkpoint(tmp_path / "network", stopped)
    last = monic.decide(network, method="branching", resume=file)
    assert last.verdict is INJECTIVE
