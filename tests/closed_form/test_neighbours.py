import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maxella.closed_form import neighbours
from maxella.closed_form.neighbours import item_neighbours

WORLDS = arrays(np.int64, (8, 6), elements=st.integers(0, 1))


def products(blocks, user_exponent):
    """G in float64, from 0/1 matrices and what a pair of each counts."""
    total = np.zeros((blocks[0][0].shape[1],) * 2)
    for taken, count in blocks:
        counts = taken.sum(axis=1).astype(float)
        known = counts > 0
        of_users = np.zeros(len(taken))
        if known.any():
            of_users[known] = (counts[known] / counts[known].mean()) ** user_exponent
        total += count * taken.T @ np.diag(of_users) @ taken
    return total


def regressions(blocks, k, *, dropout, l2, popularity, user_exponent):
    """(items, items) weights of j for i, by a ridge regression of each item on its k nearest."""
    together = products(blocks, user_exponent)
    own = np.diag(together)
    mean = own[own > 0].mean()
    weights = np.zeros_like(together)
    for item in range(len(own)):
        strengths = np.where(own > 0, together[item] / np.sqrt(np.maximum(own, 1e-9)), 0)
        strengths[item] = 0
        near = np.argsort(-strengths, kind="stable")[:k]
        near = near[strengths[near] > 0]
        inner = together[np.ix_(near, near)]
        penalty = np.diag(l2 * mean**0.5 + dropout * own[near])
        found = np.linalg.solve(inner + penalty, together[near, item]) if len(near) else []
        weights[item, near] = found * (own[near] / mean) ** popularity
    return weights


def weights_of(history_of, blocks, k, *, l2=22.5, popularity=0.0, **options):
    """The same of the code: a dense matrix without the unknown row, which nobody speaks for."""
    histories = [(history_of(taken), count) for taken, count in blocks]
    found = item_neighbours(histories, k, np.random.default_rng(1), l2s=(9.0, l2), **options)
    items, weights = found.items, found.weighted(l2, popularity)
    n = blocks[0][0].shape[1] + 1
    assert items.shape == weights.shape == (n, k)
    dense = np.zeros((n, n))
    np.add.at(dense, (np.arange(n)[:, None], items.numpy()), weights.numpy())
    assert not dense[0].any()
    assert not dense[:, 0].any()
    assert not weights[items == 0].any()
    return dense[1:, 1:]


def test_three_items_by_hand(history_of):
    # Everybody took item 1, half of them item 2, the others item 3; unweighted users. G_11 = 4,
    # G_22 = G_33 = G_12 = G_13 = 2, G_23 = 0, c̄ = 8 / 3. With λ = 4 and dropout 1 item 2 is near
    # item 1 alone: w = 2 / (4 + 4 + 4) = 1/6, times (4 / (8 / 3))^-1 = 2/3: 1/9. For item 1 both
    # speak: 2 / (2 + 2 + 4) = 1/4 each, times (2 / (8 / 3))^-1 = 4/3: 1/3.
    taken = np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 1]])
    options = {"dropout": 1.0, "l2": 4 / (8 / 3) ** 0.5, "popularity": -1.0, "user_exponent": 0.0}
    found = weights_of(history_of, [(taken, 1.0)], 2, **options)
    wanted = [[0, 1 / 3, 1 / 3], [1 / 9, 0, 0], [1 / 9, 0, 0]]
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.fixture(params=["a matrix", "its cells alone"])
def way(request, monkeypatch):
    """How G is held: of few items, of many."""
    if request.param == "its cells alone":
        monkeypatch.setattr(neighbours, "MOST_CELLS", 0)


@pytest.mark.usefixtures("way")
@given(
    taken=WORLDS.filter(np.any),
    other=WORLDS,
    count=st.sampled_from([0.0, 0.3, 2.0]),
    l2=st.sampled_from([0.5, 22.5]),
    dropout=st.sampled_from([0.0, 0.5]),
    popularity=st.sampled_from([0.0, -0.25]),
    user_exponent=st.sampled_from([-0.5, 0.0]),
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_with_room_for_all_items_it_is_a_ridge_regression_on_all(
    history_of, taken, other, count, **options
):
    options = {name: options[name] for name in ("l2", "dropout", "popularity", "user_exponent")}
    blocks = [(taken, 1.0), (other, count)]
    found = weights_of(history_of, blocks, 6, **options)
    wanted = regressions(blocks, 6, **options)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("k", [1, 3, 7])
def test_of_many_items_the_nearest_speak_alone(history_of, k):
    rng = np.random.default_rng(3)
    taken = (rng.random((300, 40)) < np.linspace(0.05, 0.4, 40)).astype(int)
    options = {"l2": 5.0, "dropout": 0.5, "popularity": -0.25, "user_exponent": -0.5}
    found = weights_of(history_of, [(taken, 1.0)], k, **options)
    np.testing.assert_allclose(found, regressions([(taken, 1.0)], k, **options), atol=1e-5)
    assert (np.count_nonzero(found, axis=1) == k).all()


@pytest.mark.usefixtures("way")
def test_blocks_of_items_are_joined(history_of, monkeypatch):
    taken = (np.random.default_rng(3).random((50, 20)) < 0.3).astype(int)
    whole = weights_of(history_of, [(taken, 1.0)], 4)
    monkeypatch.setattr(neighbours, "_BLOCK_CELLS", 3 * 4**2)
    np.testing.assert_array_equal(weights_of(history_of, [(taken, 1.0)], 4), whole)


@pytest.mark.usefixtures("way")
def test_nothing_speaks_where_nothing_is_taken_together(history_of):
    assert not weights_of(history_of, [(np.zeros((3, 4), dtype=int), 1.0)], 2).any()
    assert not weights_of(history_of, [(np.eye(4, dtype=int), 1.0)], 2).any()


def test_long_histories_are_read_in_part_and_stand_for_the_whole(history_of, monkeypatch):
    # Ten users with all 30 items and 200 with three: 9,000 and 1,800 products.
    rng = np.random.default_rng(4)
    taken = np.ones((210, 30), dtype=int)
    for user in range(10, 210):
        taken[user] = np.isin(np.arange(30), rng.choice(30, 3, replace=False))
    monkeypatch.setattr(neighbours, "MOST_CELLS", 0)

    def together(of, seed):
        blocks = [(history_of(of), 2.0)]
        return neighbours.products(blocks, -0.5, np.random.default_rng(seed)).toarray()

    whole = together(taken, 1)
    monkeypatch.setattr(neighbours, "MOST_PRODUCTS", 4000)
    longest = neighbours._longest(taken.sum(axis=1))
    assert 10 * longest**2 + 1800 <= 4000 < 10 * (longest + 2) ** 2 + 1800
    cut = [together(taken, seed) for seed in range(200)]
    assert not np.array_equal(cut[0], cut[1])
    mean = np.mean(cut, axis=0)
    np.testing.assert_allclose(np.diag(mean), np.diag(whole), rtol=0.05)  # in expectation all
    # A pair of items that only a long history holds together counts less, never nothing or more.
    assert (mean[1:, 1:] <= whole[1:, 1:] * 1.05).all()
    assert (mean[1:, 1:] > 0).all()
    # Where nothing is cut, nothing is drawn.
    np.testing.assert_array_equal(together(taken[10:], 1), together(taken[10:], 2))
