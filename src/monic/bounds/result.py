"""The answer to `bound`: certified intervals, and where their upper ends are attained."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from monic.bounds.certificates import certificates
from monic.bounds.evidence import End
from monic.bounds.interval import Interval, insist_on_order
from monic.bounds.inverse_lipschitz import Pair, half_of
from monic.certificate import Certificate
from monic.decision.convolution.sigma import SigmaEstimate
from monic.decision.problem import Point
from monic.decision.result import Collision, Verdict

__all__ = ["Bounds", "NetworkBounds", "StageBounds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Certified bounds for one layer f on its domain; the notation is docs/stability.md's.

    Arguments:
        inverse_lipschitz: Holds kappa, the least |f(x) - f(y)| / |x - y|.
        lipschitz: Holds the Lipschitz constant, which is the largest singular value over open
            cells, where no row has the value 0.
        smallest_singular: Holds sigma*, the smallest singular value over active sets.
        frame: From a lower bound for sigma* to an upper bound for the Lipschitz constant: the
            active rows of every open cell are a frame with constants between them (not squared).
        papers: The papers' constant sigma*/sqrt(2 m), rounded down from the proved sigma*.
        method: How the lower bound of kappa was proved.
        limit: None, or why the search stopped before the gap was reached.
        point: A point whose active rows attain the upper end of `smallest_singular`.
        stretched: A point whose positive rows attain the lower end of `lipschitz`.
        pair: The best pair of inputs found; where its ratio is below sigma*, it attains the upper
            end of `inverse_lipschitz`.
        collision: For a layer that is not one-to-one, two inputs with the same output.
        nodes: Nodes of the branch and bound.
        seconds: Wall-clock time.
        estimate: For convolutions too large to be certified, what floats say about the lower
            bound of kappa that their filters would prove. It is no part of any interval.
        ends: If evidence was asked for, each end of the three intervals with what proves it.
        about: What certificates say that they are about.
    """

    inverse_lipschitz: Interval
    lipschitz: Interval
    smallest_singular: Interval
    frame: Interval
    papers: float
    method: str
    limit: str | None = None
    point: Point | None = None
    stretched: Point | None = None
    pair: Pair | None = None
    collision: Collision | None = None
    nodes: int = 0
    seconds: float = 0.0
    estimate: SigmaEstimate | None = None
    ends: Sequence[End] = ()
    about: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    def certificates(self) -> dict[str, Certificate]:
        """Returns a certificate for every end with evidence; the names say which end."""
        return {} if self.about is None else certificates(self.about, self.ends)

    def __post_init__(self) -> None:
        kappa, sigma, stretch = self.inverse_lipschitz, self.smallest_singular, self.lipschitz
        _insist(kappa, stretch, "kappa", "the Lipschitz constant")
        _insist(kappa, sigma, "kappa", "sigma*")
        _insist(sigma, stretch, "sigma*", "the Lipschitz constant")
        _insist(sigma, self.frame, "sigma*", "the greatest singular value")
        insist_on_order(
            half_of(sigma.lower) * (1 - 1e-15),
            kappa.upper,
            f"{sigma=} and {kappa=}, sigma*/sqrt 2",
        )
        _insist_on_pairs(kappa, self.pair, self.collision)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBounds:
    """The bounds of one stage of a network, with the domain on which they hold."""

    name: str
    shape: tuple[int, int]
    domain: str
    activation: str
    bounds: Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkBounds:
    """Certified bounds for a network: products over its stages, and a pair found by sampling.

    Arguments:
        inverse_lipschitz: From the product of the stages' lower bounds to the ratio of a pair of
            inputs; how far they are apart shows how loose the product is.
        lipschitz: Up to the product of the stages' upper bounds; from the ratio of a pair.
        stages: The bounds of the stages.
        pair: The pair that attains the upper end of `inverse_lipschitz`.
        samples: How many pairs were drawn.
        seed: The seed of the drawing.
        limit: None, or why the search stopped early.
        verdict: What was decided about the network, where the product proves nothing; else None.
        collision: For a network that is not one-to-one, two inputs with the same output.
        ends: If evidence was asked for, each end of the two intervals with what proves it.
        about: What certificates say that they are about.
    """

    inverse_lipschitz: Interval
    lipschitz: Interval
    stages: Sequence[StageBounds]
    pair: Pair | None
    samples: int
    seed: int
    limit: str | None = None
    verdict: Verdict | None = None
    collision: Collision | None = None
    ends: Sequence[End] = ()
    about: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    def certificates(self) -> dict[str, Certificate]:
        """Returns a certificate for every end with evidence; the names say which end."""
        return {} if self.about is None else certificates(self.about, self.ends)

    def __post_init__(self) -> None:
        _insist(self.inverse_lipschitz, self.lipschitz, "kappa", "the Lipschitz constant")
        _insist_on_pairs(self.inverse_lipschitz, self.pair, self.collision)


def _insist(smaller: Interval, larger: Interval, name: str, other: str) -> None:
    """Insists on an order between two numbers, of which certified intervals are known."""
    what = f"{name} in {smaller} and {other} in {larger}"
    insist_on_order(smaller.lower, larger.upper, what)


def _insist_on_pairs(kappa: Interval, pair: Pair | None, collision: Collision | None) -> None:
    """Insists that no two inputs come closer than a lower bound allows."""
    if pair is not None:
        insist_on_order(kappa.lower, pair.ratio, f"kappa in {kappa} and the pair {pair}")
    if collision is not None:
        insist_on_order(kappa.lower, 0.0, f"kappa in {kappa} and the collision {collision}")
