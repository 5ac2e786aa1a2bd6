"""The corpus of certificates: each file beside the weights it is checked against.

Files of `valid` must pass, those of `invalid` and `malformed` must be refused as such. A mistake
that was once found in the checker stays here for good.
"""

from pathlib import Path

import pytest

from monic_checker import InvalidProof, MalformedProof, check_files

CORPUS = Path(__file__).parents[1] / "certificates"
FILES = sorted(CORPUS.rglob("*.monic"))


@pytest.mark.parametrize("proof", FILES, ids=lambda p: str(p.relative_to(CORPUS).with_suffix("")))
def test_file(proof: Path) -> None:
    model = proof.with_suffix(".npz")
    if proof.parent.name == "valid":
        assert check_files(proof, [model]).sentence().startswith("Checked: ")
        return
    with pytest.raises(InvalidProof if proof.parent.name == "invalid" else MalformedProof):
        check_files(proof, [model])


def test_every_folder_has_files() -> None:
    assert {file.parent.name for file in FILES} == {"valid", "invalid", "malformed"}
    assert len(FILES) >= 35
