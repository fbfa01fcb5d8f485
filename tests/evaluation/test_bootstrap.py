import numpy as np
import pytest
from scipy.stats import norm, t

from maxella.evaluation import bootstrap
from maxella.evaluation.bootstrap import carriers, percentiles
from maxella.evaluation.metric import Group, UserSums


@pytest.fixture(autouse=True)
def _few(few_users):
    pass


def rng():
    return np.random.default_rng(7)


def intervals(sums, resamples, rng):
    """Those of all users as one group."""
    n_users = len(next(iter(sums.values())).counts)
    (found,) = bootstrap.intervals([Group(np.arange(n_users), sums)], n_users, resamples, rng)
    return found


def test_two_users_give_the_four_equally_likely_draws():
    # Drawn two from {0, 1}: means 0, 1/2, 1/2, 1; so 2.5 % and 97.5 % are 0 and 1.
    found = intervals({"m": UserSums.mean_over_users(np.array([0.0, 1.0]))}, 1000, rng())
    assert found == {"m": [0.0, 1.0]}


def test_users_that_do_not_differ_tell_no_interval():
    # Not one of 60 has a hit: the next may.
    ones = np.full(60, 3.0)
    sums = {"mean": UserSums.ratio(2 * ones, ones), "root": UserSums.ratio(4 * ones, ones).root}
    assert intervals(sums, 50, rng()) == {}


def test_a_single_hit_leaves_more_doubt_than_the_middle_of_the_resamples():
    hits = np.arange(60) == 0
    low, high = intervals({"m": UserSums.mean_over_users(hits)}, 1000, rng())["m"]
    # One user of 60 carries it: t has 2 / (1 − 1/60) degrees of freedom, 4.22 for 1.96.
    assert low == 0
    assert high >= 5 / 60  # 1.96 would give 3 / 60


@pytest.mark.parametrize(
    ("effects", "freedom"),
    [
        ([1.0, -1.0] * 10, 19),  # all alike: n − 1
        ([3.0, -3.0] + [1.0, -1.0] * 9, 2 / (1 / (36**2 / 180) - 1 / 20)),  # Σz² 36, Σz⁴ 180
    ],
)
def test_the_ends_lie_where_t_does(effects, freedom):
    values = np.linspace(0, 1, 100_001)
    tail = norm.cdf(t.ppf(0.025, freedom) * np.sqrt(20 / 19))
    found = percentiles(values, np.array(effects + [0.0] * 5))  # five who do not count
    assert found == pytest.approx((tail, 1 - tail), abs=1e-5)


def test_carriers_are_those_who_decide():
    n = 400
    assert carriers(np.array([1.0, -1.0] * 200)) == pytest.approx(n)
    assert carriers(np.random.default_rng(1).normal(size=n)) == pytest.approx(n / 3, rel=0.25)
    assert carriers(np.array([5.0] + [0.0] * 9)) == 1
    assert carriers(np.zeros(9)) == 0
    assert carriers(1e-200 * np.array([1.0, -1.0])) == pytest.approx(2)


def test_effects_are_the_derivatives_by_how_often_a_user_counts():
    values = np.random.default_rng(5).random((2, 30))
    for statistic in (UserSums(values), UserSums(values).root):
        step = 1e-6
        moved = statistic.values(np.ones((30, 30)) + step * np.eye(30))
        expected = (moved - statistic.value()) / step
        assert statistic.effects() == pytest.approx(expected, rel=1e-3, abs=1e-8)


def test_interval_of_a_mean_has_the_width_that_theory_gives():
    values = np.random.default_rng(1).normal(size=2000)
    low, high = intervals({"m": UserSums.mean_over_users(values)}, 2000, rng())["m"]
    # ± 1.96 standard errors; the bootstrap's own noise is about 3 % of it.
    expected = 2 * 1.96 * values.std() / np.sqrt(2000)
    assert high - low == pytest.approx(expected, rel=0.12)
    assert low < values.mean() < high


def test_interval_narrows_with_the_root_of_the_users():
    values = np.random.default_rng(2).normal(size=6400)
    widths = []
    for n in (400, 6400):
        low, high = intervals({"m": UserSums.mean_over_users(values[:n])}, 1000, rng())["m"]
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.25)


def test_interactions_of_one_user_are_drawn_together():
    # One user holds 98 of 100 interactions: a resample without them sees only hits.
    sums = UserSums.ratio(np.array([0.0, 1.0, 1.0]), np.array([98.0, 1.0, 1.0]))
    low, high = intervals({"m": sums}, 1000, rng())["m"]
    assert (low, high) == (0.0, 1.0)


def test_chunks_do_not_show(monkeypatch):
    values = UserSums.mean_over_users(np.random.default_rng(3).normal(size=17))
    whole = intervals({"m": values}, 100, rng())
    monkeypatch.setattr(bootstrap, "CELLS", 17 * 3)
    assert intervals({"m": values}, 100, rng())["m"] == pytest.approx(whole["m"], abs=1e-12)


def test_same_seed_same_bytes():
    values = UserSums.mean_over_users(np.random.default_rng(4).normal(size=50))
    assert intervals({"m": values}, 100, rng()) == intervals({"m": values}, 100, rng())
