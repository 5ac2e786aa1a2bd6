"""The comparison: a network beside independent evaluations, until one of them is possible."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from monic.errors import ReadingError
from monic.io.comparing.evaluator import Deadline, Evaluator, Unevaluated
from monic.io.comparing.gap import Closeness, Parting, Track
from monic.io.comparing.points import chosen_points
from monic.model import Linear, Network
from monic.model.affine import FloatArray
from monic.model.comparison import Comparison
from monic.model.convolution import ConvolutionMap
from monic.model.enclosed import Enclosed
from monic.model.evaluation import enclosed

__all__ = ["DEFAULT_SECONDS", "Subject", "compared", "insist_on_outputs"]

#: What a comparison may cost without another limit.
DEFAULT_SECONDS = 2.0

#: Multiplications in a second, on slow machines; whether there is time is judged by them.
_RATE = 1e8

#: Inputs that are compared, and those that they are chosen among.
_POINTS, _AMONG = 8, 64

#: How many times more than once an operation a module rounds in its own format. torch computes
#: weights of interpolations in that format, too: each has the error of a place, not of a number.
_COARSE = 64

#: Bounds wider than this part of the outputs tell nothing.
_WIDEST = 2.0**-7

#: Networks with so few multiplications are evaluated exactly as well.
_EXACT = 1 << 17


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What was read, and what from.

    Arguments:
        track: The network with its landmarks.
        lead: How many examples the file or module takes at once.
        place: What was read, in an error message.
        labels: What gives each tensor, in an error message.
    """

    track: Track
    lead: int
    place: str
    labels: Mapping[str, str]


def compared(
    subject: Subject, evaluators: Sequence[Callable[[], Evaluator]], seconds: float
) -> Comparison:
    """Returns what came of comparing a network with the first evaluation that is possible.

    Arguments:
        subject: The network.
        evaluators: What evaluates its file or module, the best first; each is made when asked.
        seconds: How long it may take.

    Raises:
        ReadingError: when the two part.
    """
    deadline, reasons = Deadline(seconds), list[str]()
    name = ""
    for number, make in enumerate(evaluators):
        try:
            evaluator = make()
            name = name or evaluator.name
            is_first = number == 0 and len(evaluators) > 1  # time is left for another one
            patience = Deadline(deadline.left * (0.4 if is_first else 1.0))
            return _compared(subject, evaluator, deadline, patience)
        except Unevaluated as why:
            reasons.append(str(why))
    return Comparison(against=name, reason=reasons[0] if reasons else "nothing evaluates it")


def insist_on_outputs(subject: Subject, evaluator: Evaluator, seconds: float) -> None:
    """Compares outputs alone, with a second evaluation in a coarser number format.

    Its bounds grow with the depth, so that it finds gross differences only.

    Raises:
        ReadingError: when they part.
    """
    track, deadline = subject.track, Deadline(seconds)
    try:
        for x in _points(track.network, subject.lead, deadline).T[:2]:
            others = _others(evaluator, x.reshape(-1, 1), [track.output], deadline)
            track.walk(x.reshape(-1, 1), others, _COARSE * evaluator.unit, deadline)
    except Parting as parting:
        raise _error(subject, evaluator, x.reshape(-1, 1), parting) from None
    except Unevaluated:
        return


def _compared(
    subject: Subject, evaluator: Evaluator, deadline: Deadline, patience: Deadline
) -> Comparison:
    track, lead = subject.track, subject.lead
    unit = evaluator.careless * evaluator.unit
    points = _points(track.network, lead, deadline)
    batches = [points[:, first : first + lead] for first in range(0, points.shape[1], lead)]
    rows = [np.ascontiguousarray(x.T).reshape(-1) for x in batches]
    found: list[Closeness] = []
    given = evaluator.at(rows, track.names, patience)
    for number, (x, tensors) in enumerate(zip(batches, given, strict=True)):
        deadline.check()
        others = _as_columns(evaluator, tensors, track.output, lead)
        try:
            near = track.walk(x, others, unit, deadline)
            if number == 0 and near is not None:
                _compare_exactly(track, x, others, unit)
        except Parting as parting:
            raise _error(subject, evaluator, x, parting) from None
        found += [] if near is None else [near]
    _insist_on_knowledge(found)
    return Comparison(
        against=evaluator.name,
        points=len(found) * lead,
        largest=max(near.largest for near in found),
    )


