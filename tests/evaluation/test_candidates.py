import numpy as np
import torch

from maxella.data.labelled import LabelledPairs
from maxella.evaluation.candidates import CandidateSubset
from maxella.evaluation.evaluate import evaluate
from maxella.evaluation.pointwise_exam import PointwiseExam
from maxella.evaluation.ranking_exam import RankingExam
from maxella.evaluation.rating import RATING_METRICS
from maxella.evaluation.slices import Slice


class Model:
    """Item row j has the score j, and is rated j; in the raw protocol the other way round."""

    sign = 1.0

    def score(self, users):
        return self.sign * torch.arange(6.0).repeat(len(users), 1)

    def predict(self, users, items):
        return items.float()


class Turned(Model):
    sign = -1.0


def judged(model):
    test = LabelledPairs(np.array([1, 1, 2]), np.array([4, 2, 2]), np.float32([4.0, 2.0, 3.0]))
    subset = CandidateSubset(np.unique(test.items), n_item_rows=6)
    assert subset.n_item_rows == 3
    known = subset.pairs(LabelledPairs(np.array([1]), np.array([5]), np.ones(1)))
    assert len(known) == 0
    test = subset.pairs(test)
    exams = [
        RankingExam("picks", test, known, metrics=["mrr", "top_k_accuracy@1"]),
        PointwiseExam("stars", test, RATING_METRICS),
    ]
    answers = dict.fromkeys(["picks", "stars"], subset.view(model))
    return evaluate(exams, answers, n_item_rows=subset.n_item_rows, seed=1).metrics


def test_items_are_ranked_and_rated_among_themselves():
    found = judged(Model())
    # Item 4 is first for both users, item 2 second: of user 1 both are held out.
    assert found["picks"]["filtered"]["top_k_accuracy@1"] == 1 / 3
    assert found["picks"]["filtered"]["mrr"] == (1 + 1 / 2) / 2
    assert found["picks"]["raw"] == found["picks"]["filtered"]
    assert found["stars"]["rmse"] == (1 / 3) ** 0.5


def test_the_ranker_of_the_raw_protocol_is_asked_of_these_alone_too():
    model = Model()
    model.raw_ranker = Turned()  # item 2 is first, item 4 second
    found = judged(model)["picks"]
    assert found["raw"]["top_k_accuracy@1"] == 2 / 3
    assert found["filtered"]["top_k_accuracy@1"] == 1 / 3


def test_distributions_are_of_these_items_too():
    class Foretelling(Model):
        levels = torch.arange(6.0)

        def distribution(self, users, items):
            return torch.eye(6)[items]  # sure of what it predicts

    found = judged(Foretelling())["stars"]
    assert found["coverage_80"] == 2 / 3
    assert "coverage_80" not in judged(Model())["stars"]


def test_slices_are_of_the_subset():
    one = Slice("some", "these", "item", np.array([False, True, False, False, True]))
    assert CandidateSubset(np.array([2, 4]), 5).slice(one).is_in.tolist() == [False, False, True]
    users = Slice("some", "these", "user", np.array([False, True]))
    assert CandidateSubset(np.array([2]), 5).slice(users) is users
