import math
import re
from pathlib import Path

import pytest

from maxella.errors import ConfigError
from maxella.evaluation.distribution import DISTRIBUTION_METRICS
from maxella.evaluation.lists import LIST_METRICS
from maxella.evaluation.names import DEFAULT_METRICS, parse_metric
from maxella.evaluation.ranking import RANKING_METRICS
from maxella.evaluation.rating import RATING_METRICS


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
    metrics = {*RANKING_METRICS, *LIST_METRICS, *RATING_METRICS, *DISTRIBUTION_METRICS}
    assert documented == metrics | {"raw", "filtered"}
