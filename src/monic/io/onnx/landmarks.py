"""Where the tensors of a graph lie in the network that was read.

The reader knows each tensor as an affine map of what some place holds. The places on the chain of
stages that the network is, and places whose numbers they hold, tell where it lies in the network.
"""

from collections.abc import Iterator, Mapping

from monic.io.comparing.landmark import Landmark
from monic.io.onnx.values import Constant, Operand, Source
from monic.model import Network
from monic.model.affine import AffineMap

__all__ = ["landmarks_of"]


def landmarks_of(
    network: Network, tensors: Mapping[str, Operand | None], last: Source | None
) -> list[Landmark]:
    """Returns the tensors that can be found in a network, in the order of their nodes.

    Arguments:
        network: The network.
        tensors: What is known of each tensor.
        last: The place after the last stage that an activation ends; None if it is not known.
    """
    if last is None:
        return []
    chain = _chain(last)
    stages = network.stages
    ends = len(chain) > len(stages)  # no affine map follows the last place
    if ends and last.stage is not None and stages[-1].map is not last.stage.map:
        chain.pop()  # the last stage was rewritten
    return list(_landmarks(tensors, chain))


def _chain(last: Source) -> list[Source]:
    """Returns the places from the network's input on."""
    found = [last]
    while found[-1].before is not None:
        found.append(found[-1].before)
    return found[::-1]


def _landmarks(tensors: Mapping[str, Operand | None], chain: list[Source]) -> Iterator[Landmark]:
    where: dict[Source, tuple[int, AffineMap]] = {}
    for number, here in enumerate(chain):
        where[here] = number, here.start
        for held, map in here.holds.items():
            where.setdefault(held, (number, map))
    for name, tensor in tensors.items():
        if tensor is None or isinstance(tensor, Constant):
            continue
        settled = tensor.settled()
        if settled.source in where:
            count, place = where[settled.source]
            yield Landmark(name, count, place, settled.map)
