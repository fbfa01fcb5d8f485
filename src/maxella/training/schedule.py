"""The learning rate over a run, as a share of its peak: pure functions of the step."""

import math
from collections.abc import Callable

WARM_UP = 0.1  # share of all steps


def constant(step: int, steps: int) -> float:
    """1 throughout."""
    del step, steps
    return 1.0


def one_cycle(step: int, steps: int) -> float:
    """Up in a straight line over the first tenth of the steps, then down a cosine towards 0.

    >>> [round(one_cycle(step, 10), 2) for step in (0, 1, 5, 9)]
    [1.0, 0.98, 0.5, 0.02]
    >>> one_cycle(0, 5)  # a short run starts at the peak
    1.0
    """
    warm = max(1.0, WARM_UP * steps)
    if step + 1 < warm:
        return (step + 1) / warm
    done = (step + 1 - warm) / (steps + 1 - warm)
    return 0.5 * (1 + math.cos(math.pi * done))


SCHEDULES: dict[str, Callable[[int, int], float]] = {"constant": constant, "one_cycle": one_cycle}
