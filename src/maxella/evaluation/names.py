"""Names of figures as they stand in reports and configs: `filtered.ndcg@10`, `rmse`."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from maxella.errors import ConfigError, unknown_name
from maxella.evaluation.binary import BINARY_METRICS
from maxella.evaluation.distribution import DISTRIBUTION_METRICS
from maxella.evaluation.metric import Metric
from maxella.evaluation.ranking import LIST_METRICS, RANKING_METRICS
from maxella.evaluation.rating import RATING_METRICS

# What a ranking is taken over, and what of the test is looked for in it.
PROTOCOLS = {
    "raw": "among all items",
    "filtered": "without the items that the user had before in this task",
    "new": "items that the user met in no event before, among these",
    "visited": "items that the user met before, ranked as in filtered",
}
PAST = "past"  # of a rater that looks at what came later, too: what it predicts without
POINTWISE_METRICS = {**DISTRIBUTION_METRICS, **RATING_METRICS, **BINARY_METRICS}
DEFAULT_METRICS = (
    *(f"top_k_accuracy@{k}" for k in (1, 5, 10, 50, 100)),
    *(f"{name}@{k}" for name in ("recall", "capped_recall") for k in (20, 100)),
    *(f"{name}@{k}" for name in ("ndcg", "coverage") for k in (10, 100)),
    *("hit_rate@10", "mrr", "map@100", "distinct_lists@10"),
)


def parse_metric(name: str) -> tuple[str, float]:
    """The key in the tables of ranking metrics, and k; without `@k` the whole list counts.

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


def metric_of(key: str, pointwise: Mapping[str, Metric] = POINTWISE_METRICS) -> Metric:
    """The metric of a task's flat key, such as `filtered.ndcg@10` or `rmse`.

    Its label and meaning name the protocol and k. `pointwise` are the metrics of tasks that are
    no ranking, where a kind of task brings others. ConfigError: an unknown key.
    """
    protocol, dot, name = key.partition(".")
    if not dot:
        if key not in pointwise:
            raise ConfigError(unknown_name("metric", key, pointwise))
        return pointwise[key]
    if protocol == PAST:
        metric = metric_of(name, pointwise)
        meaning = f"{metric.meaning}, from what the user did before alone"
        return replace(metric, label=f"{metric.label}, from the past", meaning=meaning)
    if protocol not in PROTOCOLS:
        raise ConfigError(unknown_name("protocol", protocol, PROTOCOLS))
    table_key, k = parse_metric(name)
    metric = (RANKING_METRICS | LIST_METRICS)[table_key]
    label, length = metric.label.format(k=k), f", lists of {k}"
    if math.isinf(k):
        label, length = metric.label.partition("{k}")[0].rstrip("@-"), ""
    return replace(
        metric,
        label=f"{protocol} {label}",
        meaning=f"{metric.meaning}{length}; {protocol}: {PROTOCOLS[protocol]}",
        importance=metric.importance + [*PROTOCOLS].index(protocol),
    )


def fitting(keys: Iterable[str], candidates: int) -> list[str]:
    """The keys, with lists of half the candidates at most: longer ones hold what one likes or not.

    Each takes the longest default list that fits; where none does, `mrr` stands for it.

    >>> fitting(["filtered.top_k_accuracy@100", "filtered.ndcg@10", "rmse"], 60)
    ['filtered.top_k_accuracy@10', 'filtered.ndcg@10', 'rmse']
    >>> fitting(["filtered.ndcg@10"], 12)
    ['filtered.mrr']
    """
    found = []
    for key in keys:
        start, at, length = key.partition("@")
        protocol, _, name = start.rpartition(".")
        lengths = [int(of.partition("@")[2]) for of in DEFAULT_METRICS if of.startswith(f"{name}@")]
        fit = [k for k in lengths if k <= min(int(length or 0), candidates / 2)]
        found.append(f"{start}@{max(fit)}" if fit else f"{protocol}.mrr" if at else key)
    return list(dict.fromkeys(found))


def nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """`raw.mrr` → `raw`: `mrr`; keys without a protocol stay where they are."""
    found: dict[str, Any] = {}
    for key, value in flat.items():
        *protocol, name = key.split(".")
        (found.setdefault(protocol[0], {}) if protocol else found)[name] = value
    return found
