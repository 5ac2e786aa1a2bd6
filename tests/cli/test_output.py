"""What people read: the table, the explanations, the last line, help."""

from fractions import Fraction
from pathlib import Path

import pytest
from rich.console import Console

from monic.decision.result import (
    Collision,
    Decision,
    Margin,
    StageDecision,
    Statistics,
    Verdict,
)
from monic.report.answer import Answer, LayerAnswer, Question
from monic.report.progress import ProgressLine
from monic.report.table import print_answer
from monic.report.text import point, printable
from tests.cli.files import ACASXU, injective, monic


def rendered(decision: Decision, *, name: str = "fc1", brief: bool = False) -> str:
    stage = StageDecision(
        name=name, shape=(50, 5), domain="orthant", activation="ReLU", decision=decision
    )
    answer = Answer(
        model="model.onnx",
        sha256="",
        question=Question.NETWORK,
        verdict=decision.verdict,
        assumption=decision.assumption,
        reason="all layers are",
        layers=[LayerAnswer(stage=stage)],
    )
    console = Console(width=120, record=True, quiet=False, file=open("/dev/null", "w"))
    print_answer(answer, console, brief=brief)
    return console.export_text()


def test_the_row_of_a_layer() -> None:
    text = rendered(
        Decision(
            verdict=Verdict.INJECTIVE,
            reason="",
            method="branching",
            statistics=Statistics(seconds=1.234),
        )
    )
    heads, _, root, row, *_ = text.splitlines()
    assert heads.split("  ")[0] == "layer"
    assert root.split()[:4] == ["model.onnx", "5", "→", "50"]
    for word in ("└╴fc1", "5 → 50", "orthant", "INJECTIVE", "branching", "1.23"):
        assert word in row
    assert text.splitlines()[-1] == "The network: INJECTIVE. All layers are."


@pytest.mark.parametrize("width", [80, 110, 200])
def test_a_network_reads_as_a_tree(width: int) -> None:
    """Every layer is one line with its branch, and the root has the network's dimensions."""
    decision = Decision(verdict=Verdict.INJECTIVE, reason="", method="branching")
    names = [f"Operation_{k}_MatMul" for k in range(1, 4)]
    shapes = [(50, 5), (50, 50), (7, 50)]
    stages = [
        StageDecision(name=n, shape=s, domain="orthant", activation="ReLU", decision=decision)
        for n, s in zip(names, shapes, strict=True)
    ]
    answer = Answer(
        model="some/folder/net.onnx",
        sha256="",
        question=Question.NETWORK,
        verdict=Verdict.INJECTIVE,
        reason="",
        layers=[LayerAnswer(stage=stage) for stage in stages],
    )
    console = Console(width=width, record=True, quiet=False, file=open("/dev/null", "w"))
    print_answer(answer, console)
    root, *branches = console.export_text().splitlines()[2:6]
    assert root.split()[:5] == ["net.onnx", "5", "→", "7", "orthant"]
    assert [line.split()[0] for line in branches] == [
        f"{guide}{name}" for guide, name in zip("├├└", [f"╴{n}" for n in names], strict=True)
    ]
    assert [line.split()[1:4] for line in branches] == [[str(n), "→", str(m)] for m, n in shapes]


def test_an_assumption_is_written_on_the_verdict() -> None:
    text = rendered(
        Decision(
            verdict=Verdict.INJECTIVE, reason="", method="packing", assumption="general-position"
        )
    )
    assert "The network: INJECTIVE (assuming general-position)." in text
    assert "packing, assuming general-position" in text


def test_a_collision() -> None:
    pair = Collision(x=(Fraction(-1, 3), Fraction(0)), other=(Fraction(-2, 3), Fraction(0)))
    text = rendered(
        Decision(
            verdict=Verdict.NOT_INJECTIVE,
            reason="Row 0 is inactive.",
            method="branching",
            collision=pair,
            margin=Margin(value=1.5e-16, rounding=True, distance=1.1e-16),
        )
    )
    assert "fc1: Row 0 is inactive." in text
    assert "x     = (-0.333333, 0)" in text
    assert "other = (-0.666667, 0)" in text
    assert "exactly equal outputs (checked over the rationals)" in text
    assert "margin 1.5e-16, only at the level of rounding" in text


def test_a_point_without_a_collision() -> None:
    text = rendered(
        Decision(
            verdict=Verdict.NOT_INJECTIVE, reason="", method="falsify", point=(Fraction(1, 2),)
        )
    )
    assert "at x = (0.5) the active rows do not span" in text


def test_brief() -> None:
    decision = Decision(verdict=Verdict.UNDECIDED, reason="The time limit.", method="branching")
    assert rendered(decision, brief=True) == "The network: UNDECIDED. All layers are.\n"


