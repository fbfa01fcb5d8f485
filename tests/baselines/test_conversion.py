import numpy as np
import torch

from maxella.baselines.conversion import Conversion


def test_visited_and_not_taken_comes_first_by_rate(make):
    # Views: item 1 by users 1-4, item 2 by 1-4, item 3 by nobody. Taken: item 1 by 2, 3 (and by 5
    # without a view), item 2 by 2, item 3 by 3, 4, 5 and 6; in all 8 taken of 8 visits, m = 1.
    pairs_of, task_of = make
    taken = pairs_of([2, 3, 5, 2, 3, 4, 5, 6], [1, 1, 1, 2, 3, 3, 3, 3])
    viewed = pairs_of([1, 2, 3, 4, 1, 2, 3, 4], [1, 1, 1, 1, 2, 2, 2, 2])
    found = Conversion.fit(task_of(taken, 8, 4, view=viewed))
    rates = [1, (3 + 20) / 24, (1 + 20) / 24, (4 + 20) / 20]
    np.testing.assert_allclose(found.rates, rates, rtol=1e-6)
    scores = found.score(torch.tensor([1, 2, 3, 7, 0]))
    # Popularity is 3, 1 and 4, of 4 + 1.
    popularity = [0, 3 / 5, 1 / 5, 4 / 5]
    wanted = [
        [0, 1 + rates[1], 1 + rates[2], 4 / 5],
        popularity,  # user 2 has taken what they viewed
        [0, 3 / 5, 1 + rates[2], 4 / 5],
        popularity,
        popularity,
    ]
    np.testing.assert_allclose(scores, wanted, rtol=1e-6)


def test_told_of_new_visits_it_lists_them(make):
    pairs_of, task_of = make
    train = task_of(pairs_of([1, 2], [1, 1]), 3, 4, view=pairs_of([1, 2], [2, 2]))
    more = task_of(pairs_of([1, 2], [1, 2]), 3, 4, view=pairs_of([1, 2, 2], [2, 2, 3]))
    told = Conversion.fit(train).told(more)
    assert told.score(torch.tensor([2])).argmax().item() == 3  # item 2 is taken by now
    assert torch.equal(told.rates, Conversion.fit(train).rates)


def test_an_event_that_is_the_task_s_own_is_no_visit(make):
    pairs_of, task_of = make
    taken = pairs_of([1, 2, 3], [1, 1, 2])
    found = Conversion.fit(task_of(taken, 4, 3, cart=taken.take(np.array([0, 1]))))
    assert (found.score(torch.arange(4)) < 1).all()
