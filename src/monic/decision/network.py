"""Networks: what the decisions about their layers say about the whole.

Layers that are all one-to-one on convex supersets of what reaches them make a network that is
(Corollary 1 of [Puthawala et al., 2020], made sharper by domains). A layer that is not proves
something only where its collision is an image of inputs: here for the first layer.
docs/networks.md has the rules.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from monic.decision.affine import decide_affine
from monic.decision.approach import Approach
from monic.decision.checkpoint import Interrupted, checkpoints_of
from monic.decision.layer import decide_layer
from monic.decision.problem import Problem
from monic.decision.result import NetworkDecision, StageDecision, Verdict
from monic.model import Activation, Box, Domain, Network, Orthant, ReLULayer, Stage, WholeSpace

__all__ = ["decide_network", "decide_stage", "decide_stages", "network_decision", "range_superset"]


def decide_stages(network: Network, approach: Approach, first: int = 0) -> Iterator[StageDecision]:
    """Decides the stages one after the other, each on a superset of its inputs.

    Arguments:
        network: The chain.
        approach: How.
        first: The number of the first stage, by which checkpoints are found.
    """
    domain = network.domain
    for number, stage in enumerate(network.stages, first):
        yield decide_stage(stage, domain, approach.to(number))
        domain = range_superset(stage)


def decide_network(network: Network, approach: Approach) -> NetworkDecision:
    """Decides the stages of a network, and what they say about the whole.

    Raises:
        Interrupted: on Ctrl-C; it carries the checkpoints of all stages so far.
    """
    stages: list[StageDecision] = []
    try:
        stages.extend(decide_stages(network, approach))
    except Interrupted as stop:
        known = network_decision(network, stages)
        raise Interrupted(checkpoints_of(known) | stop.checkpoints) from None
    return network_decision(network, stages)


def decide_stage(stage: Stage, domain: Domain, approach: Approach) -> StageDecision:
    """Decides one stage on a domain of its own input."""
    if stage.activation.is_one_to_one:
        decision = decide_affine(stage.map, domain)
    else:
        decision = decide_layer(Problem(ReLULayer(stage.map, domain=domain)), approach)
    return StageDecision(
        name=stage.name,
        shape=(stage.map.out_dim, stage.map.in_dim),
        domain=domain.describe(),
        activation=stage.activation.value,
        decision=decision,
    )


def range_superset(stage: Stage) -> Domain:
    """Returns a convex set with interior that holds every output of a stage."""
    size = stage.map.out_dim
    if stage.activation is Activation.RELU:
        return Orthant()
    if stage.activation is Activation.TANH:
        return Box(np.full(size, -1.0), np.full(size, 1.0))
    if stage.activation is Activation.SIGMOID:
        return Box(np.zeros(size), np.ones(size))
    return WholeSpace()


def network_decision(network: Network, stages: Sequence[StageDecision]) -> NetworkDecision:
    """Returns what decisions about the stages, in order, say about the network."""
    verdicts = [stage.decision.verdict for stage in stages]
    if len(stages) == len(network.stages) and all(v is Verdict.INJECTIVE for v in verdicts):
        return NetworkDecision(
            verdict=Verdict.INJECTIVE,
            reason="every layer is one-to-one on a convex superset of what reaches it",
            stages=tuple(stages),
        )
    if verdicts and verdicts[0] is Verdict.NOT_INJECTIVE:
        first = stages[0]
        return NetworkDecision(
            verdict=Verdict.NOT_INJECTIVE,
            reason=f"its first layer, {first.name!r}, maps two of its inputs to one output",
            stages=tuple(stages),
            collision=first.decision.collision,
        )
    return NetworkDecision(
        verdict=Verdict.UNDECIDED, reason=_why(network, stages), stages=tuple(stages)
    )


def _why(network: Network, stages: Sequence[StageDecision]) -> str:
    """Says which layer leaves the network undecided, and what that does not show."""
    for stage in stages:
        if stage.decision.verdict is Verdict.UNDECIDED:
            return f"{stage.name!r} is undecided: {stage.decision.reason}"
        if stage.decision.verdict is Verdict.NOT_INJECTIVE:
            return (
                f"{stage.name!r} is not one-to-one on its domain ({stage.domain}), but its "
                "collision was not traced back to inputs of the network; neither was proved"
            )
    left = len(network.stages) - len(stages)
    return f"{left} of {len(network.stages)} layers were not looked at"
