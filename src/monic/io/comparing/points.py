"""The inputs at which a network is compared: such that its units are seen on both sides.

A unit that is on at all of them hides a ReLU that was lost. So points of several sizes are drawn,
and those are taken that show the most units in a state not seen before.
"""

import numpy as np

from monic.model import Activation, Network
from monic.model.affine import FloatArray
from monic.model.array import Array
from monic.model.enclosed import Enclosed
from monic.model.evaluation import enclosed

__all__ = ["chosen_points"]

#: The sizes of points: of inputs that are images, standardised numbers, or physical quantities.
_SIZES = (1.0, 0.1, 1.0, 10.0, 1.0, 100.0, 1.0, 1000.0)

_STRAIGHT = (Activation.IDENTITY, Activation.NORMALIZATION)


def chosen_points(network: Network, count: int, among: int) -> FloatArray:
    """Returns points of R^n as columns, the best first; the same ones each time.

    Their numbers are those of float16, so that every number format holds them.

    Arguments:
        network: The network; n is the dimension of its input.
        count: How many points.
        among: How many are drawn; the more, the more units are seen on both sides.

    Example:
        >>> from monic.model import Input, Stage
        >>> chosen_points(Network([Stage("relu", Input(2))]), 3, 8).shape
        (2, 3)
    """
    drawn = _drawn(network.in_dim, max(count, among))
    states = _states(network, drawn)
    seen = np.zeros(2 * len(states), dtype=bool)
    both = np.concatenate([states, ~states])
    order: list[int] = []
    for _ in range(count):
        news = (both & ~seen[:, None]).sum(axis=0)
        news[order] = -1
        order.append(int(news.argmax()))
        seen |= both[:, order[-1]]
    return drawn[:, order]


def _drawn(dim: int, count: int) -> FloatArray:
    rng = np.random.default_rng(dim)
    sizes = np.resize(_SIZES, count)
    points = rng.standard_normal((dim, count)) * sizes
    points[:, 3::4] = np.abs(points[:, 3::4])  # inputs that are not negative: images
    short: Array = np.clip(points, -6e4, 6e4).astype(np.float16)
    return short.astype(np.float64)


def _states(network: Network, points: FloatArray) -> Array:
    """Returns whether each unit is on at each point, by the signs of what stages give."""
    found, values = [np.zeros((0, points.shape[1]), dtype=bool)], Enclosed.exactly(points)
    for stage in network.stages:
        values = enclosed(stage, values)
        if stage.activation not in _STRAIGHT:
            found.append(values.value[stage.carried :] > 0)
    return np.concatenate(found)
