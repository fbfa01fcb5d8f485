import pytest

from maxella.training.fit import Validation


@pytest.mark.parametrize(
    ("monitor", "turned"),
    [("rmse_macro", -2), ("mae", -2), ("log_loss", -2), ("filtered.map@100", 2), ("raw.mrr", 2)],
)
def test_a_better_figure_is_a_higher_value(monitor, turned):
    assert Validation(dict, monitor).value({monitor: 2.0}) == turned
