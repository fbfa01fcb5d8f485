import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from maxella.index.exact import ExactIndex


@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 40))
def test_finds_what_a_sort_of_all_products_finds(seed, n, k):
    rng = np.random.default_rng(seed)
    # Whole numbers: products tie often, and are exact.
    vectors = torch.from_numpy(rng.integers(-2, 3, (n, 3))).float()
    queries = torch.from_numpy(rng.integers(-2, 3, (4, 3))).float()
    values, positions = ExactIndex(vectors).search(queries, k)
    products = (queries @ vectors.T).numpy()
    expected = np.argsort(-products, axis=1, kind="stable")[:, :k]  # ties: lower position first
    assert np.array_equal(positions.numpy(), expected)
    assert np.array_equal(values.numpy(), np.take_along_axis(products, expected, axis=1))
