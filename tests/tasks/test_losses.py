"""Every loss against a plain form of it, in value and gradients."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.closed_form.ials import ials
from maxella.data.history import Bags, History
from maxella.data.interactions import Interactions
from maxella.model.build import build_model
from maxella.model.user_encoder import Pairs
from maxella.seeds import torch_generator
from maxella.tasks import blocks
from maxella.tasks.choices import Choices
from maxella.tasks.losses import (
    LOSSES,
    bpr,
    full_softmax,
    gramian,
    in_batch_softmax,
    leave_one_out_softmax,
)


def pair_scores(choices):
    scores = choices.users @ choices.items.T + choices.item_biases
    return scores, scores[choices.user_positions, choices.item_positions]


def pairs_of(choices):
    return list(zip(choices.user_positions.tolist(), choices.item_positions.tolist(), strict=True))


def weights_of(choices):
    n = len(choices.user_positions)
    return choices.users.new_ones(n) if choices.pair_weights is None else choices.pair_weights


def plain_in_batch(choices):
    """TensorFlow Recommenders' loss: a (rows × rows) matrix, the diagonal is the positive."""
    rows = choices.users[choices.user_positions] @ choices.items[choices.item_positions].T
    weights = weights_of(choices)  # of a row, which is a column as well
    scores = rows + choices.item_biases[choices.item_positions] + weights.log()
    wanted = torch.arange(len(scores))
    losses = torch.nn.functional.cross_entropy(scores, wanted, reduction="none") + weights.log()
    return (weights * losses).sum()


def plain_full(choices):
    scores, _ = pair_scores(choices)
    rows = scores[choices.user_positions]
    losses = torch.nn.functional.cross_entropy(rows, choices.item_positions, reduction="none")
    return (weights_of(choices) * losses).sum()


def plain_leave_one_out(choices):
    """A sum of exponentials for each pair, over its item and the columns its user has not."""
    scores, positives = pair_scores(choices)
    pairs, total = pairs_of(choices), scores.new_zeros(())
    for pair, (user, _) in enumerate(pairs):
        others = [j for j in range(len(choices.items)) if (user, j) not in pairs]
        positive = positives[pair] - choices.self_scores[pair]
        weighted = scores[user, others] + choices.item_weights[others].log()
        candidates = torch.cat([positive.unsqueeze(0), weighted])
        total = total + weights_of(choices)[pair] * (candidates.logsumexp(dim=0) - positive)
    return total


def plain_gramian(choices):
    """Cell by cell; a cell that has pairs counts for these in place of its column."""
    scores, positives = pair_scores(choices)
    positives = positives - choices.self_scores
    pairs, total = pairs_of(choices), (weights_of(choices) * (1 - positives).square()).sum()
    for user in range(len(choices.users)):
        for item in range(len(choices.items)):
            if (user, item) not in pairs:
                total = total + 0.1 * choices.item_weights[item] * scores[user, item] ** 2
    return total + 0.1 * positives.square().sum()


def plain_bpr(choices):
    scores, positives = pair_scores(choices)
    total = 0 * positives.sum()
    for pair, ((user, _), j) in enumerate(
        zip(pairs_of(choices), choices.negatives.tolist(), strict=True)
    ):
        if j >= 0:
            gap = positives[pair] - choices.self_scores[pair] - scores[user, j]
            total = total - weights_of(choices)[pair] * torch.nn.functional.logsigmoid(gap)
    return total


PLAIN = {
    "in_batch_softmax": plain_in_batch,
    "full_softmax": plain_full,
    "leave_one_out_softmax": plain_leave_one_out,
    "gramian": plain_gramian,
    "bpr": plain_bpr,
}


