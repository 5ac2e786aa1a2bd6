"""SCIP through pyscipopt; the packages on PyPI are built without SCIP's exact mode."""

from pyscipopt import Model, quicksum

from peers.peer import Answer, Matrix, Peer, Question
from peers.program import program

__all__ = ["PEER"]


def _decide(weight: Matrix, question: Question) -> Answer:
    asked = program(weight, question)
    model = Model()
    model.hideOutput()
    columns = [
        model.addVar(vtype="B") if binary else model.addVar(vtype="C", lb=low, ub=high)
        for binary, (low, high) in zip(asked.binary, asked.bounds, strict=True)
    ]
    for k, upper in enumerate(asked.upper):
        row = asked.matrix[k]
        terms = (a * columns[j] for a, j in zip(row.data, row.indices, strict=True))
        model.addCons(quicksum(terms) <= upper)
    model.optimize()
    status = model.getStatus()
    facts = {"nodes": int(model.getNTotalNodes())}
    if status == "infeasible":
        return Answer("INJECTIVE", facts)
    if status == "optimal":
        x = [model.getVal(column) for column in columns[: weight.shape[1]]]
        return Answer("NOT_INJECTIVE", facts | {"active_rows": int((weight @ x >= 0).sum())})
    return Answer("UNDECIDED", facts | {"status": status})


PEER = Peer(
    name="SCIP",
    package="pyscipopt",
    exact=False,
    proof="no",
    questions=("general-position", "exact"),
    decide=_decide,
)
