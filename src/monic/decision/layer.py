"""One layer: structure first, then a search; each way returns a decision or passes it on."""

import math
from collections.abc import Callable
from dataclasses import replace

from monic.clock import monotonic, within
from monic.decision.approach import Approach
from monic.decision.checkpoint import Checkpoint, Interrupted
from monic.decision.components import components, decide_components
from monic.decision.convolution.decide import (
    decide_by_counting,
    decide_convolution,
    has_convolution,
)
from monic.decision.falsify import SMALL, falsify, sparse_margin
from monic.decision.margin import margin
from monic.decision.moments import DIMENSIONS, moments
from monic.decision.outcome import LIMITS, Outcome, limited
from monic.decision.problem import Problem
from monic.decision.result import Decision, Execution, Verdict
from monic.decision.structure import Paired, structure
from monic.decision.witness import Witness, witness_certificate
from monic.errors import TooLarge
from monic.model.reduction import direction
from monic.model.wiring import Wiring

__all__ = ["decide_layer"]

#: The share of a limit that is kept to look for a proof under an assumption nobody asked for.
RESERVE = 0.1

#: The share of the time that a search for a point may take before other methods.
SHARE = 0.5

#: Beyond so many weights a point is looked for first of all.
LARGE = 1 << 20

#: Beyond so many weights one step of a search over regions may outlast any limit.
BRANCHED = 1 << 21

#: Beyond so many weights a matrix that only moves and adds numbers is not written out.
WIRED = 1 << 22

#: Beyond so many weights the margin is bounded in floats, rigorously; rows are not written out.
WIDE = 1 << 17


def decide_layer(problem: Problem, approach: Approach) -> Decision:
    """Decides one layer: each way in turn, or the one that was asked for.

    A limit that some way runs into ends this way; what it says is the reason of UNDECIDED.
    """
    started, approach = monotonic(), approach.begun()
    try:
        with within(approach.limits.seconds):
            decision = _tried(problem, approach)
    except LIMITS as limit:
        decision = limited(limit)
    spent = replace(decision.statistics, seconds=monotonic() - started)
    return replace(decision, statistics=spent)


def _tried(problem: Problem, approach: Approach) -> Decision:
    names: tuple[str, ...] = LARGE_FIRST
    large = math.prod(problem.layer.shape) > LARGE and approach.method == "auto"
    if not large:
        problem.inner_point()  # a domain without interior is an error whatever the method
        names = tuple(_WAYS)
    beyond = ""
    for name in names:
        if approach.method not in ("auto", name):
            continue
        try:
            decision = _WAYS[name](problem, approach, approach.resume.get(approach.number))
        except (TooLarge, OverflowError) as limit:  # another way may need no matrix, no floats
            decision, beyond = None, beyond or limited(limit).reason
        if decision is None and large and approach.left() == 0:
            decision = _late(approach)
        if decision is not None:
            return decision
    alone = f"{approach.method} alone does not decide this layer; use method='branching' or 'auto'"
    return Decision(verdict=Verdict.UNDECIDED, reason=beyond or alone, method=approach.method)


def _late(approach: Approach) -> Decision:
    """What is said of a large layer whose time is over before all methods were tried."""
    reason = f"the time limit of {approach.limits.seconds:g} s was hit; raise time_limit"
    return Decision(verdict=Verdict.UNDECIDED, reason=reason, method="limits")


def _by_structure(
    problem: Problem, approach: Approach, resume: Checkpoint | None
) -> Decision | None:
    if has_convolution(problem.layer):
        decision = decide_convolution(problem, approach)
        if decision is not None:
            return decision
    found = structure(problem, approach.deadline)
    if found is None:
        return None
    proof, name = found
    if isinstance(proof, Witness):
        return _not_injective(problem, proof, name)
    return _injective_by_pairs(proof)


def _by_blocks(problem: Problem, approach: Approach, resume: Checkpoint | None) -> Decision | None:
    """Decides block by block where the rows fall into several, unless a search is resumed."""
    small = math.prod(problem.layer.shape) <= BRANCHED and not has_convolution(problem.layer)
    blocks = components(problem) if small and resume is None else None
    if blocks is None:
        return None
    outcome = decide_components(problem, blocks, approach)
    decision = _searched(problem, outcome, "blocks")
    if decision.verdict is not Verdict.INJECTIVE:
        return decision
    reason = f"its rows fall into {len(blocks)} independent blocks, each injective on its span"
    return replace(decision, reason=reason, method="blocks")


def _by_moments(
    problem: Problem, approach: Approach, resume: Checkpoint | None
) -> Decision | None:
    """Looks for weights that cancel third moments, where a tree would be large."""
    if problem.dim < DIMENSIONS or has_convolution(problem.layer):
        return None
    left = approach.left()
    proof = moments(problem, None if left is None else monotonic() + SHARE * left)
    if proof is None:
        return None
    return Decision(
        verdict=Verdict.INJECTIVE,
        reason=f"weights of {len(proof.weights)} rows that span cancel their third moments",
        method="moments",
        certificate=proof.certificate,
    )


def _by_falsifying(
    problem: Problem, approach: Approach, resume: Checkpoint | None
) -> Decision | None:
    """Looks for a point with few active rows, where that is not left to branching."""
    asked = approach.method == "falsify"
    if has_convolution(problem.layer) or (problem.dim <= SMALL and not asked):
        return None
    wired = any(isinstance(step, Wiring) for step in problem.layer.map.steps())
    if wired and math.prod(problem.layer.shape) > WIRED:
        return decide_by_counting(problem, approach)
    left = approach.left()
    seconds = left if left is None or asked else SHARE * left
    witness = falsify(
        problem,
        limits=replace(approach.limits, seconds=seconds),
        execution=approach.execution,
        progress=approach.progress,
    )
    return None if witness is None else _not_injective(problem, witness, "falsify")


