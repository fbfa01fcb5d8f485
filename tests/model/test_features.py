import numpy as np
import polars as pl
import pytest
import torch

from maxella.data.entity_features import EntityFeatures, Features
from maxella.features.feature_set import FeatureSpec
from maxella.features.id import Vocabulary
from maxella.model.build import build_model
from maxella.model.cross import CrossLayers
from maxella.model.feature_part import FeatureBags, FeaturePart, SideBySide
from maxella.model.head import EmbeddedPairs
from maxella.seeds import torch_generator

TABLE = pl.DataFrame(
    {
        "item_id": ["a", "b", "c", "d"],
        "genres": [["War"], ["War", "Drama"], [], ["Drama"]],
        "year": [1990, 2000, 1990, None],
    }
)
SPECS = [FeatureSpec("genres", "labels"), FeatureSpec("year", "category")]


@pytest.fixture
def known():
    ids = Vocabulary.fit(TABLE["item_id"])
    return EntityFeatures.fit(TABLE, "item_id", ids, SPECS, np.ones(5, dtype=bool))


def dense(known):
    """(rows, columns) the bags as a matrix."""
    matrix = torch.zeros(len(known.bags), known.features.n_columns)
    rows = np.repeat(np.arange(len(known.bags)), known.bags.counts)
    matrix[rows, known.bags.columns] = torch.from_numpy(known.bags.weights)
    return matrix


def draw(part):
    generator = torch_generator(3, "test")
    with torch.no_grad():
        for weight in part.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator))


ROWS = torch.tensor([3, 0, 2, 4, 3])


def test_a_part_is_the_matrix_of_bags_times_its_table(known):
    part = FeaturePart(known, 3, "sum", generator=torch_generator(1, "test"))
    assert not part(ROWS).any()
    draw(part)
    torch.testing.assert_close(part(ROWS), (dense(known) @ part.table.weight)[ROWS])
    assert not part(torch.tensor([0])).any()


def test_features_side_by_side(known):
    sides = SideBySide(FeatureBags.of(known), generator=torch_generator(1, "test"))
    matrix = dense(known)
    blocks = known.features.blocks.values()
    wanted = [matrix[:, block] @ sides.table.weight[block] for block in blocks]
    torch.testing.assert_close(sides(ROWS), torch.cat(wanted, dim=1)[ROWS])


@pytest.mark.parametrize("layers", ["mlp", "cross", "low_rank_cross"])
def test_layers_start_at_zero_and_learn(known, layers):
    part = FeaturePart(known, 3, layers, generator=torch_generator(1, "test"))
    assert not part(ROWS).any()
    part(ROWS).sum().backward()
    assert part.together[-1].weight.grad.any()
    draw(part)
    plain = (dense(known) @ part.table.weight)[ROWS]
    assert (part(ROWS) - plain).abs().max() > 0.1


@pytest.mark.parametrize("low_rank", [False, True])
def test_cross_layers_are_the_formula(low_rank):
    cross = CrossLayers(8, torch_generator(1, "test"), low_rank=low_rank)
    draw(cross)
    start = x = torch.randn(7, 8, generator=torch_generator(2, "test"))
    for matrix, widen in zip(cross.matrices(), cross.widen, strict=True):
        x = start * (x @ matrix.T + widen.bias) + x
    torch.testing.assert_close(cross(start), x)
    if low_rank:
        assert all(torch.linalg.matrix_rank(matrix) == 2 for matrix in cross.matrices())


def test_all_else_starts_as_without_features(make_spec, known):
    facts = {"rating": "variational"}
    plain = build_model(make_spec(**facts), seed=1)
    spec = make_spec(**facts, feature_layers="cross")
    model = build_model(spec, 1, Features(items=known))
    weights = model.state_dict()
    for name, weight in plain.state_dict().items():
        assert torch.equal(weights[name], weight), name
    assert torch.equal(model.item_encoder(ROWS), plain.item_encoder(ROWS))


@pytest.mark.parametrize("name", ["cross", "low_rank_cross"])
def test_a_cross_head_starts_as_the_dot_product(make_spec, known, name):
    dot = build_model(make_spec(), 1).heads["rating"]
    head = build_model(make_spec(name), 1, Features(items=known)).heads["rating"]
    assert head.block_names == ["user", "item", "item.genres", "item.year"]
    assert head.block_norms().shape == (4, 4)
    pairs = _pairs()
    assert torch.equal(head(pairs), dot(pairs))
    total = sum(matrix.square().sum() for matrix in head.cross.matrices())
    torch.testing.assert_close(head.block_norms().square().sum(), total)


@pytest.mark.parametrize("name", ["mixed", "cross"])
def test_tables_by_row_have_a_row_for_each(make_spec, known, name):
    # What they name is looked up by rows of users and items: a feature's table is none of them.
    model = build_model(make_spec(name, n_user_rows=7), 1, Features(items=known))
    sizes = {one.side: set() for one in model.row_tables().values()}
    for one in model.row_tables().values():
        sizes[one.side].add(one.table.num_embeddings)
    assert sizes == {"user": {7}, "item": {5}}


def _pairs():
    generator = torch_generator(4, "test")
    u, v = (torch.randn(3, 3, generator=generator) for _ in range(2))
    rows = torch.tensor([1, 2, 3])
    return EmbeddedPairs(u, v, rows, rows, torch.tensor([0, 1, 2, 0]), torch.tensor([2, 1, 0, 0]))
