"""The front call: one torch module, one network."""

from collections.abc import Iterator, Sequence

from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn.utils import parametrize

from monic.errors import UnreadableModel, UnsupportedModel
from monic.io.comparing import DEFAULT_SECONDS
from monic.io.onnx.reader import Reading, read
from monic.io.onnx.values import Refused
from monic.io.torch.arrays import array_of
from monic.io.torch.comparing import compared_with_module
from monic.io.torch.exporting import exported, in_evaluation
from monic.io.torch.walk import Walked, walked
from monic.model import Network
from monic.model.array import Array

__all__ = ["arrays_of_module", "load_module"]


def load_module(
    module: nn.Module, input_shape: Sequence[int] | None, seconds: float = DEFAULT_SECONDS
) -> Network:
    """Returns the network that a module is in evaluation mode, for one example, compared with it.

    Raises:
        ReadingError: when the network computes something else than the module.
        UnreadableModel: when `input_shape` is missing, or is not what the module takes.
        UnsupportedModel: when operators are not read; the message lists all of them by the
            module that calls them.
    """
    if input_shape is None:
        raise UnreadableModel(
            "Expected input_shape beside a torch module: the shape of one example, such as (784,) "
            "or (3, 32, 32). Got none."
        )
    program = exported(module, input_shape)
    found = _walked(program)
    reading = read(found.graph, 1, lambda: found.shapes)
    if reading.network is None:
        place = f"the module {type(module).__name__}"
        raise UnsupportedModel(_in_torchs_words(reading, found).complaint(place))
    return compared_with_module(in_evaluation(module), program, found, reading, seconds)


def arrays_of_module(
    module: nn.Module, input_shape: Sequence[int] | None = None
) -> Iterator[tuple[str, Array]]:
    """Yields the arrays that a proof about a module may name.

    These are its parameters and buffers, and the weights in force under parametrizations and
    hooks; with `input_shape` also whatever else of its graph does not depend on the input.
    """
    yield from _arrays(module.state_dict().items())
    plain = in_evaluation(module)
    for path, inner in plain.named_modules():
        start = f"{path}." if path else ""
        own = [(start + k, v) for k, v in vars(inner).items() if isinstance(v, Tensor)]
        if parametrize.is_parametrized(inner):
            names = list(inner.get_submodule("parametrizations")._modules)
            own += [(start + name, getattr(inner, name)) for name in names]
        yield from _arrays(own)
    if input_shape is not None:
        yield from _walked(exported(module, input_shape)).graph.arrays.items()


def _arrays(tensors: object) -> Iterator[tuple[str, Array]]:
    for name, tensor in tensors:  # type: ignore[attr-defined]
        try:
            yield name, array_of(tensor)
        except Refused:  # no proof can name it
            continue


def _walked(program: ExportedProgram) -> Walked:
    try:
        return walked(program)
    except Refused as refusal:
        raise UnsupportedModel(
            f"Expected a module with plain arrays. Got one: {refusal}."
        ) from None


def _in_torchs_words(reading: Reading, found: Walked) -> Reading:
    problems = [
        (
            found.labels.get(where, where),
            why.removesuffix("; export the network again"),
        )
        for where, why in reading.problems
    ]
    return Reading(list(dict.fromkeys(problems)))
