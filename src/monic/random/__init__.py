"""Random layers: how many rows they need to be injective."""

from monic.random.direction import estimate_by_direction
from monic.random.ensembles import ENSEMBLES, Ensemble
from monic.random.estimate import ProbabilityEstimate, RowsNeeded, estimate_rows_needed
from monic.random.probability import (
    noninjective_probability_bound,
    probability_in_the_plane,
    sufficient_rows,
)
from monic.random.question import Needed, Question
from monic.random.thresholds import Threshold, gordon, single_direction, thresholds, union_bound

__all__ = [
    "ENSEMBLES",
    "Ensemble",
    "Needed",
    "ProbabilityEstimate",
    "Question",
    "RowsNeeded",
    "Threshold",
    "estimate_by_direction",
    "estimate_rows_needed",
    "gordon",
    "noninjective_probability_bound",
    "probability_in_the_plane",
    "single_direction",
    "sufficient_rows",
    "thresholds",
    "union_bound",
]
