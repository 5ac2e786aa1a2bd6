"""From a file and options to questions for the engine, and from its decisions to one answer."""

import hashlib
import math
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import typer

from monic.cli.codes import DecideCode
from monic.cli.keeping import Folder, Keeper
from monic.decision.approach import Approach
from monic.decision.network import (
    decide_stages,
    given_statistics,
    network_decision,
    range_superset,
    with_projections,
)
from monic.decision.result import (
    Decision,
    NetworkDecision,
    StageDecision,
    Verdict,
)
from monic.errors import UnreadableModel
from monic.interrupts import Interrupts
from monic.io import load, load_domain
from monic.model import Domain, Network, ReLULayer, Stage
from monic.report.answer import Answer, Conditions, LayerAnswer, Question, worst
from monic.report.progress import ProgressLine
from monic.report.text import printable

__all__ = ["Request", "ask", "questions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A file, how to answer the questions about it, and where proofs go."""

    model: str
    approach: Approach
    certificates: str | None
    checkpoint: str
    silent: bool
    require_proofs: bool = False


def questions(
    model: str,
    layer: str | None,
    domain: str | None,
    time_limit: float | None = None,
    memory: int | None = None,
) -> tuple[Question, Sequence[Network]]:
    """Returns what the verdict will be about, and the chains to decide, in order.

    A layer alone is a chain of one stage; a file of bare weights holds one such chain a layer.
    Of the time limit of the question, a tenth may go into comparing what is read.
    """
    seconds = None if time_limit is None else time_limit / 10
    loaded = load(model, time_limit=seconds, memory=memory)
    if isinstance(loaded, Network) and layer is None:
        asked = _domain(domain, loaded.in_dim, loaded.domain)
        return Question.NETWORK, [Network(loaded.stages, asked, loaded.reading)]
    alone = _layers(loaded)
    if layer is not None:
        if layer not in alone:
            names = ", ".join(repr(printable(name)) for name in alone)
            raise typer.BadParameter(
                f"Expected the name of a layer: {names}. Got {layer!r}.", param_hint="--layer"
            )
        alone = {layer: alone[layer]}
    chains = [
        Network(chain.stages, _domain(domain, chain.in_dim, chain.domain), chain.reading)
        for chain in alone.values()
    ]
    return (Question.WEIGHTS if layer is None else Question.LAYER), chains


def ask(
    request: Request, question: Question, chains: Sequence[Network]
) -> tuple[Answer, DecideCode]:
    """Returns the engine's answers as one, with the exit code that it stands for."""
    if "statistics" in request.approach.assume:
        chains = [given_statistics(chain) for chain in chains]
    if "random-projections" in request.approach.assume:
        chains = [with_projections(chain) for chain in chains]
    folder = Folder(request.certificates)
    keeper = Keeper(request.checkpoint, request.model)
    request = replace(request, approach=replace(request.approach, keep=keeper.keep))
    layers: list[LayerAnswer] = []
    try:
        with closing(_answers(request, chains)) as answers:
            for number, stage in enumerate(answers):
                layers.append(LayerAnswer(stage=stage))  # before the file: Ctrl-C may come there
                keeper.finish(number, stage)
                path = folder.save(number + 1, stage)
                layers[-1] = LayerAnswer(stage=stage, certificate=path)
        keeper.stop(None)
        whole = _whole(question, chains[0], _stages(layers), request.approach)
    except KeyboardInterrupt as stop:
        with Interrupts(grace=math.inf):  # nothing that was found is lost to an impatient finger
            missing = _interrupted(chains, len(layers), is_kept=keeper.stop(stop))
            layers += [LayerAnswer(stage=stage) for stage in missing]
            whole = _unsearched(question, chains[0], _stages(layers))
            answer = _summary(
                request, question, chains[0], whole, layers, folder.save_whole(whole)
            )
        return answer, DecideCode.INTERRUPTED
    answer = _summary(request, question, chains[0], whole, layers, folder.save_whole(whole))
    is_missing = folder.failed or (request.require_proofs and not _is_proved(answer))
    return answer, DecideCode.UNPROVED if is_missing else DecideCode[answer.verdict.name]


def _stages(layers: Sequence[LayerAnswer]) -> list[StageDecision]:
    return [layer.stage for layer in layers]


def _is_proved(answer: Answer) -> bool:
    """Whether each verdict that the exit code tells has its proof on disk; the gap is said."""
    lacking = []
    if answer.question is Question.NETWORK:
        if answer.verdict is not Verdict.UNDECIDED and answer.certificate is None:
            lacking.append("the network")
    else:
        lacking += [
            printable(layer.stage.name)
            for layer in answer.layers
            if layer.stage.decision.verdict is not Verdict.UNDECIDED and layer.certificate is None
        ]
    if lacking:
        print(f"monic: No proof was written about {', '.join(lacking)}", file=sys.stderr)
    return not lacking


def _answers(request: Request, chains: Sequence[Network]) -> Generator[StageDecision]:
    total = sum(len(chain.stages) for chain in chains)
    number = 0
    with ProgressLine(wanted=not request.silent) as line:
        for chain in chains:
            decisions = decide_stages(chain, replace(request.approach, progress=line), number)
            for stage in chain.stages:
                number += 1
                line.begin(stage.name, number, total)
                yield next(decisions)


def _unsearched(
    question: Question, chain: Network, stages: Sequence[StageDecision]
) -> NetworkDecision:
    """Returns what the layers say about the whole, when nobody may look for two inputs."""
    whole = _whole(question, chain, stages, None)
    if "interrupted" in whole.reason or whole.verdict is not Verdict.UNDECIDED:
        return whole
    return replace(whole, reason=f"{whole.reason}; the search was interrupted")


def _whole(
    question: Question,
    chain: Network,
    stages: Sequence[StageDecision],
    approach: Approach | None,
) -> NetworkDecision:
    """Returns what the layers say about the whole; two inputs are looked for with an approach."""
    if question is Question.NETWORK:
        return network_decision(chain, stages, approach)
    decisive = worst(stages)
    name = "" if question is Question.LAYER else f"{printable(decisive.name)}: "
    return NetworkDecision(
        verdict=decisive.decision.verdict,
        reason=name + decisive.decision.reason,
        assumption=decisive.decision.assumption,
        stages=stages,
        reading=chain.reading,
    )


def _summary(
    request: Request,
    question: Question,
    chain: Network,
    whole: NetworkDecision,
    layers: Sequence[LayerAnswer],
    certificate: str | None,
) -> Answer:
    return Answer(
        model=request.model,
        sha256=sha256_of(request.model),
        question=question,
        verdict=whole.verdict,
        reason=whole.reason,
        assumption=whole.assumption,
        layers=layers,
        collision=whole.collision,
        certificate=certificate,
        reading=whole.reading,
        conditions=_conditions(request, question, chain),
    )


def _conditions(request: Request, question: Question, chain: Network) -> Conditions:
    """Returns what was asked besides the model."""
    approach = request.approach
    return Conditions(
        domain=None if question is Question.WEIGHTS else (chain.domain, chain.in_dim),
        method=approach.method,
        assumptions=approach.assume,
        limits=approach.limits,
        seed=approach.execution.seed,
    )


def _layers(loaded: Network | dict[str, ReLULayer]) -> dict[str, Network]:
    if isinstance(loaded, Network):
        return {s.name: Network([s], reading=loaded.reading) for s in loaded.stages}
    return {
        name: Network([Stage(name, layer.map)], layer.domain) for name, layer in loaded.items()
    }


def _domain(text: str | None, dim: int, default: Domain) -> Domain:
    return default if text is None else load_domain(text, dim)


def _interrupted(chains: Sequence[Network], known: int, *, is_kept: bool) -> list[StageDecision]:
    """Returns what is said of the layers that nobody has decided."""
    how = "go on from the checkpoint with --resume" if is_kept else "run the command again"
    reason = f"interrupted before it was decided; {how}"
    decision = Decision(verdict=Verdict.UNDECIDED, reason=reason, method="interrupted")
    return list(_undecided(chains, decision))[known:]


def _undecided(chains: Sequence[Network], decision: Decision) -> Iterator[StageDecision]:
    for chain in chains:
        domain = chain.domain
        for stage in chain.stages:
            yield StageDecision(
                name=stage.name,
                shape=(stage.out_dim, stage.map.in_dim),
                domain=domain.describe(),
                activation=stage.describe(),
                decision=decision,
                where=domain,
            )
            domain = range_superset(stage, domain)


def sha256_of(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableModel(f"Expected a model file. Cannot read {path}: {error}.") from None
