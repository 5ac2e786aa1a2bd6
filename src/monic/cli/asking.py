"""From a file and options to questions for the engine, and from its decisions to one answer."""

import hashlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import typer

from monic.cli.codes import DecideCode
from monic.cli.keeping import Folder, keep_checkpoint
from monic.decision.approach import Approach
from monic.decision.checkpoint import Checkpoint, Interrupted
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
from monic.io import load, load_domain
from monic.model import Domain, Network, ReLULayer, Stage
from monic.report.answer import Answer, LayerAnswer, Question, worst
from monic.report.progress import ProgressLine
from monic.report.text import printable

__all__ = ["Request", "ask", "questions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A file, how the questions about it shall be answered, and where proofs go."""

    model: str
    approach: Approach
    certificates: str | None
    checkpoint: str
    silent: bool


def questions(
    model: str, layer: str | None, domain: str | None
) -> tuple[Question, Sequence[Network]]:
    """Returns what the verdict will be about, and the chains to decide, in order.

    A layer alone is a chain of one stage; a file of bare weights holds one such chain a layer.
    """
    loaded = load(model)
    if isinstance(loaded, Network) and layer is None:
        asked = _domain(domain, loaded.in_dim, loaded.domain)
        return Question.NETWORK, [Network(loaded.stages, asked)]
    alone = _layers(loaded)
    if layer is not None:
        if layer not in alone:
            names = ", ".join(repr(printable(name)) for name in alone)
            raise typer.BadParameter(
                f"Expected the name of a layer: {names}. Got {layer!r}.", param_hint="--layer"
            )
        alone = {layer: alone[layer]}
    chains = [
        Network(chain.stages, _domain(domain, chain.in_dim, chain.domain))
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
    layers: list[LayerAnswer] = []
    folder = Folder(request.certificates)
    left: dict[int, Checkpoint] = {}
    interrupted = False
    try:
        with closing(_answers(request, chains)) as answers:
            for number, stage in enumerate(answers):
                layers.append(LayerAnswer(stage=stage))  # before the file: Ctrl-C may come there
                path = folder.save(number + 1, stage)
                layers[-1] = LayerAnswer(stage=stage, certificate=path)
    except KeyboardInterrupt as stop:
        interrupted = True
        left = stop.checkpoints if isinstance(stop, Interrupted) else {}
        missing = list(_interrupted(chains))[len(layers) :]
        layers += [LayerAnswer(stage=stage) for stage in missing]
    stages = [layer.stage for layer in layers]
    _keep(request, stages, left)
    try:
        whole = _whole(question, chains[0], stages, None if interrupted else request.approach)
    except KeyboardInterrupt:
        interrupted = True
        whole = _whole(question, chains[0], stages, None)
    answer = _summary(request.model, question, whole, layers, folder.save_whole(whole))
    code = DecideCode.INTERRUPTED if interrupted else DecideCode[answer.verdict.name]
    return answer, code


def _keep(request: Request, stages: Sequence[StageDecision], left: dict[int, Checkpoint]) -> None:
    """Leaves a checkpoint when some search did not end; of finished layers too, to skip them."""
    known = {k: stage.decision.checkpoint for k, stage in enumerate(stages)}
    checkpoints = {k: c for k, c in known.items() if c is not None} | left
    undecided = [k for k in checkpoints if stages[k].decision.verdict is Verdict.UNDECIDED]
    if undecided:
        keep_checkpoint(request.checkpoint, request.model, checkpoints)


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
    )


def _summary(
    model: str,
    question: Question,
    whole: NetworkDecision,
    layers: Sequence[LayerAnswer],
    certificate: str | None,
) -> Answer:
    return Answer(
        model=model,
        sha256=sha256_of(model),
        question=question,
        verdict=whole.verdict,
        reason=whole.reason,
        assumption=whole.assumption,
        layers=layers,
        collision=whole.collision,
        certificate=certificate,
    )


def _layers(loaded: Network | dict[str, ReLULayer]) -> dict[str, Network]:
    if isinstance(loaded, Network):
        return {stage.name: Network([stage]) for stage in loaded.stages}
    return {
        name: Network([Stage(name, layer.map)], layer.domain) for name, layer in loaded.items()
    }


def _domain(text: str | None, dim: int, default: Domain) -> Domain:
    return default if text is None else load_domain(text, dim)


def _interrupted(chains: Sequence[Network]) -> Iterator[StageDecision]:
    reason = "interrupted before it was decided; run the command again"
    decision = Decision(verdict=Verdict.UNDECIDED, reason=reason, method="interrupted")
    for chain in chains:
        domain = chain.domain
        for stage in chain.stages:
            yield StageDecision(
                name=stage.name,
                shape=(stage.out_dim, stage.map.in_dim),
                domain=domain.describe(),
                activation=stage.describe(),
                decision=decision,
            )
            domain = range_superset(stage, domain)


def sha256_of(path: str) -> str:
    try:
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise UnreadableModel(f"Expected a model file. Cannot read {path}: {error}.") from None
