import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from maxella.closed_form.low_rank import leading_eigenvectors, taste_directions
from maxella.data.history import History
from maxella.errors import ConfigError
from maxella.seeds import torch_generator

WORLDS = arrays(np.int64, (8, 6), elements=st.integers(0, 1))


@settings(deadline=None)
@given(taken=WORLDS.filter(np.any), dim=st.integers(1, 9))
def test_no_projection_of_that_rank_comes_nearer(history_of, taken, dim):
    directions = taste_directions(history_of(taken), dim, torch_generator(1, "test"))
    assert directions.shape == (7, dim)
    assert not directions[0].any()  # the unknown item
    found = taken @ (directions[1:] @ directions[1:].T).numpy()
    left = np.linalg.svd(taken, compute_uv=False)[dim:]
    assert np.square(taken - found).sum() == pytest.approx(np.square(left).sum(), abs=1e-3)


def test_eigenvectors_of_a_diagonal_matrix_by_hand():
    diagonal = torch.tensor([1.0, 9.0, 0.0, 4.0])
    found = leading_eigenvectors(
        lambda basis: diagonal[:, None] * basis, diagonal > 0, 4, torch_generator(1, "test")
    )
    wanted = torch.eye(4)[:, [1, 3, 0, 2]]  # 9, 4, 1; the rank is three
    wanted[2, 3] = 0.0
    torch.testing.assert_close(found.abs(), wanted, atol=1e-5, rtol=0)


def test_a_catalogue_that_is_too_large_is_refused():
    history = History(torch.empty(0, dtype=torch.int64), torch.zeros(2, dtype=torch.int64), 20_001)
    with pytest.raises(ConfigError, match="seen_penalty_dim = 0"):
        taste_directions(history, 2, torch_generator(1, "test"))
