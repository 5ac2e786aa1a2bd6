"""What engines are asked about: a layer or a network, and what to do with anything else."""

from pathlib import Path

from monic.errors import LayerError
from monic.model.layer import ReLULayer
from monic.model.network import Network, Stage

__all__ = ["as_network", "insist_on_model"]


def insist_on_model(value: object) -> None:
    """Refuses what is neither a layer nor a network, and says how to make one of it.

    Raises:
        LayerError: when it is neither.

    Example:
        >>> insist_on_model([[1.0], [-1.0]])
        Traceback (most recent call last):
            ...
        monic.errors.LayerError: Expected a ReLULayer or a Network. Got list: make a layer with ...
    """
    if isinstance(value, ReLULayer | Network):
        return
    if isinstance(value, str | Path):
        advice = "read the file with monic.load(path)"
    elif callable(getattr(value, "forward", None)):
        advice = "read a torch module with monic.load(module, input_shape=...)"
    else:
        advice = "make a layer with monic.ReLULayer(weight, bias), or read a file with monic.load"
    raise LayerError(f"Expected a ReLULayer or a Network. Got {type(value).__name__}: {advice}.")


def as_network(model: object) -> Network:
    """Returns a network as it is, and a layer as a network of one stage.

    Raises:
        LayerError: when it is neither.
    """
    insist_on_model(model)
    if isinstance(model, ReLULayer):
        return Network([Stage("layer", model.map)], model.domain)
    assert isinstance(model, Network), "the only other one"
    return model
