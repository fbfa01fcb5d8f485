import dataclasses
import math

import pytest
import torch

from maxella.data.batches import Batch
from maxella.errors import DataError
from maxella.model.build import build_model
from maxella.tasks.losses import RETRIEVAL_LOSSES, full_softmax, leave_one_out_softmax
from maxella.tasks.objective import Objective
from maxella.tasks.rating import RATING_TASKS


def batch_of(pairs, *, times=1):
    """A batch over the catalogue of items 1 to 3; `times` repeats each pair.

    The negative of a pair is the item after its own, whether its user has it or not.
    """
    pairs = sorted(pairs * times)
    users = sorted({user for user, *_ in pairs})
    return Batch(
        torch.tensor(users),
        torch.tensor([1, 2, 3]),
        torch.tensor([users.index(user) for user, *_ in pairs]),
        torch.tensor([item - 1 for _, item, _ in pairs]),
        torch.tensor([rating for *_, rating in pairs]),
        share=1.0,
        negatives=torch.tensor([item % 3 for _, item, _ in pairs]),
    )


PAIRS = [(1, 1, 5.0), (1, 2, 1.0), (2, 3, 4.0)]


def objective(**changes):
    options = {
        "retrieval_loss": full_softmax,
        "retrieval_weight": 1.0,
        "rating_task": RATING_TASKS["dot"],
        "rating_weight": 1.0,
        "rating_shapes_towers": True,
        "retrieval_every": 1,
        "sum_retrieval": False,
        "l2": 0.0,
    }
    return Objective(**options | changes)


@pytest.fixture
def model(make_spec):
    return build_model(make_spec(n_item_rows=4), seed=1)


@pytest.fixture
def loss_of(model):
    def measure(batch, **changes):
        return objective(**changes)(model, batch, 0, 10)[0].item()

    return measure


def test_losses_are_means_so_a_batch_twice_as_long_costs_the_same(loss_of):
    once, twice = (loss_of(batch_of(PAIRS, times=times), l2=0.1) for times in (1, 2))
    assert once == pytest.approx(twice, rel=1e-6)


def test_the_sum_of_the_notebook_grows_with_the_batch(loss_of):
    once, twice = (
        loss_of(batch_of(PAIRS, times=times), rating_weight=0.0, sum_retrieval=True)
        for times in (1, 2)
    )
    assert twice == pytest.approx(2 * once, rel=1e-6)
    assert once == pytest.approx(3 * loss_of(batch_of(PAIRS), rating_weight=0.0), rel=1e-6)


@pytest.mark.parametrize("head", RATING_TASKS)
def test_the_rating_task_is_that_of_the_pairs_with_a_rating(make_spec, head):
    model = build_model(make_spec(n_item_rows=4, rating_head=head), seed=1).eval()
    whole = batch_of(PAIRS)
    gap = dataclasses.replace(whole, ratings=torch.tensor([5.0, torch.nan, 4.0]))
    without = dataclasses.replace(
        whole,
        user_positions=torch.tensor([0, 1]),
        item_positions=torch.tensor([0, 2]),
        ratings=torch.tensor([5.0, 4.0]),
    )
    of = objective(rating_task=RATING_TASKS[head])
    found, wanted, both = (of(model, batch, 0, 10)[1] for batch in (gap, without, whole))
    assert found["rating_loss"] == wanted["rating_loss"]
    assert found["retrieval_loss"] == both["retrieval_loss"] != wanted["retrieval_loss"]


@pytest.mark.parametrize("head", RATING_TASKS)
def test_a_batch_in_which_nobody_rated_has_a_finite_loss(make_spec, head):
    model = build_model(make_spec(n_item_rows=4, rating_head=head), seed=1).eval()
    batch = dataclasses.replace(batch_of(PAIRS), ratings=torch.full((3,), torch.nan))
    loss, _ = objective(rating_task=RATING_TASKS[head])(model, batch, 0, 10)
    loss.backward()
    assert loss.isfinite()


def test_weights_weigh(loss_of):
    retrieval = loss_of(batch_of(PAIRS), rating_weight=0.0)
    rating = loss_of(batch_of(PAIRS), retrieval_weight=0.0)
    both = loss_of(batch_of(PAIRS), retrieval_weight=2.0, rating_weight=3.0)
    assert both == pytest.approx(2 * retrieval + 3 * rating, rel=1e-6)


def test_a_task_without_weight_is_not_computed_nor_logged(model):
    _, parts = objective(rating_weight=0.0)(model, batch_of(PAIRS), 0, 10)
    assert set(parts) == {"retrieval_loss"}


