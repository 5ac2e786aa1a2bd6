"""`monic invert`: latent codes of outputs, from a file of arrays into another."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from monic.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from monic.inversion import Inversion
    from monic.model import Network, ReLULayer
    from monic.model.array import Array

__all__ = ["invert"]


class Norm(StrEnum):
    """The norm of the residual to minimise."""

    L2 = "l2"
    L1 = "l1"
    LINF = "linf"


def invert(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="ONNX, .npy, .npz, .pt or .safetensors.")
    ],
    data: Annotated[
        str,
        typer.Argument(metavar="Y", help="Outputs of the model: .npy of shape (m,) or (N, m)."),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="X",
            help="Where the answer goes: .npy for the latent codes, .npz for everything.",
        ),
    ],
    layer: Annotated[
        str | None, typer.Option(metavar="NAME", help="Invert this layer alone.")
    ] = None,
    norm: Annotated[Norm, typer.Option(help="Norm of the residual to minimise.")] = Norm.L2,
    noise: Annotated[
        float | None,
        typer.Option(min=0, metavar="ETA", help="A bound of |Y - f(x)|; asks for an error bound."),
    ] = None,
    memory: options.Memory = None,
) -> None:
    """Find the latent codes that a model maps to given outputs, or nearest to them.

    Example: monic invert network.onnx outputs.npy -o codes.npz --noise 0.01

    Exit code: 0, however far the outputs are off the range; 2 usage or unreadable.
    """
    from pathlib import Path

    from monic.inversion import invert as solve
    from monic.io import load
    from monic.io.numpy import load_array

    suffix = Path(output).suffix
    if suffix not in (".npy", ".npz"):
        raise typer.BadParameter(
            f"Expected a file name that ends in .npy or .npz. Got {output!r}.",
            param_hint="--output",
        )
    asked = _model(load(model, memory=memory), layer)
    answer = solve(asked, load_array(Path(data)), norm=norm.value, noise=noise)
    _save(Path(output), answer)
    typer.echo(_summary(answer))


def _model(loaded: "Network | dict[str, ReLULayer]", layer: str | None) -> "Network | ReLULayer":
    from monic.model import Network
    from monic.report.text import printable

    if isinstance(loaded, Network):
        if layer is None:
            return loaded
        parts: dict[str, Network | ReLULayer] = {s.name: Network([s]) for s in loaded.stages}
    else:
        parts = dict(loaded)
        if layer is None and len(parts) == 1:
            return next(iter(parts.values()))
    if layer not in parts:
        names = ", ".join(repr(printable(name)) for name in parts)
        raise typer.BadParameter(
            f"Expected the name of a layer: {names}. Got {layer!r}.", param_hint="--layer"
        )
    return parts[layer]


def _save(path: "Path", answer: "Inversion") -> None:
    import numpy as np

    from monic.errors import UnreadableModel

    arrays: dict[str, Array] = {
        "latent": answer.latent,
        "residual": np.asarray(answer.residual),
        "distance_lower": np.asarray(answer.distance_to_range.lower),
        "distance_upper": np.asarray(answer.distance_to_range.upper),
    }
    if answer.error_bound is not None:
        arrays["error_bound"] = np.asarray(answer.error_bound)
    try:
        if path.suffix == ".npy":
            np.save(path, answer.latent)
        else:
            np.savez(path, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise UnreadableModel(f"Expected to write {path}. Cannot: {error}.") from None


def _summary(answer: "Inversion") -> str:
    import numpy as np

    def most(values: object) -> str:
        return f"{np.max(np.asarray(values), initial=0.0):.3g}"

    lower, upper = answer.distance_to_range.lower, answer.distance_to_range.upper
    count = int(np.size(answer.residual))
    lines = [
        f"{count} latent code{'s' if count != 1 else ''} of {answer.latent.shape[-1]} numbers",
        f"distance to the range, largest: between {most(lower)} and {most(upper)}",
    ]
    if answer.error_bound is not None:
        lines.append(f"error bound, largest: {most(answer.error_bound)}")
    return "\n".join(lines)
