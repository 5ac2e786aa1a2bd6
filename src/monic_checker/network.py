"""What a proof about a whole network is about: stages in turn, and the domain of its input."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from flint import fmpz

from monic_checker.arrays import Array
from monic_checker.budget import Budget
from monic_checker.document import choice, items, members
from monic_checker.domain import Domain, read_domain
from monic_checker.errors import MalformedProof
from monic_checker.evaluation import evaluate
from monic_checker.subject import Entry, Subject, read_subject
from monic_checker.system import System
from monic_checker.vector import Vector

__all__ = ["NetworkSubject", "Stages", "read_network"]

#: What may follow the affine map of a stage.
ACTIVATIONS = ("relu", "identity", "tanh", "sigmoid", "one-to-one", "normalization")


@dataclass(frozen=True, slots=True)
class NetworkSubject:
    """A network, as the header says it.

    Arguments:
        stages: Its stages as layers, each on the whole of its input space.
        activations: What follows each: one of `ACTIVATIONS`.
        domain: The set X.
    """

    stages: list[Subject]
    activations: list[str]
    domain: Domain
    kind: str = "network"

    @property
    def n(self) -> int:
        """The number of inputs."""
        return self.stages[0].n

    @property
    def m(self) -> int:
        """The number of outputs."""
        return self.stages[-1].m

    @property
    def arrays(self) -> list[Entry]:
        """The arrays of all stages, one stage after the other."""
        return [array for stage in self.stages for array in stage.arrays]


def read_network(value: object) -> NetworkSubject:
    """Reads the subject of a proof about a network.

    Raises:
        MalformedProof: when it breaks a rule of Section 3 of the specification.
    """
    _, tables, place = members(value, "subject", ["kind", "stages", "domain"])
    stages: list[Subject] = []
    activations: list[str] = []
    for k, entry in enumerate(items(tables, "subject.stages")):
        address = f"subject.stages[{k}]"
        activation, arrays, steps = members(entry, address, ["activation", "arrays", "map"])
        activations.append(choice(activation, f"{address}.activation", ACTIVATIONS))
        stages.append(_stage(activations[-1], arrays, steps, address))
        if k and stages[k - 1].m != stages[k].n:
            raise MalformedProof(address, f"expected a map of {stages[k - 1].m} numbers")
    if not stages:
        raise MalformedProof("subject.stages", "expected at least one stage")
    budget = stages[0].budget
    return NetworkSubject(stages, activations, read_domain(place, stages[0].n, budget))


def _stage(activation: str, arrays: object, steps: object, address: str) -> Subject:
    kind = "relu-layer" if activation == "relu" else "affine"
    whole = {"kind": "whole"}
    try:
        return read_subject({"kind": kind, "arrays": arrays, "map": steps, "domain": whole})
    except MalformedProof as error:
        raise MalformedProof(f"{address}: {error.address}", error.reason) from None


class Stages:
    """The stages of a network with the arrays that were found; each is computed when asked for.

    Arguments:
        subject: What the header says.
        arrays: What `find_arrays` returned for it.
    """

    def __init__(self, subject: NetworkSubject, arrays: Sequence[Array | None]) -> None:
        self.subject = subject
        self._arrays: list[Sequence[Array | None]] = []
        rest = list(arrays)
        for stage in subject.stages:
            self._arrays.append(rest[: len(stage.arrays)])
            del rest[: len(stage.arrays)]

    def system(self, k: int, domain: Domain | None = None) -> System:
        """Returns the rows of a stage, exactly, on the whole space or on a domain.

        Raises:
            InvalidProof: when an array has an infinite entry or NaN.
            MalformedProof: when the stage does not fit the memory limit.
        """
        stage = replace(self.subject.stages[k], budget=Budget())
        if domain is not None:
            stage = replace(stage, domain=domain)
        return System(stage, self._arrays[k])

    def traces(self, points: Sequence[Vector]) -> Iterator[tuple[str, list[Vector]]]:
        """Yields, for every stage, its activation and what it gives before it at each point.

        A value after a ReLU goes on to the next stage; one before another activation does too,
        so that the numbers after a stage that is one-to-one mean nothing unless they are equal.
        """
        values = list(points)
        for k, activation in enumerate(self.subject.activations):
            system = self.system(k)
            values = [_image(system, value) for value in values]
            yield activation, values
            if activation == "relu":
                values = [Vector(_clipped(value.entries), value.denominator) for value in values]


def _image(system: System, x: Vector) -> Vector:
    """Returns W x + b over one denominator, in lowest terms."""
    value = evaluate(system.subject.steps, system.arrays, system.subject.budget, x)
    entries, divisor = [row[0] for row in value.rows], value.denominator
    for entry in entries:
        divisor = divisor.gcd(entry)
    return Vector([entry // divisor for entry in entries], value.denominator // divisor)


def _clipped(entries: Sequence[fmpz]) -> list[fmpz]:
    return [entry if entry > 0 else fmpz(0) for entry in entries]
