import torch

from maxella.baselines.popularity import Popularity


def test_scores_are_counts_of_interactions_and_repeats_count(make):
    # Item 1 occurs three times (twice with user 1), item 2 never, item 3 once;
    # the unknown item occurs once and counts nothing.
    pairs_of, task_of = make
    train = task_of(pairs_of([1, 1, 2, 2, 1], [1, 1, 1, 3, 0]), 3, 4)
    scores = Popularity.fit(train).score(torch.tensor([0, 2]))
    assert scores.tolist() == [[0, 3, 0, 1], [0, 3, 0, 1]]
