"""Which layers of a traced model are followed by a ReLU and nothing else."""

import torch
from torch import fx, nn

__all__ = ["followers"]

#: What the output of a layer goes through: the ReLU's module, or None for a function or method.
Followers = dict[str, list[nn.Module | None]]


def followers(model: nn.Module, kinds: tuple[type[nn.Module], ...]) -> Followers | None:
    """Returns the ReLUs behind each module whose output goes through ReLUs only, at every call.

    None for a model that cannot be traced.

    Example:
        >>> followers(nn.Sequential(nn.Linear(1, 2), nn.ReLU()), (nn.Linear,))
        {'0': [ReLU()]}
    """
    try:
        graph = fx.Tracer().trace(model)
    except Exception:  # tracing runs the model's own code, which may raise anything
        return None
    found: Followers = {}
    spoiled: set[str] = set()
    for node in graph.nodes:
        if node.op == "call_module" and isinstance(model.get_submodule(str(node.target)), kinds):
            name = str(node.target)
            found.setdefault(name, []).extend(
                model.get_submodule(str(user.target)) if user.op == "call_module" else None
                for user in node.users
            )
            if not node.users or not all(_is_relu(model, user) for user in node.users):
                spoiled.add(name)
    return {name: relus for name, relus in found.items() if name not in spoiled}


def _is_relu(model: nn.Module, node: fx.Node) -> bool:
    if node.op == "call_module":
        return isinstance(model.get_submodule(str(node.target)), nn.ReLU)
    if node.op == "call_method":
        return node.target in ("relu", "relu_")
    return node.target in (torch.relu, torch.relu_, nn.functional.relu, nn.functional.relu_)
