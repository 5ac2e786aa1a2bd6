"""What B is kept to during training, by torch's own parametrizations."""

from typing import Literal

from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from monic.errors import LayerError

__all__ = ["Constraint", "constrain"]

#: Orthogonal: columns (or rows) orthonormal; spectral: largest singular value 1; None: free.
Constraint = Literal["orthogonal", "spectral"] | None


class _Folded(nn.Module):
    """A matrix seen as a kernel: (outputs, inputs * taps) as (outputs, inputs, taps...)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, matrix: Tensor) -> Tensor:
        return matrix.reshape(self.shape)

    def right_inverse(self, kernel: Tensor) -> Tensor:
        return kernel.reshape(self.shape[0], -1)


def constrain(module: nn.Module, name: str, constraint: Constraint) -> None:
    """Keeps a parameter orthogonal or of spectral norm 1 while it is trained.

    A kernel is taken as the matrix (outputs, inputs * taps). For a dense layer "orthogonal" keeps
    the columns of B orthonormal: with s = 1 the layer keeps norms (and mean squares halve). For a
    convolution it keeps B a basis where windows do not overlap; elsewhere `is_injective` is the
    test. "spectral" bounds B, and keeps its rank.

    Raises:
        LayerError: for another constraint.
    """
    value = getattr(module, name)
    if constraint is None:
        return
    if constraint == "spectral":
        parametrizations.spectral_norm(module, name)
    elif constraint == "orthogonal":
        shape = tuple(value.shape)
        if value.dim() > 2:
            setattr(module, name, nn.Parameter(value.detach().reshape(shape[0], -1)))
        # torch's other map, by reflections, keeps signs in a trainable diagonal and truncates them
        # to integers: weight decay turns 1 into 0.99, then into 0, and a column vanishes
        parametrizations.orthogonal(module, name, orthogonal_map="matrix_exp")
        if len(shape) > 2:
            parametrize.register_parametrization(module, name, _Folded(shape), unsafe=True)
    else:
        raise LayerError(
            f"Expected a constraint 'orthogonal', 'spectral' or None. Got {constraint!r}."
        )
