"""Theorem 5: sums F(z) + A z, which are one-to-one almost surely if A is random.

z is the network's input, or what stages that are one-to-one make of it. If A has at least 2n + 1
rows, n the dimension of the network's input, the sum is one-to-one for almost every A (Theorem 5
of [Puthawala et al., 2020], for z = x; docs/networks.md).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monic.certificate import Certificate, header, subject
from monic.certificate.subject import arrays_in
from monic.decision.network.projections import full_rank, is_alone
from monic.model import (
    Activation,
    AffineMap,
    ChannelScale,
    Concat,
    Domain,
    Input,
    Linear,
    Network,
    Scale,
    Select,
    Shift,
    Stage,
    Sum,
)
from monic.model.derived import origin_of

__all__ = ["is_skip", "random_skip"]

#: Where the entries of a value stand in z; -1 for what is computed.
_Places = NDArray[np.int64]


def random_skip(network: Network, run: Sequence[Stage], domain: Domain) -> Certificate | None:
    """Returns the part of a composition that says that a run ends in such a sum, or None.

    A matrix without full rank, or one whose numbers the network uses twice, was not drawn so.

    Arguments:
        network: The network.
        run: Some of its stages in turn; z goes into the first of them.
        domain: A superset of what reaches them.
    """
    value = run[-1].map
    if not run[-1].activation.is_one_to_one or value.out_dim < 2 * network.in_dim + 1:
        return None
    steps, places = value.steps(), _followed(run)
    everything = np.arange(run[0].map.in_dim)
    plain = all(origin_of(array) is None for step in steps for array in arrays_in(step))
    for step in steps if plain else ():
        if not isinstance(step, Linear) or not _is_added(step, value, steps):
            continue
        if not np.array_equal(places[id(step.of)], everything):
            continue
        if is_alone(step.matrix, network) and full_rank(step.matrix):
            about = subject("affine", run[0].map, domain)
            evidence = {"kind": "random-skip"}
            return Certificate(
                header("INJECTIVE", about, evidence, assumption="random-projections")
            )
    return None


def is_skip(certificate: Certificate | None) -> bool:
    """Whether a certificate is one of `random_skip`."""
    return certificate is not None and certificate.header["evidence"]["kind"] == "random-skip"


def _followed(run: Sequence[Stage]) -> dict[int, _Places]:
    """Returns where the values of the last map's steps, by their identity, stand in z."""
    known: _Places = np.arange(run[0].map.in_dim)
    values: dict[int, _Places] = {}
    for stage in run:
        values = {}
        for step in stage.map.steps():
            values[id(step)] = _moved(step, values, known)
        known = values[id(stage.map)].copy()
        if stage.activation is not Activation.IDENTITY:
            known[stage.carried :] = -1
        known = np.append(known, np.full(stage.out_dim - len(known), -1))
    return values


def _moved(step: AffineMap, values: dict[int, _Places], known: _Places) -> _Places:
    if isinstance(step, Input):
        return known
    if isinstance(step, Concat):
        return np.concatenate([values[id(part)] for part in step.branches])
    if isinstance(step, Select):
        return np.take(values[id(step.of)], step.places)
    return np.full(step.out_dim, -1)


def _is_added(step: AffineMap, value: AffineMap, steps: Sequence[AffineMap]) -> bool:
    """Whether a value is, up to nonzero factors, one of the terms of a sum that is the map."""
    while step is not value:
        readers = [after for after in steps for part in after.parts() if part is step]
        if len(readers) != 1 or not isinstance(readers[0], (ChannelScale, Scale, Shift, Sum)):
            return False
        [step] = readers
        if isinstance(step, (ChannelScale, Scale)) and not np.all(step.vector):
            return False
    return True
