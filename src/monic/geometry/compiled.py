"""How kernels are compiled: cached on disk, without allocation, with the arithmetic of IEEE 754.

No `fastmath`: sums are never reassociated, so that a search takes the same steps on every machine.
Kernels take plain arrays and allocate nothing, which makes them several times faster to compile.
"""

import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core import event
from numba.core.caching import FunctionCache
from numba.core.compiler_lock import global_compiler_lock

from monic.clock import go_on, stand_still

__all__ = ["COMPILED", "INNER", "njit"]

_log = logging.getLogger(__name__)

_CONFIG: Any = numba.config  # its attributes come from the environment


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _find_cache() -> bool:
    """Whether compiled code can be kept: beside the sources, in the home, or in a folder for it.

    numba refuses to start where it can write to neither of the first two, as in a read-only
    container. The last is used only if it belongs to this user: compiled code is loaded from it.
    """
    if _CONFIG.CACHE_DIR or _is_writable(Path(__file__).parent / "__pycache__"):
        return True
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    if _is_writable(Path(home) / "numba"):
        return True
    user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    folder = Path(tempfile.gettempdir()) / f"monic-compiled-{user}"
    if not _is_writable(folder) or (hasattr(os, "getuid") and folder.stat().st_uid != os.getuid()):
        return False
    _CONFIG.CACHE_DIR = str(folder)
    return True


class _Cache(FunctionCache):
    """Compiled code on disk that may be damaged, or have no room: it is compiled again then.

    A process that is killed or a disk that is full leaves files that unpickling chokes on, in
    many ways; numba alone raises the same error on every run from then on.
    """

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]
        except Exception as error:
            _log.warning("%s is compiled again: what was kept of it is damaged (%r)", self, error)
            self._forget()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)  # type: ignore[no-untyped-call]
        except Exception as error:
            _log.warning("The compiled code of %s cannot be kept (%r)", self, error)
            self._forget()

    def _forget(self) -> None:
        """Removes the index; files that it named are overwritten in time."""
        try:
            Path(self._cache_file._index_path).unlink(missing_ok=True)
        except OSError:
            self.disable()  # type: ignore[no-untyped-call]


def njit(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """Returns numba's decorator, whose kernels survive damaged files in their cache."""

    def decorate(function: Callable[..., Any]) -> Any:
        kernel = numba.njit(**options)(function)
        if options.get("cache"):
            kernel._cache = _Cache(function)  # type: ignore[no-untyped-call]
        return kernel

    return decorate


class _Compiling(event.Listener):
    """Stops the clock of time limits while numba compiles. It holds its own lock meanwhile."""

    def on_start(self, event: event.Event) -> None:
        stand_still()

    def on_end(self, event: event.Event) -> None:
        go_on()


class _Waiting(event.Listener):
    """Stops the clock of a thread that waits until another one has compiled.

    numba announces its lock before it takes it. The wait is made here, so that the clock goes on
    whatever interrupts it.
    """

    def on_start(self, event: event.Event) -> None:
        lock = getattr(global_compiler_lock, "_lock", None)
        if lock is None or lock.acquire(blocking=False):
            if lock is not None:
                lock.release()
            return
        stand_still()
        try:
            with lock:
                return
        finally:
            go_on()

    def on_end(self, event: event.Event) -> None:
        """Nothing: the wait is over long before the lock is given back."""


event.register("numba:compile", _Compiling())  # type: ignore[no-untyped-call]
event.register("numba:compiler_lock", _Waiting())  # type: ignore[no-untyped-call]

#: For kernels that Python calls.
COMPILED: dict[str, Any] = {
    **{"cache": _find_cache(), "error_model": "numpy", "_nrt": False},
    "nogil": True,  # threads of an executor search at once
}
#: For kernels that only kernels call: no wrappers, which take most of the time to compile.
INNER: dict[str, Any] = {**COMPILED, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
