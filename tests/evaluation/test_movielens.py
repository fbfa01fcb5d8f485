"""Published-size data: what the two recalls of EASE and popularity are on MovieLens 1M."""

import pytest

from maxella.baselines.table import BASELINES
from maxella.evaluation.evaluate import evaluate
from maxella.evaluation.ranking_exam import RankingExam

pytestmark = pytest.mark.slow


NAMES = ["recall@100", "capped_recall@20", "capped_recall@100", "ndcg@10", "ndcg@100"]


# Known from other code and other random splits, between which they differ by about .002.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("popularity", [0.293, 0.213, 0.306, 0.232, 0.241]),
        ("ease", [0.560, 0.432, 0.579, 0.474, 0.487]),
    ],
)
def test_figures_of_baselines(name, expected, ml_1m):
    data = ml_1m.train.task_data("retrieval", "retrieval")
    ranker = BASELINES[name].fit(data, ml_1m.validation.pairs("retrieval"))
    test, train = (part.pairs("retrieval") for part in (ml_1m.test, ml_1m.train))
    found = evaluate(
        [RankingExam("watch", test, train, metrics=NAMES)],
        {"watch": ranker},
        n_item_rows=ml_1m.items.n_rows,
        seed=42,
        resamples=0,
    )
    assert list(found.metrics["watch"]["filtered"].values()) == pytest.approx(expected, abs=0.004)
    # One user in ten holds out more than 100 items, which a list of 100 cannot hold.
    assert found.ceiling["watch"]["filtered"]["recall@100"] < 0.98
    assert found.ceiling["watch"]["filtered"]["capped_recall@100"] == 1.0
