"""Both arms have the same shapes; pairs have half of the filters, and stay one-to-one."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

import monic
from config import Config, ExperimentError, read
from data import load
from layers import decided, smallest_singular_values
from model import ARMS, codes, critic, generator, inference, parameters
from monic.nn import InjectiveConvTranspose2d
from train import Run

CONFIGS = Path(__file__).parents[2] / "experiments" / "gan" / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda p: p.stem)
def test_both_arms_have_the_same_shapes(path: Path) -> None:
    """Layer after layer, those of the papers' architecture among them."""
    config = read(path)
    x = y = codes(2, config.model.latent, torch.Generator().manual_seed(0))
    arms = [generator(arm, config) for arm in ARMS]
    for one, other in zip(*arms, strict=True):
        x, y = one(x), other(y)
        assert x.shape == y.shape
    assert x.shape == (2, config.data.colors, config.data.size, config.data.size)
    assert float(x.detach().min()) >= 0
    assert float(x.detach().max()) <= 1
    assert critic(config)(x).shape == (2, 1)
    assert inference(config)(x).shape == (2, config.model.latent)


@pytest.mark.parametrize("biases", ["paper", "both", "neither"])
def test_parameters(config: Config, biases: str) -> None:
    """A doubling layer a -> b has ab k^2 weights, or half of them and b/2 scales."""
    config = replace(config, model=replace(config.model, biases=biases))
    outer = 4 * 16 * 4 + 16 + 4 * 9 + 1
    free, pairs = (16 * 8 + 8 * 4) * 9, (16 * 4 + 8 * 2) * 9 + 4 + 2
    biased = {"paper": (0, 12), "both": (6, 12), "neither": (0, 0)}[biases]
    found = [parameters(generator(arm, config)) for arm in ARMS]
    assert found == [outer + pairs + biased[0], outer + free + biased[1]]


def test_a_shared_start_is_the_same_function(config: Config) -> None:
    config = replace(config, model=replace(config.model, start="shared"))
    made = []
    for arm in ARMS:
        torch.manual_seed(3)
        made.append(generator(arm, config)(codes(5, 4, torch.Generator().manual_seed(1))))
    assert torch.allclose(made[0], made[1], atol=1e-6)


@pytest.mark.thorough
def test_pairs_stay_injective_in_training_and_export(config: Config, tmp_path: Path) -> None:
    """Each layer but the last is proved from the ONNX file, and the proof is checked."""
    images, _ = load(config.data)
    run = Run(config, "injective", 0, tmp_path)
    before = [p.clone() for p in run.generator.parameters()]
    while run.done < run.batches(images):
        run.batch(images)
    assert all((a != b).any() for a, b in zip(before, run.generator.parameters(), strict=True))
    for layer in run.generator:
        if isinstance(layer, InjectiveConvTranspose2d):
            assert layer.is_injective().verdict is monic.Verdict.INJECTIVE
    found = decided(run.generator, config, tmp_path)
    assert [row["verdict"] for row in found["layers"]] == ["INJECTIVE"] * 3 + ["NOT_INJECTIVE"]
    assert found["verdict"] == "UNDECIDED"
    assert "node" in found["reason"]
    sigmas = [row["sigma_min"] for row in found["layers"]]
    assert min(sigmas[:3]) > 0
    assert sigmas[3] == 0
    network = monic.load(tmp_path / "generator.onnx")
    assert isinstance(network, monic.Network)
    stages = monic.decide(network, time_limit=1).stages
    for stage in stages[1:3]:
        assert stage.decision.certificate is not None
        monic.check(stage.decision.certificate, tmp_path / "generator.onnx")


@pytest.mark.thorough
def test_free_filters_are_not_injective(config: Config, tmp_path: Path) -> None:
    """As torch starts them; [C; -C] would be one-to-one until the first step."""
    config = replace(config, model=replace(config.model, start="own"))
    found = decided(Run(config, "regular", 0, tmp_path).generator, config, tmp_path)
    verdicts = [row["verdict"] for row in found["layers"]]
    assert verdicts == ["INJECTIVE", "NOT_INJECTIVE", "NOT_INJECTIVE", "NOT_INJECTIVE"]
    assert found["verdict"] != "INJECTIVE"


@pytest.mark.thorough
def test_a_collision_of_codes_is_one(config: Config, tmp_path: Path) -> None:
    """A first layer that forgets a code: the pair that is reported has the same image."""
    run = Run(config, "regular", 0, tmp_path)
    first = run.generator[0]
    assert isinstance(first, torch.nn.ConvTranspose2d)
    with torch.no_grad():
        first.weight[0].zero_()
    found = decided(run.generator, config, tmp_path)
    assert found["verdict"] == "NOT_INJECTIVE"
    x, other = (torch.tensor(code).reshape(1, 4, 1, 1) for code in found["collision"])
    assert not torch.equal(x, other)
    assert torch.allclose(run.generator(x), run.generator(other), atol=1e-6)


def test_singular_values_of_pairs_are_those_of_the_operator(config: Config) -> None:
    torch.manual_seed(0)
    network = generator("injective", config)
    layer = network[2]
    assert isinstance(layer, InjectiveConvTranspose2d)
    columns = layer.linear(torch.eye(64).reshape(64, 16, 2, 2), layer.basis, None).flatten(1)
    values = torch.linalg.eigvalsh((columns @ columns.T).double())
    assert smallest_singular_values(network, config)[1] == pytest.approx(
        float(values[0]) ** 0.5, rel=1e-3
    )
    small = replace(config, evaluate=replace(config.evaluate, largest_svd=16))
    assert smallest_singular_values(network, small)[1] is None


def test_an_arm_is_one_of_two(config: Config, tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="arm"):
        Run(config, "other", 0, tmp_path)
