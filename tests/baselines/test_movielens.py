"""The figures that the baselines reach on MovieLens 1M, random 75/25."""

import pytest
import torch

from maxella.baselines.table import BASELINES

pytestmark = pytest.mark.slow


def made(name, dataset, task):
    return BASELINES[name].fit(
        dataset.train.task_data(task, BASELINES[name].kind), dataset.validation.pairs(task)
    )


# Three times the sampling error over 250,000 test interactions, which is .001.
@pytest.mark.parametrize(
    ("name", "raw", "filtered"),
    [("popularity", 0.182, 0.257), ("ease", 0.223, 0.462), ("ials", 0.265, 0.470)],
)
def test_top_100_accuracy(name, raw, filtered, ml_1m, share_in_best_100):
    score = made(name, ml_1m, "retrieval").score
    for leave_out_seen, expected in ((False, raw), (True, filtered)):
        found = share_in_best_100(score, ml_1m, leave_out_seen=leave_out_seen)
        assert found == pytest.approx(expected, abs=0.003)


# Over ten splits .9066 to .9104, mean .908.
def test_rmse_of_the_bias_model(ml_1m):
    test = ml_1m.test.pairs("rating")
    users, items = torch.from_numpy(test.users), torch.from_numpy(test.items)
    found = made("bias", ml_1m, "rating").predict(users, items)
    errors = found - torch.from_numpy(test.labels)
    assert errors.square().mean().sqrt().item() == pytest.approx(0.908, abs=0.0035)
