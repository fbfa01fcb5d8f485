"""Differences of the same users on both sides, against figures worked out otherwise."""

import numpy as np
import pytest

from maxella.data.interactions import Interactions
from maxella.evaluation.evaluate import evaluate
from maxella.evaluation.losses import losses, user_sums
from maxella.evaluation.sums import UserSums

METRICS = ("ndcg@2", "recall@3")


def test_sums_by_user_give_the_figures_of_the_evaluation():
    rng = np.random.default_rng(3)
    world = _Model(rng.normal(size=(21, 13)))
    test = _log(rng, 60)
    seen = _log(rng, 80)
    found = user_sums(world, world, test, seen=seen, n_item_rows=13, metrics=METRICS)
    report = evaluate(
        world, world, test, seen=seen, n_item_rows=13, seed=1, metrics=METRICS, resamples=0
    )
    wanted = report.flat_metrics()
    assert set(found) == {"filtered.ndcg@2", "filtered.recall@3", "rmse"}
    assert {name: sums.value() for name, sums in found.items()} == {
        name: wanted[name] for name in found
    }


def test_no_change_costs_nothing():
    before = {"rmse": _root(4.0), "filtered.ndcg@2": _mean(0.5)}
    found = losses(before, [before, before], np.random.default_rng(1))
    for loss in found.values():
        assert (loss.value, loss.interval) == (0.0, (0.0, 0.0))


def test_a_loss_is_positive_where_the_change_does_harm():
    before = {"rmse": _root(4.0), "filtered.ndcg@2": _mean(0.5)}
    afters = [{"rmse": _root(9.0), "filtered.ndcg@2": _mean(0.2)} for _ in range(3)]
    found = losses(before, afters, np.random.default_rng(1))
    assert found["rmse"].value == pytest.approx(1.0)
    assert found["rmse"].interval == pytest.approx((1.0, 1.0))  # of each user alike
    assert found["filtered.ndcg@2"].value == pytest.approx(0.3)
    assert found["filtered.ndcg@2"].interval == pytest.approx((0.3, 0.3))


def test_users_move_the_interval_of_one_try_as_a_paired_difference():
    rng = np.random.default_rng(5)
    base, change = rng.normal(size=400), rng.normal(0.1, 0.5, size=400)
    before, after = UserSums.mean_over_users(base), UserSums.mean_over_users(base - change)
    (loss,) = losses({"x": before}, [{"x": after}], np.random.default_rng(1)).values()
    half = 1.96 * change.std() / 20
    assert loss.value == pytest.approx(change.mean())
    assert loss.interval == pytest.approx((loss.value - half, loss.value + half), abs=0.006)


def test_tries_that_differ_widen_the_interval_to_the_spread_of_one_more():
    shifts = np.array([-0.3, -0.1, 0.0, 0.1, 0.3])
    before = {"x": _mean(0.5)}
    afters = [{"x": _mean(0.5 + shift)} for shift in shifts]
    (loss,) = losses(before, afters, np.random.default_rng(1)).values()
    assert loss.value == pytest.approx(0.0)
    farthest = 0.3 * (6 / 4) ** 0.5
    assert loss.interval == pytest.approx((-farthest, farthest))


def test_who_has_no_rating_counts_for_none():
    before = {"rmse": UserSums(np.array([4.0, 0.0]), np.array([1.0, 0.0]), is_root=True)}
    after = {"rmse": UserSums(np.array([9.0, 0.0]), np.array([1.0, 0.0]), is_root=True)}
    (loss,) = losses(before, [after], np.random.default_rng(1)).values()
    assert loss.interval == pytest.approx((1.0, 1.0))


class _Model:
    """Scores and ratings from a table."""

    def __init__(self, table):
        import torch

        self.table = torch.from_numpy(table)

    def score(self, users):
        return self.table[users]

    def predict(self, users, items):
        return self.table[users, items]


def _log(rng, n):
    cells = rng.choice(20 * 12, n, replace=False)
    ratings = rng.integers(1, 6, n).astype(np.float32)
    ratings[::4] = np.nan
    return Interactions(1 + cells // 12, 1 + cells % 12, ratings)


def _root(square, n_users=10):
    return UserSums(np.full(n_users, 2 * square), np.full(n_users, 2.0), is_root=True)


def _mean(value, n_users=10):
    return UserSums.mean_over_users(np.full(n_users, value))
