"""The loss of the seen-item penalty, on numbers worked out by hand and for all scores."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.seeds import torch_generator
from maxella.training.seen_penalty import penalty_loss

SUNK = -60.0


def world(seed, n_users=3, n_items=7, share=0.4):
    generator = torch_generator(seed, "test")
    scores = torch.randn(n_users, n_items, generator=generator, dtype=torch.float64)
    has = torch.rand(n_users, n_items, generator=generator) < share
    return scores, has, torch.randn(scores.shape, generator=generator, dtype=torch.float64)


def test_a_worked_list_of_two():
    # What the user lacks scores 4, 2 and 0, so the list of two ends at 2: memberships
    # σ(2), σ(0) and σ(−2), and 0 for the item at 3, which the user has. Softness 1, no penalty:
    # H(σ(2)) + log 2 + H(σ(−2)) + log(1 + e¹), and H(σ(2)) = log(1 + e²) − 2σ(2).
    scores = torch.tensor([[4.0, 3.0, 2.0, 0.0]], dtype=torch.float64)
    has = torch.tensor([[False, True, False, False]])
    found = penalty_loss(scores, torch.zeros_like(scores), has, length=2, softness=1.0)
    entropy = torch.tensor(2.0).exp().log1p() - 2 * torch.tensor(2.0).sigmoid()
    wanted = 2 * entropy + torch.tensor(2.0).log() + torch.tensor(1.0).exp().log1p()
    assert found.item() == pytest.approx(wanted.item(), rel=1e-6)


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), length=st.integers(1, 9), softness=st.sampled_from([0.2, 2.0]))
def test_least_where_what_a_user_has_is_sunk_and_the_rest_left_alone(seed, length, softness):
    scores, has, anything = world(seed)
    perfect = torch.where(has, SUNK, 0.0).double().requires_grad_()
    least = penalty_loss(scores, perfect, has, length=length, softness=softness)
    assert least <= penalty_loss(scores, anything, has, length=length, softness=softness)
    (gradient,) = torch.autograd.grad(least, perfect)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-6, rtol=0)


@settings(deadline=None)
@given(seed=st.integers(0, 10**6))
def test_it_does_not_depend_on_where_a_user_s_scores_begin(seed):
    scores, has, penalties = world(seed)
    has[:, 0] = False  # nobody has everything
    one, other = (
        penalty_loss(scores + begin, penalties, has, length=2, softness=0.5).item()
        for begin in (0.0, 5.0)
    )
    assert one == pytest.approx(other, rel=1e-9)


def test_an_item_far_below_the_list_costs_nothing():
    scores, has = torch.tensor([[0.0, -1.0, -50.0]]), torch.tensor([[False, False, True]])
    penalties = torch.zeros(1, 3, requires_grad=True)
    penalty_loss(scores, penalties, has, length=1, softness=1.0).backward()
    assert penalties.grad.abs().max() < 1e-6


@pytest.mark.parametrize("n_had", [0, 2, 3], ids=["none", "two", "all"])
def test_users_with_nothing_much_and_everything(n_had):
    # A list longer than what is left; of a user who has everything nothing shall be above 0.
    scores = torch.tensor([[3.0, 2.0, 1.0]])
    has = torch.arange(3)[None, :] < n_had
    penalties = torch.zeros(1, 3, requires_grad=True)
    loss = penalty_loss(scores, penalties, has, length=100, softness=1.0)
    loss.backward()
    assert loss.isfinite()
    assert (penalties.grad[has] > 0).all()
    assert (penalties.grad[~has].abs() < 1e-6).all()
