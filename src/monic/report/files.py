"""File names for certificates: from layer names, which are only names and may be hostile."""

import re

__all__ = ["certificate_name"]

_LENGTH = 80


def certificate_name(number: int, name: str) -> str:
    """Returns the file name for the certificate of layer `number`, unique by that number.

    Nothing but [A-Za-z0-9._-] remains of the layer's name, and the number comes first: the
    result is never hidden, never a path, never a device name, and never too long.

    Arguments:
        number: The layer's place in the file, from 1.
        name: The layer's own name.

    Example:
        >>> certificate_name(3, "/fc/Gemm")
        '03-fc_Gemm.monic'
        >>> certificate_name(4, "../x")
        '04-x.monic'
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "_", name)[:_LENGTH].strip("._-")
    return f"{number:02d}-{safe or 'layer'}.monic"
