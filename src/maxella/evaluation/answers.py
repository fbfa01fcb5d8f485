"""What a model said in an exam: asked once, then measured whole and slice by slice."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from maxella.evaluation.slices import Slice
from maxella.evaluation.sums import Group


@dataclass(frozen=True)
class Answers:
    """How to measure them, and what is the same for every measure. Keys are flat."""

    user_rows: np.ndarray  # (users,) the row of the user at each position, whoever is asked
    group: Callable[[Slice | None], Group]  # the metrics over everything, or over a slice
    counts: Mapping[str, int]  # how much was asked
    ceiling: Mapping[str, float] = field(default_factory=dict)  # what a perfect ranking reaches
    curves: Mapping[str, Any] = field(default_factory=dict)  # points to be drawn, by name
