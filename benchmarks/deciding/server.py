"""The child process: one program, warmed up, that answers tasks from stdin, a JSON line each.

Started by `asking.py` as `-m deciding.server NAME`, where NAME is a module of `peers`, "checker"
or "workers". It says "ready" once everything is imported and compiled.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import peers

Task = dict[str, Any]


def main() -> None:
    """Answers until stdin ends; only answers reach stdout, whatever solvers print."""
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    work = prepared(sys.argv[1])
    print(json.dumps("ready"), file=replies, flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        facts = work(json.loads(line))
        facts["seconds"] = time.perf_counter() - wall
        facts["cpu_seconds"] = time.process_time() - cpu
        facts["peak_mb"] = peak_megabytes()
        print(json.dumps(facts), file=replies, flush=True)


def end_with(parent: int) -> None:
    """Ends a solver that is still at work when nobody waits for it any more."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def prepared(name: str) -> Callable[[Task], Task]:
    """Returns what does a task, after a first run that is not timed."""
    if name == "checker":
        import monic_checker  # noqa: F401 - so that the first task does not pay for it

        return check
    if name == "workers":
        decide_with_workers({"weight": warm_up(8, 48), "workers": 1})
        return decide_with_workers
    peer = peers.load(name)
    peer.decide(warm_up(4, 20), peer.questions[0])

    def decide(task: Task) -> Task:
        answer = peer.decide(np.load(task["weight"]), task["question"])
        facts = {"verdict": answer.verdict, **answer.facts}
        if answer.write_proof is not None and task.get("proof"):
            answer.write_proof(Path(task["proof"]))
            facts["proof_bytes"] = os.path.getsize(task["proof"])
        return facts

    return decide


def warm_up(n: int, m: int) -> np.ndarray:
    return np.random.default_rng(1000).standard_normal((m, n))


def check(task: Task) -> Task:
    """Has the independent checker read a proof."""
    import monic_checker

    with open(task["proof"], "rb") as proof:
        claim = monic_checker.check(proof, monic_checker.read_arrays(Path(task["weight"])))
    return {"verdict": claim.sentence()}


def decide_with_workers(task: Task) -> Task:
    """Decides with a number of worker processes; a warm-up starts them."""
    import monic

    weight = task["weight"] if isinstance(task["weight"], np.ndarray) else np.load(task["weight"])
    layer = monic.ReLULayer(weight)
    decision = monic.decide(layer, method="branching", workers=task["workers"])
    return {"verdict": decision.verdict.name, "nodes": decision.statistics.nodes}


def peak_megabytes() -> float:
    """Returns the most memory this program held; Linux's rusage would count its parent's too."""
    try:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except (OSError, IndexError):
        import resource

        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    main()
