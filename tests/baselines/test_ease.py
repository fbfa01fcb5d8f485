import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.baselines.ease import Ease
from maxella.baselines.table import BASELINES
from maxella.errors import ConfigError

WORLDS = st.integers(0, 2**30 - 1).map(
    lambda bits: np.array([bits >> cell & 1 for cell in range(30)]).reshape(6, 5)
)


@pytest.fixture(scope="module")
def world(make):
    """Matrices of who took and who viewed what → a task of users and items 1, 2, ..."""
    pairs_of, task_of = make

    def task(taken, **events):
        pairs = {
            name: pairs_of(*(rows + 1 for rows in np.nonzero(matrix)))
            for name, matrix in {"": taken, **events}.items()
        }
        return task_of(pairs.pop(""), *(np.array(np.shape(taken)) + 1), **pairs)

    return task


def test_two_items_by_hand(world):
    # Users 1 and 2 took item 1, user 1 item 2 also. With λ = 1, XᵀX + λI = [[3, 1], [1, 2]],
    # its inverse P = [[2, -1], [-1, 3]] / 5, so B_12 = (1/5) / (3/5) and B_21 = (1/5) / (2/5).
    ease = Ease.fit(world([[1, 1], [1, 0]]), l2=1.0)
    wanted = torch.tensor([[0, 0, 0], [0, 0, 1 / 3], [0, 1 / 2, 0]])
    torch.testing.assert_close(ease.weights, wanted)
    # User 1 has both items: the sum of rows 1 and 2. User 2 has item 1: row 1.
    scores = ease.score(torch.tensor([1, 2]))
    torch.testing.assert_close(scores, torch.tensor([[0, 1 / 2, 1 / 3], [0, 0, 1 / 3]]))


@given(taken=WORLDS, l2=st.sampled_from([0.5, 3.0, 100.0]))
@settings(max_examples=40)
def test_each_column_is_the_ridge_regression_of_its_item_on_the_others(taken, l2, world):
    weights = Ease.fit(world(taken), l2=l2).weights[1:, 1:]
    for item in range(5):
        others = np.delete(taken, item, axis=1).astype(float)  # (6, 4)
        gram = others.T @ others + l2 * np.eye(4)
        wanted = np.insert(np.linalg.solve(gram, others.T @ taken[:, item]), item, 0.0)
        np.testing.assert_allclose(weights[:, item], wanted, atol=1e-5)


@given(taken=WORLDS, viewed=WORLDS, exponent=st.sampled_from([0.0, -0.5]))
@settings(max_examples=30)
def test_stacked_events_are_further_rows_of_one_regression(taken, viewed, exponent, world):
    rows = []
    for matrix in (taken, viewed):
        counts = matrix.sum(axis=1)
        mean = counts[counts > 0].mean() if counts.any() else 1.0
        rows.append(np.sqrt((np.maximum(counts, 1) / mean) ** exponent)[:, None] * matrix)
    # A view that is a purchase in every case tells nothing more, and is left out.
    rows = np.vstack(rows if (viewed > taken).any() else rows[:1])
    found = Ease.fit(
        world(taken, view=viewed), stacked=True, dropout=0.33, user_exponent=exponent, l2=2.0
    ).weights[1:, 1:]
    together = rows.T @ rows
    left = together + np.diag(2.0 + 0.33 * together.diagonal())
    for item in range(5):
        others = np.arange(5) != item
        wanted = np.linalg.solve(left[np.ix_(others, others)], together[others, item])
        np.testing.assert_allclose(found[others, item], wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["stacked_ease", "stacked_edlae"])
def test_views_that_say_which_items_go_together_are_counted(name, world, make):
    # Items 2k and 2k + 1 of 100 go together in views; a user has taken one item, and takes its
    # partner next. Purchases alone say nothing of it: no user has two.
    draw = np.random.default_rng(0)
    first, users = draw.integers(0, 100, 300), np.arange(300)
    taken, viewed = np.zeros((300, 100), dtype=int), np.zeros((300, 100), dtype=int)
    taken[users, first] = 1
    for user in users:
        seen = draw.choice(50, 6, replace=False) * 2
        viewed[user, seen] = viewed[user, seen + 1] = 1
    train, answers = world(taken, view=viewed), (first ^ 1) + 1
    validation = make[0](users[::2] + 1, answers[::2])
    fitted = BASELINES[name].fit(train, validation)
    assert fitted.tuned["events.view"] > 0

    def found(ranker):
        scores = ranker.told(train).score(torch.from_numpy(users[1::2] + 1))[:, 1:]
        return (scores.argmax(dim=1).numpy() + 1 == answers[1::2]).mean()

    assert found(fitted) == 1.0
    assert found(Ease.fit(train, validation)) < 0.05


