"""monic decides exactly, and proves, whether ReLU layers and networks are one-to-one.

`decide` answers with INJECTIVE and a proof, NOT_INJECTIVE and two inputs with the same output
(or a point which proves that two such inputs exist), or UNDECIDED and the reason; `check` checks
a proof with the independent program `monic_checker`; `load` reads network files.

Names are loaded when they are first used, so that `import monic` is quick and needs neither
numba nor onnx nor torch.

Example:
    >>> import monic
    >>> layer = monic.ReLULayer([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    >>> decision = monic.decide(layer)
    >>> decision.verdict
    <Verdict.INJECTIVE: 'different inputs give different outputs'>
    >>> monic.check(decision.certificate, layer)
"""

import importlib
from typing import TYPE_CHECKING

from monic.errors import (
    DomainError,
    GraphNotCompared,
    InvalidProof,
    InversionError,
    LayerError,
    LimitReached,
    MalformedProof,
    MonicError,
    NotInRange,
    OutOfTime,
    OverBudget,
    ReadingError,
    TooLarge,
    UnreadableCheckpoint,
    UnreadableModel,
    UnsupportedModel,
    UnwritableModel,
)

if TYPE_CHECKING:
    from monic.bounds import Bounds, Interval, NetworkBounds, bound
    from monic.certificate import Certificate
    from monic.checking import check
    from monic.decision import decide
    from monic.decision.checkpoint import Interrupted, save_checkpoint
    from monic.decision.fibre import Fibre, fibre
    from monic.decision.result import (
        Collision,
        Decision,
        Execution,
        Limits,
        NetworkDecision,
        Verdict,
    )
    from monic.inversion import Inversion, invert
    from monic.io import load
    from monic.model import (
        Activation,
        Ball,
        Box,
        Domain,
        Network,
        Orthant,
        Polyhedron,
        Product,
        ReLULayer,
        Stage,
        WholeSpace,
    )
    from monic.repairing import Repair, repair

    __version__: str

__all__ = [
    "Activation",
    "Ball",
    "Bounds",
    "Box",
    "Certificate",
    "Collision",
    "Decision",
    "Domain",
    "DomainError",
    "Execution",
    "Fibre",
    "GraphNotCompared",
    "Interrupted",
    "Interval",
    "InvalidProof",
    "Inversion",
    "InversionError",
    "LayerError",
    "LimitReached",
    "Limits",
    "MalformedProof",
    "MonicError",
    "Network",
    "NetworkBounds",
    "NetworkDecision",
    "NotInRange",
    "Orthant",
    "OutOfTime",
    "OverBudget",
    "Polyhedron",
    "Product",
    "ReLULayer",
    "ReadingError",
    "Repair",
    "Stage",
    "TooLarge",
    "UnreadableCheckpoint",
    "UnreadableModel",
    "UnsupportedModel",
    "UnwritableModel",
    "Verdict",
    "WholeSpace",
    "bound",
    "check",
    "decide",
    "fibre",
    "invert",
    "load",
    "repair",
    "save_checkpoint",
]

_HOMES = {
    "monic.bounds": ("Bounds", "Interval", "NetworkBounds", "bound"),
    "monic.certificate": ("Certificate",),
    "monic.checking": ("check",),
    "monic.decision": ("decide",),
    "monic.decision.checkpoint": ("Interrupted", "save_checkpoint"),
    "monic.decision.fibre": ("Fibre", "fibre"),
    "monic.decision.result": (
        *("Collision", "Decision", "Execution", "Limits", "NetworkDecision", "Verdict"),
    ),
    "monic.inversion": ("Inversion", "invert"),
    "monic.io": ("load",),
    "monic.model": (
        *("Activation", "Ball", "Box", "Domain", "Network", "Orthant", "Polyhedron"),
        *("Product", "ReLULayer", "Stage", "WholeSpace"),
    ),
    "monic.repairing": ("Repair", "repair"),
}
#: Packages that `import monic` alone makes reachable; torch is imported when `nn` is touched.
_PACKAGES = frozenset(("bounds", "decision", "inversion", "model", "nn", "random"))
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:  # a type checker sees the imports above, and no others

    def __getattr__(name: str) -> object:
        if name == "__version__":
            value = _version()
        elif name in _PACKAGES:
            return importlib.import_module(f"monic.{name}")
        elif name in _HOME_OF:
            value = getattr(importlib.import_module(_HOME_OF[name]), name)
        else:
            raise AttributeError(f"module 'monic' has no attribute {name!r}")
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return [*__all__, *_PACKAGES, "__version__"]


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("monic-nn")
    except metadata.PackageNotFoundError:  # run from a checkout that was never installed
        return "0+unknown"
