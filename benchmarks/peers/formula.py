"""The formula that z3 and cvc5 are given, in linear real arithmetic: satisfiable, not injective.

Every finite float is a rational, and is handed over as one. General position: fewer than n rows
may be >= 0 at x. Exact question: x, and u != 0, such that each row is negative at x or zero on u.
"""

from collections.abc import Sequence
from typing import Any

from peers.peer import Answer, Matrix, Question

__all__ = ["decide_with"]


def decide_with(api: Any, weight: Matrix, question: Question, at_most: Any = None) -> Answer:
    """Asks an SMT solver that has z3's Python interface.

    Arguments:
        api: The module: z3, or cvc5.pythonic.
        weight: The layer.
        question: Which of the two.
        at_most: From booleans and k to "at most k of them", where the solver has it built in.
    """
    n = weight.shape[1]
    solver = api.SolverFor("QF_LRA")
    x = [api.Real(f"x{j}") for j in range(n)]
    if question == "general-position":
        active = [api.Bool(f"y{i}") for i in range(len(weight))]
        for row, y in zip(weight, active, strict=True):
            solver.add(api.Or(y, _form(api, row, x) < 0))
        solver.add((at_most or _sum_at_most(api))(active, n - 1))
    else:
        u = [api.Real(f"u{j}") for j in range(n)]
        for row in weight:
            solver.add(api.Or(_form(api, row, x) < 0, _form(api, row, u) == 0))
        solver.add(api.Or([t == 1 for t in u]))
    found = solver.check()
    if found == api.unsat:
        return Answer("INJECTIVE")
    return Answer("NOT_INJECTIVE" if found == api.sat else "UNDECIDED")


def _form(api: Any, row: Matrix, at: Sequence[Any]) -> Any:
    return api.Sum([api.Q(*float(a).as_integer_ratio()) * t for a, t in zip(row, at, strict=True)])


def _sum_at_most(api: Any) -> Any:
    one, zero = api.RealVal(1), api.RealVal(0)
    return lambda booleans, k: api.Sum([api.If(y, one, zero) for y in booleans]) <= k