@st.composite
def worlds(draw):
    """Few users and items and many pairs, so that both sides repeat, and pairs as well.

    Every other one has pairs that count more or less than once.
    """
    n_users, n_items = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    n, dim = draw(st.integers(1, 30)), draw(st.integers(1, 4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    scale = draw(st.sampled_from([0.01, 1.0, 10.0]))

    def normal(*shape):
        values = torch.randn(*shape, generator=generator, dtype=torch.float64) * scale
        return values.requires_grad_()

    def random(n):
        return torch.rand(n, generator=generator, dtype=torch.float64)

    return Choices(
        normal(n_users, dim),
        normal(n_items, dim),
        normal(n_items),
        torch.randint(n_users, (n,), generator=generator).sort().values,
        torch.randint(n_items, (n,), generator=generator),
        self_scores=normal(n),
        pair_weights=draw(st.sampled_from([None, random(n) * 5 + 0.1])),
        item_weights=random(n_items) * 9 + 0.1,
        negatives=torch.randint(-1, n_items, (n,), generator=generator),
    )


def each_pair_once(choices):
    pairs = torch.stack([choices.user_positions, choices.item_positions], dim=1).unique(dim=0)
    n = len(pairs)  # sorted by user
    own = choices.self_scores.detach()[:n].requires_grad_()
    return replace(
        choices,
        user_positions=pairs[:, 0],
        item_positions=pairs[:, 1],
        self_scores=own,
        pair_weights=None if choices.pair_weights is None else choices.pair_weights[:n],
        negatives=choices.negatives[:n],
    )


@pytest.mark.parametrize("name", LOSSES)
@settings(deadline=None, max_examples=60)
@given(choices=worlds(), block=st.sampled_from([1, 7, 1 << 20]))
def test_equals_the_plain_loss_in_value_and_gradients(name, choices, block, assert_same):
    if name == "gramian":  # counts cells
        choices = each_pair_once(choices)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_SCORES", block)
        loss = LOSSES[name].function(choices)
    parameters = choices.users, choices.items, choices.item_biases, choices.self_scores
    assert_same(loss, PLAIN[name](choices), parameters)


CORRECTED = [name for name, loss in LOSSES.items() if loss.corrects_itself]


@pytest.mark.parametrize("name", LOSSES)
@settings(deadline=None, max_examples=20)
@given(choices=worlds())
def test_what_is_left_out_is_nothing(name, choices):
    bare = replace(choices, item_biases=None, self_scores=None, item_weights=None)
    zeros = torch.zeros_like(choices.self_scores)
    ones = torch.ones_like(choices.item_weights)
    biases = torch.zeros_like(choices.item_biases)
    full = replace(choices, item_biases=biases, self_scores=zeros, item_weights=ones)
    torch.testing.assert_close(LOSSES[name].function(bare), LOSSES[name].function(full))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("block", [1, 100, 1 << 25])
def test_each_device_finds_the_same_loss(name, block, device, monkeypatch):
    monkeypatch.setattr(blocks, "CUDA_BLOCK_SCORES", block)
    generator = torch_generator(7, "test")

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    pairs = torch.randint(20 * 50, (300,), generator=generator).unique()
    n = len(pairs)
    positions = pairs // 50, pairs % 50
    values = {
        "users": normal(20, 4),
        "items": normal(50, 4),
        "item_biases": normal(50),
        "self_scores": normal(n),
    }
    others = {
        "user_positions": positions[0],
        "item_positions": positions[1],
        "item_weights": normal(50).exp(),
        "negatives": (positions[1] + 1) % 50,
    }
    teacher = normal(20, 3), normal(50, 3)
    found = []
    for where in (device, torch.device("cpu")):
        leaves = {key: value.to(where).requires_grad_() for key, value in values.items()}
        given = {key: value.to(where) for key, value in others.items()}
        taught = tuple(side.to(where) for side in teacher)
        loss = LOSSES[name].function(Choices(**leaves, **given, teacher=taught, distillation=0.3))
        gradients = torch.autograd.grad(loss, list(leaves.values()), materialize_grads=True)
        found.append([loss.cpu(), *(gradient.cpu() for gradient in gradients)])
    torch.testing.assert_close(*found)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_finite_and_falls_as_the_positive_rises(name):
    loss = LOSSES[name].function
    users, positions = torch.eye(2), torch.tensor([0, 1])
    values = [
        loss(Choices(users * scale, users, None, positions, positions, negatives=1 - positions))
        for scale in (0, 0.5, 0.9)
    ]
    assert all(torch.isfinite(value) for value in values)
    assert values[0] > values[1] > values[2] >= 0


@pytest.mark.parametrize("name", sorted(LOSSES.keys() - {"gramian"}))
def test_large_scores_neither_overflow_nor_lose_the_gradient(name):
    # exp(2000) overflows a float; the loss of the wrong item is the gap of the scores, 2000.
    # The second user puts both items into a batch, and scores them alike.
    users = torch.tensor([[1.0], [0.0]], requires_grad=True)
    items = torch.tensor([[2000.0], [0.0]])
    loss = LOSSES[name].function(
        Choices(
            users,
            items,
            None,
            torch.tensor([0, 1]),
            torch.tensor([1, 0]),
            negatives=torch.tensor([0, 1]),
        )
    )
    loss.backward()
    torch.testing.assert_close(loss, torch.tensor(2000.0 + math.log(2)))
    torch.testing.assert_close(users.grad, torch.tensor([[2000.0], [-1000.0]]))


def test_items_that_no_pair_names_are_outside_the_batch():
    users, items = torch.tensor([[1.0]]), torch.tensor([[1.0], [5.0]])
    only_first = (torch.tensor([0]), torch.tensor([0]))
    # One item in the batch: its probability is 1, whatever the other would score.
    assert in_batch_softmax(Choices(users, items, None, *only_first)).item() == 0
    assert full_softmax(Choices(users, items, None, *only_first)).item() > 3


@pytest.mark.parametrize("name", CORRECTED)
def test_a_pair_does_not_see_itself_in_the_history(name, make_spec):
    """What its item says in the history changes the user's other scores, not the pair's own."""
    model = build_model(make_spec(dim=0, history_dim=2), seed=1)
    rows, pairs = torch.tensor([1, 2, 3, 4]), (torch.tensor([0, 0]), torch.tensor([0, 1]))
    places = rows, torch.tensor([0, 1])
    bags = Bags(torch.tensor([1, 2]), torch.tensor([2]), places)
    with torch.no_grad():  # only items 1 and 2 read what item 1 says, each in its own dimension
        model.item_encoder.table.weight.zero_()
        model.item_encoder.table.weight[1, 0] = model.item_encoder.table.weight[2, 1] = 1.0

    def loss():
        items = model.item_encoder(rows)
        own = model.user_encoder.self_scores(bags, Pairs(*pairs), rows, items)
        users = model.user_encoder(torch.tensor([1]), bags)
        negatives = torch.tensor([2, 3])
        choices = Choices(users, items, None, *pairs, self_scores=own, negatives=negatives)
        return LOSSES[name].function(choices)

    (gradient,) = torch.autograd.grad(loss(), model.user_encoder.history.readings.weight)
    assert gradient[1, 0].abs() < 1e-6  # of item 1 on its own pair
    assert gradient[1, 1].abs() > 1e-3  # on the pair of item 2
    assert gradient[2, 1].abs() < 1e-6
    assert gradient[2, 0].abs() > 1e-3


def test_bpr_says_what_it_wants():
    positions = torch.tensor([0])
    with pytest.raises(ValueError, match="wants a negative for each pair"):
        bpr(Choices(torch.ones(1, 1), torch.ones(1, 1), None, positions, positions))


def test_the_squared_loss_is_that_of_ials():
    """Its gradient vanishes, with the penalty of iALS, where iALS has converged."""
    pairs = torch.tensor([[1, 1], [1, 2], [2, 2], [3, 1], [3, 3], [3, 4], [4, 2], [4, 4]])
    log = Interactions(*pairs.T.numpy())
    history = History.of(log, 5, 5)
    options = {"sweeps": 300, "exponent": 1.0, "l2": 0.014, "unobserved": 0.1}
    users, items = ials(history, 2, torch_generator(1, "test"), **options)
    users, items = (side.double()[1:].requires_grad_() for side in (users, items))
    loss = gramian(Choices(users, items, None, *(pairs.T - 1)))
    reach = torch.bincount(pairs[:, 0])[1:] + 0.1 * 4, torch.bincount(pairs[:, 1])[1:] + 0.1 * 4
    for side, counts in zip((users, items), reach, strict=True):
        loss = loss + 0.014 * (counts * side.square().sum(dim=1)).sum()
    for gradient in torch.autograd.grad(loss, (users, items)):
        assert gradient.abs().max() < 1e-3
    assert loss < 4  # of 8 at zero: it has learnt


def distilled_by_loop(choices):
    """(1 − share) · leave-one-out loss + share · n_u · cross-entropy to the teacher."""
    share, total = choices.distillation, (1 - choices.distillation) * plain_leave_one_out(choices)
    scores, _ = pair_scores(choices)
    log_weights = choices.item_weights.log()
    teacher_users, teacher_items = choices.teacher
    wanted = teacher_users @ teacher_items.T + log_weights
    pairs = pairs_of(choices)
    for pair, (user, _) in enumerate(pairs):  # as its pairs count: n_u times in all
        others = [j for j in range(len(choices.items)) if (user, j) not in pairs]
        if others:
            target = wanted[user, others].softmax(dim=0)
            log_total = (scores[user, others] + log_weights[others]).logsumexp(dim=0)
            entropy = (target * (log_total - scores[user, others])).sum()
            total = total + share * weights_of(choices)[pair] * entropy
    return total


@settings(deadline=None, max_examples=60)
@given(
    choices=worlds(), block=st.sampled_from([1, 7, 1 << 20]), share=st.sampled_from([0.0, 0.3, 1.0])
)
def test_distillation_against_loops(choices, block, share, assert_same):
    choices = each_pair_once(choices)
    generator = torch.Generator().manual_seed(len(choices.users))
    teacher = tuple(
        torch.randn(len(side), 2, generator=generator, dtype=torch.float64)
        for side in (choices.users, choices.items)
    )
    choices = replace(choices, teacher=teacher, distillation=share)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK_SCORES", block)
        loss = leave_one_out_softmax(choices)
    parameters = choices.users, choices.items, choices.item_biases, choices.self_scores
    assert_same(loss, distilled_by_loop(choices), parameters)
