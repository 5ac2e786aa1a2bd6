"""A network on a box from the command line: the pair, its certificate, and what JSON says."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

from tests.cli.files import ACASXU, monic


@pytest.mark.thorough
def test_acas_xu_on_a_box(tmp_path: Path) -> None:
    proofs = tmp_path / "proofs"
    done = monic("decide", ACASXU, "--domain", "box:-0.5,0.5", "--json", "--certificates", proofs)
    assert done.returncode == 1, done.stderr
    value = json.loads(done.stdout)
    assert value["verdict"] == "NOT_INJECTIVE"
    assert [layer["kind"] for layer in value["layers"]] == ["dense"] * 7
    assert [(layer["in_dim"], layer["out_dim"]) for layer in value["layers"]][::6] == [
        (5, 50),
        (50, 5),
    ]
    pair = value["collision"]["exact"]
    x, other = ([Fraction(t) for t in pair[name]] for name in ("x", "other"))
    assert x != other
    assert all(abs(t) <= Fraction(1, 2) for t in (*x, *other))
    first, second = value["collision"]["outputs"]
    assert max(abs(a - b) for a, b in zip(first, second, strict=True)) < 1e-12
    checked = monic("check", value["certificate"], ACASXU)
    assert checked.returncode == 0, checked.stderr
    assert Path(value["certificate"]).name == "00-network.monic"


@pytest.mark.thorough
def test_the_table_shows_the_pair_and_its_floats() -> None:
    done = monic("decide", ACASXU, "--domain", "box:-0.5,0.5")
    assert done.returncode == 1
    assert "Two inputs of the network with the same output:" in done.stdout
    assert done.stdout.count("in float64 the network gives") == 2
    assert done.stdout.splitlines()[-1].startswith("The network: NOT_INJECTIVE. ")
