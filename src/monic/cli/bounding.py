"""From a file and options to bounds, layer by layer."""

from collections.abc import Sequence
from dataclasses import dataclass

from monic.bounds.compare import compare
from monic.bounds.frame import State
from monic.bounds.network import bound_stage, combined, decided
from monic.bounds.result import StageBounds
from monic.cli.asking import questions, sha256_of
from monic.cli.codes import BoundCode
from monic.decision.network import range_superset
from monic.model import Activation, Network, ReLULayer
from monic.report.answer import Question
from monic.report.bounds import BoundsAnswer, LayerBounds, outward
from monic.report.progress import ProgressLine

__all__ = ["Wish", "ask"]

INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How bounds shall be computed, and what shall be said about them."""

    gap: float
    time_limit: float | None
    seed: int
    compare: bool
    silent: bool


def ask(
    wish: Wish, model: str, layer: str | None, domain: str | None
) -> tuple[BoundsAnswer, BoundCode]:
    """Returns the bounds of a file's layers and of its network, and the exit code."""
    question, chains = questions(model, layer, domain)
    layers = _layers(wish, chains)
    limits = [found.stage.bounds.limit for found in layers if found.stage.bounds.limit]
    network = None
    if question is Question.NETWORK:
        stages = [found.stage for found in layers]
        limit = limits[0] if limits else None
        decision = decided(chains[0], stages, wish.time_limit)
        network = combined(chains[0], stages, wish.seed, limit, decision)
    code = BoundCode.DONE if not limits else BoundCode.LIMITED
    if any(limit.startswith(INTERRUPTED) for limit in limits):
        code = BoundCode.INTERRUPTED
    answer = BoundsAnswer(model=model, sha256=sha256_of(model), layers=layers, network=network)
    return answer, code


def _layers(wish: Wish, chains: Sequence[Network]) -> list[LayerBounds]:
    found: list[LayerBounds] = []
    total, seconds = sum(len(chain.stages) for chain in chains), wish.time_limit
    with ProgressLine(wanted=not wish.silent) as line:

        def show(state: State) -> None:
            line.show(f"sigma* in {outward(state.interval)}, {state.nodes:,} nodes")

        for chain in chains:
            domain = chain.domain
            for stage in chain.stages:
                line.begin(stage.name, len(found) + 1, total)
                bounds = bound_stage(
                    stage, domain, time_limit=seconds, gap=wish.gap, seed=wish.seed, progress=show
                )
                if (bounds.bounds.limit or "").startswith(INTERRUPTED):
                    seconds = 0.0  # the layers that are left get what costs nothing
                layer = ReLULayer(stage.layer_map(), domain=domain)
                found.append(_with_claims(wish, layer, bounds))
                domain = range_superset(stage, domain)
    return found


def _with_claims(wish: Wish, layer: ReLULayer, stage: StageBounds) -> LayerBounds:
    if not wish.compare or not stage.activation.startswith(Activation.RELU.value):
        return LayerBounds(stage=stage)
    return LayerBounds(stage=stage, claims=compare(layer, stage.bounds))
