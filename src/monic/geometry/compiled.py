"""How kernels are compiled: cached on disk, without allocation, with the arithmetic of IEEE 754.

No `fastmath`: sums are never reassociated, so that a search takes the same steps on every machine.
Kernels take plain arrays and allocate nothing, which makes them several times faster to compile.
"""

from typing import Any

__all__ = ["COMPILED", "INNER"]

#: For kernels that Python calls.
COMPILED: dict[str, Any] = {
    **{"cache": True, "error_model": "numpy", "_nrt": False},
    "nogil": True,  # threads of an executor search at once
}
#: For kernels that only kernels call: no wrappers, which take most of the time to compile.
INNER: dict[str, Any] = {**COMPILED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
