import math
import re
from pathlib import Path

import numpy as np
import pytest

from maxella.errors import ConfigError
from maxella.evaluation.binary import BINARY_METRICS
from maxella.evaluation.distribution import DISTRIBUTION_METRICS
from maxella.evaluation.metric import Metric
from maxella.evaluation.names import DEFAULT_METRICS, PROTOCOLS, metric_of, parse_metric
from maxella.evaluation.ranking import LIST_METRICS, RANKING_METRICS
from maxella.evaluation.rating import RATING_METRICS

TABLES = [RANKING_METRICS, LIST_METRICS, RATING_METRICS, DISTRIBUTION_METRICS, BINARY_METRICS]
EACH = [(name, metric) for table in TABLES for name, metric in table.items()]
LOWER = {"rmse", "mae", "rmse_macro", "mae_macro"} | {
    "log_loss",
    "width_80",
    "brier",
    "calibration_error",
}


@pytest.mark.parametrize(("name", "metric"), EACH)
def test_every_metric_knows_which_way_is_better(name, metric):
    is_target = name in {"coverage_80", "pit_coverage_80"}
    expected = "target" if is_target else "lower" if name in LOWER else "higher"
    assert metric.direction == expected
    assert (metric.target is not None) == is_target
    values = np.array([0.7, 0.81, 0.9])
    best = {"higher": 0.9, "lower": 0.7, "target": 0.81}[expected]
    assert values[metric.turned(values).argmax()] == best
    assert metric.label
    assert metric.meaning
    assert ("{k}" in metric.label) == (name in {*RANKING_METRICS, *LIST_METRICS})


def test_keys_are_described_with_protocol_and_k():
    assert metric_of("raw.top_k_accuracy@100").facts() == {
        "label": "raw top-100",
        "meaning": "share of interactions in the list, lists of 100; raw: among all items",
        "importance": 1,
        "direction": "higher",
        "target": None,
        "digits": 3,
    }
    assert metric_of("new.ndcg@10").label == "new ndcg@10"
    assert metric_of("filtered.mrr").label == "filtered mrr"
    assert metric_of("filtered.top_k_accuracy").label == "filtered top"
    assert metric_of("coverage_80").target == 0.8
    assert metric_of("auc").label == "AUC"
    assert metric_of("width_80").direction == "lower"


def test_a_kind_of_task_may_bring_its_own_table():
    own = {"rmse": Metric(abs, "mine", "")}
    assert metric_of("rmse", own) is own["rmse"]
    with pytest.raises(ConfigError, match="No metric is called 'mae'"):
        metric_of("mae", own)


@pytest.mark.parametrize("key", ["filterd.mrr", "filtered.mr", "rsme"])
def test_unknown_keys_are_refused_with_the_nearest(key):
    with pytest.raises(ConfigError, match="Did you mean"):
        metric_of(key)


@pytest.mark.parametrize("metric", [*RANKING_METRICS, *LIST_METRICS])
def test_every_metric_has_a_name_with_k(metric):
    assert parse_metric(f"{metric}@20") == (metric, 20)


@pytest.mark.parametrize("metric", RANKING_METRICS)
def test_a_ranking_metric_without_k_looks_at_the_whole_ranking(metric):
    assert parse_metric(metric) == (metric, math.inf)


def test_unknown_names_get_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'ndcg'"):
        parse_metric("ndgc@10")


@pytest.mark.parametrize(
    "name",
    ["ndcg@", "ndcg@0", "ndcg@-1", "ndcg@ten", "ndcg@1.5", "ndcg@²", "coverage", "distinct_lists"],
)
def test_names_without_a_proper_k_are_refused(name):
    with pytest.raises(ConfigError, match=f"whole number from 1 on.*'{name}'"):
        parse_metric(name)


def test_the_default_metrics_are_distinct_and_use_every_metric():
    parsed = [parse_metric(name) for name in DEFAULT_METRICS]
    assert len(set(parsed)) == len(parsed)
    assert {metric for metric, _ in parsed} == {*RANKING_METRICS, *LIST_METRICS}


def test_the_page_of_metrics_has_a_row_for_each():
    page = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(\w+)(?:@k)?` \|", page, flags=re.MULTILINE))
    metrics = {name for table in TABLES for name in table}
    assert documented == metrics | PROTOCOLS.keys()
