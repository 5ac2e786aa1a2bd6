"""`monic show --subject-digest`: what the checker prints, from a model file or a proof file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.files import ACASXU, PAIRED, monic


def digests(*arguments: object) -> dict[str, str]:
    """The digests that the command prints, by what they are of."""
    done = monic("show", "--subject-digest", *arguments)
    assert done.returncode == 0, done.stderr
    lines = (line.split("  ", 1) for line in done.stdout.splitlines())
    return {name: digest for digest, name in lines}


@pytest.mark.parametrize("domain", ["box:-1,1", "whole"])
@pytest.mark.thorough
def test_the_digests_of_a_model_are_those_of_its_proofs(tmp_path: Path, domain: str) -> None:
    where = ("--domain", domain)
    folder = tmp_path / "proofs"
    monic("decide", ACASXU, *where, "--certificates", folder, "--time-limit", "5")
    known = digests(ACASXU, *where)
    assert "the network" in known
    proofs = sorted(folder.iterdir())
    assert proofs
    for proof in proofs:
        name = "the network" if proof.name.startswith("00-") else list(known)[int(proof.name[:2])]
        own = monic("show", "--subject-digest", proof).stdout.strip()
        assert own == known[name]
        checked = monic("check", proof, ACASXU)
        assert f"Subject digest: {own}." in checked.stdout
    assert digests(ACASXU, "--domain", "box:-1,2")["the network"] != known["the network"]


def test_bare_weights_have_a_digest_each(tmp_path: Path) -> None:
    once, twice = np.array(PAIRED), 2 * np.array(PAIRED)
    both: dict[str, Any] = {"a.weight": once, "b.weight": twice}
    np.savez(tmp_path / "two.npz", **both)
    known = digests(tmp_path / "two.npz", "--domain", "ball:1")
    assert [*known] == ["a", "b"]
    assert known["a"] != known["b"]
    del both["a.weight"]
    np.savez(tmp_path / "again.npz", **both)
    assert digests(tmp_path / "again.npz", "--domain", "ball:1")["b"] == known["b"]


def test_what_is_no_proof_and_options_that_do_not_fit(tmp_path: Path) -> None:
    path = tmp_path / "broken.monic"
    path.write_bytes(b"monic-proof 1\n{}\n")
    done = monic("show", "--subject-digest", path)
    assert done.returncode == 2
    assert "header of a proof" in done.stderr
    assert monic("show", ACASXU, "--domain", "whole").returncode == 2