def test_views_that_mislead_count_nothing(world, make):
    # Taken together are items 2k and 2k + 1 of 100; viewed together are j and j + 50. Of every
    # third user the second item is held out.
    draw = np.random.default_rng(1)
    first, users = draw.integers(0, 100, 300), np.arange(300)
    taken, viewed = np.zeros((300, 100), dtype=int), np.zeros((300, 100), dtype=int)
    taken[users, first] = taken[users, first ^ 1] = 1
    taken[users[::3], first[::3] ^ 1] = 0
    for user in users:
        seen = draw.choice(50, 10, replace=False)
        viewed[user, seen] = viewed[user, seen + 50] = 1
    validation = make[0](users[::3] + 1, (first[::3] ^ 1) + 1)
    fitted = Ease.fit(world(taken, view=viewed), validation, stacked=True)
    assert fitted.tuned["events.view"] == 0
    assert fitted.counts == {}


def test_the_chosen_count_weighs_the_rows_of_an_event(world, monkeypatch):
    monkeypatch.setattr("maxella.baselines.choice.EVENT_COUNTS", (0.3,))
    draw = np.random.default_rng(2)
    taken, viewed = (draw.random((60, 12)) < chance for chance in (0.3, 0.5))
    found = Ease.fit(world(taken, view=viewed), stacked=True)
    together = taken.T.astype(float) @ taken + 0.3 * (viewed.T.astype(float) @ viewed)
    l2 = found.tuned["penalty"] * np.sqrt(together.diagonal().mean())
    inverse = np.linalg.inv(together + l2 * np.eye(12))
    wanted = -inverse / inverse.diagonal()
    np.fill_diagonal(wanted, 0.0)
    np.testing.assert_allclose(found.weights[1:, 1:], wanted, atol=1e-5)


def test_the_best_penalty_of_the_validation_part_is_taken(world, make):
    # Every user has ten of the 20 items of their group at random. One penalty after another by
    # hand, on the same validation part.
    draw = np.random.default_rng(3)
    taken = np.zeros((200, 40), dtype=int)
    for user in range(200):
        taken[user, user % 2 * 20 + draw.choice(20, 10, replace=False)] = 1
    held = np.zeros_like(taken)
    for row in range(200):
        held[row, draw.choice(taken[row].nonzero()[0], 2, replace=False)] = 1
    train, validation = world(taken - held), make[0](*(rows + 1 for rows in held.nonzero()))
    fitted = Ease.fit(train, validation)
    assert fitted.tuned["trials"] == 5
    root = np.sqrt((taken - held).sum() / 40)
    by_hand = Ease.fit(train, l2=fitted.tuned["penalty"] * root)
    torch.testing.assert_close(fitted.weights, by_hand.weights, atol=1e-5, rtol=0)

    def ndcg(penalty):
        scores = Ease.fit(train, l2=penalty * root).score(torch.arange(1, 201))[:, 1:].numpy()
        scores[(taken - held) == 1] = -np.inf
        order = np.argsort(-scores, axis=1)
        gains = np.take_along_axis(held, order, axis=1) / np.log2(2 + np.arange(40))
        return gains.sum(axis=1).mean()

    assert ndcg(fitted.tuned["penalty"]) == max(map(ndcg, (6.0, 20.0, 60.0, 200.0, 600.0)))


def test_who_took_nothing_is_read_from_their_views(world):
    # Items 1 and 2 are viewed together; user 4 viewed item 1 and took nothing.
    viewed = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 0]])
    taken = np.array([[0, 1, 1], [1, 0, 1], [0, 0, 1], [0, 0, 0]])
    fitted = Ease.fit(world(taken, view=viewed), stacked=True, l2=1.0)
    torch.testing.assert_close(fitted.score(torch.tensor([4]))[0], fitted.weights[1])


def test_a_repeated_pair_changes_nothing(make):
    pairs_of, task_of = make
    users, items = np.array([1, 1, 2, 3]), np.array([1, 2, 2, 1])
    once = Ease.fit(task_of(pairs_of(users, items), 4, 3), l2=1.0)
    twice = task_of(pairs_of(np.tile(users, 2), np.tile(items, 2)), 4, 3)
    assert torch.equal(Ease.fit(twice, l2=1.0).weights, once.weights)


def test_users_beyond_the_first_chunk_count(world):
    # 1,500 users, more than are laid out at once, all with both items, λ = 1000:
    # XᵀX + λI = [[2500, 1500], [1500, 2500]], so B_12 = 1500 / 2500.
    weights = Ease.fit(world(np.ones((1500, 2))), l2=1000.0).weights
    assert weights[1, 2].item() == pytest.approx(0.6)


@pytest.mark.parametrize("name", ["ease", "stacked_ease", "stacked_edlae"])
def test_too_many_items_are_refused_with_the_memory_that_they_need(name, make):
    pairs_of, task_of = make
    train = task_of(pairs_of([1], [1]), 2, 50_000, view=pairs_of([1], [2]))
    with pytest.raises(ConfigError, match=rf"{name} wants .* 50,000, .* 20\.0 GB .*'{name}' out"):
        BASELINES[name].fit(train, None)
