"""What holds for every baseline: these tests run over the tables."""

import dataclasses

import numpy as np
import pytest
import torch

from maxella.baselines.popularity import Popularity
from maxella.baselines.table import BASELINES, RANKERS, RATERS
from maxella.data.interactions import Interactions

NOBODY = 201  # a user row without interactions


def made(maker, world):
    return maker(world.train, world.n_user_rows, world.n_item_rows)


def tensors_of(baseline):
    """Every tensor in a baseline, those of its parts too."""
    for field in dataclasses.fields(baseline):
        value = getattr(baseline, field.name)
        if isinstance(value, torch.Tensor):
            yield value
        elif dataclasses.is_dataclass(value):
            yield from tensors_of(value)


@pytest.mark.parametrize("make", BASELINES.values(), ids=BASELINES)
def test_two_fits_give_equal_bytes_and_leave_the_training_data_as_they_were(make, checkerboard):
    train = checkerboard.train
    before = (train.users.copy(), train.items.copy(), train.ratings.copy())
    first, second = made(make, checkerboard), made(make, checkerboard)
    pairs = list(zip(tensors_of(first), tensors_of(second), strict=True))
    assert pairs
    for one, other in pairs:
        assert one.numpy().tobytes() == other.numpy().tobytes()
    for column, copy in zip((train.users, train.items, train.ratings), before, strict=True):
        assert np.array_equal(column, copy)


@pytest.mark.parametrize("make", BASELINES.values(), ids=BASELINES)
def test_a_baseline_is_frozen(make, checkerboard):
    baseline = made(make, checkerboard)
    name = dataclasses.fields(baseline)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(baseline, name, None)


@pytest.mark.parametrize("make", RANKERS.values(), ids=RANKERS)
def test_nothing_unseen_beats_the_withheld_item(make, checkerboard):
    # Popularity holds all items equal (95 users each), so there the answer ties.
    users = torch.arange(1, 201)
    scores = made(make, checkerboard).score(users)
    answers = scores.gather(1, torch.from_numpy(checkerboard.answer)[:, None])  # (200, 1)
    seen = torch.zeros_like(scores, dtype=torch.bool)
    seen[checkerboard.train.users - 1, checkerboard.train.items] = True
    seen[:, 0] = True  # never a candidate
    assert (scores.masked_fill(seen, -torch.inf) <= answers).all()


@pytest.mark.parametrize("name", sorted(set(RANKERS) - {"popularity"}))
def test_who_looks_at_the_user_tells_the_withheld_item_from_the_other_parity(name, checkerboard):
    scores = made(RANKERS[name], checkerboard).score(torch.arange(1, 201))
    answer = torch.from_numpy(checkerboard.answer)
    other = scores.gather(1, (answer % 40 + 1)[:, None])  # the next item, of the other parity
    assert (scores.gather(1, answer[:, None]) > other + 1e-3).all()


@pytest.mark.parametrize("make", RANKERS.values(), ids=RANKERS)
@pytest.mark.parametrize("users", [[], [3], [3, 3, 0, NOBODY]])
def test_scores_have_a_row_for_each_user_asked_and_a_column_for_each_item(
    make, users, checkerboard
):
    scores = made(make, checkerboard).score(torch.tensor(users, dtype=torch.int64))
    assert scores.shape == (len(users), checkerboard.n_item_rows)
    assert scores.dtype == torch.float32
    assert scores.isfinite().all()


@pytest.mark.parametrize("make", RANKERS.values(), ids=RANKERS)
def test_a_user_is_scored_alike_alone_and_in_company(make, checkerboard):
    ranker = made(make, checkerboard)
    alone = torch.cat([ranker.score(torch.tensor([user])) for user in (7, 0, 8)])
    torch.testing.assert_close(ranker.score(torch.tensor([7, 0, 8])), alone)


@pytest.mark.parametrize("make", RANKERS.values(), ids=RANKERS)
def test_the_scores_belong_to_the_caller(make, checkerboard):
    ranker = made(make, checkerboard)
    users = torch.tensor([1, 0])
    scores = ranker.score(users)
    kept = scores.clone()
    scores[:] = -torch.inf
    assert torch.equal(ranker.score(users), kept)


