"""What weights of pairs do to every loss, and what the table says of each."""

from dataclasses import replace

import pytest
import torch

from maxella.seeds import torch_generator
from maxella.tasks import blocks
from maxella.tasks.choices import Choices
from maxella.tasks.losses import LOSSES, gramian


def two_users(**changes):
    """Three pairs of two users and four items, in double precision, with gradients."""
    generator = torch_generator(5, "test")

    def normal(*shape):
        values = torch.randn(*shape, generator=generator, dtype=torch.float64)
        return values.requires_grad_()

    choices = Choices(
        normal(2, 3),
        normal(4, 3),
        normal(4),
        torch.tensor([0, 0, 1]),
        torch.tensor([0, 2, 1]),
        self_scores=normal(3),
        item_weights=torch.tensor([1.0, 2.0, 0.5, 3.0]).double(),
        negatives=torch.tensor([1, 3, -1]),
    )
    return replace(choices, **changes)


def leaves(choices):
    return choices.users, choices.items, choices.item_biases, choices.self_scores


@pytest.mark.parametrize("name", LOSSES)
def test_pair_weights_of_one_are_none(name, assert_same):
    loss, plain = LOSSES[name].function, two_users()
    weighted = replace(plain, pair_weights=torch.ones(3).double())
    assert_same(loss(weighted), loss(plain), leaves(plain))


@pytest.mark.parametrize("name", sorted(LOSSES.keys() - {"gramian"}))  # which counts cells
@pytest.mark.parametrize("block", [1, 1 << 20])
def test_a_pair_that_counts_twice_is_the_pair_twice(name, block, monkeypatch, assert_same):
    monkeypatch.setattr(blocks, "BLOCK_SCORES", block)
    loss, once = LOSSES[name].function, two_users()
    weighted = replace(once, pair_weights=torch.tensor([1.0, 2.0, 2.0]).double())
    rows = torch.tensor([0, 1, 1, 2, 2])
    twice = replace(
        once,
        user_positions=once.user_positions[rows],
        item_positions=once.item_positions[rows],
        self_scores=once.self_scores[rows],
        negatives=once.negatives[rows],
    )
    assert_same(loss(weighted), loss(twice), leaves(once))


def test_the_squared_loss_counts_a_cell_once_and_the_pull_of_its_pair_by_weight():
    users, items = torch.ones(1, 1), torch.tensor([[0.5], [0.0]])
    pair = torch.tensor([0]), torch.tensor([0])
    weighted = Choices(users, items, None, *pair, pair_weights=torch.tensor([4.0]))
    # 4 · (1 − .5)² + .1 · .5²
    assert gramian(weighted).item() == pytest.approx(1.025)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("is_weighted", [True, False])
def test_gradients_are_those_of_small_differences(name, is_weighted):
    weights = torch.tensor([0.5, 2.0, 3.0]).double() if is_weighted else None
    taught = {}
    if LOSSES[name].distils:
        generator = torch_generator(6, "test")
        sides = (torch.randn(n, 2, generator=generator, dtype=torch.float64) for n in (2, 4))
        taught = {"teacher": tuple(sides), "distillation": 0.3}

    def loss(users, items, item_biases, self_scores):
        return LOSSES[name].function(
            two_users(
                users=users,
                items=items,
                item_biases=item_biases,
                self_scores=self_scores,
                pair_weights=weights,
                **taught,
            )
        )

    assert torch.autograd.gradcheck(loss, leaves(two_users()))


@pytest.mark.parametrize("name", LOSSES)
def test_of_no_pairs_there_is_no_loss_but_that_of_unobserved_cells(name):
    none = torch.empty(0, dtype=torch.int64)
    nothing = {"user_positions": none, "item_positions": none, "negatives": none}
    choices = two_users(self_scores=None, **nothing)
    loss = LOSSES[name].function(choices)
    gradients = torch.autograd.grad(loss, leaves(choices)[:3])
    if name == "gramian":
        scores = choices.users @ choices.items.T + choices.item_biases
        torch.testing.assert_close(loss, 0.1 * (choices.item_weights * scores.square()).sum())
    else:
        assert loss == 0
        assert not any(gradient.any() for gradient in gradients)


@pytest.mark.parametrize("name", LOSSES)
def test_what_the_table_says_of_a_loss(name):
    """Who corrects itself, who samples and who distils can be told from what a loss reads."""
    loss = LOSSES[name]
    plain = loss.function(two_users())
    other = torch.tensor([0.3, -1.0, 2.0]).double()
    assert (loss.function(two_users(self_scores=other)) != plain) == loss.corrects_itself
    weights = torch.tensor([5.0, 1.0, 1.0, 7.0]).double()
    assert (loss.function(two_users(item_weights=weights)) != plain) == loss.samples
    taught = {"teacher": (torch.ones(2, 1).double(), torch.arange(4.0)[:, None].double())}
    assert (loss.function(two_users(**taught, distillation=0.5)) != plain) == loss.distils
    negatives = torch.tensor([3, 1, 2])
    assert (loss.function(two_users(negatives=negatives)) != plain) == (loss.negatives == "unseen")
    assert loss.help
