import numpy as np
import pytest
import torch

from maxella.baselines.ials import ImplicitALS
from maxella.closed_form.ials import ials, usual_l2, usual_unobserved
from maxella.data.history import History
from maxella.errors import ConfigError
from maxella.seeds import torch_generator


def test_of_one_event_it_is_the_closed_form_to_the_last_bit(checkerboard):
    train = checkerboard.task("retrieval")
    history = History.of(train.pairs, train.n_user_rows, train.n_item_rows)
    for with_events, others in ((False, train.events), (True, {"take": train.pairs})):
        events = {"take": train.pairs} | dict(others)
        task = type(train)("task", "retrieval", train.pairs, events, 202, 42)
        found = ImplicitALS.fit(task, None, factors=8, with_events=with_events)
        unobserved = found.tuned["unobserved"] * usual_unobserved(history)
        l2 = found.tuned["penalty"] * usual_l2(history, unobserved)
        users, items = ials(history, 8, torch_generator(42, "ials"), unobserved=unobserved, l2=l2)
        assert torch.equal(found.user_factors, users)
        assert torch.equal(found.item_factors, items)
        assert found.tuned["trials"] == 9


def test_too_many_rows_are_refused_with_the_memory_that_they_need(make):
    pairs_of, task_of = make
    train = task_of(pairs_of([1], [1]), 6_000_000, 2)
    with pytest.raises(ConfigError, match=r"at most 5,000,000 .* got 6,000,002, .* 12 GB"):
        ImplicitALS.fit(train, None)


def test_another_seed_starts_elsewhere(checkerboard):
    train = checkerboard.task("retrieval")
    first, second = (ImplicitALS.fit(train, None, seed=seed) for seed in (1, 2))
    assert not torch.equal(first.user_factors, second.user_factors)


@pytest.mark.parametrize("informative", [True, False], ids=["say", "do not say"])
def test_views_count_where_they_say_what_is_taken_next(informative, make):
    # Of 8 groups of 15 items a user likes one. They take two items of it, and view ten of it or
    # ten of another group, which says nothing of what they take.
    pairs_of, task_of = make
    draw = np.random.default_rng(4)
    taken, asked, viewed = [], [], []
    for user in range(1, 241):
        own, other = draw.choice(8, 2, replace=False)
        bought = own * 15 + 1 + draw.choice(15, 5, replace=False)
        seen = (own if informative else other) * 15 + 1 + draw.choice(15, 10, replace=False)
        taken += [(user, item) for item in bought[:2]]
        asked += [(user, item) for item in bought[2:]]
        viewed += [(user, item) for item in seen]
    pairs = (pairs_of(*np.transpose(rows)) for rows in (taken, viewed, asked))
    taken, viewed, asked = pairs
    found = ImplicitALS.fit(
        task_of(taken, 241, 121, view=viewed), asked, with_events=True, factors=8
    )
    assert found.tuned["trials"] == 12
    assert (found.counts.get("view", 0.0) > 0) == informative
