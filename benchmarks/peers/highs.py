"""HiGHS, the mixed-integer solver, through highspy."""

import highspy
import numpy as np

from peers.peer import Answer, Matrix, Peer, Question
from peers.program import program

__all__ = ["PEER"]


def _decide(weight: Matrix, question: Question) -> Answer:
    asked = program(weight, question)
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    lp = highspy.HighsLp()
    lp.num_row_, lp.num_col_ = asked.matrix.shape
    lp.col_cost_ = np.zeros(lp.num_col_)
    lp.col_lower_, lp.col_upper_ = asked.bounds.T
    lp.row_lower_, lp.row_upper_ = asked.lower, asked.upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = asked.matrix.indptr
    lp.a_matrix_.index_ = asked.matrix.indices
    lp.a_matrix_.value_ = asked.matrix.data
    kinds = highspy.HighsVarType
    lp.integrality_ = [kinds.kInteger if b else kinds.kContinuous for b in asked.binary]
    solver.passModel(lp)
    solver.run()
    status = solver.getModelStatus()
    facts = {"nodes": solver.getInfo().mip_node_count}
    if status == highspy.HighsModelStatus.kInfeasible:
        return Answer("INJECTIVE", facts)
    if status == highspy.HighsModelStatus.kOptimal:
        x = np.array(solver.getSolution().col_value[: weight.shape[1]])
        return Answer("NOT_INJECTIVE", facts | {"active_rows": int((weight @ x >= 0).sum())})
    return Answer("UNDECIDED", facts | {"status": str(status)})


PEER = Peer(
    name="HiGHS",
    package="highspy",
    exact=False,
    proof="no",
    questions=("general-position", "exact"),
    decide=_decide,
)