@pytest.mark.parametrize("make", RANKERS.values(), ids=RANKERS)
def test_the_unknown_user_and_who_has_no_history_get_popularity(make):
    # Item 2 has three users, item 1 two, item 3 one; user 4 has nothing.
    train = Interactions(np.array([1, 1, 2, 2, 3, 3]), np.array([2, 1, 2, 1, 2, 3]))
    scores = make(train, 5, 4).score(torch.tensor([0, 4]))
    assert torch.equal(scores, Popularity.fit(train, 5, 4).score(torch.tensor([0, 4])))
    assert scores[:, 1:].argsort(dim=1, descending=True).tolist() == [[1, 0, 2]] * 2


@pytest.mark.parametrize("make", BASELINES.values(), ids=BASELINES)
def test_interactions_of_unknown_users_or_items_are_no_one_s_history(make):
    # A cold split leaves such rows in training; they must not make row 0 a person.
    ratings = np.array([4.0, 5.0, 1.0], dtype=np.float32)
    train = Interactions(np.array([1, 0, 1]), np.array([1, 2, 0]), ratings)
    baseline = make(train, 2, 3)
    if make in RATERS.values():
        known = baseline.predict(torch.tensor([0]), torch.tensor([0]))
        assert known.item() == pytest.approx(10 / 3)  # the mean and nothing more
    else:
        assert torch.equal(
            baseline.score(torch.tensor([0])),
            Popularity.fit(train, 2, 3).score(torch.tensor([0])),
        )


@pytest.mark.parametrize("make", BASELINES.values(), ids=BASELINES)
def test_a_catalogue_of_one_item(make):
    train = Interactions(np.array([1, 2]), np.array([1, 1]), np.array([3.0, 3.0], np.float32))
    baseline = make(train, 3, 2)
    if make in RATERS.values():
        assert baseline.predict(torch.tensor([1]), torch.tensor([1])).tolist() == [3.0]
    else:
        scores = baseline.score(torch.tensor([0, 1, 2]))
        assert scores.shape == (3, 2)
        assert scores.isfinite().all()


@pytest.mark.parametrize("make", RATERS.values(), ids=RATERS)
def test_predictions_are_one_a_pair_and_lie_in_the_range_of_training(make, checkerboard):
    rater = made(make, checkerboard)
    users = torch.tensor([0, 0, 4, 4, NOBODY])
    items = torch.tensor([0, 1, 0, 1, 41])
    predictions = rater.predict(users, items)
    assert predictions.shape == (5,)
    assert predictions.dtype == torch.float32
    assert ((predictions >= 2.0) & (predictions <= 3.0)).all()
    assert rater.predict(users[:0], items[:0]).shape == (0,)


@pytest.mark.parametrize("make", BASELINES.values(), ids=BASELINES)
def test_told_what_training_said_a_baseline_answers_as_before(make, checkerboard):
    baseline = made(make, checkerboard)
    told = baseline.told(checkerboard.train)
    users = torch.arange(1, 201)
    if make in RATERS.values():
        items = torch.from_numpy(checkerboard.answer)
        torch.testing.assert_close(told.predict(users, items), baseline.predict(users, items))
    else:
        # iALS ends on the items, so its users are a half-step behind.
        torch.testing.assert_close(told.score(users), baseline.score(users), atol=2e-3, rtol=0)


@pytest.mark.parametrize("make", BASELINES.values(), ids=BASELINES)
def test_a_user_whom_training_lacked_is_judged_by_what_is_told(make, checkerboard):
    # Held out of training, then told: user 8 answers nearly as if trained on.
    train, user = checkerboard.train, torch.tensor([8])
    without = make(train.take(train.users != 8), 202, 42).told(train)
    whole = made(make, checkerboard)
    if make in RATERS.values():
        items = torch.tensor([8, 9])
        found, wanted = (rater.predict(user.expand(2), items) for rater in (without, whole))
        torch.testing.assert_close(found, wanted, atol=0.02, rtol=0)
    else:
        scores, wanted = without.score(user), whole.score(user)
        torch.testing.assert_close(scores / scores.max(), wanted / wanted.max(), atol=0.02, rtol=0)
