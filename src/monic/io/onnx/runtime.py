"""The evaluation of a graph by onnxruntime, in a process of its own.

It is C++, which may end its process; so it never runs in that of the caller, and only on graphs
that the reader took as a whole. It computes in the graph's own number format.
"""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from monic.io.comparing import Deadline, Evaluator, Unevaluated, as_floats
from monic.io.onnx.reference import inlined, input_of
from monic.model.affine import FloatArray

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["OnnxRuntime"]

#: What the process runs: FOLDER holds the model and the inputs, and gets the outputs.
_PROGRAM = """
import sys
import numpy, onnxruntime
folder = sys.argv[1]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads, options.log_severity_level = 1, 4
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
session = onnxruntime.InferenceSession(
    folder + "/model.onnx", options, providers=["CPUExecutionProvider"]
)
names = [port.name for port in session.get_outputs()]
[port] = session.get_inputs()
for k, x in enumerate(numpy.load(folder + "/inputs.npy")):
    found = session.run(names, {port.name: x})
    numpy.savez(f"{folder}/{k}.npz", *found)
"""


class OnnxRuntime(Evaluator):
    """onnxruntime on a graph.

    Arguments:
        model: The model; it is not changed.
        folder: Where its external data lies.
        shape: The shape of its input.

    Raises:
        Unevaluated: when onnxruntime is not installed, or the input is in bfloat16.
    """

    name = "onnxruntime"
    unit = 2.0**-24
    careless = 16

    def __init__(self, model: "ModelProto", folder: Path, shape: Sequence[int]) -> None:
        if importlib.util.find_spec("onnxruntime") is None:
            raise Unevaluated("onnxruntime is not installed")
        self._model, self._shape = inlined(model, folder, widened=False), tuple(shape)
        _, self._dtype = input_of(self._model)
        if self._dtype.name not in ("float32", "float64"):
            raise Unevaluated(f"onnxruntime rounds to {self._dtype.name}")

    def tensors(
        self, x: FloatArray, names: Sequence[str], deadline: Deadline
    ) -> Mapping[str, FloatArray]:
        [found] = self.at([x], names, deadline)
        return found

    def at(
        self, inputs: Sequence[FloatArray], names: Sequence[str], deadline: Deadline
    ) -> Iterator[Mapping[str, FloatArray]]:
        whole = type(self._model)()
        whole.CopyFrom(self._model)
        given = {name for node in whole.graph.node for name in node.output}
        wanted = [name for name in names if name in given]
        del whole.graph.output[:]
        for name in wanted:
            whole.graph.output.add().name = name
        table = np.stack([x.reshape(self._shape) for x in inputs]).astype(self._dtype)
        with TemporaryDirectory() as path:
            folder = Path(path)
            (folder / "model.onnx").write_bytes(whole.SerializeToString())
            np.save(folder / "inputs.npy", table)
            _run(path, deadline)
            for k in range(len(inputs)):
                with np.load(folder / f"{k}.npz") as arrays:
                    values = [as_floats(arrays[f"arr_{i}"]) for i in range(len(wanted))]
                yield dict(zip(wanted, values, strict=True))


def _run(folder: str, deadline: Deadline) -> None:
    deadline.check()
    command = [sys.executable, "-c", _PROGRAM, folder]
    try:
        done = subprocess.run(command, capture_output=True, timeout=deadline.left, check=False)
    except subprocess.TimeoutExpired:
        raise Unevaluated(f"it takes longer than {deadline.seconds:.3g} seconds") from None
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [""]
        raise Unevaluated(f"onnxruntime fails: {last[0][:200]}")
