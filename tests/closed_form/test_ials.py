from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maxella.closed_form.ials import fold_in, ials, usual_l2, usual_unobserved
from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.seeds import torch_generator
from maxella.sources.synthetic import read_synthetic

WORLDS = arrays(np.int64, (7, 5), elements=st.integers(0, 1))
OPTIONS = st.fixed_dictionaries(
    {
        "unobserved": st.sampled_from([0.02, 0.1, 1.0]),
        "l2": st.sampled_from([0.001, 0.014, 0.3]),
        "exponent": st.sampled_from([0.0, 0.7, 1.0]),
    }
)


@pytest.fixture(scope="module")
def noisy_world():
    """Ten groups of tastes, 300 users with 1 to 80 of 90 items each."""
    rng = np.random.default_rng(11)
    tastes = rng.gamma(0.3, size=(10, 90))[rng.integers(0, 10, 300)] * rng.lognormal(0, 2, (300, 1))
    return (rng.random((300, 90)) < tastes).astype(int)


def factors(history, dim=3, *, seed=1, **options):
    """Users and items; the rows of the unknown ones must be zero."""
    users, items = ials(history, dim, torch_generator(seed, "start"), **options)
    assert users.shape == (history.n_user_rows, dim)
    assert items.shape == (history.n_item_rows, dim)
    assert users.dtype == items.dtype == torch.float32
    assert not users[0].any()
    assert not items[0].any()
    return users, items


def objective(taken, users, items, *, unobserved, l2, exponent):
    """The loss over all cells, in float64, of tables with an unknown row."""
    taken = torch.from_numpy(taken).double()
    by_user, by_item = taken.sum(dim=1), taken.sum(dim=0)
    n_users, n_items = (by_user > 0).sum(), (by_item > 0).sum()
    reach = by_item + unobserved * n_users
    mean = reach[by_item > 0].mean()
    user_l2 = l2 * (by_user + unobserved * n_items)
    item_l2 = l2 * mean * (reach / mean) ** exponent
    users, items = users[1:], items[1:]
    scores = users @ items.T
    return (
        (taken * (1 - scores) ** 2).sum()
        + unobserved * (scores**2).sum()
        + (user_l2 * users.square().sum(dim=1)).sum()
        + (item_l2 * items.square().sum(dim=1)).sum()
    )


def gradients(taken, users, items, **options):
    """Of the users and of the items, as shares of what they are at zero: 2 Σ_taken v or u."""
    tables = [table.double().requires_grad_() for table in (users, items)]
    found = torch.autograd.grad(objective(taken, *tables, **options), tables)
    taken = torch.from_numpy(taken).double()
    users, items = users.double()[1:], items.double()[1:]
    at_zero = (2 * taken @ items, 2 * taken.T @ users)
    return [
        (gradient[1:].norm(dim=1) / zero.norm(dim=1).clamp_min(1e-12)).max().item()
        for gradient, zero in zip(found, at_zero, strict=True)
    ]


def assert_half_sweeps_reach_their_minimum(taken, history, dim, options):
    # After k + 1 sweeps the users are solved for the items beside them, and these items were
    # solved for the users after k sweeps.
    users, _ = factors(history, dim, sweeps=1, **options)
    next_users, next_items = factors(history, dim, sweeps=2, **options)
    assert gradients(taken, next_users, next_items, **options)[0] < 2e-3
    assert gradients(taken, users, next_items, **options)[1] < 2e-3


@given(taken=WORLDS.filter(np.any), dim=st.integers(1, 7), options=OPTIONS)
@settings(max_examples=60, deadline=None)
def test_each_half_sweep_reaches_the_minimum_for_the_other_side(taken, dim, options, history_of):
    assert_half_sweeps_reach_their_minimum(taken, history_of(taken), dim, options)


