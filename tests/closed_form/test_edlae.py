import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maxella.closed_form.edlae import low_rank_edlae
from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.seeds import torch_generator

WORLDS = arrays(np.int64, (8, 6), elements=st.integers(0, 1))


def factors(history, dim, *, seed=1, **options):
    """Readings and items without the unknown row, which must be zero."""
    made = low_rank_edlae(history, dim, torch_generator(seed, "start"), **options)
    for table in made:
        assert table.shape == (history.n_item_rows, dim)
        assert table.dtype == torch.float32
        assert not table[0].any()
    return tuple(table[1:].numpy() for table in made)


def full_rank(taken, *, l2, dropout, user_exponent):
    """√W X and B from one ridge regression an item, in float64."""
    counts = taken.sum(axis=1).astype(float)
    weights = np.zeros(len(taken))
    known = counts > 0
    weights[known] = (counts[known] / counts[known].mean()) ** user_exponent
    rows = np.sqrt(weights)[:, None] * taken
    penalty = l2 + dropout * (rows**2).sum(axis=0)
    columns = []
    for item in range(taken.shape[1]):
        others = np.delete(rows, item, axis=1)
        gram = others.T @ others + np.diag(np.delete(penalty, item))
        columns.append(np.insert(np.linalg.solve(gram, others.T @ rows[:, item]), item, 0.0))
    return rows, np.stack(columns, axis=1)


def test_two_items_by_hand(history_of):
    # User 1 took both items, user 2 item 1: counts 2 and 1, mean 1.5, so that with the exponent
    # -1 they weigh .75 and 1.5. G = [[2.25, .75], [.75, .75]]; with l2 = .75 and dropout 1
    # its diagonal becomes 2 · 2.25 + .75 = 5.25 and 2 · .75 + .75 = 2.25. Its inverse P is in
    # proportion to [[2.25, -.75], [-.75, 5.25]]: B_12 = .75 / 5.25 = 1/7, B_21 = .75 / 2.25 = 1/3.
    history = history_of([[1, 1], [1, 0]])
    readings, items = factors(history, 2, l2=0.75, dropout=1.0, user_exponent=-1.0)
    np.testing.assert_allclose(readings @ items.T, [[0, 1 / 7], [1 / 3, 0]], atol=1e-6)


@given(
    taken=WORLDS.filter(np.any),
    dim=st.integers(1, 9),
    l2=st.sampled_from([0.5, 3.0, 40.0]),
    dropout=st.sampled_from([0.0, 0.33, 2.0]),
    user_exponent=st.sampled_from([-0.5, 0.0, 0.5]),
)
@settings(max_examples=60, deadline=None)
def test_it_is_the_best_model_of_its_rank_for_the_predictions_of_the_full_one(
    taken, dim, l2, dropout, user_exponent, history_of
):
    # Eckart and Young: no model of rank d is nearer than the singular values beyond the d-th.
    options = {"l2": l2, "dropout": dropout, "user_exponent": user_exponent}
    rows, weights = full_rank(taken, **options)
    readings, items = factors(history_of(taken), dim, **options)
    beyond = np.linalg.svd(rows @ weights, compute_uv=False)[dim:]
    distance = np.linalg.norm(rows @ weights - rows @ readings @ items.T)
    assert distance == pytest.approx(np.sqrt((beyond**2).sum()), abs=2e-3)
    # H Vᵀ is the projection of B onto the span of the orthonormal V.
    np.testing.assert_allclose(readings, weights @ items, atol=1e-4)
    kept = items.any(axis=0)
    np.testing.assert_allclose(items.T @ items, np.diag(kept.astype(float)), atol=1e-5)


def test_of_many_items_it_finds_the_best_few_directions(history_of):
    taken = np.random.default_rng(2).random((200, 80)) < np.linspace(0.02, 0.5, 80)
    options = {"l2": 5.0, "dropout": 0.33, "user_exponent": -0.5}
    rows, weights = full_rank(taken, **options)
    readings, items = factors(history_of(taken), 5, **options)
    beyond = np.linalg.svd(rows @ weights, compute_uv=False)[5:]
    distance = np.linalg.norm(rows @ weights - rows @ readings @ items.T)
    assert distance == pytest.approx(np.sqrt((beyond**2).sum()), rel=0.005)


def test_at_full_rank_it_is_the_full_model_whatever_the_start(history_of):
    taken = np.random.default_rng(3).integers(0, 2, (40, 12))
    options = {"l2": 5.0, "dropout": 0.33, "user_exponent": -0.5}
    _, weights = full_rank(taken, **options)
    for seed in (1, 2):
        readings, items = factors(history_of(taken), 12, seed=seed, **options)
        np.testing.assert_allclose(readings @ items.T, weights, atol=1e-5)


