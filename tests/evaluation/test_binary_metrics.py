"""Binary metrics against worked numbers, a slow reference and scikit-learn."""

import math

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from maxella.data.labelled import LabelledPairs
from maxella.evaluation import binary
from maxella.evaluation.binary import BINARY_METRICS, auc, calibration_error, reliability
from maxella.evaluation.bootstrap import intervals
from maxella.evaluation.evaluate import evaluate
from maxella.evaluation.metric import Group
from maxella.evaluation.pointwise_exam import PointwiseExam
from maxella.evaluation.predictions import Predictions
from maxella.evaluation.slices import Slice

# User 0: a 1 at .9 above a 0 at .2; user 1: a 0 at .9 beside a 1 at .9 and above one at .4; user 2
# has no 0. Of the eight comparisons won: .9 over .2 and ½ over .9, the same again, .4 over .2 and
# not .9, .7 over .2 and not .9.
WORKED = Predictions(
    np.array([0, 0, 1, 1, 1, 2]),
    np.array([0.9, 0.2, 0.9, 0.9, 0.4, 0.7]),
    np.array([1.0, 0.0, 0.0, 1.0, 1.0, 1.0]),
)


def value(name, pairs):
    return BINARY_METRICS[name].function(pairs).value()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("auc", (1.5 + 1.5 + 1 + 1) / 8),
        ("auc_macro", (1 + 1 / 4) / 2),
        ("log_loss", -math.log(0.9 * 0.8 * 0.1 * 0.9 * 0.4 * 0.7) / 6),
        ("brier", (0.01 + 0.04 + 0.81 + 0.01 + 0.36 + 0.09) / 6),
        # Bins of one value each but for .9, of which two of three are 1.
        ("calibration_error", (0.2 + 0.6 + 0.3 + abs(2.7 - 2)) / 6),
    ],
)
def test_worked_numbers(name, expected):
    assert value(name, WORKED) == pytest.approx(expected)


