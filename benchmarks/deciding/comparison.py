"""monic beside its peers: the same instances in the same run, verdicts compared."""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

import peers
from deciding.asking import Outcome, Program
from deciding.instances import Instance, weight

__all__ = ["Comparison", "Run", "compare"]

MONIC, PACKING, CHECKER = "monic_branching", "monic_packing", "checker"
#: Proofs of layers with more inputs are checked for the first seed only.
CHECK_ALL_UP_TO = 8
#: Below this margin a collision is invisible to a program that rounds.
ROUNDING_MARGIN = 1e-9


@dataclass(frozen=True, slots=True)
class Run:
    """One program, one instance."""

    instance: Instance
    program: str
    outcome: Outcome


@dataclass(slots=True)
class Comparison:
    """All runs, and what is wrong with them.

    Arguments:
        programs: Who was asked, in the order of the tables.
        runs: Every call that was made.
        disagreements: In full; there should be none.
        findings: Programs that round, on instances that only exact arithmetic can tell.
        failures: Programs that ended without an answer, and proofs that were refused.
    """

    programs: list[str]
    runs: list[Run] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def outcome(self, instance: Instance, program: str) -> Outcome | None:
        """Returns what a program said about an instance, if it was asked."""
        return next(
            (r.outcome for r in self.runs if (r.instance, r.program) == (instance, program)), None
        )

    @property
    def is_sound(self) -> bool:
        """Whether nobody disagrees, and monic answered and its proofs were accepted."""
        ours = (MONIC, PACKING, CHECKER)
        failed = any(r.outcome.state == "failed" for r in self.runs if r.program in ours)
        return not (self.disagreements or failed)


def compare(
    asked: Iterable[Instance], names: Sequence[str], cap: float, folder: Path
) -> Comparison:
    """Asks monic and the named peers about every instance.

    A peer that runs out of time is not asked about more inputs, or other seeds, of that family.
    """
    comparison = Comparison([MONIC, PACKING, *names])
    with ExitStack() as stack:
        programs = {
            name: stack.enter_context(Program(name)) for name in [*comparison.programs, CHECKER]
        }
        for instance in asked:
            _run(comparison, programs, instance, cap, folder)
            _judge(comparison, instance)
    return comparison


def _run(
    comparison: Comparison,
    programs: dict[str, Program],
    instance: Instance,
    cap: float,
    folder: Path,
) -> None:
    """Asks everybody about one instance, and the checker about monic's proof."""
    model, proof = folder / "weight.npy", folder / "layer.proof"
    np.save(model, weight(instance))
    proof.unlink(missing_ok=True)
    for name in comparison.programs:
        question = peers.load(name).question(is_generic=instance.is_generic)
        if question is None or _gave_up(comparison, name, instance):
            continue
        task = {"weight": str(model), "question": question}
        if name == MONIC:
            task["proof"] = str(proof)
        elif name == PACKING:
            task["proof"] = str(folder / "packing.proof")
        comparison.runs.append(Run(instance, name, programs[name].ask(task, cap)))
    is_asked = instance.size[0] <= CHECK_ALL_UP_TO or instance.seed == 0
    if is_asked and proof.exists():
        task = {"weight": str(model), "proof": str(proof)}
        comparison.runs.append(Run(instance, CHECKER, programs[CHECKER].ask(task, cap)))


def _gave_up(comparison: Comparison, name: str, instance: Instance) -> bool:
    return any(
        run.program == name
        and run.outcome.state == "time-out"
        and run.instance.family == instance.family
        and run.instance.size[0] <= instance.size[0]
        for run in comparison.runs
    )


def _judge(comparison: Comparison, instance: Instance) -> None:
    """Compares every verdict on an instance with monic's."""
    runs = [run for run in comparison.runs if run.instance == instance]
    for run in runs:
        if run.outcome.state == "failed":
            comparison.failures.append(f"{instance}: {run.program}: {run.outcome.message}")
    told = [run for run in runs if run.program in (MONIC, PACKING) and run.outcome.verdict]
    if not told:
        return
    ours = told[0].outcome
    margin = ours.facts.get("margin")
    is_rounding = margin is not None and (ours.facts["rounding"] or margin < ROUNDING_MARGIN)
    misled: list[str] = []
    for run in runs:
        verdict = run.outcome.verdict
        if run.program == CHECKER or verdict in (None, ours.verdict):
            continue
        peer = peers.load(run.program)
        if is_rounding and not peer.exact:
            misled.append(f"{peer.name} {verdict}")
            continue
        comparison.disagreements.append(
            f"{instance}: monic says {ours.verdict} {ours.facts}, "
            f"{peer.name} says {verdict} {run.outcome.facts}"
        )
    if misled:
        text = f"{instance}: {ours.verdict} with margin {margin:.1e}; {', '.join(misled)}"
        comparison.findings.append(text)
