"""The workers of a dask cluster as an executor."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from monic.decision.result import Execution
from monic.errors import MonicError

__all__ = ["ClusterError", "cluster"]

PATIENCE = 10  # seconds until a scheduler must have answered


class ClusterError(MonicError):
    """Raised when a cluster cannot be used: dask is not installed, or nobody answers."""


@contextmanager
def cluster(address: str | None, execution: Execution) -> Iterator[Execution]:
    """Yields an execution by the workers of a dask scheduler, or the given one without address.

    Raises:
        ClusterError: when dask is not installed, nobody answers, or there are no workers.
    """
    if address is None:
        yield execution
        return
    try:
        from distributed import Client
    except ImportError:
        raise ClusterError(
            "Expected dask for --cluster. It is not installed: pip install 'monic-nn[cluster]'."
        ) from None
    try:
        client = Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"Expected a dask scheduler at {address!r}. Got: {error}. Start one with "
            "`dask scheduler` and workers with `dask worker`."
        ) from None
    with client:
        threads = sum(client.nthreads().values())
        if threads == 0:
            raise ClusterError(f"Expected workers at {address!r}. Got none; start `dask worker`.")
        # not `pure`: no task comes twice, so its bytes need not be hashed for a name
        yield replace(execution, workers=threads, executor=client.get_executor(pure=False))
