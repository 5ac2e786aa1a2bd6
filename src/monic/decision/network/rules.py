"""Networks: what the decisions about their layers say about the whole.

Layers that are all one-to-one on convex supersets of what reaches them make a network that is
(Corollary 1 of [Puthawala et al., 2020], made sharper by domains). A layer that is not proves
something only where its collision is an image of inputs; so two inputs are looked for.
docs/networks.md has the rules.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from monic.certificate import (
    Certificate,
    composition_certificate,
    first_stage_certificate,
    joined,
    projection_certificate,
)
from monic.clock import monotonic, within
from monic.decision.affine import decide_affine
from monic.decision.approach import Approach
from monic.decision.checkpoint import Interrupted, checkpoints_of
from monic.decision.layer import decide_layer
from monic.decision.network.bottleneck import (
    bottleneck,
    bottleneck_decision,
    pair_through,
    words,
)
from monic.decision.network.bounds import range_superset
from monic.decision.network.chain import linear_part
from monic.decision.network.collision import as_collision, not_injective
from monic.decision.network.pair_trees import decide_pairs
from monic.decision.network.projections import (
    decide_projection,
    is_projected,
    projection_reason,
    uncovered,
    with_projections,
)
from monic.decision.network.remarks import remarked, with_remarks
from monic.decision.network.runs import Span, spans, together
from monic.decision.network.sampling import Sampler
from monic.decision.network.scales import decide_scales, where_defined
from monic.decision.network.search import SECONDS, search
from monic.decision.network.skips import is_skip
from monic.decision.network.statistics import given_statistics
from monic.decision.outcome import LIMITS, limited
from monic.decision.pair_tree.program import program_of
from monic.decision.problem import Point, Problem, insist_on_interior
from monic.decision.result import Decision, NetworkDecision, StageDecision, Verdict
from monic.model import (
    Activation,
    AffineMap,
    Convolution,
    Domain,
    Network,
    ReLULayer,
    Stage,
    TransposedConvolution,
    WholeSpace,
)
from monic.model.convolution import ConvolutionMap

__all__ = ["decide_network", "decide_stage", "decide_stages", "network_decision"]


def decide_network(network: Network, approach: Approach) -> NetworkDecision:
    """Decides the stages of a network, and the whole.

    Raises:
        Interrupted: on Ctrl-C; it carries the checkpoints of all stages so far.
    """
    stages: list[StageDecision] = []
    network = given_statistics(network) if "statistics" in approach.assume else network
    network = with_projections(network) if "random-projections" in approach.assume else network
    try:
        stages.extend(decide_stages(network, approach))
    except Interrupted as stop:
        known = checkpoints_of(network_decision(network, stages)) if stages else {}
        raise Interrupted(known | stop.checkpoints) from None
    return network_decision(network, stages, approach)


def decide_stages(network: Network, approach: Approach, first: int = 0) -> Iterator[StageDecision]:
    """Decides the stages one after the other, each on a superset of its inputs.

    Arguments:
        network: The chain.
        approach: How.
        first: The number of the first stage, by which checkpoints are found.
    """
    domain = network.domain
    insist_on_interior(domain, network.in_dim)
    asked = _may_project(network, approach)  # and no stage before leaves a doubt
    for number, stage in enumerate(network.stages, first):
        decided = decide_projection(network, stage) if asked else None
        if decided is None:
            decided = decide_stage(stage, domain, approach.to(number))
        else:
            domain = WholeSpace()
        asked = asked and decided.decision.verdict is Verdict.INJECTIVE
        yield decided
        domain = range_superset(stage, domain)


def _may_project(network: Network, approach: Approach) -> bool:
    """Whether matrices may be assumed to be random; norms with epsilon = 0 are not Lipschitz."""
    asked = "random-projections" in approach.assume
    return asked and not any(stage.is_partial for stage in network.stages)


def decide_stage(stage: Stage, domain: Domain, approach: Approach) -> StageDecision:
    """Decides one stage on a domain of its own input."""
    try:
        with within(approach.limits.seconds):
            decision = _decide_stage(stage, domain, approach)
    except LIMITS as limit:
        decision = limited(limit)
    decided = StageDecision(
        name=stage.name,
        shape=(stage.out_dim, stage.map.in_dim),
        domain=domain.describe(),
        activation=stage.describe(),
        decision=decision,
        kind=stage_kind(stage.map),
        where=domain,
    )
    return with_remarks(decided, stage.map)


def _decide_stage(stage: Stage, domain: Domain, approach: Approach) -> Decision:
    if stage.is_partial:
        return decide_scales(stage, domain)
    if not stage.activation.is_one_to_one:
        return decide_layer(Problem(ReLULayer(stage.layer_map(), domain=domain)), approach)
    decision = decide_affine(stage.map, domain, approach.begun().deadline)
    given = stage.activation is Activation.GIVEN_STATISTICS
    if given and decision.verdict is Verdict.INJECTIVE:
        return replace(decision, assumption="statistics")
    return decision


def stage_kind(value: AffineMap) -> str:
    """Returns what an affine map is, in words.

    "dense", "dense on rows" (a matrix at many positions), "convolution" or "transposed
    convolution".
    """
    steps = value.steps()
    walks = [step for step in steps if isinstance(step, ConvolutionMap)]
    if walks and all(step.kernel.ndim == 2 for step in walks):
        return "dense on rows"
    if any(isinstance(step, TransposedConvolution) for step in steps):
        return "transposed convolution"
    return "convolution" if any(isinstance(step, Convolution) for step in steps) else "dense"


def network_decision(
    network: Network, stages: Sequence[StageDecision], approach: Approach | None = None
) -> NetworkDecision:
    """Returns what decisions about the stages, in order, say about the network.

    Where they leave it open, two inputs with the same output are looked for.

    Arguments:
        network: The network.
        stages: The decisions about its stages, or about the first of them.
        approach: How long to look for two inputs, and the seed; None does not look.
    """
    try:
        found = _decided(network, stages, approach)
    except LIMITS as limit:
        reason = f"{_why(network, stages)}; {limited(limit).reason}"
        found = NetworkDecision(verdict=Verdict.UNDECIDED, reason=reason, stages=tuple(stages))
    return replace(remarked(where_defined(network, found), network), reading=network.reading)


def _decided(
    network: Network, stages: Sequence[StageDecision], approach: Approach | None
) -> NetworkDecision:
    verdicts = [stage.decision.verdict for stage in stages]
    if len(stages) == len(network.stages) and all(v is Verdict.INJECTIVE for v in verdicts):
        refuted = _refuted(network, stages, approach)
        if refuted is not None:
            return refuted
        proofs = _proofs(network, stages)
        return _composed(network, stages, [Span(k, 1, proof) for k, proof in enumerate(proofs)])
    first = stages[0].decision.collision if verdicts[:1] == [Verdict.NOT_INJECTIVE] else None
    if first is not None:
        chain = linear_part(network)
        if chain is None or network.stages[0].loses_scale:
            return not_injective(network, stages, first, _first(stages))
        pair = as_collision(chain, first.x, first.other)
        return not_injective(network, stages, pair, _first(stages))
    narrow = bottleneck(network)
    open_ = ""
    if narrow is None and approach is not None and verdicts[0] is not Verdict.NOT_INJECTIVE:
        skips, proofs = _may_project(network, approach), _proofs(network, stages)
        parts = _spanned(network, stages, proofs, approach, skips=skips)
        if not isinstance(parts, str):
            random = any(is_skip(part.certificate) for part in parts)
            refuted = _refuted(network, stages, approach, skips=random)
            return _composed(network, stages, parts) if refuted is None else refuted
        open_ = parts
    short = _narrowed(network, stages, narrow, approach)
    found = _settled(network, stages, narrow, approach) if short is None else short
    if isinstance(found, NetworkDecision):
        return found
    if verdicts[:1] == [Verdict.NOT_INJECTIVE]:
        proof = stages[0].decision.certificate
        return NetworkDecision(
            verdict=Verdict.NOT_INJECTIVE,
            reason=_first(stages),
            stages=tuple(stages),
            certificate=None if proof is None else first_stage_certificate(network, proof),
        )
    if narrow is not None:
        inner = _inner(network)
        return bottleneck_decision(network, narrow, tuple(stages), inner)
    asked = approach is not None and "random-projections" in approach.assume
    more = uncovered(network, stages) if asked else ""
    return NetworkDecision(
        verdict=Verdict.UNDECIDED,
        reason="; ".join(filter(None, [_why(network, stages), open_, found, more])),
        stages=tuple(stages),
    )


def _spanned(
    network: Network,
    stages: Sequence[StageDecision],
    proofs: Sequence[Certificate | None],
    approach: Approach,
    *,
    skips: bool,
) -> list[Span] | str:
    """Returns the runs of stages that prove the network, or why there are none."""
    seconds = _seconds(approach)
    try:
        with within(seconds):
            return spans(network, stages, proofs, seconds, skips=skips)
    except LIMITS as limit:
        return f"runs of layers were not decided together: {limited(limit).reason}"


def _refuted(
    network: Network,
    stages: Sequence[StageDecision],
    approach: Approach | None,
    *,
    skips: bool = False,
) -> NetworkDecision | None:
    """Two inputs refute that matrices are as good as random ones."""
    if not skips and not any(is_projected(stage) for stage in stages):
        return None
    found = _searched(network, stages, approach)
    return found if isinstance(found, NetworkDecision) else None


def _proofs(network: Network, stages: Sequence[StageDecision]) -> list[Certificate | None]:
    return [
        projection_certificate(step.map) if is_projected(stage) else stage.decision.certificate
        for step, stage in zip(network.stages, stages, strict=True)
    ]


def _composed(
    network: Network, stages: Sequence[StageDecision], parts: Sequence[Span]
) -> NetworkDecision:
    single = [stages[span.first] for span in parts if span.count == 1]
    proofs = [span.certificate for span in parts if span.certificate is not None]
    counts = [span.count for span in parts]
    skips = [span.first + span.count - 1 for span in parts if is_skip(span.certificate)]
    random = [stage.name for stage in single if is_projected(stage)]
    random += [stages[k].name for k in skips]
    return NetworkDecision(
        verdict=Verdict.INJECTIVE,
        reason=projection_reason(network, random, skips=bool(skips))
        if random
        else together(network, parts),
        stages=tuple(stages),
        assumption=joined(
            [
                *(stage.decision.assumption for stage in single),
                *("random-projections" for _ in skips),
            ]
        ),
        certificate=composition_certificate(network, proofs, counts)
        if len(proofs) == len(parts)
        else None,
    )


def _settled(
    network: Network,
    stages: Sequence[StageDecision],
    narrow: int | None,
    approach: Approach | None,
) -> NetworkDecision | str:
    """Returns the decision by a collision or by all pairs, or what was tried.

    A small piecewise-linear network is searched for collisions briefly, and then completely.
    """
    program = None
    if approach is not None and approach.method == "auto" and narrow is None:
        program = program_of(network)
    began = monotonic()
    found = _searched(network, stages, approach, briefly=program is not None)
    chain = linear_part(network)
    if isinstance(found, NetworkDecision) or not (program and chain and approach):
        return found
    left = _seconds(approach) - (monotonic() - began)
    sampler = _sampler(network, approach)
    try:
        with within(left):
            pairs = decide_pairs(network, stages, program, chain, sampler, approach, left)
    except LIMITS as limit:
        pairs = f"the pair tree of the network ended: {limited(limit).reason}"
    return pairs if isinstance(pairs, NetworkDecision) else f"{found}; {pairs}"


def _searched(
    network: Network,
    stages: Sequence[StageDecision],
    approach: Approach | None,
    *,
    briefly: bool = False,
) -> NetworkDecision | str:
    """Returns the decision by a collision, or the sentence that says what was tried."""
    if approach is None or approach.method == "structure":
        return ""
    chain = linear_part(network)
    if chain is None:
        return "its first map is too large for a search for two inputs"
    try:
        with within(_seconds(approach)):
            sampler, seconds = _sampler(network, approach), _seconds(approach)
            found = search(chain, stages, sampler, seconds, briefly=briefly)
    except LIMITS as limit:
        return f"the search for a collision ended: {limited(limit).reason}"
    if isinstance(found, str):
        return found
    return not_injective(network, stages, as_collision(chain, *found.pair), found.how)


def _narrowed(
    network: Network,
    stages: Sequence[StageDecision],
    narrow: int | None,
    approach: Approach | None,
) -> NetworkDecision | None:
    """Returns the decision by two inputs that meet in a narrow stage, where they are short."""
    if narrow is None or approach is None or approach.method == "structure":
        return None
    seconds = approach.limits.seconds
    until = None if seconds is None else monotonic() + seconds
    try:
        with within(seconds):
            pair = pair_through(network, narrow, _sampler(network, approach), until)
    except LIMITS:
        return None  # that the stage is narrow proves it without a pair
    if pair is None:
        return None
    return not_injective(network, stages, pair, words(network, narrow))


def _sampler(network: Network, approach: Approach) -> Sampler:
    return Sampler(network.domain, network.in_dim, _inner(network), approach.execution.seed)


def _inner(network: Network) -> Point:
    """Returns a point inside the domain."""
    problem = Problem(ReLULayer(network.stages[0].map, domain=network.domain))
    return problem.outside(problem.inner_point())


def _seconds(approach: Approach) -> float:
    return SECONDS if approach.limits.seconds is None else approach.limits.seconds


def _first(stages: Sequence[StageDecision]) -> str:
    return f"its first layer, {stages[0].name!r}, maps two of its inputs to one output"


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
