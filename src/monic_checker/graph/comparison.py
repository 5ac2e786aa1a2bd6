"""The comparison of a proof's subject with the graph of a file, at points."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from monic_checker.arrays import Array
from monic_checker.budget import Budget
from monic_checker.canonical import subject_digest
from monic_checker.errors import InvalidProof, MalformedProof, OverBudget
from monic_checker.graph.agreement import at_points
from monic_checker.graph.carrying import Machine
from monic_checker.graph.errors import NotCompared
from monic_checker.graph.layers import find_layer
from monic_checker.graph.model import read_graph
from monic_checker.graph.points import points
from monic_checker.graph.subject import Map
from monic_checker.network import NetworkSubject
from monic_checker.subject import Subject

__all__ = ["Comparison", "compare"]

#: The part of the work that is left which a comparison may take: one in so many units.
_PART = 4

#: Layers are compared at so many points, from all tensors of their size.
_LAYER_POINTS = 3


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether a subject was compared with a graph, and how.

    Arguments:
        file: The file.
        points: At how many points both were equal; 0 if they were not compared.
        between: Of a layer, the two tensors between which the graph is compared.
        reordered: Whether the layer's numbers lie in another order there.
        why: Why they were not compared; None if they were.
    """

    file: str
    points: int = 0
    between: tuple[str, str] | None = None
    reordered: bool = False
    why: str | None = None

    @property
    def words(self) -> str:
        """What was done, in a sentence."""
        if self.why is not None:
            return f"Weights only: the graph of {self.file!a} was not compared ({self.why})."
        place = ""
        if self.between is not None:
            order = ", in another order," if self.reordered else ""
            place = f" between the tensors {self.between[0]!a} and {self.between[1]!a}{order}"
        count = f"{self.points} point{'s' if self.points > 1 else ''}"
        return f"Compared with the graph of {self.file!a}{place} at {count}."


def compare(
    subject: Subject | NetworkSubject, arrays: Sequence[Array | None], path: Path
) -> Comparison:
    """Compares a subject with the graph of a file, exactly, at points of its domain.

    A quarter of the work that is left in the subject's budget may be taken. Where that is not
    enough, the graph is not compared.

    Arguments:
        subject: What the header of a proof says.
        arrays: What `find_arrays` returned for it.
        path: The file.

    Raises:
        InvalidProof: when they differ.
        UnreadableModel: when the file is broken.
        OSError: when it cannot be read.
    """
    name, whole = path.name, subject.budget
    if path.suffix.lower() != ".onnx":
        return Comparison(name, why="a file of this kind holds no graph")
    part = Budget(whole.memory_left, whole.work_left // _PART)
    try:
        return _compared(subject, arrays, path, part)
    except (NotCompared, UnicodeError) as error:
        return Comparison(name, why=str(error))
    except OverBudget as error:
        why = f"it is too large: {error.address} would take more than {error.limit:,} units of "
        return Comparison(name, why=f"{why}{error.resource}; raise --{error.resource}")
    except MalformedProof as error:  # a number of the subject's gets too long
        return Comparison(name, why=f"at a point, {error.reason}")
    except InvalidProof as error:
        raise InvalidProof(f"the graph of {name!a}", error.reason) from None
    finally:
        whole.work(min(part.work_done, whole.work_left), ascii(name))


def _compared(
    subject: Subject | NetworkSubject,
    arrays: Sequence[Array | None],
    path: Path,
    budget: Budget,
) -> Comparison:
    machine, given = Machine(read_graph(path, budget)), Map(subject, arrays, budget)
    stream = points(subject.domain, subject.n, _seed(subject, path), budget)
    if isinstance(subject, NetworkSubject):
        return Comparison(path.name, at_points(subject, given, machine, stream, budget))
    xs = list(islice(stream, _LAYER_POINTS))
    if not xs:
        raise NotCompared("no point of the domain was found")
    place = find_layer(machine, given, xs, budget)
    return Comparison(path.name, len(xs), (place.start, place.end), place.sorted)


def _seed(subject: Subject | NetworkSubject, path: Path) -> bytes:
    """A seed that the subject and the file settle together."""
    digest = hashlib.sha256(subject_digest(subject).encode())
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.digest()
