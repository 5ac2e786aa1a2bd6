"""Injective networks, layer after layer."""

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, overload

import torch
from torch import Tensor, nn

from monic.decision.result import Decision, NetworkDecision, StageDecision, Verdict
from monic.errors import LayerError
from monic.nn.chain import as_step, insist_on_chain, is_reshape, leaves
from monic.nn.dense import DENSE_LIMIT, jacobian_log_volume
from monic.nn.grid import GridLayer
from monic.nn.module import InjectiveModule, fits, insist_in_range, tolerated
from monic.nn.normalization import InjectiveGroupNorm
from monic.nn.paired import PairedLayer
from monic.nn.precision import in_format_of, settled, working
from monic.nn.random_projection import RandomProjection
from monic.nn.search import find_code
from monic.nn.skip import InjectiveSkip
from monic.nn.steps import inverse_of
from monic.nn.values import FloatBounds
from monic.nn.verdicts import insist_on_assumption, insist_on_numbers

__all__ = ["InjectiveSequential"]


class InjectiveSequential(InjectiveModule):
    """Creates the composition of injective modules, which is injective.

    Besides the modules of monic.nn it takes `nn.Linear` (with at least as many outputs as
    inputs), `nn.Flatten`, `nn.Unflatten`, and the activations `nn.LeakyReLU`, `nn.ELU`, `nn.Tanh`,
    `nn.Sigmoid`. Keys of its state are those of `nn.Sequential`.

    Arguments:
        modules: In order; or one OrderedDict of names and modules.

    Raises:
        LayerError: when neighbours do not fit, or cannot be one-to-one together; it says why.

    Example:
        >>> from monic.nn import InjectiveLinear
        >>> network = InjectiveSequential(InjectiveLinear(2, 4), InjectiveLinear(4, 8))
        >>> x = torch.ones(1, 2)
        >>> bool(torch.allclose(network.inverse(network(x)), x, atol=1e-5))
        True
        >>> network.is_injective().verdict.name
        'INJECTIVE'
    """

    def __init__(self, *modules: nn.Module | OrderedDict[str, nn.Module]) -> None:
        super().__init__()
        first = modules[0] if len(modules) == 1 else None
        named = first if isinstance(first, OrderedDict) else _numbered(modules)
        insist_on_chain(list(named.values()))
        for name, module in named.items():
            self.add_module(name, module)
        self._flattened: dict[int, tuple[int, ...]] = {}

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[nn.Module]:
        return iter(module for module in self._modules.values() if module is not None)

    @overload
    def __getitem__(self, index: int) -> nn.Module: ...

    @overload
    def __getitem__(self, index: slice) -> "InjectiveSequential": ...

    def __getitem__(self, index: int | slice) -> nn.Module:
        """Returns a module, or for a slice the network of some of them."""
        if isinstance(index, slice):
            named = (pair for pair in self._modules.items() if pair[1] is not None)
            return InjectiveSequential(OrderedDict(list(named)[index]))  # type: ignore[arg-type]
        return list(self)[index]

    def forward(self, x: Tensor) -> Tensor:
        for index, module in enumerate(self):
            if isinstance(module, nn.Flatten) and not torch.compiler.is_compiling():
                self._flattened[index] = tuple(x.shape[1:])
            x = module(x)
        return x

    def inverse(self, y: Tensor, *, tolerance: float | None = None) -> Tensor:
        """Returns the x with f(x) = y: layer by layer, and by search up to a random projection.

        f(x) is compared with y as a whole: inside, errors may be large beside numbers that are
        small there. Where this does not do, since much cancelled in y, since a normalisation uses
        its stored statistics or since there is a search, each layer is compared for itself.

        Raises:
            NotInRange: when y is no output, or the search found no input.
        """
        with settled(self, y):
            return self._found_as_a_whole(y, tolerated(y, tolerance)).to(y.dtype)

    def _found_as_a_whole(self, y: Tensor, tolerance: float) -> Tensor:
        start = working(y)
        apart = (InjectiveGroupNorm, RandomProjection)
        if any(isinstance(module, apart) for module in leaves(self)):
            return self._found(start, tolerance)
        x = self._found(start, math.inf)
        if tolerance == math.inf:
            return x
        again = self(in_format_of(self, x))
        good = fits(y, again, 0.0, tolerance, max(1, y.dim() - 1))
        return x if good else self._found(start, tolerance)

    def _found(self, y: Tensor, tolerance: float) -> Tensor:
        modules = list(self)
        for index in reversed(range(len(modules))):
            module = modules[index]
            if isinstance(module, RandomProjection):
                return self._searched(modules[: index + 1], y, tolerance)
            step = as_step(module, self._flattened.get(index) or _shape_of(modules[:index]))
            y = step.inverse(y, tolerance=tolerance)
        return y

    def _searched(self, modules: list[nn.Module], y: Tensor, tolerance: float) -> Tensor:
        before, last = nn.Sequential(*modules), modules[-1]
        assert isinstance(last, RandomProjection), "a search ends at a projection"
        wanted = in_format_of(before, y).reshape(-1, y.shape[-1])
        x = find_code(before, wanted, last.latent_dim).reshape(*y.shape[:-1], last.latent_dim)
        insist_in_range(y, before(x), 0.0, tolerance)
        return x.to(y.dtype)

    def log_det(self, x: Tensor) -> Tensor:
        """Returns 1/2 log det J^T J of the whole: it is not the sum of the layers' in general.

        Raises:
            LayerError: with a normalisation inside whose statistics are kept aside.
        """
        if any(isinstance(module, InjectiveGroupNorm) for module in leaves(self)):
            raise LayerError(
                "Expected layers whose Jacobian is that of a function. Got InjectiveGroupNorm, "
                "which is one-to-one only with its statistics; use AugmentedLayerNorm."
            )
        dims = _example_dims(self)
        return jacobian_log_volume(self, x, x.dim() - 1 if dims is None else dims)

    def project(self, y: Tensor) -> Tensor:
        """Returns f(x) for an x found layer by layer, each on the nearest point it can give."""
        with settled(self, y):
            given: Tensor = self(in_format_of(self, self.inverse(y, tolerance=math.inf)))
        return given.to(y.dtype)

    @property
    def projects_to_nearest(self) -> bool:
        return len(self) == 1 and as_step(self[0]).projects_to_nearest

    def bounds(self) -> FloatBounds:
        """Returns the products of the layers' bounds, from below and from above."""
        low, high = 1.0, 1.0
        for module in self:
            if isinstance(module, RandomProjection):
                low, high = 0.0, high * float(torch.linalg.matrix_norm(module.projection, 2))
                continue
            layer = as_step(module).bounds()
            low, high = low * layer.inverse_lipschitz[0], high * layer.lipschitz[1]
        return FloatBounds(inverse_lipschitz=(low, high), lipschitz=(low, high))

    def is_injective(
        self, *, assume: str | Sequence[str] | None = None, limit: int = DENSE_LIMIT
    ) -> NetworkDecision:
        """Returns what the exact decisions about the layers say about the whole.

        Arguments:
            assume: "random-projections", "statistics" or both, when verdicts may rest on them.
            limit: Layers of pairs that take more numbers than this are UNDECIDED.

        Raises:
            LayerError: for assumptions that are not known, and for a projection from another
                number of dimensions than grids that were learned by now have.
        """
        insist_on_numbers(self)
        insist_on_chain(list(self))
        asked = insist_on_assumption(assume)
        stages = tuple(
            StageDecision(
                name=name,
                shape=_shape(module),
                domain="whole space",
                activation=type(module).__name__,
                decision=_decision(module, asked, limit),
            )
            for name, module in self.named_children()
        )
        used = sorted({s.decision.assumption for s in stages if s.decision.assumption})
        verdict, reason = _whole(stages)
        return NetworkDecision(
            verdict=verdict, reason=reason, stages=stages, assumption=" and ".join(used) or None
        )

    def config(self) -> dict[str, Any]:
        return {}


