"""The front call: question, method, answer."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import overload

from monic.decision.approach import Approach, as_assumptions
from monic.decision.layer import decide_layer
from monic.decision.problem import Problem
from monic.decision.result import Decision, Execution, Limits, NetworkDecision, Progress
from monic.model import Network, ReLULayer
from monic.model.asked import insist_on_model

__all__ = ["decide"]


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
    resume: str | Path | None = ...,
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
    resume: str | Path | None = ...,
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
    resume: str | Path | None = None,
) -> Decision | NetworkDecision:
    """Decides whether a ReLU layer or a network is one-to-one on its domain, with a proof.

    A layer is one-to-one if and only if at every x inside its domain the active rows
    {w_i : w_i.x + b_i >= 0} span R^n (docs/criterion.md).

    Arguments:
        layer: The question: a `ReLULayer` or a `Network`.
        method: "auto", or one of "structure", "falsify", "packing" and "branching" alone.
        assume: Assumptions under which a verdict may be given; they are written on it.
        limits: How much work it may cost; for a network, for each of its layers.
        execution: Where it is computed.
        time_limit: Shorthand for `Limits(seconds=...)`.
        workers: Shorthand for `Execution(workers=...)`.
        seed: Shorthand for `Execution(seed=...)`.
        progress: Called now and then with the statistics so far.
        resume: A file that `monic.save_checkpoint` wrote; the search goes on from there.

    Returns:
        A `Decision`, or a `NetworkDecision` for a network.

    Raises:
        LayerError: for an unknown method or assumption, or invalid limits.
        DomainError: when the domain has no interior.
        UnreadableCheckpoint: when the file to resume from is damaged or about something else.

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
    insist_on_model(layer)
    if resume is not None:
        from monic.decision.checkpoint import load_checkpoints

        approach = replace(approach, resume=load_checkpoints(resume))
    if isinstance(layer, ReLULayer):
        return decide_layer(Problem(layer), approach)
    from monic.decision.network import decide_network

    return decide_network(layer, approach)