def _points(network: Network, lead: int, deadline: Deadline) -> FloatArray:
    """Returns as many points as there is time for, a multiple of the examples at once."""
    work = _work(network)
    room = int(deadline.left * _RATE / max(work, 1) / 4)
    if room < lead:
        raise Unevaluated(
            f"its {work * lead:,} multiplications may take longer than {deadline.seconds:.3g} "
            "seconds"
        )
    count = lead * ceil(min(_POINTS, room) / lead)
    return chosen_points(network, count, min(_AMONG, room))


def _work(network: Network) -> int:
    """Returns how many multiplications one point takes."""
    steps = (step for stage in network.stages for step in stage.map.steps())
    return sum(
        step.taps.coefficients
        if isinstance(step, ConvolutionMap)
        else int(step.matrix.size)
        if isinstance(step, Linear)
        else step.out_dim
        for step in steps
    )


def _others(
    evaluator: Evaluator, x: FloatArray, names: Sequence[str], deadline: Deadline
) -> dict[str, FloatArray]:
    """Returns other values of tensors, with one example a column; the output comes last."""
    found = evaluator.tensors(np.ascontiguousarray(x.T).reshape(-1), names, deadline)
    return _as_columns(evaluator, found, names[-1], x.shape[1])


def _as_columns(
    evaluator: Evaluator, found: Mapping[str, FloatArray], output: str, lead: int
) -> dict[str, FloatArray]:
    if output not in found:
        raise Unevaluated(f"{evaluator.name} does not give its output")
    return {name: values.reshape(lead, -1).T for name, values in found.items()}


def _compare_exactly(
    track: Track, x: FloatArray, others: Mapping[str, FloatArray], unit: float
) -> None:
    """Compares the exact output at the first point, for small piecewise linear networks.

    Raises:
        Parting: where it is another one.
    """
    network = track.network
    if _work(network) > _EXACT or any(stage.slopes() is None for stage in network.stages):
        return
    state = Enclosed.exactly(x[:, :1])
    for stage in network.stages:
        state = enclosed(stage, state, 2 * unit)
    exact = network.exact(x[:, 0].tolist())
    other = others[track.output][:, 0].tolist()
    for value, bound, given in zip(exact, state.error[:, 0].tolist(), other, strict=True):
        if np.isfinite(bound) and abs(float(value) - given) > bound:
            raise Parting(track.output, abs(float(value) - given), bound)


def _insist_on_knowledge(found: Sequence[Closeness]) -> None:
    if not found:
        raise Unevaluated("its outputs overflow at all points tried")
    if min(near.width for near in found) > _WIDEST:
        raise Unevaluated("rounding errors may be as large as its outputs")


def _error(
    subject: Subject, evaluator: Evaluator, x: FloatArray, parting: Parting
) -> ReadingError:
    """Returns the error that names the first tensor at which both part."""
    names = [mark.name for mark in subject.track.landmarks]
    try:
        others = _others(evaluator, x, [*names, subject.track.output], Deadline(60.0))
        unit = evaluator.careless * evaluator.unit
        first = subject.track.first(x, others, unit) or parting
    except Unevaluated:
        first = parting
    where = subject.labels.get(first.name, f"the tensor {first.name!r}")
    return ReadingError(
        f"Expected the network that was read to compute what {subject.place} computes. Got "
        f"values that part first at {where}: they differ by {first.difference:.3g}, and rounding "
        f"explains {first.bound:.3g} (compared with {evaluator.name}). One of the two is wrong; "
        "please report it with the model."
    )
