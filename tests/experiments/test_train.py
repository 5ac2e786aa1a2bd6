"""Training goes on bit by bit where it stopped, and takes no damaged checkpoint."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from config import Config, ExperimentError
from data import load
from model import ARMS, critic
from monic.errors import UnreadableCheckpoint
from train import FILE, Run, device_of, penalty, train


@pytest.fixture
def images(config: Config) -> Tensor:
    return load(config.data)[0]


@pytest.mark.parametrize("arm", ARMS)
def test_a_run_goes_on_bit_by_bit(
    config: Config, images: Tensor, tmp_path: Path, arm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted by Ctrl-C in batch 6 of 8, with the generators of torch disturbed."""
    whole = Run(config, arm, 1, tmp_path / "whole")
    train(whole, images)
    first = Run(config, arm, 1, tmp_path / "parts")
    plain = Run.batch

    def interrupted(self: Run, images: Tensor) -> None:
        if self.done == 5:
            raise KeyboardInterrupt
        plain(self, images)

    monkeypatch.setattr(Run, "batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(first, images)
    monkeypatch.setattr(Run, "batch", plain)
    torch.manual_seed(999)
    second = Run(config, arm, 1, tmp_path / "parts")
    second.resume()
    assert second.done == 5
    train(second, images)
    assert whole.done == second.done == 8
    assert (tmp_path / "whole" / FILE).read_bytes() == (tmp_path / "parts" / FILE).read_bytes()


def test_seeds_differ_and_arms_share_critics(config: Config, tmp_path: Path) -> None:
    one, other = (Run(config, arm, 0, tmp_path) for arm in ARMS)
    assert all(
        torch.equal(a, b)
        for a, b in zip(one.critic.parameters(), other.critic.parameters(), strict=True)
    )
    third = Run(config, ARMS[0], 1, tmp_path)
    assert any(
        not torch.equal(a, b)
        for a, b in zip(one.critic.parameters(), third.critic.parameters(), strict=True)
    )


def test_each_epoch_sees_each_image_once(config: Config, images: Tensor, tmp_path: Path) -> None:
    run = Run(config, "regular", 0, tmp_path)
    orders = []
    for run.done in range(8):
        orders.append(run._rows(64))
    first, second = torch.cat(orders[:4]), torch.cat(orders[4:])
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(64))
    assert not torch.equal(first, second)


def test_the_penalty_of_a_linear_critic(config: Config) -> None:
    """(|w| - 1)^2 wherever it is asked."""
    linear = nn.Sequential(nn.Flatten(), nn.Linear(64, 1))
    weight = linear[1].weight
    assert isinstance(weight, Tensor)
    expected = (float(weight.detach().norm()) - 1) ** 2
    value = penalty(linear, torch.rand(3, 1, 8, 8))
    assert float(value.detach()) == pytest.approx(expected, rel=1e-4)
    value = penalty(critic(config), torch.rand(3, 1, 8, 8))
    assert value.requires_grad


@pytest.fixture
def kept(config: Config, images: Tensor, tmp_path: Path) -> Path:
    """The checkpoint after one batch."""
    run = Run(config, "injective", 0, tmp_path)
    run.batch(images)
    run.batch(images)
    run.save()
    return tmp_path / FILE


def refused(config: Config, path: Path, seed: int = 0) -> str:
    with pytest.raises(UnreadableCheckpoint) as caught:
        Run(config, "injective", seed, path.parent).resume()
    return str(caught.value)


@pytest.mark.parametrize("length", [0, 7, 100, -1])
def test_truncated_checkpoints_are_refused(config: Config, kept: Path, length: int) -> None:
    kept.write_bytes(kept.read_bytes()[:length])
    assert "Expected a checkpoint" in refused(config, kept)


def test_a_pickle_is_no_checkpoint(config: Config, kept: Path) -> None:
    """It is refused, and not run."""
    torch.save({"G": 1}, kept)
    assert "Expected a checkpoint" in refused(config, kept)


def test_checkpoints_of_other_runs_are_refused(config: Config, kept: Path) -> None:
    assert "another run" in refused(config, kept, seed=1)
    faster = replace(config, train=replace(config.train, rate=0.5))
    assert "another run" in refused(faster, kept)
    elsewhere = replace(config, train=replace(config.train, save_every=3))
    Run(elsewhere, "injective", 0, kept.parent).resume()


def header(path: Path) -> dict[str, str]:
    raw = path.read_bytes()
    size = int.from_bytes(raw[:8], "little")
    found: dict[str, str] = json.loads(raw[8 : 8 + size])["__metadata__"]
    return found


def changes() -> list[Any]:
    def missing(tensors: dict[str, Tensor]) -> None:
        del tensors["G.0.weight"]

    def extra(tensors: dict[str, Tensor]) -> None:
        tensors["G.9.weight"] = torch.zeros(1)

    def shape(tensors: dict[str, Tensor]) -> None:
        tensors["adam0.0.exp_avg"] = torch.zeros(3)

    def broken(tensors: dict[str, Tensor]) -> None:
        tensors["D.0.weight"] = torch.full_like(tensors["D.0.weight"], torch.nan)

    return [missing, extra, shape, broken]


@pytest.mark.parametrize("change", changes(), ids=lambda f: f.__name__)
def test_other_tensors_are_refused(config: Config, kept: Path, change: Any) -> None:
    tensors, metadata = load_file(kept), header(kept)
    change(tensors)
    save_file(tensors, kept, metadata=metadata)
    assert "Expected finite tensors" in refused(config, kept)


@pytest.mark.parametrize("done", ["-1", "2.5", "null", '"2"'])
def test_other_counts_are_refused(config: Config, kept: Path, done: str) -> None:
    tensors, [(key, text)] = load_file(kept), header(kept).items()
    numbers = {**json.loads(text), "done": json.loads(done)}
    save_file(tensors, kept, metadata={key: json.dumps(numbers)})
    assert "another run" in refused(config, kept)


def test_unknown_devices_are_refused() -> None:
    with pytest.raises(ExperimentError, match="device"):
        device_of("abacus")
    assert device_of("auto").type in ("cpu", "cuda")