def test_the_penalty_counts_a_row_as_often_as_it_occurs(model, loss_of):
    users, items = model.user_tower.ids.table.weight, model.item_tower.table.weight
    norms = users.square().sum(1), items.square().sum(1)
    # User 1 occurs twice, user 2 once; items 1, 2 and 3 once each; of three interactions.
    mean = (2 * norms[0][1] + norms[0][2] + norms[1][1:].sum()).item() / 3
    assert loss_of(batch_of(PAIRS), l2=0.5) - loss_of(batch_of(PAIRS)) == pytest.approx(
        0.5 * mean, rel=1e-4
    )


@pytest.mark.parametrize("name", RETRIEVAL_LOSSES)
def test_a_batch_of_one_has_a_gradient(name, model):
    loss, _ = objective(retrieval_loss=RETRIEVAL_LOSSES[name])(
        model, batch_of([(1, 2, 4.0)]), 0, 10
    )
    loss.backward()
    assert torch.isfinite(model.user_tower.ids.table.weight.grad).all()


def test_columns_that_stand_for_more_items_cost_more(loss_of):
    # User 2 lacks items 1 and 2: each competes as often as it stands for items.
    batch = batch_of([(2, 3, 4.0)])
    options = {"retrieval_loss": leave_one_out_softmax, "rating_weight": 0.0}
    gaps = [
        math.expm1(
            loss_of(dataclasses.replace(batch, item_weights=torch.tensor(weights)), **options)
        )
        for weights in ([1.0, 1.0, 1.0], [4.0, 1.0, 1.0], [1.0, 4.0, 1.0], [4.0, 4.0, 9.0])
    ]
    assert gaps[3] == pytest.approx(4 * gaps[0], rel=1e-5)
    assert gaps[1] + gaps[2] == pytest.approx(5 * gaps[0], rel=1e-5)
    assert gaps[0] == pytest.approx(math.expm1(loss_of(batch, **options)), rel=1e-5)


def test_ratings_are_wanted_where_the_rating_task_has_a_weight(model):
    batch = batch_of(PAIRS)
    bare = dataclasses.replace(batch, ratings=None)
    with pytest.raises(DataError, match="rating_weight = 0"):
        objective()(model, bare, 0, 10)


@pytest.fixture
def two_threads():
    """A race needs two; the test command gives each process one."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize(
    ("name", "head"),
    [("leave_one_out_softmax", head) for head in RATING_TASKS]
    + [(name, "dot") for name in ("gramian", "bpr")],
)
def test_gradients_are_the_same_bytes_each_time(name, head, make_spec):
    # Few rows named by many pairs: the gradients of each row are long sums.
    spec = make_spec(n_item_rows=4, rating_head=head, dim=32, history_dim=8)
    options = {"retrieval_loss": RETRIEVAL_LOSSES[name], "rating_task": RATING_TASKS[head]}
    rng = torch.Generator().manual_seed(0)
    n = 40_000
    positions = torch.randint(3, (n,), generator=rng).sort().values
    batch = Batch(
        torch.tensor([1, 2, 3]),
        torch.tensor([1, 2, 3]),
        positions,
        torch.randint(3, (n,), generator=rng),
        torch.rand(n, generator=rng) * 4 + 1,
        share=1.0,
        negatives=torch.randint(3, (n,), generator=rng),
    )
    found = []
    for _ in range(5):
        model = build_model(spec, seed=1)
        objective(**options)(model, batch, 0, 10)[0].backward()
        found.append([parameter.grad.clone() for parameter in model.parameters()])
    for again in found[1:]:
        assert all(map(torch.equal, found[0], again))


def test_retrieval_is_computed_at_every_so_many_steps_only(model):
    logged = [
        set(objective(retrieval_every=3)(model, batch_of(PAIRS), step, 10)[1]) for step in range(5)
    ]
    both, one = {"retrieval_loss", "rating_loss"}, {"rating_loss"}
    assert logged == [both, one, one, both, one]


@pytest.mark.parametrize("shapes_towers", [True, False])
def test_the_rating_gradient_reaches_the_towers_only_where_it_may(model, shapes_towers):
    loss, _ = objective(retrieval_weight=0.0, rating_shapes_towers=shapes_towers)(
        model, batch_of(PAIRS), 0, 10
    )
    loss.backward()
    of_users, of_items = model.tower_tables()
    reached = [table.weight.grad is not None for table in [*of_users, *of_items]]
    assert reached == [shapes_towers] * 2
    assert model.rating_head.user_link.weight.grad.abs().sum() > 0