def _shape_of(modules: Sequence[nn.Module]) -> tuple[int, ...] | None:
    """Returns the shape of examples behind modules, if the last layer that shapes them tells."""
    for module in reversed(modules):
        if isinstance(module, PairedLayer):
            known = not isinstance(module, GridLayer) or module.input_size is not None
            return module.output_shape() if known else None
        if inverse_of(module) is None:
            return None
    return None


def _numbered(modules: Sequence[Any]) -> dict[str, nn.Module]:
    return {str(index): module for index, module in enumerate(modules)}


def _example_dims(network: InjectiveSequential) -> int | None:
    """Returns how many axes one example has, None for all but the first of a batch."""
    for module in leaves(network):
        if isinstance(module, PairedLayer):
            return module.example_dims
        if is_reshape(module):
            return None
        if isinstance(module, (nn.Linear, InjectiveModule)):
            return 1
    return None


def _decision(module: nn.Module, asked: tuple[str, ...], limit: int) -> Decision:
    if isinstance(module, (RandomProjection, InjectiveSkip, InjectiveGroupNorm)):
        return module.is_injective(assume=asked)
    if isinstance(module, InjectiveSequential):
        whole = module.is_injective(assume=asked, limit=limit)
        return Decision(
            verdict=whole.verdict,
            reason=whole.reason,
            method="composition",
            assumption=whole.assumption,
        )
    if isinstance(module, PairedLayer):
        return module.is_injective(limit=limit)
    found = as_step(module).is_injective()
    assert isinstance(found, Decision), "only networks have a decision of another kind"
    return found


def _whole(stages: Sequence[StageDecision]) -> tuple[Verdict, str]:
    weak = next((s for s in stages if s.decision.verdict is not Verdict.INJECTIVE), None)
    if weak is None:
        return Verdict.INJECTIVE, "every layer is one-to-one on the whole space"
    return Verdict.UNDECIDED, f"layer {weak.name} ({weak.activation}): {weak.decision.reason}"


def _shape(module: nn.Module) -> tuple[int, int]:
    return int(getattr(module, "out_features", 0)), int(getattr(module, "in_features", 0))
