"""Sparse steps against the dense ones of torch."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from maxella.seeds import torch_generator
from maxella.training.row_optimisers import OPTIMISERS

ROWS, DIM = 7, 3
BETAS = {"betas": (0.9, 0.99)}
DENSE = {
    "adam": lambda groups: torch.optim.Adam(groups, **BETAS),
    "adamw": lambda groups: torch.optim.AdamW(groups, **BETAS, weight_decay=0.01),
    "adagrad": lambda groups: torch.optim.Adagrad(groups, initial_accumulator_value=0.1, eps=1e-7),
}


def start():
    generator = torch_generator(3, "test")
    return torch.randn(ROWS, DIM, generator=generator, dtype=torch.float64).requires_grad_()


def step(optimiser, table, rows, number, *, is_sparse):
    """A step of a loss that reads these rows alone, with gradients that never come to rest."""
    optimiser.zero_grad()
    for group in optimiser.param_groups:
        group["lr"] = 0.05 * (1 + number % 4)  # as a schedule has it
    if is_sparse:
        optimiser.catch_up(table, rows)
    read = functional.embedding(rows, table, sparse=is_sparse)
    slopes = torch.randn(DIM, generator=torch_generator(number, "slopes"), dtype=torch.float64)
    # Gradients so large that ε, which falls with the second moment here, is nothing to them.
    (100 * (read * slopes + 0.1 * read.square()).sum()).backward()
    optimiser.step()


batches = st.lists(st.sets(st.integers(0, ROWS - 1), min_size=1), min_size=1, max_size=12)


@pytest.mark.parametrize("name", OPTIMISERS)
@settings(max_examples=25, deadline=None)
@given(batches)
def test_rows_caught_up_are_where_the_dense_optimiser_has_them(name, batches):
    table, dense_table = start(), start()
    optimiser = OPTIMISERS[name]([{"params": [table], "lr": 0.1}])
    dense = DENSE[name]([{"params": [dense_table], "lr": 0.1}])
    for number, batch in enumerate(batches):
        rows = torch.tensor(sorted(batch))
        step(optimiser, table, rows, number, is_sparse=True)
        step(dense, dense_table, rows, number, is_sparse=False)
        torch.testing.assert_close(table[rows], dense_table[rows], rtol=1e-6, atol=1e-6)
    optimiser.catch_up(table, torch.arange(ROWS))
    torch.testing.assert_close(table, dense_table, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_a_row_left_for_longer_than_momentum_lasts_is_caught_up(name):
    table, dense_table = start(), start()
    optimiser = OPTIMISERS[name]([{"params": [table], "lr": 0.1}])
    dense = DENSE[name]([{"params": [dense_table], "lr": 0.1}])
    for number in range(400):
        rows = torch.tensor([1, 4] if number == 5 else [2, 3])
        step(optimiser, table, rows, number, is_sparse=True)
        step(dense, dense_table, rows, number, is_sparse=False)
    optimiser.catch_up(table, torch.arange(ROWS))
    torch.testing.assert_close(table, dense_table, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", OPTIMISERS)
def test_a_step_touches_the_rows_of_the_gradient_alone(name):
    table = start()
    optimiser = OPTIMISERS[name]([{"params": [table], "lr": 0.1}])
    step(optimiser, table, torch.arange(ROWS), 0, is_sparse=True)
    before = table.detach().clone()
    step(optimiser, table, torch.tensor([2, 5]), 1, is_sparse=True)
    assert (table != before).any(dim=1).nonzero().squeeze(1).tolist() == [2, 5]


def test_catching_up_twice_changes_nothing_more():
    table = start()
    optimiser = OPTIMISERS["adamw"]([{"params": [table], "lr": 0.1}])
    for number in range(3):
        step(optimiser, table, torch.tensor([number]), number, is_sparse=True)
    optimiser.catch_up(table, torch.arange(ROWS))
    once = table.detach().clone()
    optimiser.catch_up(table, torch.arange(ROWS))
    assert torch.equal(table, once)


def test_a_row_named_twice_has_both_gradients():
    table, twice = start(), start()
    for weights, rows in ((table, [2, 2, 4]), (twice, [2, 4])):
        optimiser = OPTIMISERS["adam"]([{"params": [weights], "lr": 0.1}])
        read = functional.embedding(torch.tensor(rows), weights, sparse=True)
        counts = torch.ones(3, 1) if len(rows) == 3 else torch.tensor([[2.0], [1.0]])
        (read * counts).sum().backward()
        optimiser.step()
    torch.testing.assert_close(table, twice)


def test_weights_with_dense_gradients_are_stepped_beside_sparse_ones():
    table, link = start(), start()
    optimiser = OPTIMISERS["adam"]([{"params": [table, link], "lr": 0.1}])
    before = table.detach().clone(), link.detach().clone()
    (functional.embedding(torch.tensor([1]), table, sparse=True) * link[3]).sum().backward()
    optimiser.step()
    # The first step of Adam is the learning rate, against the sign of the gradient.
    torch.testing.assert_close(table[1], before[0][1] - 0.1 * before[1][3].sign())
    torch.testing.assert_close(link[3], before[1][3] - 0.1 * before[0][1].sign())
