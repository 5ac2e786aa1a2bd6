"""Fuzzes one reader, or all: `python -m tests.fuzz checker-onnx --cases 100000`."""

import argparse
import logging
import resource
import sys
import time
import warnings
from pathlib import Path

from tests.fuzz.run import run
from tests.fuzz.targets import TARGETS

#: The address space for the readers of monic, most of it that of torch's libraries.
_ADDRESS_SPACE = 6 * 2**30


def _reader(name: str) -> str:
    if name not in TARGETS:
        raise argparse.ArgumentTypeError(f"expected one of {', '.join(TARGETS)}")
    return name


def main() -> int:
    """Prints for each reader how often what came out; faults are kept as files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", type=_reader, help=", ".join(TARGETS))
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-faults"))
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
    logging.disable()
    warnings.simplefilter("ignore")
    faults = 0
    for name in options.readers or TARGETS:
        keep = options.keep / name
        keep.mkdir(parents=True, exist_ok=True)
        start = time.process_time()
        found = run(TARGETS[name], options.cases, options.seed, keep=keep)
        seconds = time.process_time() - start
        counts = ", ".join(f"{count} {what}" for what, count in found.most_common())
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(f"{name}: {counts} ({seconds:.0f} s of CPU, peak {peak} MiB)", flush=True)
        faults += sum(count for what, count in found.items() if what.startswith("FAULT"))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
