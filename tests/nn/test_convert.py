"""Plain models made injective."""

from typing import Any

import torch
from torch import Tensor, nn

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
    new = replacement(nn.Conv2d(2, 8, 3, stride=2, padding=1, groups=2, bias=False).double())
    assert isinstance(new, InjectiveConv2d)
    assert (new.stride, new.padding, new.groups) == ((2, 2), (1, 1), 2)
    assert new.bias is None
    assert new.basis.dtype == torch.float64
    assert isinstance(replacement(nn.Linear(2, 4)), InjectiveLinear)
