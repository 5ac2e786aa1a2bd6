"""Certificates about whole networks: their stages as layers, and what proves the claim."""

from collections.abc import Sequence
from fractions import Fraction
from tempfile import TemporaryFile
from typing import IO, Any

from monic.certificate.certificate import Certificate
from monic.certificate.subject import (
    array,
    header,
    joined,
    point_certificate,
    rationals,
    subject,
)
from monic.model import Activation, AffineMap, Domain, Network, Stage, WholeSpace

__all__ = [
    "bottleneck_certificate",
    "composition_certificate",
    "first_stage_certificate",
    "network_collision_certificate",
    "network_subject",
    "pair_tree_certificate",
    "projection_certificate",
    "stage_subject",
]

_NAMES = {
    Activation.RELU: "relu",
    Activation.IDENTITY: "identity",
    Activation.TANH: "tanh",
    Activation.SIGMOID: "sigmoid",
    Activation.GIVEN_STATISTICS: "normalization",
}

_LEAKY = "leaky-relu"

#: A norm with epsilon = 0: only the direction of each group is left.
_DIRECTION = "direction"

#: A norm that gives out its deviations as well.
_AUGMENTED = "augmented-normalization"


def network_collision_certificate(
    network: Network, x: Sequence[Fraction], other: Sequence[Fraction]
) -> Certificate:
    """Returns the certificate that two inputs of a network have the same output."""
    return point_certificate(network_subject(network), "collision", {"x": x, "other": other})


def first_stage_certificate(network: Network, first: Certificate) -> Certificate:
    """Returns the certificate that a network merges what its first stage merges."""
    evidence = {"kind": "first-stage", "evidence": first.header["evidence"]}
    return Certificate(header("NOT_INJECTIVE", network_subject(network), evidence))


def bottleneck_certificate(network: Network, stage: int, x: Sequence[Fraction]) -> Certificate:
    """Returns the certificate that a network merges inputs since a stage is narrower than they.

    Arguments:
        network: The network.
        stage: The number of the stage.
        x: A point inside the domain, which thus has an interior.
    """
    evidence = {"kind": "bottleneck", "stage": stage, "x": rationals(x)}
    return Certificate(header("NOT_INJECTIVE", network_subject(network), evidence))


def composition_certificate(
    network: Network, certificates: Sequence[Certificate], counts: Sequence[int]
) -> Certificate:
    """Returns the certificate that a network is one-to-one because its spans of stages are.

    Arguments:
        network: The network.
        certificates: One of INJECTIVE for every span, on a superset of what reaches it.
        counts: How many stages each of them is about.
    """
    layers = [
        {
            "stages": counts[k],
            "domain": None if k == 0 else certificate.header["subject"]["domain"],
            "evidence": certificate.header["evidence"],
        }
        for k, certificate in enumerate(certificates)
    ]
    evidence = {"kind": "composition", "layers": layers}
    about = network_subject(network)
    needed = [certificate.header["assumption"] for certificate in certificates]
    if any(stage["activation"] == "normalization" for stage in about["stages"]):
        needed.append("statistics")
    whole = header("INJECTIVE", about, evidence, assumption=joined(needed))
    return Certificate(whole, _bodies(certificates))


def pair_tree_certificate(
    network: Network, scale: Fraction | None, body: IO[bytes]
) -> Certificate:
    """Returns the certificate that no two inputs of a piecewise-linear network collide.

    Arguments:
        network: The network.
        scale: Where its domain is not bounded, the number by which inputs count as large.
        body: The nodes of the tree.
    """
    evidence = {"kind": "pair-tree", "scale": None if scale is None else str(scale)}
    return Certificate(header("INJECTIVE", network_subject(network), evidence), body)


def projection_certificate(value: AffineMap) -> Certificate:
    """Returns the part of a composition that says: this matrix is assumed to be random.

    Alone it proves nothing, since what comes before counts as well.
    """
    evidence = {"kind": "random-projection"}
    about = subject("affine", value, WholeSpace())
    return Certificate(header("INJECTIVE", about, evidence, assumption="random-projections"))


def network_subject(network: Network) -> dict[str, Any]:
    """Returns the subject of certificates about a network."""
    first = subject("affine", network.stages[0].map, network.domain)
    stages = [_stage(stage) for stage in network.stages]
    return {"kind": "network", "stages": stages, "domain": first["domain"]}


def stage_subject(stage: Stage, domain: Domain) -> dict[str, Any]:
    """Returns the subject of certificates about a stage alone, on a domain of its own input."""
    if stage.activation is Activation.RELU:
        return subject("relu-layer", stage.layer_map(), domain)
    return subject("affine", stage.map, domain)


def _stage(stage: Stage) -> dict[str, Any]:
    about = subject("affine", stage.map, WholeSpace())
    arrays, slope = about["arrays"], None
    if stage.slope is not None:
        slope = len(arrays)
        arrays = [*arrays, array(stage.slope)]
    unknown = "one-to-one" if slope is None else _LEAKY
    name, more = _NAMES.get(stage.activation, unknown), dict[str, Any]()
    if stage.loses_scale and stage.norm is not None:
        name, more = _DIRECTION, {"groups": stage.norm.groups}
    elif stage.norm is not None and stage.norm.deviations:
        epsilon = str(Fraction(stage.norm.epsilon))
        name, more = _AUGMENTED, {"groups": stage.norm.groups, "epsilon": epsilon}
    return {
        "activation": name,
        "carried": stage.carried,
        "slope": slope,
        "arrays": arrays,
        "map": about["map"],
    } | more


def _bodies(certificates: Sequence[Certificate]) -> IO[bytes] | None:
    bodies = [certificate.body for certificate in certificates if certificate.body is not None]
    if not bodies:
        return None
    stream = TemporaryFile()  # closed when the certificate goes
    for body in bodies:
        body.seek(0)
        while piece := body.read(1 << 20):
            stream.write(piece)
    return stream