@st.composite
def drawn_pairs(draw):
    """2 to 60 pairs of up to 5 users, with ties where there are few levels; both classes."""
    n = draw(st.integers(2, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_levels = draw(st.sampled_from([3, 11, 10**6]))
    labels = (rng.random(n) < draw(st.sampled_from([0.1, 0.5]))).astype(float)
    labels[:2] = [0, 1]
    users = np.unique(rng.integers(5, size=n), return_inverse=True)[1]
    return Predictions(users, rng.integers(n_levels, size=n) / (n_levels - 1), labels)


@given(drawn_pairs())
@settings(max_examples=80, deadline=None)
def test_agrees_with_scikit_learn(pairs):
    labels, predictions = pairs.labels, pairs.predictions
    close = {"abs": 1e-9, "rel": 0}
    assert value("auc", pairs) == pytest.approx(roc_auc_score(labels, predictions), **close)
    assert value("brier", pairs) == pytest.approx(brier_score_loss(labels, predictions), **close)
    clipped = np.clip(predictions, 1e-6, 1 - 1e-6)
    assert value("log_loss", pairs) == pytest.approx(log_loss(labels, clipped), **close)
    by_user = [
        roc_auc_score(labels[pairs.users == user], predictions[pairs.users == user])
        for user in np.unique(pairs.users)
        if len(set(labels[pairs.users == user])) == 2
    ]
    if by_user:
        assert value("auc_macro", pairs) == pytest.approx(np.mean(by_user), **close)
    else:
        assert math.isnan(value("auc_macro", pairs))


@given(drawn_pairs())
@settings(max_examples=60, deadline=None)
def test_bins_are_those_of_the_loop(pairs):
    n = len(pairs.labels)
    bins = {}
    for prediction, label in zip(pairs.predictions, pairs.labels, strict=True):
        lower = sum(other < prediction for other in pairs.predictions)
        bins.setdefault(10 * lower // n, []).append((prediction, label))
    points = [np.array(bins[b]).mean(axis=0) for b in sorted(bins)]
    counts = [len(bins[b]) for b in sorted(bins)]
    gap = sum(c * abs(p - y) for c, (p, y) in zip(counts, points, strict=True)) / n
    assert value("calibration_error", pairs) == pytest.approx(gap, abs=1e-12)
    found = reliability(pairs)
    assert found["counts"] == counts
    drawn = np.column_stack([found["predicted"], found["observed"]])
    assert drawn == pytest.approx(np.array(points))
    edges = [min(p for p, _ in bins[b]) for b in sorted(bins)]
    assert found["edges"] == pytest.approx([*edges, max(pairs.predictions)])


@given(drawn_pairs())
@settings(max_examples=40, deadline=None)
def test_a_resample_is_the_metric_of_users_repeated(pairs):
    """A user drawn twice is as if there were two of them; AUC compares them with each other."""
    rng = np.random.default_rng(1)
    n_users = len(pairs.counts)
    weights = rng.integers(3, size=(4, n_users)).astype(float)
    for name in ("auc", "log_loss", "brier", "auc_macro"):
        found = BINARY_METRICS[name].function(pairs).values(weights)
        for row, of_row in zip(weights, found, strict=True):
            rows = np.repeat(np.arange(len(pairs.users)), row[pairs.users].astype(int))
            if len(set(pairs.labels[rows])) < 2:
                assert name != "auc" or math.isnan(of_row)
            elif name != "auc_macro":
                repeated = Predictions(
                    np.unique(pairs.users[rows], return_inverse=True)[1],
                    pairs.predictions[rows],
                    pairs.labels[rows],
                )
                assert of_row == pytest.approx(value(name, repeated))


@pytest.mark.parametrize("name", BINARY_METRICS)
@given(pairs=drawn_pairs())
@settings(max_examples=30, deadline=None)
def test_contract(name, pairs):
    """In [0, 1] but for log loss, best where every label is foretold, whatever the order."""
    found = value(name, pairs)
    assume(not math.isnan(found))
    assert 0 <= found <= (14 if name == "log_loss" else 1)
    order = np.random.default_rng(2).permutation(len(pairs.users))
    moved = Predictions(pairs.users[order], pairs.predictions[order], pairs.labels[order])
    assert value(name, moved) == pytest.approx(found)
    perfect = value(name, Predictions(pairs.users, pairs.labels, pairs.labels))
    turned = BINARY_METRICS[name].turned
    assert turned(perfect) >= turned(found)
    assert perfect == pytest.approx(1 if name.startswith("auc") else 0, abs=1e-5)


def test_certainty_that_is_wrong_costs_a_clipped_log_loss():
    wrong = Predictions(np.array([0]), np.array([0.0]), np.array([1.0]))
    assert value("log_loss", wrong) == pytest.approx(-math.log(1e-6))


@pytest.mark.parametrize(
    ("predictions", "labels", "message"),
    [([0.5, 1.5], [0, 1], r"probabilities in \[0, 1\]"), ([0.5, 0.5], [0, 3], "labels of 0 and 1")],
)
def test_other_numbers_are_refused(predictions, labels, message):
    pairs = Predictions(np.array([0, 0]), np.array(predictions), np.array(labels))
    with pytest.raises(ValueError, match=message):
        value("log_loss", pairs)


def crowd(seed, n_users=200, each=10):
    """Calibrated probabilities, of which users have some more than others."""
    rng = np.random.default_rng(seed)
    users = np.repeat(np.arange(n_users), each)
    predictions = rng.beta(2, 3, len(users))
    return Predictions(users, predictions, (rng.random(len(users)) < predictions).astype(float))


def bounds(name, pairs):
    group = Group(np.arange(len(pairs.counts)), {name: BINARY_METRICS[name].function(pairs)})
    (found,) = intervals([group], len(pairs.counts), 400, np.random.default_rng(1))
    return found[name]


def test_the_interval_of_auc_has_the_width_that_theory_gives():
    pairs = crowd(3, n_users=2000, each=1)  # each user once: as if pairs were drawn
    ones, zeros = (pairs.predictions[pairs.labels == label] for label in (1, 0))
    # DeLong et al. 1988, by all comparisons.
    wins = (ones[:, None] > zeros) + (ones[:, None] == zeros) / 2
    variance = wins.mean(axis=1).var() / len(ones) + wins.mean(axis=0).var() / len(zeros)
    low, high = bounds("auc", pairs)
    assert high - low == pytest.approx(2 * 1.96 * math.sqrt(variance), rel=0.15)
    assert low < value("auc", pairs) < high


def test_the_interval_of_calibration_error_does_not_repeat_its_bias():
    # Calibrated, so that 0 is true; yet the error of few pairs is about .03 and that of a
    # resample √2 as large.
    pairs = crowd(5)
    drawn = calibration_error(pairs).values(
        np.random.default_rng(1).multinomial(200, [1 / 200] * 200, 99)
    )
    low, high = bounds("calibration_error", pairs)
    assert np.median(drawn) > 1.3 * value("calibration_error", pairs)
    assert 0 <= low < 0.1 * value("calibration_error", pairs)
    assert high < np.median(drawn)


def test_chunks_of_weights_do_not_show():
    pairs, rng = crowd(7, n_users=9, each=4), np.random.default_rng(2)
    weights = rng.integers(3, size=(5, 9)).astype(float)
    found = auc(pairs)
    assert found.values(weights).tolist() == [found.values(row[None])[0] for row in weights]


class Liking:
    """Gives what stands in a table."""

    def __init__(self, table):
        self.table = torch.as_tensor(table)

    def predict(self, users, items):
        return self.table[users, items]


def test_a_task_of_zeros_and_ones_is_judged_whole_and_by_slices():
    rng = np.random.default_rng(4)
    table = rng.random((81, 11))
    users, items = np.repeat(np.arange(1, 81), 10), np.tile(np.arange(1, 11), 80)
    labels = (rng.random(800) < table[users, items]).astype(np.float32)
    exam = PointwiseExam(
        "liked", LabelledPairs(users, items, labels), BINARY_METRICS, {"reliability": reliability}
    )
    odd = Slice("items", "odd", "item", np.arange(11) % 2 == 1)
    few = Slice("users", "few", "user", np.arange(81) < 9)
    found = evaluate(
        [exam], {"liked": Liking(table)}, n_item_rows=11, seed=1, resamples=60, slices=[odd, few]
    )
    metrics, ends = found.metrics["liked"], found.intervals["liked"]
    assert metrics.keys() == ends.keys() == BINARY_METRICS.keys()
    assert metrics["auc"] == pytest.approx(roc_auc_score(labels, table[users, items]))
    for name in ("auc", "auc_macro", "log_loss", "brier"):
        assert ends[name][0] < metrics[name] < ends[name][1]
    of_odd, of_few = found.slices
    is_odd = items % 2 == 1
    expected = roc_auc_score(labels[is_odd], table[users, items][is_odd])
    assert of_odd["metrics"]["liked"]["auc"] == pytest.approx(expected)
    assert of_odd["intervals"]["liked"].keys() == BINARY_METRICS.keys()
    expected = roc_auc_score(labels[users < 9], table[users, items][users < 9])
    assert of_few["metrics"]["liked"]["auc"] == pytest.approx(expected)
    assert of_few["intervals"]["liked"] == {}
    points = found.curves["reliability"]["liked"]
    assert sum(points["counts"]) == 800
    assert len(points["edges"]) == binary.BINS + 1


def test_effects_on_an_area_are_its_derivatives():
    rng = np.random.default_rng(4)
    users = np.concatenate([np.arange(9), rng.integers(9, size=40)])
    predictions = rng.integers(6, size=49) / 5  # ties among them
    area = binary.auc(Predictions(users, predictions, rng.integers(2, size=49).astype(float)))
    step = 1e-5
    more, less = (area.values(np.ones((9, 9)) + way * step * np.eye(9)) for way in (1, -1))
    assert area.effects() == pytest.approx((more - less) / (2 * step), abs=1e-9)
    assert area.effects().sum() == pytest.approx(0, abs=1e-12)


def test_one_class_alone_has_no_area():
    test = LabelledPairs(np.arange(1, 61), np.ones(60, dtype=int), np.ones(60, dtype=np.float32))
    exam = PointwiseExam("liked", test, BINARY_METRICS)
    answers = {"liked": Liking(np.full((61, 2), 0.5))}
    found = evaluate([exam], answers, n_item_rows=2, seed=1, resamples=20)
    assert found.metrics["liked"].keys() == {"log_loss", "brier", "calibration_error"}
    assert found.intervals["liked"] == {}  # all users alike: nothing tells how far they may differ
