"""Verdicts on whole networks in ONNX files, on a box: seconds, memory, and how each was decided.

python benchmarks/networks.py LOWER UPPER FILE.onnx [FILE.onnx ...]
"""

import resource
import sys
import time

import numpy as np

from monic import Box, Network, check, decide, load

#: Seconds for each layer, and for the search for two inputs.
LIMIT = 20.0


def main(lower: float, upper: float, files: list[str]) -> None:
    """Prints one row a file; memory is the largest that the process has held so far."""
    for file in files:
        loaded = load(file)
        assert isinstance(loaded, Network), f"{file} holds no graph"
        box = Box(np.full(loaded.in_dim, lower), np.full(loaded.in_dim, upper))
        network = Network(loaded.stages, box)
        started = time.monotonic()
        found = decide(network, time_limit=LIMIT)
        seconds = time.monotonic() - started
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        proved = "no certificate"
        if found.certificate is not None:
            check(found.certificate, network)
            proved = "checked"
        print(
            f"{file.rsplit('/', 1)[-1]:34} {network.in_dim:6} {len(network.stages):3} "
            f"{found.verdict.name:14} {seconds:7.1f} s {memory:6} MB  {proved:15} {found.reason}"
        )


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]), sys.argv[3:])
