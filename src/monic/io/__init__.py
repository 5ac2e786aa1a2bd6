"""Reading: model files become networks and layers, and domain descriptions become domains."""

from monic.io.domain import load_domain
from monic.io.files import load

__all__ = ["load", "load_domain"]