@pytest.mark.parametrize("name", ["\x1b[2J\x1b[31mred", "[bold]x[/bold]", "a\nb", "x" * 500])
def test_hostile_names_are_only_names(name: str) -> None:
    decision = Decision(verdict=Verdict.UNDECIDED, reason="", method="")
    text = rendered(decision, name=name)
    assert "\x1b" not in text
    assert printable(name)[:5] in text
    assert len(text.splitlines()) <= 10, "of which one line is for the layer, or two"


def test_points_are_elided() -> None:
    assert point([Fraction(k) for k in range(8)]) == "(0, 1, 2, 3, 4, 5, 6, 7)"
    assert point([Fraction(k) for k in range(9)]).endswith("…, 8; 9 coordinates)")
    assert point([Fraction(1, 10**400)]) == "(1e-400)"


class TestProgress:
    STATISTICS = Statistics(nodes=12_345, seconds=2.0)

    def test_nothing_in_the_first_second(self, capsys: pytest.CaptureFixture[str]) -> None:
        with ProgressLine(console=Console(force_terminal=True, stderr=True)) as line:
            line.begin("fc1", 1, 2)
            line(self.STATISTICS)
        assert capsys.readouterr() == ("", "")

    def test_nodes_per_second(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ProgressLine, "PATIENCE", 0.0)
        console = Console(force_terminal=True, stderr=True, width=100)
        with ProgressLine(console=console) as line:
            line.begin("fc1", 1, 2)
            line(self.STATISTICS)
            line(self.STATISTICS)
        printed = capsys.readouterr()
        assert printed.out == ""
        assert "1/2 fc1: 12,345 nodes" in printed.err
        assert "nodes/s" in printed.err

    @pytest.mark.parametrize("wanted", [True, False])
    def test_none_without_a_terminal(
        self, wanted: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ProgressLine, "PATIENCE", 0.0)
        console = Console(force_terminal=not wanted, stderr=True)
        with ProgressLine(wanted=wanted, console=console) as line:
            line.begin("fc1", 1, 2)
            line(self.STATISTICS)
        assert capsys.readouterr() == ("", "")


def test_show() -> None:
    done = monic("show", ACASXU)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["layer", "shape", "m/n", "activation"]
    assert lines[-1] == "Compared with onnx.reference at 8 points."
    lines = lines[:-2]
    assert len(lines) == 2 + 7
    assert lines[2].split()[1:] == ["50×5", "10", "ReLU"]
    assert lines[-1].split()[1:] == ["5×50", "0.1", "identity"]


def test_quiet(tmp_path: Path) -> None:
    done = monic("decide", injective(tmp_path), "--quiet")
    [line] = done.stdout.splitlines()
    assert line.startswith("The layers: INJECTIVE")


def test_version_and_citation() -> None:
    assert monic("--version").stdout.startswith("monic ")
    assert "Globally Injective" in monic("--cite").stdout


@pytest.mark.parametrize("name", ["decide", "check", "show"])
def test_help_has_an_example_and_the_exit_codes(name: str) -> None:
    text = monic(name, "--help").stdout
    assert f"Example: monic {name} " in text
    assert name == "show" or "Exit code: 0 " in text
    assert name in monic("--help").stdout


@pytest.mark.thorough
def test_inner_collisions_are_details() -> None:
    short = monic("decide", ACASXU).stdout
    full = monic("decide", ACASXU, "--details").stdout
    assert "Operation_3_MatMul: " not in short
    assert "Operation_3_MatMul: The rows active at the point found" in full
    assert "Operation_1_MatMul: At every x the active rows span R^5" in full
    for text in (short, full):
        assert "Two inputs of the network with the same output:" in text


def test_a_box_does_not_repeat_its_dimension_beside_it() -> None:
    stage = StageDecision(
        name="Operation_1_MatMul",
        shape=(50, 5),
        domain="box of 5",
        activation="ReLU",
        decision=Decision(verdict=Verdict.NOT_INJECTIVE, reason="", method="falsify"),
    )
    answer = Answer(
        model="model.onnx",
        sha256="",
        question=Question.NETWORK,
        verdict=Verdict.NOT_INJECTIVE,
        assumption=None,
        reason="",
        layers=[LayerAnswer(stage=stage)],
    )
    console = Console(width=80, record=True, quiet=False, file=open("/dev/null", "w"))
    print_answer(answer, console)
    (row,) = [line for line in console.export_text().splitlines() if "└╴" in line]
    assert row.startswith("└╴Operation_1_MatMul ")
    assert "box" in row
    assert "box of" not in row


def test_long_points_say_where_they_differ() -> None:
    x = tuple(map(Fraction, range(50)))
    other = (*x[:20], Fraction(1, 2), *x[21:])
    text = rendered(
        Decision(
            verdict=Verdict.NOT_INJECTIVE,
            reason="",
            method="falsify",
            collision=Collision(x=x, other=other),
        )
    )
    assert "they differ in 1 coordinate: 20 (20, 0.5)" in text
