import numpy as np
import pytest
import torch

from maxella.closed_form.gram import Gram, ItemWeights, gram
from maxella.closed_form.ials import fold_in, ials, least_squares, pooled
from maxella.seeds import torch_generator


@pytest.fixture
def worlds(history_of):
    """Purchases and views of 60 users and 12 items, as matrices and as histories."""
    draw = np.random.default_rng(8)
    bought, viewed = (draw.random((60, 12)) < chance for chance in (0.1, 0.4))
    bought[0, 0] = viewed[0, 0] = True
    return (bought, viewed), (history_of(bought), history_of(viewed))


def test_a_pair_has_the_sum_of_what_its_events_count(worlds):
    (bought, viewed), (of_bought, of_viewed) = worlds
    history, confidences = pooled([(of_bought, 1.0), (of_viewed, 0.1)])
    found = np.zeros((61, 13))
    users = torch.repeat_interleave(history.starts.diff())
    found[users, history.items] = confidences
    np.testing.assert_allclose(found[1:, 1:], 1.0 * bought + 0.1 * viewed, rtol=1e-6)
    assert len(history.items) == (bought | viewed).sum()


def test_confidences_of_one_change_nothing_but_rounding(worlds):
    _, (history, _) = worlds
    plain = ials(history, 4, torch_generator(1, "start"))
    ones = torch.ones(len(history.items))
    for one, other in zip(
        plain, ials(history, 4, torch_generator(1, "start"), confidences=ones), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_users_and_items_with_confidences_solve_their_normal_equations(worlds):
    (bought, viewed), (of_bought, of_viewed) = worlds
    history, confidences = pooled([(of_bought, 1.0), (of_viewed, 0.2)])
    dense = 1.0 * bought + 0.2 * viewed  # float64
    reach = dense.sum(axis=0) + 0.1 * dense.any(axis=1).sum()
    mean = reach[dense.any(axis=0)].mean()
    item_l2 = 0.05 * mean * (reach / mean) ** 0.7
    options = {"unobserved": 0.1, "l2": 0.05, "confidences": confidences}
    start, _ = ials(history, 3, torch_generator(1, "start"), sweeps=1, **options)
    # The next sweep solves the items for these users, then the users for those items.
    users, items = ials(history, 3, torch_generator(1, "start"), sweeps=2, **options)
    user_l2 = 0.05 * (dense.sum(axis=1) + 0.1 * dense.any(axis=0).sum())
    for found, fixed, matrix, l2 in (
        (items, start, dense.T, item_l2),
        (users, items, dense, user_l2),
    ):
        given = fixed[1:].double().numpy()
        for row, (cells, own_l2) in enumerate(zip(matrix, l2, strict=True), start=1):
            left = given.T * (cells + 0.1) @ given + own_l2 * np.eye(3)
            wanted = np.linalg.solve(left, given.T @ cells)
            np.testing.assert_allclose(found[row], wanted, atol=1e-3)


def test_what_counts_nothing_moves_nothing(worlds):
    _, (of_bought, of_viewed) = worlds
    history, confidences = pooled([(of_bought, 1.0), (of_viewed, 0.0)])
    factors = torch.randn(13, 3, generator=torch_generator(1, "items"))
    l2 = torch.ones(61)
    torch.testing.assert_close(
        least_squares(history, factors, l2, 0.1, confidences),
        least_squares(of_bought, factors, l2, 0.1),
        atol=1e-3,
        rtol=1e-3,
    )
    factors[0] = 0.0
    nothing = torch.zeros(len(history.items))
    assert not fold_in(history, factors, unobserved=0.1, l2=0.014, confidences=nothing).any()


def test_products_without_a_matrix_are_those_with_it(worlds):
    _, (history, _) = worlds
    draw = torch_generator(2, "weights")
    weights = torch.rand(61, generator=draw)
    whole, products = gram(history, weights), Gram(history, weights)
    torch.testing.assert_close(products @ torch.eye(13), whole)
    torch.testing.assert_close(products.diagonal(), whole.diagonal())
    solved = ItemWeights.of(products, torch.ones(13), draw)._solve(torch.eye(13))
    wanted = torch.linalg.inv(whole + torch.eye(13))
    torch.testing.assert_close(solved, wanted, atol=0.02, rtol=0)


def test_matrices_that_stand_one_below_another_add_up(worlds):
    _, (of_bought, of_viewed) = worlds
    torch.testing.assert_close(
        gram(of_viewed, together=gram(of_bought)), gram(of_bought) + gram(of_viewed)
    )
