"""Maxella: one joint two-tower model, from `ratings.csv` to an answer.

`run` trains and evaluates a config; `load` opens a saved bundle. Both import
torch, so they are looked up on first use: `import maxella` alone stays light.
"""

import importlib
from typing import Any

__all__ = ["__version__", "load", "run"]
__version__ = "0.1.0"

_HOMES = {"load": "maxella.recommend.bundle", "run": "maxella.experiment.run"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'maxella' has no attribute {name!r}")
