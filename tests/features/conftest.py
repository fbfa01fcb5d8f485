import numpy as np
import pytest


@pytest.fixture(scope="session")
def dense():
    """Bags as a (values, columns) matrix, by the plainest loop."""

    def make(bags, n_columns):
        matrix = np.zeros((len(bags), n_columns), dtype=np.float32)
        ends = [*bags.begins[1:], len(bags.columns)]
        for row, (begin, end) in enumerate(zip(bags.begins, ends, strict=False)):
            for column, weight in zip(
                bags.columns[begin:end], bags.weights[begin:end], strict=True
            ):
                matrix[row, column] += weight
        return matrix

    return make
