import numpy as np
import polars as pl
import pytest
import torch

import maxella
from maxella.data.interactions import Interactions
from maxella.features.id import Vocabulary
from maxella.recommend.recommender import Recommender


class ToyScorer:
    """Scores are dot products, ratings 3 plus the score; row 0 is the unknown user or item.

    Whoever is unknown gets scores of one more for each row.
    """

    def __init__(self, users, items):
        self.user_embeddings = torch.tensor(users)
        self.item_embeddings = self.tower_items = torch.tensor(items)
        self.knows = torch.arange(len(users)) > 0

    def score(self, users, requests=None):
        scores = self.user_embeddings[users] @ self.item_embeddings.T
        return torch.where(self.knows[users, None], scores, torch.arange(scores.shape[1]))

    def score_pairs(self, users, items, requests=None):
        return (self.user_embeddings[users] * self.item_embeddings[items]).sum(1)

    rates_by_time = False

    def predict(self, users, items, times=None, requests=None):
        return 3 + self.score_pairs(users, items)

    rating_levels = torch.tensor([1.0, 2.0, 4.0])

    def distribution(self, users, items, times=None, requests=None):
        """Ann is sure of a 4; others give .05, .15 and .8, in float32."""
        return torch.tensor([[0.05, 0.15, 0.8], [0.0, 0.0, 1.0]])[(users == 1).long()]


def rows(*values):
    return np.array(values, dtype=np.int64)


@pytest.fixture
def toy():
    """Ann likes the first dimension, Bob the second.

    Scores of w, x, y, z: Ann 3, 2, 1, 0; Bob 0, 1, 2, 3. Seen: Ann w; Bob z and y.
    """

    def make(**options):
        scorer = ToyScorer(
            [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]],
            [[0.0, 0.0], [3.0, 0.0], [2.0, 1.0], [1.0, 2.0], [0.0, 3.0]],
        )
        users = Vocabulary.fit(pl.Series(["Ann", "Bob"]))
        items = Vocabulary.fit(pl.Series(["w", "x", "y", "z"]))
        seen = Interactions(rows(2, 1, 2), rows(4, 1, 3))
        return Recommender(scorer, users, items, seen, **options)

    return make


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """A run folder of a small joint model."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    options = {
        "data": {"kind": "synthetic"},
        "model": {"dim": 4},
        "training": {"epochs": 1},
        "evaluation": {"resamples": 0},
    }
    maxella.run(options, folder)
    return folder