@pytest.mark.parametrize("dim", [1, 16, 120])
def test_so_it_does_for_histories_of_all_lengths(dim, noisy_world, history_of):
    options = {"unobserved": 0.1, "l2": 0.014, "exponent": 0.7}
    assert_half_sweeps_reach_their_minimum(noisy_world, history_of(noisy_world), dim, options)


@given(taken=WORLDS.filter(np.any), options=OPTIONS)
@settings(max_examples=30, deadline=None)
def test_the_objective_never_rises(taken, options, history_of):
    history = history_of(taken)
    losses = [
        objective(
            taken, *(t.double() for t in factors(history, sweeps=sweeps, **options)), **options
        )
        for sweeps in range(6)
    ]
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(losses))


def test_each_of_the_first_sweeps_lowers_it(noisy_world, history_of):
    history = history_of(noisy_world)
    options = {"unobserved": 0.1, "l2": 0.014, "exponent": 0.7}
    losses = [
        objective(noisy_world, *(t.double() for t in factors(history, 8, sweeps=sweeps)), **options)
        for sweeps in range(4)
    ]
    assert all(after < 0.99 * before for before, after in pairwise(losses))


@given(taken=WORLDS, items=arrays(np.float32, (5, 3), elements=st.floats(-2, 2, width=16)))
@settings(max_examples=60, deadline=None)
def test_fold_in_solves_the_normal_equations_of_each_user(taken, items, history_of):
    table = torch.from_numpy(np.insert(items, 0, 7.0, axis=0))  # the unknown item takes no part
    users = fold_in(history_of(taken), table, unobserved=0.2, l2=0.5)
    items = items.astype(float)
    n_items = items.any(axis=1).sum()
    for user, row in zip(users[1:].numpy(), taken, strict=True):
        own = items[row == 1]
        left = 0.2 * items.T @ items + own.T @ own + 0.5 * (row.sum() + 0.2 * n_items) * np.eye(3)
        wanted = np.linalg.solve(left, own.sum(axis=0)) if row.any() else np.zeros(3)
        np.testing.assert_allclose(user, wanted, atol=2e-4)
    assert not users[0].any()


def test_fold_in_by_hand(history_of):
    # One item at 2: (.5 · 2² + 2² + 1 · (1 + .5 · 1)) u = 2, so u = 2 / 7.5.
    users = fold_in(history_of([[1], [0]]), torch.tensor([[0.0], [2.0]]), unobserved=0.5, l2=1.0)
    torch.testing.assert_close(users, torch.tensor([[0.0], [2 / 7.5], [0.0]]))


def test_users_folded_in_get_what_training_gave_them_alone_and_together(noisy_world, history_of):
    options = {"unobserved": 0.1, "l2": 0.014}
    users, items = factors(history_of(noisy_world), 16, **options)
    torch.testing.assert_close(fold_in(history_of(noisy_world), items, **options), users)
    for chosen in (slice(40, 43), slice(7, 8)):
        alone = fold_in(history_of(noisy_world[chosen]), items, **options)
        torch.testing.assert_close(alone[1:], users[1:][chosen], atol=1e-3, rtol=1e-3)


def test_withheld_items_of_a_planted_taste_come_first(history_of):
    # Even users took every even item but one, odd users every odd one but one.
    users, items = np.indices((60, 20))
    liked = (users - items) % 2 == 0
    withheld = items == users % 20
    user_factors, item_factors = factors(history_of(liked & ~withheld), 4)
    scores = (user_factors @ item_factors.T)[1:, 1:].numpy()
    scores[liked & ~withheld] = -np.inf
    assert scores.argmax(axis=1).tolist() == (np.arange(60) % 20).tolist()


