"""The pair tree as a method for whole networks: where layers and runs leave them open."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from monic.certificate import pair_tree_certificate
from monic.clock import monotonic
from monic.decision.approach import Approach
from monic.decision.network.chain import Chain
from monic.decision.network.collision import as_collision, not_injective
from monic.decision.network.pairs import collision_between, meet
from monic.decision.network.sampling import Sampler
from monic.decision.pair_tree.program import Program
from monic.decision.pair_tree.search import Counts, PairTree
from monic.decision.result import NetworkDecision, StageDecision, Statistics, Verdict
from monic.model import Network

__all__ = ["decide_pairs"]

Floats = np.ndarray[Any, np.dtype[np.float64]]

#: Progress is told after so many nodes.
TELL = 64


def decide_pairs(
    network: Network,
    stages: Sequence[StageDecision],
    program: Program,
    chain: Chain,
    sampler: Sampler,
    approach: Approach,
    seconds: float,
) -> NetworkDecision | str:
    """Decides a piecewise-linear network, or returns the sentence that says how far it came.

    Arguments:
        network: The network.
        stages: The decisions about its stages.
        program: The network as one list of ReLUs.
        chain: Its stages as exact matrices.
        sampler: Moves points into the domain.
        approach: The limit of nodes, and whom to tell of progress.
        seconds: How long it may take.
    """
    watch = _Watch(approach, monotonic(), seconds)
    near = _Near(chain, sampler)
    tree = PairTree(program, near.collision, watch.is_over)
    found = tree.run()
    counts = tree.counts
    size = f"{counts.nodes:,} node{'s' if counts.nodes > 1 else ''}"
    if found is False:
        return (
            f"the pair tree of the network was left after {size} ({counts.open:,} open, "
            f"{100 * counts.share:.1f} % done); raise {watch.reason(counts)}"
        )
    if found is True:
        body = tree.writer.end()
        scale = None if program.scale is None else Fraction(str(program.scale))
        return NetworkDecision(
            verdict=Verdict.INJECTIVE,
            reason=f"no two inputs have the same output, by a tree of {size} over pairs of inputs",
            stages=tuple(stages),
            certificate=pair_tree_certificate(network, scale, body),
        )
    if not chain.collide(*found):  # around a ball stands a box
        return f"two points of the box around the ball meet (after {size})"
    words = f"two inputs in two linear regions meet (a tree of {size} over pairs of inputs)"
    return not_injective(network, stages, as_collision(chain, *found), words)


@dataclass(slots=True)
class _Watch:
    """The limits of a search.

    Arguments:
        approach: The limit of nodes, and whom to tell of progress.
        began: When the search began.
        seconds: How long it may take.
    """

    approach: Approach
    began: float
    seconds: float

    def is_over(self, counts: Counts) -> bool:
        """Whether the search has to end; tells of progress now and then."""
        elapsed = monotonic() - self.began
        if counts.nodes % TELL == 0:
            told = Statistics(
                counts.nodes, elapsed, counts.depth, counts.exact, counts.open, counts.share
            )
            self.approach.progress(told)
        nodes = self.approach.limits.nodes
        return elapsed > self.seconds or (nodes is not None and counts.nodes > nodes)

    def reason(self, counts: Counts) -> str:
        """Returns which limit was hit."""
        nodes = self.approach.limits.nodes
        over = nodes is not None and counts.nodes > nodes
        return "limits.nodes" if over else f"the time limit of {self.seconds:.3g} s"


@dataclass(frozen=True, slots=True)
class _Near:
    """Collisions near two points."""

    chain: Chain
    sampler: Sampler

    def collision(self, x: Floats, y: Floats) -> tuple[Any, Any] | None:
        """Returns two points with exactly equal outputs near two float points, or None."""
        if not self.chain.is_finite:
            return None
        points = meet(self.chain, self.sampler, *(self.sampler.inside(p) for p in (x, y)))
        if points is None:
            return None
        return collision_between(
            self.chain, *(tuple(Fraction(t) for t in point.tolist()) for point in points)
        )
