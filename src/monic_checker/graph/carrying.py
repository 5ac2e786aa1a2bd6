"""Carries out a graph, or a part of it, on exact numbers."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from monic_checker.graph.errors import NotCompared
from monic_checker.graph.model import Graph
from monic_checker.graph.node import Node
from monic_checker.graph.operators import carry_out
from monic_checker.graph.run import Operands, Run
from monic_checker.graph.tensor import Tensor

__all__ = ["Machine"]


@dataclass(slots=True)
class Machine:
    """A graph that is carried out several times; what no input moves is computed once.

    Arguments:
        graph: The graph.
        fixed: Tensors that depend on constants only, as far as they are known.
    """

    graph: Graph
    fixed: dict[str, Tensor] = field(default_factory=dict)

    def moving(self, starts: Sequence[str]) -> set[str]:
        """Returns the tensors that depend on some tensors, themselves among them."""
        found = {*starts}
        for node in self.graph.nodes:
            if not found.isdisjoint(node.inputs):
                found.update(filter(None, node.outputs))
        return found

    def values(
        self, given: Mapping[str, Tensor], run: Run, wanted: Sequence[str]
    ) -> dict[str, Tensor]:
        """Returns some tensors, for given inputs.

        Raises:
            NotCompared: when the graph cannot be carried out up to them.
            OverBudget: when they do not fit the budget.
        """
        found = {name: tensor for name, tensor in given.items() if name in wanted}
        for name, tensor in self.steps(given, run):
            if name in wanted:
                found[name] = tensor
        for name in wanted:
            constant = found.get(name) or self.constant(name)
            if constant is None:
                raise NotCompared(f"a node gives no second output, or {name[:80]!a} needs one")
            found[name] = constant
        return found

    def steps(
        self, given: Mapping[str, Tensor], run: Run, ends: frozenset[str] = frozenset()
    ) -> Iterator[tuple[str, Tensor]]:
        """Yields the tensors that the nodes give in turn, where their operands are known.

        Arguments:
            given: Tensors with their values; nodes that give them are passed over.
            run: What it may cost.
            ends: Operators behind which nothing is carried out.
        """
        moving = self.moving(list(given))
        with _Known(self, run, dict(given)) as known:
            for node in self.graph.nodes:
                is_fixed = moving.isdisjoint(node.inputs)
                outputs = [name for name in node.outputs if name]
                operands = known.operands(node)
                is_done = is_fixed and all(name in self.fixed for name in outputs[:1])
                if operands is None or is_done or not given.keys().isdisjoint(outputs):
                    continue
                for name, tensor in zip(node.outputs, known.outputs(node, operands), strict=False):
                    if name and not tensor.size and tensor.is_float and not is_fixed:
                        raise NotCompared(f"{node.label} gives no numbers")
                    if name and is_fixed:
                        run.budget.hold(tensor.held, run.where)
                        self.fixed[name] = tensor
                    elif name and node.op not in ends:
                        known.keep(name, tensor)
                    if name:
                        yield name, tensor

    def constant(self, name: str) -> Tensor | None:
        """Returns a tensor that no input moves, as far as it is known."""
        if name in self.fixed:
            return self.fixed[name]
        return self.graph.constant(name) if name in self.graph.stored else None


class _Known:
    """The tensors that are known by now and used later, with the memory that they hold."""

    def __init__(self, machine: Machine, run: Run, tensors: dict[str, Tensor]) -> None:
        self._machine, self._run, self._tensors = machine, run, tensors
        self._uses = Counter(name for node in machine.graph.nodes for name in node.inputs)
        self._leases: dict[str, ExitStack] = {}

    def __enter__(self) -> "_Known":
        return self

    def __exit__(self, *_: object) -> None:
        for lease in self._leases.values():
            lease.close()

    def operands(self, node: Node) -> Operands | None:
        """Returns what a node takes; None if something is not known. It counts as used."""
        found: list[Tensor | None] = []
        for name in node.inputs:
            tensor = self._tensors.get(name) if name else None
            if name and tensor is None:
                tensor = self._machine.constant(name)
                if tensor is not None and tensor.size == 1:
                    self._run.smooth.added.add(tensor.number())
            found.append(tensor)
            self._uses[name] -= 1
            if not self._uses[name]:
                self._forget(name)
        is_known = all(not name or t for name, t in zip(node.inputs, found, strict=True))
        return Operands(tuple(found)) if is_known else None

    def outputs(self, node: Node, operands: Operands) -> list[Tensor]:
        """Returns what a node gives; what it needed meanwhile is given back."""
        with self._run.budget.scope():
            return carry_out(node, operands, self._run)

    def keep(self, name: str, tensor: Tensor) -> None:
        """Keeps a tensor as long as it is used."""
        if self._uses[name] > 0:
            self._tensors[name] = tensor
            self._leases[name] = ExitStack()
            held = self._run.budget.lease(tensor.held, self._run.where)
            self._leases[name].enter_context(held)

    def _forget(self, name: str) -> None:
        self._tensors.pop(name, None)
        lease = self._leases.pop(name, None)
        if lease is not None:
            lease.close()
