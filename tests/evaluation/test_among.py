import numpy as np
import torch

from maxella.data.interactions import Interactions
from maxella.evaluation.among import Among
from maxella.evaluation.evaluate import evaluate


class Model:
    """Item row j has the score j, and is rated j."""

    def score(self, users):
        return torch.arange(6.0).repeat(len(users), 1)

    def predict(self, users, items):
        return items.float()


def test_items_are_ranked_and_rated_among_themselves():
    test = Interactions(np.array([1, 1, 2]), np.array([4, 2, 2]), np.float32([4.0, 2.0, 3.0]))
    among = Among(np.unique(test.items), n_item_rows=6)
    assert among.n_item_rows == 3
    model = among.view(Model())
    seen = among.log(Interactions(np.array([1]), np.array([5])))
    assert len(seen) == 0
    found = evaluate(
        model,
        model,
        among.log(test),
        seen=seen,
        n_item_rows=among.n_item_rows,
        seed=1,
        metrics=["mrr", "top_k_accuracy@1"],
        resamples=0,
    ).metrics
    # Item 4 is first for both users, item 2 second: of user 1 both are held out.
    assert found["filtered"]["top_k_accuracy@1"] == 1 / 3
    assert found["filtered"]["mrr"] == (1 + 1 / 2) / 2
    assert found["rmse"] == (1 / 3) ** 0.5
