"""What a proof about a whole network is about: stages in turn, and the domain of its input."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from flint import fmpq, fmpz

from monic_checker.activation import Activation, bent
from monic_checker.arrays import Array
from monic_checker.budget import Budget, bits
from monic_checker.document import items, members
from monic_checker.domain import Domain, read_domain
from monic_checker.errors import MalformedProof
from monic_checker.evaluation import evaluate
from monic_checker.subject import Entry, Subject, read_subject
from monic_checker.system import System
from monic_checker.validity import ValidArrays
from monic_checker.vector import Vector, over_one_denominator

__all__ = ["NetworkSubject", "Stages", "read_network"]


@dataclass(frozen=True, slots=True)
class NetworkSubject:
    """A network, as the header says it.

    Arguments:
        stages: The maps of its stages, each on the whole of its input space.
        activations: What follows each.
        domain: The set X.
    """

    stages: list[Subject]
    activations: list[Activation]
    domain: Domain
    kind: str = "network"

    @property
    def budget(self) -> Budget:
        """What is left of the memory and the work of the check."""
        return self.stages[0].budget

    @property
    def n(self) -> int:
        """The number of inputs."""
        return self.stages[0].n

    @property
    def m(self) -> int:
        """The number of outputs."""
        return self.outputs(len(self.stages) - 1)

    def outputs(self, k: int) -> int:
        """Returns how many numbers a stage gives: those of its map, and roots of groups."""
        return self.stages[k].m + self.activations[k].more

    def layer(self, k: int) -> Subject:
        """Returns the layer that evidence about a stage speaks of."""
        return self.activations[k].layer(self.stages[k])

    @property
    def arrays(self) -> list[Entry]:
        """The arrays of all stages, one stage after the other."""
        return [array for stage in self.stages for array in stage.arrays]


def read_network(value: object, budget: Budget) -> NetworkSubject:
    """Reads the subject of a proof about a network.

    Raises:
        MalformedProof: when it breaks a rule of Section 3 of the specification.
    """
    _, tables, place = members(value, "subject", ["kind", "stages", "domain"])
    stages: list[Subject] = []
    activations: list[Activation] = []
    for k, entry in enumerate(items(tables, "subject.stages")):
        address = f"subject.stages[{k}]"
        keys = [*Activation.keys(entry), "arrays", "map"]
        *after, arrays, steps = members(entry, address, keys)
        stage = _stage(arrays, steps, budget, address)
        activation = Activation.read(after, address, [array.shape for array in stage.arrays])
        activation.insist_on_fit(stage, address)
        activations.append(activation)
        if stage.kind != activation.kind:
            stage = replace(stage, kind=activation.kind)
        stages.append(stage)
        known = stages[k - 1].m + activations[k - 1].more if k else stage.n
        if known != stage.n:
            raise MalformedProof(address, f"expected a map of {known} numbers")
    if not stages:
        raise MalformedProof("subject.stages", "expected at least one stage")
    return NetworkSubject(stages, activations, read_domain(place, stages[0].n, budget))


def _stage(arrays: object, steps: object, budget: Budget, address: str) -> Subject:
    parts = {"arrays": arrays, "map": steps, "domain": {"kind": "whole"}}
    try:
        return read_subject({"kind": "affine", **parts}, budget)
    except MalformedProof as error:
        raise MalformedProof(f"{address}: {error.address}", error.reason) from None


class Stages:
    """The stages of a network with their arrays, which are as they must be in every stage.

    Their rows are computed when they are asked for.

    Arguments:
        subject: What the header says.
        arrays: What `find_arrays` returned for it.

    Raises:
        InvalidProof: when a number of a stage is not as it must be.
    """

    def __init__(self, subject: NetworkSubject, arrays: Sequence[Array | None]) -> None:
        self.subject = subject
        self._arrays: list[ValidArrays] = []
        rest = list(arrays)
        for k, stage in enumerate(subject.stages):
            own, where = rest[: len(stage.arrays)], f"subject.stages[{k}]"
            self._arrays.append(ValidArrays(stage, own, subject.activations[k].slope, where))
            del rest[: len(stage.arrays)]

    def system(self, k: int) -> System:
        """Returns the rows of a stage's map, exactly."""
        return System(self.subject.stages[k], self._arrays[k])

    def layer(self, k: int, domain: Domain) -> System:
        """Returns the rows of the layer that evidence about a stage speaks of, on a domain."""
        layer = replace(self.subject.layer(k), domain=domain)
        more = len(layer.arrays) - len(self.subject.stages[k].arrays)
        return System(layer, self._arrays[k].beside_constants(more))

    def slopes(self, k: int) -> list[fmpq]:
        """Returns the slope below 0 of every number that a stage gives."""
        activation = self.subject.activations[k]
        place, m, budget = activation.slope, self.subject.stages[k].m, self.subject.budget
        budget.spend(m, 256, f"subject.stages[{k}]")
        with budget.scope():
            found = None if place is None else self.system(k).arrays[place]
            return activation.slopes(found, m)

    def outputs(self, points: Sequence[Vector]) -> list[Vector]:
        """Returns what the network gives at each point; its activations are piecewise linear."""
        values, last = list(points), len(self.subject.stages) - 1
        for _, before in self.traces(points):
            values = before
        budget = self.subject.budget
        return [_bent(value, self.slopes(last), budget) for value in values]

    def traces(self, points: Sequence[Vector]) -> Iterator[tuple[Activation, list[Vector]]]:
        """Yields, for every stage, its activation and what it gives before it at each point.

        A value after a ReLU, leaky or not, goes on to the next stage; one before another
        activation does too, so that numbers after it mean nothing unless they are equal.
        """
        values = list(points)
        for k, activation in enumerate(self.subject.activations):
            with self.subject.budget.scope():
                system = self.system(k)
                values = [_image(system, value) for value in values]
                yield activation, values
                slopes = self.slopes(k)
                values = [_bent(value, slopes, system.subject.budget) for value in values]


def _image(system: System, x: Vector) -> Vector:
    """Returns W x + b over one denominator, in lowest terms."""
    budget = system.subject.budget
    budget.spend(len(x.entries), bits([*x.entries, x.denominator]), "subject.stages")
    value = evaluate(system.subject.steps, system.arrays, budget, x)
    entries, divisor = [row[0] for row in value.rows], value.denominator
    for entry in entries:
        divisor = divisor.gcd(entry)
    return Vector([entry // divisor for entry in entries], value.denominator // divisor)


def _bent(value: Vector, slopes: Sequence[fmpq], budget: Budget) -> Vector:
    if all(slope == 0 or slope == 1 for slope in slopes):
        pairs = zip(value.entries, slopes, strict=True)
        return Vector([e if e > 0 or s == 1 else fmpz(0) for e, s in pairs], value.denominator)
    pairs = zip(value.entries, slopes, strict=True)
    numbers = [bent(fmpq(entry, value.denominator), slope) for entry, slope in pairs]
    return over_one_denominator(numbers, budget, "subject.stages")
