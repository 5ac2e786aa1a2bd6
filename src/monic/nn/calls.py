"""Which layers of a traced model are followed by a ReLU and nothing else."""

import torch
from torch import fx, nn

__all__ = ["relu_behind"]


def relu_behind(model: nn.Module, kinds: tuple[type[nn.Module], ...]) -> list[str]:
    """Returns the names of the modules whose output goes through a ReLU only, at every call.

    A model that cannot be traced has none.

    Example:
        >>> relu_behind(nn.Sequential(nn.Linear(1, 2), nn.ReLU()), (nn.Linear,))
        ['0']
    """
    try:
        graph = fx.Tracer().trace(model)
    except Exception:  # tracing runs the model's own code, which may raise anything
        return []
    verdicts: dict[str, bool] = {}
    for node in graph.nodes:
        if node.op == "call_module" and isinstance(model.get_submodule(str(node.target)), kinds):
            name = str(node.target)
            good = bool(node.users) and all(_is_relu(model, user) for user in node.users)
            verdicts[name] = verdicts.get(name, True) and good
    return [name for name, good in verdicts.items() if good]


def _is_relu(model: nn.Module, node: fx.Node) -> bool:
    if node.op == "call_module":
        return isinstance(model.get_submodule(str(node.target)), nn.ReLU)
    if node.op == "call_method":
        return node.target in ("relu", "relu_")
    return node.target in (torch.relu, torch.relu_, nn.functional.relu, nn.functional.relu_)
