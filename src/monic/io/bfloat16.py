"""bfloat16, which numpy knows only with the help of the package ml_dtypes."""

from typing import Any

import numpy as np

from monic.errors import UnreadableModel

__all__ = ["bfloat16"]


def bfloat16() -> np.dtype[Any]:
    """Returns numpy's bfloat16, and makes the name known to numpy.

    Raises:
        UnreadableModel: when ml_dtypes is not installed.

    Example:
        >>> bfloat16().itemsize
        2
    """
    try:
        import ml_dtypes
    except ImportError:
        raise UnreadableModel(
            "Expected numpy to know bfloat16, which this file holds. Install it: pip install "
            "ml_dtypes."
        ) from None
    found: np.dtype[Any] = np.dtype(ml_dtypes.bfloat16)
    return found
