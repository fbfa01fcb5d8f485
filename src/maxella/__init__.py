"""Maxella: one joint two-tower model, from `ratings.csv` to an answer.

`fit` trains on a table in memory, `run` and `compare` on a config; `load` opens a saved run. These
import torch, so they are looked up on first use: `import maxella` alone stays light.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maxella.experiment.fit import fit
    from maxella.experiment.run import compare, run
    from maxella.recommend.bundle import load
    from maxella.recommend.recommender import Recommender

__all__ = ["Recommender", "__version__", "compare", "fit", "load", "run"]
__version__ = "0.2.0"

_HOMES = {
    "Recommender": "maxella.recommend.recommender",
    "compare": "maxella.experiment.run",
    "fit": "maxella.experiment.fit",
    "load": "maxella.recommend.bundle",
    "run": "maxella.experiment.run",
}

if not TYPE_CHECKING:  # else any name would seem to be there

    def __getattr__(name: str) -> object:
        if name in _HOMES:
            return getattr(importlib.import_module(_HOMES[name]), name)
        raise AttributeError(f"module 'maxella' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
