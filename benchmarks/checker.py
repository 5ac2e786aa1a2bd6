"""What checking costs in two source trees: the corpus of certificates, and a proof by a tree.

    git worktree add /tmp/old REVISION
    python benchmarks/checker.py /tmp/old/src src
    python benchmarks/checker.py /tmp/old/src src --tree tree.monic

Both trees check the files of tests/certificates/valid that lie beside OLD_SRC, each beside its
weights. A process checks all of them several times, and prints its processor time. Processes of
the two trees take turns, so that a busy machine disturbs both alike; the ratio is that of the
medians, and of the fastest processes. Without --tree the tree's proof is made anew, for a
Gaussian layer of ten inputs and a hundred rows on |x| < 1, with the monic of NEW_SRC.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

#: Run with the source tree on its path: prints the seconds of the processor for each check.
_MEASURE = """
import sys, time
from monic_checker import check_files
rounds, *files = sys.argv[1:]
pairs = [(proof, [proof.removesuffix(".monic") + ".npz"]) for proof in files]
for proof, models in pairs:
    check_files(proof, models)
begin = time.process_time()
for _ in range(int(rounds)):
    for proof, models in pairs:
        check_files(proof, models)
print((time.process_time() - begin) / (int(rounds) * len(pairs)))
"""

#: Run with NEW_SRC on its path: writes the proof of one Gaussian layer, and its weights.
_PROVE = """
import sys
import numpy as np
import monic
rng, proof = np.random.default_rng(0), sys.argv[1]
weight, bias = rng.standard_normal((100, 10)), rng.standard_normal(100) / 2
layer = monic.ReLULayer(weight, bias, monic.Ball(1.0))
decision = monic.decide(layer, method="branching")
with open(proof, "wb") as stream:
    stream.write(decision.certificate.to_bytes())
np.savez(proof.removesuffix(".monic") + ".npz", weight=weight, bias=bias)
"""


def run(source: Path, code: str, *arguments: str) -> str:
    """What a program prints that finds its modules in a source tree."""
    environment = os.environ | {"PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, text=True, check=True
    ).stdout


def compare(
    name: str, sources: Sequence[Path], files: Sequence[str], rounds: int, runs: int
) -> None:
    """Prints one line: milliseconds for each check in both trees, and their ratios."""
    times: dict[Path, list[float]] = {source: [] for source in sources}
    for k in range(runs):
        for source in sources if k % 2 == 0 else reversed(sources):
            times[source].append(1000 * float(run(source, _MEASURE, str(rounds), *files)))
    old, new = (times[source] for source in sources)
    print(
        f"{name:8s} {len(files):4d} {median(old):9.3f} {median(new):9.3f} "
        f"{median(new) / median(old):8.3f} {min(new) / min(old):8.3f}",
        flush=True,
    )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path, help="a source tree, the folder above monic_checker")
    parser.add_argument("new", type=Path, help="another")
    parser.add_argument("--rounds", type=int, default=10, help="checks of each file in a process")
    parser.add_argument("--runs", type=int, default=9, help="processes for each tree")
    parser.add_argument("--tree", type=Path, help="a proof, beside its weights in a .npz file")
    options = parser.parse_args()
    sources = (options.old.resolve(), options.new.resolve())
    for source in sources:  # an installed checker would be measured in place of a missing one
        if not (source / "monic_checker" / "__init__.py").is_file():
            parser.error(f"Expected a folder with monic_checker in it. Got {source}.")
    corpus = sources[0].parent / "tests" / "certificates" / "valid"
    files = [str(file) for file in sorted(corpus.glob("*.monic"))]
    print("proofs     of    old ms    new ms   median  fastest")
    compare("corpus", sources, files, options.rounds, options.runs)
    with tempfile.TemporaryDirectory() as folder:
        proof = options.tree or Path(folder) / "tree.monic"
        if options.tree is None:
            run(sources[1], _PROVE, str(proof))
        compare("tree", sources, [str(proof)], 1, options.runs)


if __name__ == "__main__":
    main()
