"""Plain models made injective."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

import monic
from monic import Verdict
from monic.nn import InjectiveConv2d, InjectiveLinear, convert
from monic.nn.replacement import replacement


def generator() -> nn.Sequential:
    """A small DCGAN-like generator."""
    return nn.Sequential(
        nn.Linear(4, 32),
        nn.ReLU(),
        nn.Unflatten(1, (8, 2, 2)),
        nn.ConvTranspose2d(8, 8, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Sequential(nn.Conv2d(8, 32, 3, padding=1), nn.ReLU()),
        nn.Conv2d(32, 3, 3, padding=1),
        nn.Tanh(),
    )


def test_a_generator_becomes_injective_with_the_same_interface() -> None:
    torch.manual_seed(0)
    plain, x = generator(), torch.randn(2, 4)
    before = {name: value.clone() for name, value in plain.state_dict().items()}
    model, report = convert(plain, x)
    assert model(x).shape == plain(x).shape
    assert {name: change.kind for name, change in ((c.name, c) for c in report.changed)} == {
        "0": "Linear",
        "3": "ConvTranspose2d",
        "5.0": "Conv2d",
    }
    assert [change.name for change in report.kept] == ["6"]
    assert {d.verdict for d in report.decisions.values()} == {Verdict.INJECTIVE}
    assert set(report.decisions) == {"0", "3", "5.0"}
    assert "InjectiveConvTranspose2d, with its ReLU" in str(report)
    assert all(torch.equal(value, before[name]) for name, value in plain.state_dict().items())
    count = sum(p.numel() for p in model.parameters())
    assert count < 0.65 * sum(p.numel() for p in plain.parameters())


def test_a_layer_in_pairs_keeps_its_function() -> None:
    """With d = 1 the replacement computes what the plain layer and its ReLU computed."""
    torch.manual_seed(1)
    cases: tuple[tuple[Any, Tensor], ...] = (
        (nn.Linear(2, 5), torch.randn(3, 2)),
        (nn.Conv2d(2, 9, 3, padding=1), torch.randn(3, 2, 4, 4)),
        (nn.ConvTranspose2d(2, 5, 4, stride=2), torch.randn(3, 2, 3, 3)),
    )
    for module, x in cases:
        axis = 1 if isinstance(module, nn.ConvTranspose2d) else 0
        with torch.no_grad():
            for value, dim in ((module.weight, axis), (module.bias, 0)):
                pairs = value.shape[dim] // 2
                value.narrow(dim, pairs, pairs).copy_(-value.narrow(dim, 0, pairs))
        new = replacement(module)
        assert torch.allclose(new(x), module(x).relu(), atol=1e-6)


class Functional(nn.Module):
    """Its ReLUs are calls of functions and methods."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 4), nn.Linear(4, 8)
        self.third, self.last = nn.Linear(8, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        x = self.second(x).relu()
        y = self.third(x)
        out: Tensor = self.last(nn.functional.relu(y)) + y[:, :3]
        return out


def test_functional_relus_are_found_by_tracing() -> None:
    model, report = convert(Functional())
    assert {change.name for change in report.changed} == {"first", "second"}
    assert {change.name for change in report.kept} == {"third", "last"}
    first = model.get_submodule("first")
    layer = monic.ReLULayer(first.weight, first.bias)
    assert monic.decide(layer).verdict is Verdict.INJECTIVE
    assert model(torch.zeros(1, 2)).shape == (1, 3)


class Untraceable(nn.Module):
    """Its path depends on data."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return y.relu() if y.sum() > 0 else y


def test_what_cannot_be_converted_is_reported() -> None:
    model, report = convert(Untraceable())
    assert not report.changed
    assert "cannot be traced" in report.kept[0].what
    assert isinstance(model.get_submodule("layer"), nn.Linear)
    plain = nn.Sequential(
        nn.Linear(4, 6),
        nn.ReLU(),
        nn.Conv1d(1, 1, 3),
        nn.ReLU(),
        nn.BatchNorm1d(1),
        nn.MaxPool1d(2),
    )
    _, report = convert(plain)
    reasons = {change.name: change.what for change in report.kept}
    assert "6 outputs for 4 inputs" in reasons["0"]
    assert "paired" in reasons["2"]
    assert "flip a row" in reasons["4"]
    assert "loses numbers" in reasons["5"]


def test_formats_and_options_are_taken_over() -> None:
    new = replacement(nn.Conv2d(2, 8, 3, stride=2, padding=1, bias=False).double())
    assert isinstance(new, InjectiveConv2d)
    assert (new.stride, new.padding) == ((2, 2), (1, 1))
    assert new.bias is None
    assert new.basis.dtype == torch.float64
    assert isinstance(replacement(nn.Linear(2, 4)), InjectiveLinear)
    same = replacement(nn.Conv2d(2, 8, (3, 5), padding="same", dilation=2))
    assert isinstance(same, InjectiveConv2d)
    assert same.padding == (2, 4)


def test_modes_frozen_weights_and_statistics_stay() -> None:
    plain = nn.Sequential(
        nn.Linear(2, 4), nn.ReLU(), nn.BatchNorm1d(4), nn.Linear(4, 8), nn.ReLU()
    )
    plain.get_parameter("0.weight").requires_grad_(False)
    plain[3].eval()
    model: Any = convert(plain, torch.randn(5, 2))[0]
    assert [module.training for module in model] == [True, True, True, False, True]
    assert not model[0].basis.requires_grad
    assert not model[0].s.requires_grad
    assert model[0].bias.requires_grad
    assert model[3].basis.requires_grad
    assert torch.equal(model[2].running_mean, torch.zeros(4))


def test_several_inputs_show_the_grid() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Conv1d(1, 4, 3, padding=1), nn.ReLU())

        def forward(self, x: Tensor, shift: Tensor) -> Tensor:
            y: Tensor = self.body(x + shift)
            return y

    _, report = convert(Two(), (torch.zeros(1, 1, 5), torch.ones(1, 1, 5)))
    assert report.decisions["body.0"].verdict is Verdict.INJECTIVE


def test_modules_used_twice_stay_one() -> None:
    shared = nn.Linear(2, 4)
    plain = nn.Sequential(shared, nn.ReLU(), nn.Linear(4, 2), nn.Tanh(), shared, nn.ReLU())
    model: Any = convert(plain)[0]
    assert model[0] is model[4]
    assert model[0].parametrizations.weight[0].in_image(model[0].weight)
    assert isinstance(model[5], nn.ReLU)


def test_hooks_stay() -> None:
    plain, seen = nn.Sequential(nn.Linear(2, 4), nn.ReLU()), []
    plain[0].register_forward_hook(lambda *given: seen.append(given[2].shape))
    model, report = convert(plain)
    model(torch.zeros(3, 2))
    assert seen == [(3, 4)]
    assert report.changed[0].what == "its weight is kept in pairs"


class Gated(nn.Sequential):
    """Uses its modules in its own way."""

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self[0](x)
        return self[1](z) * torch.sigmoid(z)  # type: ignore[no-any-return]


class Doubled(nn.Linear):
    """A layer that computes more than its weight says."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Peeking(nn.Module):
    """Uses what a layer in a Sequential gives, before its ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 4), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        z: Tensor = self.body[0](x)
        return self.body[1](z) - z  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("plain", "reason"),
    [
        (Gated(nn.Linear(2, 4), nn.ReLU()), "ReLU alone"),
        (Peeking(), "ReLU alone"),
        (nn.Sequential(Doubled(2, 4), nn.ReLU()), "not a plain layer"),
        (nn.Sequential(spectral_norm(nn.Linear(2, 4)), nn.ReLU()), "not a plain layer"),
        (nn.Sequential(nn.LazyLinear(4), nn.ReLU()), "lazy"),
        (nn.Sequential(nn.AdaptiveAvgPool1d(2)), "loses numbers"),
        (nn.Sequential(nn.GroupNorm(1, 2)), "InjectiveGroupNorm"),
        (nn.Sequential(nn.LayerNorm(2)), "AugmentedLayerNorm"),
        (nn.Sequential(nn.Dropout()), "in training"),
    ],
)
def test_what_may_mean_something_else_is_left_alone(plain: nn.Module, reason: str) -> None:
    plain.eval()
    model, report = convert(plain)
    assert not report.changed
    assert reason in str(report)
    if "lazy" not in reason:
        x = torch.randn(3, 2)
        assert torch.equal(model(x), plain(x))


def test_groups_are_converted_in_their_order() -> None:
    """A weight that is in pairs in each group keeps its function, channel by channel."""
    torch.manual_seed(2)
    plain = nn.Sequential(nn.Conv2d(2, 8, 3, padding=1, groups=2, bias=False), nn.ReLU())
    half = torch.randn(2, 2, 1, 3, 3)
    with torch.no_grad():
        plain.get_parameter("0.weight").copy_(torch.cat((half, -half), 1).flatten(0, 1))
    model, report = convert(plain)
    x = torch.randn(2, 2, 5, 5)
    assert len(report.changed) == 1
    assert torch.allclose(model(x), plain(x))


def test_undecided_layers_say_why() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.ReLU())
    _, report = convert(plain, torch.zeros(1, 3, 32, 32))
    assert "0: UNDECIDED: the layer takes 3,072 numbers" in str(report)
