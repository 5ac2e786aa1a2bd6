"""Verdicts on whole networks in ONNX files, on a box: seconds, memory, and how each was decided.

python benchmarks/networks.py LOWER UPPER FILE.onnx [FILE.onnx ...]

Each file has a process of its own; its memory is the largest that it held. Files that are not
read are listed with the reason.
"""

import argparse
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np

from monic import Box, MonicError, Network, check, decide, load

#: Seconds for each layer, and for the search for two inputs.
LIMIT = 20.0


def row(lower: float, upper: float, file: str) -> str:
    """Returns the row of one file."""
    name = file.rsplit("/", 1)[-1]
    try:
        loaded = load(file)
        assert isinstance(loaded, Network), f"{file} holds no graph"
        box = Box(np.full(loaded.in_dim, lower), np.full(loaded.in_dim, upper))
        network = Network(loaded.stages, box)
        started = time.monotonic()
        found = decide(network, time_limit=LIMIT)
        seconds = time.monotonic() - started
    except MonicError as error:
        return f"{name:38} not read: {' '.join(str(error).split())}"
    proved = "no certificate"
    if found.certificate is not None:
        check(found.certificate, network)
        proved = "checked"
    how = "pair" if found.collision is not None else ""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return (
        f"{name:38} {network.in_dim:6} {len(network.stages):3} {found.verdict.name:14} {how:5} "
        f"{seconds:7.1f} s {memory:6} MB  {proved:15} {found.reason}"
    )


def main(lower: float, upper: float, files: list[str]) -> None:
    """Prints one row a file."""
    for file in files:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            print(pool.submit(row, lower, upper, file).result(), flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lower", type=float, help="of every input")
    parser.add_argument("upper", type=float, help="of every input")
    parser.add_argument("files", nargs="+", metavar="FILE.onnx")
    options = parser.parse_args()
    main(options.lower, options.upper, options.files)
