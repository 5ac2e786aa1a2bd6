"""From the bounds of a network to what proves each of their ends."""

from fractions import Fraction
from math import inf, prod

from monic.bounds.evidence import ABOVE, BELOW, KAPPA, STRETCH, End, Evidence, Product, Two
from monic.bounds.interval import Interval
from monic.bounds.inverse_lipschitz import Pair
from monic.bounds.result import NetworkBounds
from monic.certificate import subject
from monic.decision.network import range_superset
from monic.model import Activation, Domain, Network, WholeSpace

__all__ = ["ends_of_network"]

_LINEAR = (Activation.RELU, Activation.IDENTITY)


def ends_of_network(
    network: Network, found: NetworkBounds, widest: Pair | None
) -> tuple[End, ...]:
    """Returns every end of kappa and of the Lipschitz constant of a network, with proof.

    Arguments:
        network: The network.
        found: What `bound` said about it, with the ends of its stages.
        widest: The pair that attains the lower end of the Lipschitz constant.
    """
    kappa, stretch = found.inverse_lipschitz, found.lipschitz
    least = found.pair
    if found.collision is not None and kappa.upper == 0:
        least = Pair(x=found.collision.x, other=found.collision.other, ratio=0.0)
    return (
        _product(network, found, KAPPA, kappa),
        _attained(network, KAPPA, ABOVE, kappa.upper, least),
        _attained(network, STRETCH, BELOW, stretch.lower, widest),
        _product(network, found, STRETCH, stretch),
    )


def _attained(
    network: Network, quantity: str, relation: str, end: float, pair: Pair | None
) -> End:
    """A pair of inputs, where all stages are piecewise linear and it attains the end."""
    evidence: Evidence | None = None
    exact = all(stage.slopes() is not None for stage in network.stages)
    if pair is not None and exact and pair.ratio == end:
        evidence = Two(pair.x, pair.other)
    return End(quantity, relation, end, _exact(end), evidence)


def _product(network: Network, found: NetworkBounds, quantity: str, interval: Interval) -> End:
    """The product of what is proved about the stages; it may be less than the end says."""
    relation = BELOW if quantity == KAPPA else ABOVE
    end = interval.lower if quantity == KAPPA else interval.upper
    wanted = (quantity, relation)
    ends = [
        proved
        for stage in found.stages
        for proved in stage.bounds.ends
        if (proved.quantity, proved.relation) == wanted and proved.evidence is not None
    ]
    linear = all(stage.activation in _LINEAR for stage in network.stages)
    if not linear or len(ends) < len(network.stages):
        return End(quantity, relation, end, _exact(end), None)
    total = prod((proved.value for proved in ends), start=Fraction(1))
    exact = _exact(end)
    value = min(exact, total) if quantity == KAPPA else max(exact, total)
    return End(quantity, relation, end, value, Product(_domains(network), tuple(ends)))


def _domains(network: Network) -> tuple[dict[str, object] | None, ...]:
    """The domain of each stage as certificates name it; None for the first."""
    found: list[dict[str, object] | None] = []
    domain: Domain = network.domain
    for k, stage in enumerate(network.stages):
        named = subject("affine", stage.map, domain if k else WholeSpace())["domain"]
        found.append(named if k else None)
        domain = range_superset(stage, domain)
    return tuple(found)


def _exact(end: float) -> Fraction:
    return Fraction(end if end < inf else 0.0)
