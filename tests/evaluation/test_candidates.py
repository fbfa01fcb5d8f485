"""Held-out items, ranked among themselves."""

import numpy as np
import torch

from maxella.data.labelled import LabelledPairs
from maxella.evaluation.evaluate import evaluate
from maxella.evaluation.ranking_exam import RankingExam
from maxella.evaluation.slices import Slice


class Model:
    """Item row j has the score j; in the raw protocol the other way round."""

    sign = 1.0

    def score(self, users):
        return self.sign * torch.arange(6.0).repeat(len(users), 1)


class Turned(Model):
    sign = -1.0


def judged(model, slices=()):
    """Of items 2 and 4; item 5, which one user has met before, is none of the candidates."""
    test = LabelledPairs(np.array([1, 1, 2]), np.array([4, 2, 2]), np.float32([4.0, 2.0, 3.0]))
    known = LabelledPairs(np.array([1]), np.array([5]), np.ones(1))
    metrics = ["mrr", "top_k_accuracy@1", "coverage@1"]
    among = np.isin(np.arange(6), test.items)
    exam = RankingExam("picks", test, known, candidates=among, metrics=metrics)
    return evaluate([exam], {"picks": model}, n_item_rows=6, seed=1, slices=slices)


def test_items_are_ranked_among_themselves():
    found = judged(Model())
    # Item 4 is first for both users, item 2 second: of user 1 both are held out.
    filtered = found.metrics["picks"]["filtered"]
    assert filtered == {"top_k_accuracy@1": 1 / 3, "mrr": (1 + 1 / 2) / 2, "coverage@1": 1 / 2}
    assert found.metrics["picks"]["raw"] == filtered
    assert found.counts["picks"]["candidates"] == 2


def test_the_ranker_of_the_raw_protocol_is_asked_of_these_alone_too():
    model = Model()
    model.raw_ranker = Turned()  # item 2 is first, item 4 second
    found = judged(model).metrics["picks"]
    assert found["raw"]["top_k_accuracy@1"] == 2 / 3
    assert found["filtered"]["top_k_accuracy@1"] == 1 / 3


def test_slices_are_of_the_candidates():
    two = Slice("some", "two", "item", np.arange(6) == 2)
    (found,) = judged(Model(), [two]).slices
    assert found["metrics"]["picks"]["filtered"] == {"top_k_accuracy@1": 0.0, "mrr": 1 / 2}
