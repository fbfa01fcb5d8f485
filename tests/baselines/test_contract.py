"""What holds for every baseline: these tests run over the table."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from maxella.baselines.popularity import Popularity
from maxella.baselines.table import BASELINES

NOBODY = 201  # a user row without interactions
RANKERS = [name for name, of in BASELINES.items() if of.kind == "retrieval"]
RATERS = [name for name, of in BASELINES.items() if of.kind != "retrieval"]


def tensors_of(baseline):
    """Every tensor in a baseline, those of its parts too."""
    for field in dataclasses.fields(baseline):
        value = getattr(baseline, field.name)
        if isinstance(value, torch.Tensor):
            yield value
        elif sp.issparse(value):
            yield from map(torch.from_numpy, (value.indptr, value.indices, value.data))
        elif dataclasses.is_dataclass(value):
            yield from tensors_of(value)


def columns_of(task):
    return [
        column.copy()
        for of in (task.pairs, *task.events.values())
        for column in vars(of).values()
        if column is not None
    ]


@pytest.mark.parametrize("name", BASELINES)
def test_two_fits_give_equal_bytes_and_leave_the_training_data_as_they_were(
    name, fitted, checkerboard
):
    train = checkerboard.task(BASELINES[name].kind)
    before = columns_of(train)
    first, second = fitted(name), BASELINES[name].fit(train, None)
    pairs = list(zip(tensors_of(first), tensors_of(second), strict=True))
    assert pairs
    for one, other in pairs:
        assert one.numpy().tobytes() == other.numpy().tobytes()
    for column, copy in zip(columns_of(train), before, strict=True):
        assert np.array_equal(column, copy)


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_frozen(name, fitted):
    baseline = fitted(name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(baseline, dataclasses.fields(baseline)[0].name, None)


@pytest.mark.parametrize("name", RANKERS)
def test_nothing_unseen_beats_the_withheld_item(name, fitted, checkerboard):
    # Popularity holds all items equal (95 users each), so there the answer ties.
    scores = fitted(name).score(torch.arange(1, 201))
    answers = scores.gather(1, torch.from_numpy(checkerboard.answer)[:, None])  # (200, 1)
    seen = torch.zeros_like(scores, dtype=torch.bool)
    taken = checkerboard.task("retrieval").pairs
    seen[taken.users - 1, taken.items] = True
    seen[:, 0] = True  # never a candidate
    assert (scores.masked_fill(seen, -torch.inf) <= answers).all()


@pytest.mark.parametrize("name", sorted(set(RANKERS) - {"popularity"}))
def test_who_looks_at_the_user_tells_the_withheld_item_from_the_other_parity(
    name, fitted, checkerboard
):
    scores = fitted(name).score(torch.arange(1, 201))
    answer = torch.from_numpy(checkerboard.answer)
    other = scores.gather(1, (answer % 40 + 1)[:, None])  # the next item, of the other parity
    assert (scores.gather(1, answer[:, None]) > other + 1e-3).all()


@pytest.mark.parametrize("name", RANKERS)
@pytest.mark.parametrize("users", [[], [3], [3, 3, 0, NOBODY]])
def test_scores_have_a_row_for_each_user_asked_and_a_column_for_each_item(name, users, fitted):
    scores = fitted(name).score(torch.tensor(users, dtype=torch.int64))
    assert scores.shape == (len(users), 42)
    assert scores.dtype == torch.float32
    assert scores.isfinite().all()


@pytest.mark.parametrize("name", RANKERS)
def test_a_user_is_scored_alike_alone_and_in_company(name, fitted):
    alone = torch.cat([fitted(name).score(torch.tensor([user])) for user in (7, 0, 8)])
    torch.testing.assert_close(fitted(name).score(torch.tensor([7, 0, 8])), alone)


@pytest.mark.parametrize("name", RANKERS)
def test_the_scores_belong_to_the_caller(name, fitted):
    users = torch.tensor([1, 0])
    scores = fitted(name).score(users)
    kept = scores.clone()
    scores[:] = -torch.inf
    assert torch.equal(fitted(name).score(users), kept)


@pytest.mark.parametrize("name", RANKERS)
def test_the_unknown_user_and_who_has_no_history_get_popularity(name, make):
    # Item 2 has three users, item 1 two, item 3 one; user 4 has nothing. Rows of unknown users
    # and items, which a cold split leaves in training, make nobody of row 0.
    pairs_of, task_of = make
    taken = pairs_of([1, 1, 2, 2, 3, 3, 0, 1], [2, 1, 2, 1, 2, 3, 1, 0])
    train = task_of(taken, 5, 4, view=pairs_of([1, 0, 3], [3, 3, 1]))
    baseline = BASELINES[name].fit(train, None)
    popularity = Popularity.fit(train).score(torch.tensor([0, 4]))
    for told in (baseline, baseline.told(train)):
        scores = told.score(torch.tensor([0, 4]))[:, 1:]
        assert torch.equal(
            scores.argsort(descending=True), popularity[:, 1:].argsort(descending=True)
        )
        assert scores.argsort(dim=1, descending=True).tolist() == [[0, 1, 2]] * 2


@pytest.mark.parametrize("name", RATERS)
def test_what_is_unknown_moves_no_prediction(name, make):
    pairs_of, task_of = make
    labels = [4.0, 5.0, 1.0] if BASELINES[name].kind == "rating" else [1.0, 1.0, 0.0]
    train = task_of(pairs_of([1, 0, 1], [1, 2, 0], labels), 2, 3, BASELINES[name].kind)
    baseline = BASELINES[name].fit(train, None)
    found = baseline.predict(torch.tensor([0]), torch.tensor([0])).item()
    # The mean and nothing more; of probabilities smoothed by half a label of each.
    assert found == pytest.approx(10 / 3 if BASELINES[name].kind == "rating" else 2.5 / 4)


@pytest.mark.parametrize("name", BASELINES)
def test_a_catalogue_of_one_item(name, make):
    pairs_of, task_of = make
    kind = BASELINES[name].kind
    pairs = pairs_of([1, 2], [1, 1])
    train = task_of(pairs, 3, 2, kind, view=pairs_of([1], [1]))
    baseline = BASELINES[name].fit(train, pairs.take(np.array([], dtype=np.int64)))
    if kind != "retrieval":
        found = baseline.predict(torch.tensor([1]), torch.tensor([1])).item()
        assert found == 1.0 if kind == "rating" else 0.5 < found < 1.0
    else:
        scores = baseline.score(torch.tensor([0, 1, 2]))
        assert scores.shape == (3, 2)
        assert scores.isfinite().all()


@pytest.mark.parametrize("name", RATERS)
def test_predictions_are_one_a_pair_and_lie_in_the_range_of_training(name, fitted):
    users = torch.tensor([0, 0, 4, 4, NOBODY])
    items = torch.tensor([0, 1, 0, 1, 41])
    predictions = fitted(name).predict(users, items)
    assert predictions.shape == (5,)
    assert predictions.dtype == torch.float32
    low, high = (2.0, 3.0) if BASELINES[name].kind == "rating" else (0.0, 1.0)
    assert ((predictions >= low) & (predictions <= high)).all()
    assert fitted(name).predict(users[:0], items[:0]).shape == (0,)


@pytest.mark.parametrize("name", BASELINES)
def test_told_what_training_said_a_baseline_answers_as_before(name, fitted, checkerboard):
    told = fitted(name).told(checkerboard.task(BASELINES[name].kind))
    users = torch.arange(1, 201)
    if name in RATERS:
        items = torch.from_numpy(checkerboard.answer)
        found, wanted = (one.predict(users, items) for one in (told, fitted(name)))
    else:
        found, wanted = told.score(users), fitted(name).score(users)
    torch.testing.assert_close(found, wanted, atol=2e-3, rtol=0)


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "popularity"])
def test_a_user_whom_training_lacked_is_judged_by_what_is_told(name, fitted, checkerboard):
    # Held out of training, then told: user 8 answers nearly as if trained on.
    train, user = checkerboard.task(BASELINES[name].kind), torch.tensor([8])
    events = {event: of.take(of.users != 8) for event, of in train.events.items()}
    less = replace(train, pairs=train.pairs.take(train.pairs.users != 8), events=events)
    without = BASELINES[name].fit(less, None).told(train)
    if name in RATERS:
        items = torch.tensor([8, 9])
        found, wanted = (one.predict(user.expand(2), items) for one in (without, fitted(name)))
        torch.testing.assert_close(found, wanted, atol=0.03, rtol=0)
    else:  # settings chosen without the user may be others, and so may the scale
        scores = torch.cat([one.score(user) for one in (without, fitted(name))])
        assert torch.corrcoef(scores[:, 1:41])[0, 1] > 0.95


@pytest.mark.parametrize("name", BASELINES)
def test_what_was_chosen_is_said_with_the_number_of_trials(name, fitted):
    tuned = getattr(fitted(name), "tuned", None)
    # Penalties of EASE 5, of iALS 5 and 4 more values of an empty cell; 4 counts of views, so 3
    # beyond the start; 5 dampings.
    wanted = {"ease": 5, "stacked_ease": 8, "stacked_edlae": 8, "ials": 9, "event_ials": 12}
    wanted |= {"item_knn": 1 + 5 + 4 + 1, "markov_chain": 1 + 2 + 4 + 2 + 2, "rates": 5}
    assert (tuned or {}).get("trials") == wanted.get(name)
