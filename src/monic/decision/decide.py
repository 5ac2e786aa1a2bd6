"""The front call: question, method, answer."""

from collections.abc import Sequence
from dataclasses import replace
from time import monotonic
from typing import overload

from monic.decision.approach import Approach, as_assumptions
from monic.decision.ball import branch_on_ball
from monic.decision.margin import margin
from monic.decision.problem import Problem
from monic.decision.result import (
    Decision,
    Execution,
    Limits,
    NetworkDecision,
    Progress,
    Statistics,
    Verdict,
)
from monic.decision.structure import Paired, structure
from monic.decision.witness import Witness, witness_certificate
from monic.errors import LayerError
from monic.model import Network, ReLULayer

__all__ = ["decide", "decide_layer"]


@overload
def decide(
    layer: ReLULayer,
    *,
    method: str = ...,
    assume: str | Sequence[str] | None = ...,
    limits: Limits | None = ...,
    execution: Execution | None = ...,
    time_limit: float | None = ...,
    workers: int | None = ...,
    seed: int | None = ...,
    progress: Progress | None = ...,
) -> Decision: ...


@overload
def decide(
    layer: Network,
    *,
    method: str = ...,
    assume: str | Sequence[str] | None = ...,
    limits: Limits | None = ...,
    execution: Execution | None = ...,
    time_limit: float | None = ...,
    workers: int | None = ...,
    seed: int | None = ...,
    progress: Progress | None = ...,
) -> NetworkDecision: ...


def decide(
    layer: ReLULayer | Network,
    *,
    method: str = "auto",
    assume: str | Sequence[str] | None = None,
    limits: Limits | None = None,
    execution: Execution | None = None,
    time_limit: float | None = None,
    workers: int | None = None,
    seed: int | None = None,
    progress: Progress | None = None,
) -> Decision | NetworkDecision:
    """Decides whether a ReLU layer or a network is one-to-one on its domain, with a proof.

    A layer is one-to-one if and only if at every x inside its domain the active rows
    {w_i : w_i.x + b_i >= 0} span R^n (docs/criterion.md).

    Arguments:
        layer: The question: a `ReLULayer` or a `Network`.
        method: "auto", or one of "structure" and "branching" alone.
        assume: Assumptions under which a verdict may be given; they are written on it.
        limits: How much work it may cost; for a network, for each of its layers.
        execution: Where it is computed.
        time_limit: Shorthand for `Limits(seconds=...)`.
        workers: Shorthand for `Execution(workers=...)`.
        seed: Shorthand for `Execution(seed=...)`.
        progress: Called now and then with the statistics so far.

    Returns:
        A `Decision`, or a `NetworkDecision` for a network.

    Raises:
        LayerError: for an unknown method or assumption, or limits that are no limits.
        DomainError: when the domain has no interior.

    Example:
        >>> from monic import ReLULayer, decide
        >>> decide(ReLULayer([[1.0], [-1.0]], [1.0, -0.5])).verdict
        <Verdict.INJECTIVE: 'different inputs give different outputs'>
    """
    limits = limits or Limits()
    if time_limit is not None:
        limits = replace(limits, seconds=time_limit)
    execution = execution or Execution()
    if workers is not None:
        execution = replace(execution, workers=workers)
    if seed is not None:
        execution = replace(execution, seed=seed)
    approach = Approach(
        method=method, assume=as_assumptions(assume), limits=limits, execution=execution
    )
    if progress is not None:
        approach = replace(approach, progress=progress)
    if isinstance(layer, Network):
        from monic.decision.network import decide_stages, network_decision

        return network_decision(layer, list(decide_stages(layer, approach)))
    if not isinstance(layer, ReLULayer):
        raise LayerError(
            f"Expected a ReLULayer or a Network. Got {type(layer).__name__}; see monic.load."
        )
    return decide_layer(Problem(layer), approach)


def decide_layer(problem: Problem, approach: Approach) -> Decision:
    """Decides one layer: structure first, then branching."""
    started = monotonic()
    problem.inner_point()  # a domain without interior is an error whatever the method
    if approach.method in ("auto", "structure"):
        found = structure(problem)
        if found is not None:
            proof, name = found
            spent = Statistics(seconds=monotonic() - started)
            if isinstance(proof, Paired):
                return _injective_by_pairs(proof, spent)
            return _not_injective(problem, proof, name, spent)
    if approach.method == "structure":
        return Decision(
            verdict=Verdict.UNDECIDED,
            reason="structure alone does not decide this layer; use method='branching' or 'auto'",
            method="structure",
            statistics=Statistics(seconds=monotonic() - started),
        )
    if approach.limits.seconds is not None:
        approach = approach.within(approach.limits.seconds - (monotonic() - started))
    return _by_branching(problem, approach, started)


def _by_branching(problem: Problem, approach: Approach, started: float) -> Decision:
    if problem.weighted:
        outcome = branch_on_ball(problem, approach.limits, approach.progress)
    else:
        from monic.decision.branching import branch  # compiled code is loaded when it is needed

        outcome = branch(problem, approach.limits, approach.progress)
    spent = replace(outcome.statistics, seconds=monotonic() - started)
    if outcome.witness is not None:
        return _not_injective(problem, outcome.witness, "branching", spent)
    if outcome.certificate is not None:
        return Decision(
            verdict=Verdict.INJECTIVE,
            reason=f"at every x the active rows span R^{problem.dim}: a tree of "
            f"{spent.nodes:,} nodes proves it",
            method="branching",
            certificate=outcome.certificate,
            statistics=spent,
        )
    return Decision(
        verdict=Verdict.UNDECIDED,
        reason=f"{outcome.limit} (after {spent.nodes:,} nodes)",
        method="branching",
        statistics=spent,
    )


def _injective_by_pairs(proof: Paired, spent: Statistics) -> Decision:
    return Decision(
        verdict=Verdict.INJECTIVE,
        reason=f"{len(proof.pairs)} pairs of antiparallel rows, one of each active at every x, "
        "hold a basis",
        method="paired rows",
        certificate=proof.certificate,
        statistics=spent,
    )


def _not_injective(problem: Problem, witness: Witness, method: str, spent: Statistics) -> Decision:
    size, witness = margin(problem, witness)
    count, dim = len(witness.active), problem.dim
    reason = f"at the point found {count} rows are active and do not span R^{dim}"
    if size.rounding:
        reason += (
            ", only at the level of rounding: the neighbour with exactly antiparallel rows, at "
            f"a relative distance of {size.distance:.1e}, is INJECTIVE"
        )
    return Decision(
        verdict=Verdict.NOT_INJECTIVE,
        reason=reason,
        method=method,
        certificate=witness_certificate(problem, witness),
        collision=witness.collision,
        point=problem.outside(witness.x),
        margin=size,
        statistics=spent,
    )
