"""From a file and options to bounds, layer by layer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from monic.bounds.asked import Asked
from monic.bounds.compare import compare
from monic.bounds.frame import State
from monic.bounds.network import bound_stage, combined, decided, is_interrupted
from monic.bounds.result import NetworkBounds, StageBounds
from monic.cli.asking import questions, sha256_of
from monic.cli.codes import BoundCode
from monic.cli.keeping import Folder
from monic.decision.network import range_superset
from monic.model import Activation, Network, ReLULayer
from monic.report.answer import Question
from monic.report.bounds import BoundsAnswer, LayerBounds, outward
from monic.report.domains import domain_value
from monic.report.files import certificate_name
from monic.report.progress import ProgressLine

__all__ = ["Wish", "ask"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How to compute bounds, and what to print about them."""

    gap: float
    time_limit: float | None
    seed: int
    compare: bool
    silent: bool
    certificates: str | None = None
    memory: int | None = None


def ask(
    wish: Wish, model: str, layer: str | None, domain: str | None
) -> tuple[BoundsAnswer, BoundCode]:
    """Returns the bounds of a file's layers and of its network, and the exit code."""
    question, chains = questions(model, layer, domain, wish.time_limit, wish.memory)
    folder = Folder(wish.certificates)
    asked = Asked.now(
        gap=wish.gap,
        time_limit=wish.time_limit,
        seed=wish.seed,
        progress=None,
        evidence=wish.certificates is not None,
    )
    layers = _layers(wish, asked, chains)
    limits = [found.stage.bounds.limit for found in layers if found.stage.bounds.limit]
    network = None
    if question is Question.NETWORK:
        stages = [found.stage for found in layers]
        network = combined(chains[0], stages, asked, decided(chains[0], stages, asked))
        limits += [] if network.limit is None else [network.limit]
    code = BoundCode.DONE if not limits else BoundCode.LIMITED
    if any(is_interrupted(found.stage) for found in layers):
        code = BoundCode.INTERRUPTED
    files = _written(folder, layers, network)
    if folder.failed and code is not BoundCode.INTERRUPTED:
        code = BoundCode.UNPROVED
    answer = BoundsAnswer(
        model=model,
        sha256=sha256_of(model),
        layers=layers,
        network=network,
        asked=_conditions(wish, question, chains[0]),
        files=files,
    )
    return answer, code


def _conditions(wish: Wish, question: Question, chain: Network) -> dict[str, object]:
    """Returns what was asked besides the model."""
    alone = question is Question.WEIGHTS
    return {
        "domain": None if alone else domain_value(chain.domain, chain.in_dim),
        "gap": wish.gap,
        "limits": {"seconds": wish.time_limit},
        "seed": wish.seed,
    }


def _written(
    folder: Folder, layers: Sequence[LayerBounds], network: NetworkBounds | None
) -> list[dict[str, str]]:
    """Writes the certificates, and returns the paths by ends: for each layer, and the network."""
    known = [(found.stage.name, found.stage.bounds.certificates()) for found in layers]
    places = [(k, name, proofs) for k, (name, proofs) in enumerate(known, start=1)]
    if network is not None:
        places.append((0, "network", network.certificates()))
    files: list[dict[str, str]] = []
    for number, name, proofs in places:
        written = {
            end: folder.keep(certificate, certificate_name(number, f"{end}-{name}"))
            for end, certificate in proofs.items()
        }
        files.append({end: path for end, path in written.items() if path is not None})
    return files


def _layers(wish: Wish, asked: Asked, chains: Sequence[Network]) -> list[LayerBounds]:
    found: list[LayerBounds] = []
    total = sum(len(chain.stages) for chain in chains)
    with ProgressLine(wanted=not wish.silent) as line:

        def show(state: State) -> None:
            line.show(f"sigma* in {outward(state.interval)}, {state.nodes:,} nodes")

        asked = replace(asked, progress=show)
        for chain in chains:
            domain = chain.domain
            for stage in chain.stages:
                line.begin(stage.name, len(found) + 1, total)
                share = 1 / (total - len(found) + (1 if total > 1 else 0))
                bounds = bound_stage(stage, domain, asked.share(share))
                if is_interrupted(bounds):
                    asked = asked.at_once()  # the layers that are left get what costs nothing
                layer = ReLULayer(stage.layer_map(), domain=domain)
                found.append(_with_claims(wish, layer, bounds))
                domain = range_superset(stage, domain)
    return found


def _with_claims(wish: Wish, layer: ReLULayer, stage: StageBounds) -> LayerBounds:
    if not wish.compare or not stage.activation.startswith(Activation.RELU.value):
        return LayerBounds(stage=stage)
    return LayerBounds(stage=stage, claims=compare(layer, stage.bounds))
