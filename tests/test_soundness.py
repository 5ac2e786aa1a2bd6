"""monic contradicts no truth of the public corpus in soundness/."""

import importlib.util
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).parents[1] / "soundness"


@pytest.fixture(scope="module")
def corpus() -> ModuleType:
    spec = importlib.util.spec_from_file_location("soundness_check", FOLDER / "check.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.thorough
def test_no_answer_contradicts_a_truth(corpus: ModuleType) -> None:
    wrong, counts = [], Counter[str]()
    for case, answer in corpus.answers():
        counts[answer] += 1
        if answer == "WRONG":
            wrong.append(case["file"])
    assert not wrong
    assert counts["right"] >= 169


def test_a_false_truth_is_noticed(corpus: ModuleType) -> None:
    """The comparison can fail, for each kind of question."""
    for word in ("layers/whole-1-0", "networks/the-fold", "readings/clip", "layers/duplicate"):
        ((case, answer),) = corpus.answers(word)
        assert answer == "right"
        truth = case["truth"]
        if case["question"] == "values":
            case["truth"] = [[t + 1 for t in row] for row in truth]
        elif case["question"] == "bounds":
            case["truth"] = {name: "7" for name in truth}
        else:
            case["truth"] = not truth
        assert corpus._ASK[case["question"]](case) == "WRONG"
