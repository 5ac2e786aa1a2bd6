"""What follows the map of a stage, in floats; or in words why it is not inverted."""

from collections.abc import Mapping

import numpy as np

from monic.decision.affine import decide_affine
from monic.decision.result import Verdict
from monic.errors import InversionError
from monic.inversion.activations import FloatActivation, float_activation
from monic.inversion.norms import FloatNorm
from monic.model import Activation, Stage, WholeSpace
from monic.model.affine import AffineMap
from monic.model.normalization import Normalization, uncentred

__all__ = ["activation_of"]


def activation_of(stage: Stage, slopes: Mapping[str, object]) -> FloatActivation:
    """Returns what follows the map of a stage.

    Arguments:
        stage: The stage.
        slopes: Slopes and alphas by the name of the stage, where the model does not keep them.

    Raises:
        InversionError: when numbers are carried past it, a slope is missing or wrong, or it is
            a norm that loses something.
    """
    if stage.norm is not None:
        _insist_on_all_kept(stage, stage.norm)
        return FloatNorm(stage.norm, stage.carried, stage.map.out_dim)
    if stage.carried:
        raise InversionError(
            "Expected a chain of layers. Got a skip connection or a pooling: "
            f"{stage.name!r} carries {stage.carried} numbers past its activation, and inversion "
            "knows no such stages. Invert the layers before and after it."
        )
    known = dict(slopes)
    if stage.slope is not None:
        rest = stage.map.out_dim // stage.slope.size
        known.setdefault(stage.name, np.repeat(stage.slope.reshape(-1), rest))
    if stage.alpha is not None:
        known.setdefault(stage.name, stage.alpha)
    return float_activation(stage.name, stage.activation, stage.map.out_dim, known)


def _insist_on_all_kept(stage: Stage, norm: Normalization) -> None:
    if stage.activation is Activation.GIVEN_STATISTICS:
        raise InversionError(
            f"Expected norms as they are. Got {stage.name!r} with its statistics given, which "
            "are no numbers of its output. Invert the network that gives its deviations out, "
            "and carries its means."
        )
    if stage.loses_scale:
        raise InversionError(
            f"Expected norms that lose nothing. Got {stage.name!r} with epsilon = 0, which is the "
            "same for all positive multiples of a group. Let it give its deviations out, or "
            "invert the layers before and after it."
        )
    whole = uncentred(stage.map, stage.carried)
    if whole is not stage.map and _loses(stage.map) and not _loses(whole):
        each = "its group" if norm.groups == 1 else f"each of its {norm.groups} groups"
        raise InversionError(
            f"Expected norms that lose nothing. Got {stage.name!r}, which takes off the mean of "
            f"{each} and gives it out nowhere. Carry the means past the norm "
            "(monic.nn.AugmentedLayerNorm does), or invert the layers before and after it."
        )


def _loses(value: AffineMap) -> bool:
    """Whether an affine map is known not to be one-to-one."""
    return decide_affine(value, WholeSpace()).verdict is Verdict.NOT_INJECTIVE
