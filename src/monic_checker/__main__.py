"""The command `python -m monic_checker PROOF MODEL [MODEL...]`."""

import argparse
import sys
from collections.abc import Sequence

from monic_checker.amount import amount
from monic_checker.budget import WORK
from monic_checker.checker import check_files
from monic_checker.errors import CheckError, InvalidProof, OverBudget

__all__ = ["main"]

VALID, INVALID, UNREADABLE, NO_GRAPH, OVER_BUDGET = 0, 1, 2, 5, 6

_DESCRIPTION = """\
Checks a proof that a ReLU layer or network is injective, or that it is not.

The proof names the arrays of the layer by their content (SHA-256), so it is
checked against the weights in your files and against no others. Every step is
done in exact arithmetic; nothing is believed of the program that wrote it.
"""

_EPILOG = """\
examples:
  python -m monic_checker fc1.proof model.onnx
  python -m monic_checker fc1.proof model.safetensors
  python -m monic_checker fc1.proof weight.npy bias.npy
  python -m monic_checker --memory 2G --work 1e12 fc1.proof model.onnx

exit codes:
  0  valid: the claim that is printed has been proved for these weights
  1  invalid: the proof does not prove its claim, or is about other weights
  2  malformed: not a proof, or a file that cannot be read
  5  valid for the weights, but compared with no graph, under --require-graph
  6  over budget: it would take more memory or work than allowed; nothing is known
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code.

    Arguments:
        arguments: The command line without the program's name; None takes that of the process.
    """
    options = _parser().parse_args(arguments)
    try:
        claim = check_files(
            options.proof, options.models, memory=options.memory, work=options.work
        )
    except InvalidProof as error:
        print(f"INVALID: {error}", file=sys.stderr)
        return INVALID
    except OverBudget as error:
        print(f"OVER BUDGET: {error}", file=sys.stderr)
        return OVER_BUDGET
    except (CheckError, OSError) as error:
        print(f"MALFORMED or unreadable: {ascii(str(error))[1:-1]}", file=sys.stderr)
        return UNREADABLE
    print(f"VALID. {claim.sentence()}")
    return VALID if claim.has_graph or not options.require_graph else NO_GRAPH


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m monic_checker",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("proof", metavar="PROOF", help="a proof written by monic")
    parser.add_argument(
        "models",
        metavar="MODEL",
        nargs="+",
        help="a file with the layer's weights: .onnx, .safetensors, .pt, .pth, .npy or .npz",
    )
    parser.add_argument(
        "--require-graph",
        action="store_true",
        help="exit with 5 unless the proof was compared with the graph of a model file",
    )
    parser.add_argument(
        "--memory",
        type=amount,
        metavar="BYTES",
        help="the memory that the check may take, such as 512M or 2G "
        "(default: 384 MiB and 24 times the size of the model files)",
    )
    parser.add_argument(
        "--work",
        type=amount,
        metavar="UNITS",
        help="the work that it may take, such as 1e12; a unit is about a nanosecond of one core, "
        f"and the same on every machine (default: {WORK:,})",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