def test_planted_groups_are_found_and_nothing_beyond_them(history_of):
    # Users of group g took all five items of group g: the matrix has rank 3, and so B has.
    taken = np.repeat(np.repeat(np.eye(3, dtype=int), 20, axis=0), 5, axis=1)
    readings, items = factors(history_of(taken), 8, l2=4.0)
    assert readings.any(axis=0).tolist() == items.any(axis=0).tolist() == [True] * 3 + [False] * 5
    # Within a group all items have the same weight b to the four others; the sum over a
    # history of all five is 4 b for each.
    _, weights = full_rank(taken, l2=4.0, dropout=0.33, user_exponent=-0.5)
    np.testing.assert_allclose(taken @ readings @ items.T, 4 * weights[0, 1] * taken, atol=1e-5)


def test_items_and_users_without_interactions_change_nothing(history_of):
    taken = np.random.default_rng(5).integers(0, 2, (30, 6))
    apart = np.insert(np.insert(taken, [0, 3, 6], 0, axis=1), [0, 10, 30], 0, axis=0)
    readings, items = factors(history_of(taken), 4, l2=5.0)
    more_readings, more_items = factors(history_of(apart), 4, l2=5.0)
    new = [0, 4, 8]
    assert not more_readings[new].any()
    assert not more_items[new].any()
    scores = np.delete(more_readings, new, axis=0) @ np.delete(more_items, new, axis=0).T
    np.testing.assert_allclose(scores, readings @ items.T, atol=1e-5)


@pytest.mark.parametrize(
    "taken",
    [[[1], [1]], [[0], [0]], [[1, 0], [0, 1]], np.zeros((2, 0), dtype=int)],
    ids=["one item", "no interactions", "no two items together", "no items"],
)
def test_where_no_item_says_anything_of_another_all_is_zero(taken, history_of):
    readings, items = factors(history_of(taken), 3)
    assert not readings.any()
    assert not items.any()


def test_equal_generators_give_equal_bytes(history_of):
    history = history_of(np.random.default_rng(7).integers(0, 2, (50, 30)))
    first, second, other = (factors(history, 4, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.fixture
def as_of_a_large_catalogue(monkeypatch):
    """Products in place of matrices, from the first item on."""
    monkeypatch.setattr("maxella.closed_form.edlae.DENSE_ITEM_ROWS", 0)


def test_without_matrices_of_items_it_is_the_same_to_a_few_percent(
    history_of, as_of_a_large_catalogue
):
    # 60 items in three groups, some popular and some rare; users of two lengths.
    draw = np.random.default_rng(4)
    likes = np.where(np.arange(300)[:, None] % 3 == np.arange(60) % 3, 0.5, 0.05)
    taken = draw.random((300, 60)) < likes * np.linspace(0.1, 1, 60)
    options = {"l2": 5.0, "dropout": 0.33, "user_exponent": -0.5}
    rows, weights = full_rank(taken, **options)
    readings, items = factors(history_of(taken), 60, **options)
    wanted = rows @ weights
    assert np.linalg.norm(rows @ readings @ items.T - wanted) < 0.05 * np.linalg.norm(wanted)
    # Of few directions as good as the best.
    readings, items = factors(history_of(taken), 5, **options)
    beyond = np.sqrt(np.square(np.linalg.svd(wanted, compute_uv=False)[5:]).sum())
    assert np.linalg.norm(wanted - rows @ readings @ items.T) < 1.05 * beyond


def test_without_matrices_of_items_those_that_nobody_took_are_zero(
    history_of, as_of_a_large_catalogue
):
    taken = np.random.default_rng(5).integers(0, 2, (30, 6))
    apart = np.insert(taken, [0, 3, 6], 0, axis=1)
    for table in factors(history_of(apart), 4, l2=5.0):
        assert not table[[0, 4, 8]].any()
        assert table[[1, 2, 3, 5, 6, 7]].any(axis=1).all()
    nobody = factors(history_of(np.zeros((3, 4), dtype=int)), 2)
    assert not np.any(nobody)


def test_a_catalogue_of_50_000_makes_no_matrix_of_items():
    # Such a matrix would be 10 GB. 400 users with ten items of their own half each.
    draw = np.random.default_rng(6)
    halves = np.arange(400) % 2
    users = np.repeat(np.arange(1, 401), 10)
    items = 1 + 2 * draw.integers(0, 40, 4000) + np.repeat(halves, 10)
    history = History.of(Interactions(users, items), 401, 50_001)
    readings, of_items = low_rank_edlae(history, 4, torch_generator(1, "start"))
    sums = history.matrix(torch.arange(1, 401)) @ readings
    scores = sums @ of_items[1:81].T
    own, other = scores[halves == 0, 0::2], scores[halves == 0, 1::2]
    assert own.min() > other.max()