def _by_packing(
    problem: Problem, approach: Approach, resume: Checkpoint | None
) -> Decision | None:
    """Under general position, if that was asked for and is not plainly false."""
    from monic.decision.branching import branch  # compiled code is loaded when it is needed

    asked = "general-position" in approach.assume
    if not asked and approach.method != "packing":
        return None
    refuted = _not_in_general_position(problem)
    if not asked or refuted:
        if approach.method != "packing":
            return None
        assert refuted, "the method is only asked for with the assumption"
        return Decision(verdict=Verdict.UNDECIDED, reason=refuted, method="packing")
    outcome = branch(problem, approach, packing=True, resume=resume)
    return _searched(problem, outcome, "packing")


def _by_branching(problem: Problem, approach: Approach, resume: Checkpoint | None) -> Decision:
    m, n = problem.layer.shape
    if m * n > BRANCHED and approach.method == "auto":
        return Decision(
            verdict=Verdict.UNDECIDED,
            reason=f"its matrix of {m:,} x {n:,} is beyond the limit of {BRANCHED:,} entries for "
            "a search over its regions; method='branching' tries all the same",
            method="branching",
        )
    from monic.decision.branching import branch

    if _not_in_general_position(problem):
        return _searched(problem, branch(problem, approach, resume=resume), "branching")
    outcome = branch(problem, approach.sharing(1 - RESERVE), resume=resume)
    if outcome.limit is None or m * n > WIDE:  # one packing of a large layer takes long
        return _searched(problem, outcome, "branching")
    rest = approach.sharing(1 if approach.budget is None else RESERVE)
    rest = replace(rest, deadline=approach.deadline, execution=Execution(), keep=None)
    try:
        other = branch(problem, rest, packing=True)
    except Interrupted:  # what can be resumed is the search that was asked for
        assert outcome.checkpoint is not None, "a search that hit a limit has one"
        raise Interrupted({approach.number: outcome.checkpoint}) from None
    if other.witness is not None:
        return _searched(problem, other, "packing")
    if other.certificate is not None:
        hint = ", or ask with assume='general-position': under it a packing proves INJECTIVE"
        outcome = replace(outcome, limit=f"{outcome.limit}{hint}")
    return _searched(problem, outcome, "branching")


_WAYS: dict[str, Callable[[Problem, Approach, Checkpoint | None], Decision | None]] = {
    "structure": _by_structure,
    "blocks": _by_blocks,  # no methods of their own: "auto" alone tries these two
    "moments": _by_moments,
    "falsify": _by_falsifying,
    "packing": _by_packing,
    "branching": _by_branching,
}


#: Structure takes exact integers for all weights, which takes long on a large layer.
LARGE_FIRST = ("falsify", "structure", "blocks", "moments", "packing", "branching")


def _not_in_general_position(problem: Problem) -> str | None:
    """Why general position plainly fails, or None where it may hold."""
    reduction = problem.reduction
    if reduction.zero:
        return f"the rows are not in general position: row {reduction.zero[0]} is zero"
    if problem.dim == 1:
        return None
    ways: dict[tuple[int, ...], int] = {}
    for i, row in enumerate(problem.rows):
        way, _ = direction(row[:-1])
        other = ways.get(way, ways.get(tuple(-entry for entry in way)))
        if other is not None:
            return f"the rows are not in general position: rows {other} and {i} are parallel"
        ways[way] = i
    return None


def _searched(problem: Problem, outcome: Outcome, method: str) -> Decision:
    spent = outcome.statistics
    if outcome.witness is not None:
        found = _not_injective(problem, outcome.witness, method)
        return replace(found, statistics=spent, checkpoint=outcome.checkpoint)
    if outcome.certificate is None:
        return Decision(
            verdict=Verdict.UNDECIDED,
            reason=outcome.limit or "the search was stopped",
            method=method,
            statistics=spent,
            checkpoint=outcome.checkpoint,
        )
    assumption = outcome.certificate.header["assumption"]
    under = "" if assumption is None else f", assuming {assumption}"
    return Decision(
        verdict=Verdict.INJECTIVE,
        reason=f"at every x the active rows span R^{problem.dim}: a tree of "
        f"{spent.nodes:,} nodes proves it{under}",
        method="branching" if assumption is None else "packing",
        assumption=assumption,
        certificate=outcome.certificate,
        statistics=spent,
        checkpoint=outcome.checkpoint,
    )


def _injective_by_pairs(proof: Paired) -> Decision:
    return Decision(
        verdict=Verdict.INJECTIVE,
        reason=f"{len(proof.pairs)} pairs of antiparallel rows, one of each active at every x, "
        "hold a basis",
        method="paired rows",
        certificate=proof.certificate,
    )


def _not_injective(problem: Problem, witness: Witness, method: str) -> Decision:
    if math.prod(problem.layer.shape) > WIDE:
        size = sparse_margin(problem, witness)
    else:
        size, witness = margin(problem, witness)
    count, dim = len(witness.active), problem.dim
    reason = f"the rows active at the point found, {count} of them, do not span R^{dim}"
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
    )
