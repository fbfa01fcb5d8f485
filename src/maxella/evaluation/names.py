"""Names of metrics as they stand in reports and configs: `ndcg@10`, `mrr`."""

import math

from maxella.errors import ConfigError, unknown_name
from maxella.evaluation.distribution import DISTRIBUTION_METRICS
from maxella.evaluation.lists import LIST_METRICS
from maxella.evaluation.ranking import RANKING_METRICS
from maxella.evaluation.rating import RATING_METRICS

PROTOCOLS = ("raw", "filtered")
DEFAULT_METRICS = (
    *(f"top_k_accuracy@{k}" for k in (1, 5, 10, 50, 100)),
    "recall@20",
    "recall@100",
    "capped_recall@20",
    "capped_recall@100",
    "hit_rate@10",
    "ndcg@10",
    "ndcg@100",
    "mrr",
    "map@100",
    "coverage@10",
    "coverage@100",
    "distinct_lists@10",
)


def figure_names() -> list[str]:
    """What `Report.flat_metrics` may hold by default, such as `filtered.ndcg@10` and `rmse`."""
    ranked = [f"{protocol}.{name}" for protocol in PROTOCOLS for name in DEFAULT_METRICS]
    return [*ranked, *RATING_METRICS, *DISTRIBUTION_METRICS]


def parse_metric(name: str) -> tuple[str, float]:
    """The key in the tables of metrics, and k; without `@k` the whole list counts.

    >>> parse_metric("ndcg@10"), parse_metric("mrr")
    (('ndcg', 10), ('mrr', inf))
    """
    metric, at, length = name.partition("@")
    if metric not in RANKING_METRICS and metric not in LIST_METRICS:
        raise ConfigError(unknown_name("metric", metric, [*RANKING_METRICS, *LIST_METRICS]))
    is_whole = length.isascii() and length.isdigit() and int(length) > 0
    if not is_whole and (at or metric in LIST_METRICS):
        raise ConfigError(
            f"A metric wants a whole number from 1 on after '@'; got '{name}'. "
            f"Write for example '{metric}@10'."
        )
    return metric, int(length) if at else math.inf
