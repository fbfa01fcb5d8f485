import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from maxella.features.bags import NO_COLUMN, WeightedBags, side_by_side

WIDTH = 4
CELLS = st.lists(st.lists(st.integers(0, WIDTH - 1), unique=True).map(sorted), max_size=6)


def bags_of(cells):
    rows = np.repeat(np.arange(len(cells)), [len(cell) for cell in cells])
    columns = np.array([column for cell in cells for column in cell], dtype=np.int64)
    return WeightedBags.of(rows, columns, columns + 1 + rows / 8, len(cells))


@given(cells=CELLS, data=st.data())
def test_taken_bags_are_those_of_the_rows(dense, cells, data):
    bags = bags_of(cells)
    rows = data.draw(st.lists(st.integers(0, len(cells) - 1)) if cells else st.just([]))
    rows = np.array(rows, dtype=np.int64)
    taken = bags.take(rows)
    assert taken.counts.tolist() == [len(cells[row]) for row in rows]
    assert dense(taken, WIDTH).tolist() == dense(bags, WIDTH)[rows].tolist()


@given(cells=CELLS, block=st.tuples(st.integers(0, WIDTH), st.integers(0, WIDTH)), data=st.data())
def test_a_block_is_that_of_the_giver_and_the_rest_its_own(dense, cells, block, data):
    bags = bags_of(cells)
    givers = np.array(data.draw(st.permutations(range(len(cells)))), dtype=np.int64)
    part = slice(min(block), max(block))
    expected = dense(bags, WIDTH)
    expected[:, part] = expected[givers][:, part]
    found = bags.with_block_of(part, givers)
    assert dense(found, WIDTH).tolist() == expected.tolist()
    for begin, count in zip(found.begins, found.counts, strict=True):
        assert (np.diff(found.columns[begin : begin + count]) > 0).all()


@given(cells=CELLS)
def test_features_side_by_side_are_their_matrices_side_by_side(dense, cells):
    one, other = bags_of(cells), bags_of(cells[::-1])
    hot = WeightedBags.one_hot(np.array([min(cell, default=NO_COLUMN) for cell in cells], int))
    joined = side_by_side([one, hot, other], [WIDTH, WIDTH, WIDTH])
    expected = np.hstack([dense(bags, WIDTH) for bags in (one, hot, other)])
    assert dense(joined, 3 * WIDTH).tolist() == expected.tolist()
    assert joined.columns.dtype == joined.begins.dtype == np.int64
    assert joined.weights.dtype == np.float32
    for begin, count in zip(joined.begins, joined.counts, strict=True):
        assert (np.diff(joined.columns[begin : begin + count]) > 0).all()


def test_joining_and_taking_may_be_swapped():
    one, other = bags_of([[0, 2], [], [3]]), bags_of([[], [1], [0, 1]])
    rows = np.array([2, 2, 0])
    joined_then_taken = side_by_side([one, other], [WIDTH, WIDTH]).take(rows)
    taken_then_joined = side_by_side([one.take(rows), other.take(rows)], [WIDTH, WIDTH])
    assert joined_then_taken.columns.tolist() == taken_then_joined.columns.tolist()
    assert joined_then_taken.weights.tolist() == taken_then_joined.weights.tolist()
    assert joined_then_taken.begins.tolist() == taken_then_joined.begins.tolist()


def test_an_embedding_bag_reads_them(dense):
    bags = bags_of([[], [0, 2], [], [3], []])
    table = torch.arange(WIDTH * 2, dtype=torch.float32).reshape(WIDTH, 2)
    found = torch.nn.functional.embedding_bag(
        torch.from_numpy(bags.columns),
        table,
        torch.from_numpy(bags.begins),
        mode="sum",
        per_sample_weights=torch.from_numpy(bags.weights),
    )
    np.testing.assert_allclose(found, dense(bags, WIDTH) @ table.numpy())


def test_empty_bags(dense):
    empty = WeightedBags.empty(3)
    assert dense(empty, 2).tolist() == [[0, 0], [0, 0], [0, 0]]
    assert len(WeightedBags.empty(0)) == len(empty.take(np.array([], dtype=np.int64))) == 0
    assert dense(side_by_side([empty, empty], [0, 0]), 1).tolist() == [[0], [0], [0]]