def test_users_and_items_without_interactions_are_zero_and_change_nothing(noisy_world, history_of):
    apart = np.insert(np.insert(noisy_world, [0, 90], 0, axis=1), [0, 300], 0, axis=0)
    users, items = factors(history_of(apart), 16, sweeps=30)
    for table in (users, items):
        assert not table[1].any()
        assert not table[-1].any()
    same_users, same_items = factors(history_of(noisy_world), 16, sweeps=30)
    # The start is another, so that the same minimum is all there is to compare.
    options = {"unobserved": 0.1, "l2": 0.014, "exponent": 0.7}
    loss = objective(apart, users.double(), items.double(), **options)
    same = objective(noisy_world, same_users.double(), same_items.double(), **options)
    assert loss.item() == pytest.approx(same.item(), rel=0.01)


@pytest.mark.parametrize("taken", [np.zeros((3, 2), dtype=int), np.zeros((3, 0), dtype=int)])
def test_without_interactions_all_is_zero(taken, history_of):
    users, items = factors(history_of(taken))
    assert not users.any()
    assert not items.any()


def test_equal_generators_give_equal_bytes(noisy_world, history_of):
    history = history_of(noisy_world)
    first, second, other = (factors(history, 8, seed=seed) for seed in (1, 1, 2))
    assert all(map(torch.equal, first, second))
    assert not torch.equal(first[0], other[0])


def pairs_alone(n_pairs):
    """As many users, who took one item each, all of them others."""
    rows = np.arange(1, n_pairs + 1)
    return History.of(Interactions(rows, rows), n_pairs + 1, n_pairs + 1)


def test_the_usual_penalty_stands_by_what_chance_reaches():
    # Chance reaches √1 + √1 = 2; with l2 = 1 the penalties of 10,000 users with one item each
    # would be 1 + .1 · 10,000 = 1,001 of both sides, of ten such users 1 + .1 · 10 = 2.
    assert usual_l2(pairs_alone(10_000), 0.1) == pytest.approx(0.35 * 2 / 1001)
    assert usual_l2(pairs_alone(10), 0.1) == pytest.approx(0.35)
    assert usual_l2(pairs_alone(0), 0.1) > 0


def test_an_empty_cell_counts_less_where_there_are_more_of_them():
    found = [usual_unobserved(pairs_alone(n)) for n in (4, 100, 400)]
    assert found == [pytest.approx(0.544 / n**0.5) for n in (4, 100, 400)]
    assert usual_unobserved(pairs_alone(0)) == 0
    # MovieLens 1M: 750,000 pairs of 6,040 users and 3,680 items.
    rows = np.arange(750_000) % (6040 * 3680 - 1)
    ml = History.of(Interactions(1 + rows * 29 % 6040, 1 + rows * 31 % 3680), 6041, 3681)
    density = len(ml.items) / (6040 * 3680)
    assert usual_unobserved(ml) == pytest.approx(0.1 * (density / 0.03374) ** 0.5, rel=0.01)


def test_what_is_not_given_is_the_usual():
    history = pairs_alone(30)
    unobserved = usual_unobserved(history)
    options = {"unobserved": unobserved, "l2": usual_l2(history, unobserved)}
    plain, told = (ials(history, 3, torch_generator(1, "s"), **one) for one in ({}, options))
    assert all(map(torch.equal, plain, told))


def test_groups_are_found_in_a_large_sparse_catalogue():
    # 5,000 users with 20 items each, most of their own group, 1 / rank of 1,500 of 30,000.
    world = read_synthetic(n_users=5000, n_items=30_000, n_interactions=100_000, n_groups=20)
    users, items = (
        world.interactions[name].str.slice(1).cast(int).to_numpy()
        for name in ("user_id", "item_id")
    )
    history = History.of(Interactions(users + 1, items + 1), 5001, 30_001)

    def share_of_own(**options):
        """Of the 20 best items of 100 users, those of their own group."""
        of_users, of_items = ials(history, 20, torch_generator(1, "start"), **options)
        best = (of_users[1:101] @ of_items[1:].T).topk(20, dim=1).indices
        return (best % 20 == torch.arange(100)[:, None] % 20).float().mean()

    assert share_of_own() > max(0.9, share_of_own(unobserved=0.1, l2=0.014) + 0.1)
