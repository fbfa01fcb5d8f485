import numpy as np
import torch

from maxella.baselines.popularity import Popularity
from maxella.data.interactions import Interactions


def test_scores_are_counts_of_interactions_and_repeats_count():
    # Item 1 occurs three times (twice with user 1), item 2 never, item 3 once;
    # the unknown item occurs once and counts nothing.
    train = Interactions(np.array([1, 1, 2, 2, 1]), np.array([1, 1, 1, 3, 0]))
    scores = Popularity.fit(train, n_user_rows=3, n_item_rows=4).score(torch.tensor([0, 2]))
    assert scores.tolist() == [[0, 3, 0, 1], [0, 3, 0, 1]]
