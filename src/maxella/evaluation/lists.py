"""Metrics of the top-k lists themselves, whatever was held out.

`lists` is (users, length), item rows best first, 0 where no candidate is left. A new
metric is one function and one line in `LIST_METRICS`.
"""

import numpy as np

from maxella.evaluation.metric import Metric


def coverage(lists: np.ndarray, n_candidates: int) -> float:
    """The share of candidates that stand in at least one list."""
    appears = np.zeros(n_candidates + 1, dtype=bool)
    appears[lists] = True
    return float(appears[1:].sum() / n_candidates)


def distinct_lists(lists: np.ndarray, n_candidates: int) -> float:  # noqa: ARG001 - one signature
    """Distinct lists per user: 1 where no two users get the same, near 0 in a collapse."""
    return len(np.unique(lists, axis=0)) / len(lists)


LIST_METRICS: dict[str, Metric] = {
    "coverage": Metric(coverage, "coverage@{k}", "share of all items in anyone's list"),
    "distinct_lists": Metric(distinct_lists, "distinct lists@{k}", "different lists, by users"),
}
