"""Mutates the checker and asks its tests: `python -m tests.mutation --module tree --sample 50`.

Exit code 0: each survivor is in `equivalent.toml`, with the reason; 1: some are not.
"""

import argparse
import sys
import tomllib
from pathlib import Path

import pytest

from tests.mutation.mutants import Mutant
from tests.mutation.run import Plan, Runner

#: What accepts and refuses: the kinds of evidence, domains, and the validation of subjects.
MODULES = (
    "activation attained ball blocks body bottleneck bound bound_network bounds carried cells "
    "circuits collision composition contraction definite directions distance domain "
    "evaluation filter_rank filtered filters first_stage gram header independent interior "
    "invertible kinship lanes moments network network_collision opposite pair_program pair_rows "
    "pair_tree paired peeling point pointwise prefix projection random_skip range_distance rules "
    "sides signs singular slopes spectrum steps subject sweep system tree validity walk "
    "window_layer windows"
).split()
#: Tests of the readers of model files, of budgets and of damaged files say nothing about these.
FOREIGN = ("bombs", "budget", "command", "graph", "hostile", "independence", "models", "torch")
HERE = Path(__file__).parent


def main() -> int:
    options = _options()
    tests = sorted((HERE.parent / "monic_checker").glob("test_*.py"))
    chosen = [str(path) for path in tests if not any(word in path.stem for word in FOREIGN)]
    plan = Plan(tuple(options.module or MODULES), options.sample, options.seed, options.seconds)
    runner = Runner(plan, lambda line: print(line, file=sys.__stdout__, flush=True))
    arguments = ["-s", "-p", "no:cacheprovider", "-p", "no:terminal", "--rootdir"]
    code = pytest.main([*arguments, str(HERE.parents[1]), *chosen], plugins=[runner])
    if code not in (0, 1):
        return 2
    outcome = runner.outcome
    known = _equivalent()
    new = [m for m in outcome.survivors if (m.module, m.function, m.change) not in known]
    print(f"{outcome.killed} killed ({outcome.slow} by time), {len(outcome.survivors)} survive, "
          f"{len(new)} of them without an explanation, {outcome.skipped} not run")  # fmt: skip
    for mutant in sorted(new, key=_place):
        print(mutant)
    return int(bool(new))


def _place(mutant: Mutant) -> tuple[str, int]:
    return mutant.module, mutant.line


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("--module", action="append", help="a module of the checker; repeatable")
    parser.add_argument("--sample", type=int, help="how many mutants (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of mutants")
    parser.add_argument("--seconds", type=float, default=1e9, help="no mutant is begun later")
    return parser.parse_args()


def _equivalent() -> set[tuple[str, str, str]]:
    entries = tomllib.loads((HERE / "equivalent.toml").read_text()).get("mutant", [])
    return {(entry["module"], entry["function"], entry["change"]) for entry in entries}


if __name__ == "__main__":
    sys.exit(main())
