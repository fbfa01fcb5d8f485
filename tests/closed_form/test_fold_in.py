import numpy as np
import pytest
import torch

from maxella.closed_form.fold_in import FoldIn
from maxella.closed_form.ials import ials
from maxella.seeds import torch_generator


@pytest.fixture(scope="module")
def history(history_of):
    """60 users who each took half of 20 items, more of the ten that their kind likes."""
    rng = np.random.default_rng(3)
    likes = np.where(np.arange(60)[:, None] % 2 == np.arange(20) // 10, 0.8, 0.2)
    return history_of(rng.random((60, 20)) < likes)


@pytest.mark.parametrize("scale", [0.25, 1.0, 16.0])
def test_users_of_ials_are_found_again_at_any_scale(history, scale):
    users, items = ials(history, 4, torch_generator(1, "test"))
    users, items = users * scale**0.5, items * scale**0.5
    found = FoldIn.of(users, items, history)
    assert found.gain == pytest.approx(scale**0.5, rel=0.01)
    torch.testing.assert_close(found.embed(history), users, atol=2e-3, rtol=0)


def test_a_history_is_embedded_whoever_has_it(history):
    users, items = ials(history, 4, torch_generator(1, "test"))
    others = history.take(torch.tensor([7, 0, 3, 7]))
    found = FoldIn.of(users, items, history).embed(others)
    torch.testing.assert_close(found, users[[7, 0, 3, 7]], atol=2e-3, rtol=0)
    assert (found[1] == 0).all()


def test_of_users_whose_embeddings_say_nothing_nothing_is_learnt(history):
    _, items = ials(history, 4, torch_generator(1, "test"))
    nothing = FoldIn.of(torch.zeros(61, 4), items, history)
    assert (nothing.embed(history) == 0).all()
