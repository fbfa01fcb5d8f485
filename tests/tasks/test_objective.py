import dataclasses
import math

import pytest
import torch

from maxella.data.batches import Batch, TaskRows
from maxella.data.history import Bags
from maxella.model.build import build_model
from maxella.model.heads import HEADS
from maxella.tasks.losses import LOSSES
from maxella.tasks.objective import Objective
from maxella.tasks.task import Task


def batch_of(pairs, *, times=1):
    """A batch over the catalogue of items 1 to 3; `times` repeats each pair.

    Every pair is one of retrieval, and one of rating where it has a rating. The negative of a pair
    is the item after its own, whether its user has it or not.
    """
    pairs = sorted(pairs * times)
    users = sorted({user for user, *_ in pairs})
    positions = torch.tensor([users.index(user) for user, *_ in pairs])
    columns = torch.tensor([item - 1 for _, item, _ in pairs])
    ratings = torch.tensor([rating for *_, rating in pairs])
    is_rated = ~ratings.isnan()
    n = len(pairs)
    return Batch(
        torch.tensor(users),
        torch.tensor([1, 2, 3]),
        positions,
        columns,
        {
            "retrieval": TaskRows(positions, columns, torch.ones(n), n, (columns + 1) % 3),
            "rating": TaskRows(
                positions[is_rated], columns[is_rated], ratings[is_rated], int(is_rated.sum())
            ),
        },
        Bags(columns + 1, positions.bincount(), (torch.tensor([1, 2, 3]), columns)),
        share=1.0,
    )


PAIRS = [(1, 1, 5.0), (1, 2, 1.0), (2, 3, 4.0)]
RETRIEVAL = Task("retrieval", "retrieval", loss=LOSSES["full_softmax"])
RATING = Task("rating", "rating")
OF_PAIRS = [name for name, choice in HEADS.items() if "rating" in choice.kinds]


def with_loss(name, **changes):
    return dataclasses.replace(RETRIEVAL, loss=LOSSES[name], **changes)


@pytest.fixture
def make_model(make_spec):
    return lambda head="dot", **facts: build_model(make_spec(head, n_item_rows=4, **facts), seed=1)


@pytest.fixture
def model(make_model):
    return make_model()


@pytest.fixture
def loss_of(model):
    def measure(batch, *tasks, l2=0.0):
        return Objective(tasks, l2)(model, batch, 0, 10)[0].item()

    return measure


def test_losses_are_means_so_a_batch_twice_as_long_costs_the_same(loss_of):
    once, twice = (loss_of(batch_of(PAIRS, times=n), RETRIEVAL, RATING, l2=0.1) for n in (1, 2))
    assert once == pytest.approx(twice, rel=1e-6)


def test_the_sum_of_the_notebook_grows_with_the_batch(loss_of):
    summed = dataclasses.replace(RETRIEVAL, sums=True)
    once, twice = (loss_of(batch_of(PAIRS, times=times), summed) for times in (1, 2))
    assert twice == pytest.approx(2 * once, rel=1e-6)
    assert once == pytest.approx(3 * loss_of(batch_of(PAIRS), RETRIEVAL), rel=1e-6)


def test_of_a_sum_the_mean_is_logged(model):
    parts = [
        Objective([dataclasses.replace(RETRIEVAL, sums=sums)], 0.0)(model, batch_of(PAIRS), 0, 10)[
            1
        ]
        for sums in (True, False)
    ]
    torch.testing.assert_close(*parts)


@pytest.mark.parametrize("head", OF_PAIRS)
def test_a_pair_without_a_label_has_no_part_in_the_task(make_model, head):
    gap = [(1, 1, 5.0), (1, 2, math.nan), (2, 3, 4.0)]
    model = make_model(head).eval()
    found, wanted, both = (
        Objective([RETRIEVAL, RATING], 0.0)(model, batch_of(pairs), 0, 10)[1]
        for pairs in (gap, [gap[0], gap[2]], PAIRS)
    )
    assert found["rating_loss"] == wanted["rating_loss"] != both["rating_loss"]
    assert found["retrieval_loss"] == both["retrieval_loss"] != wanted["retrieval_loss"]


@pytest.mark.parametrize("head", OF_PAIRS)
def test_a_batch_in_which_nobody_rated_adds_no_more_than_priors(make_model, head):
    model = make_model(head).eval()
    batch = batch_of([(user, item, math.nan) for user, item, _ in PAIRS])
    batch.tasks["rating"] = dataclasses.replace(batch.tasks["rating"], expected=2.0)
    loss, parts = Objective([RATING], 0.0)(model, batch, 0, 10)
    loss.backward()
    for key, weight in model.named_parameters():
        # What is read of the embeddings has no label to answer to.
        if not key.startswith("heads.rating") and weight.grad is not None:
            assert not weight.grad.any(), key
    assert loss.isfinite()
    has_priors = HEADS[head].whole_users
    terms = {"rating_fit", "rating_priors"} if has_priors else set()
    assert set(parts) == {"rating_loss"} | terms  # they count in the means that are logged
    if not has_priors:
        assert loss == 0


@pytest.mark.parametrize("name", sorted(LOSSES.keys() - {"gramian"}))
def test_a_batch_without_picks_of_a_task_adds_nothing(model, name):
    batch = batch_of(PAIRS)
    none = torch.empty(0, dtype=torch.int64)
    batch.tasks["retrieval"] = TaskRows(none, none, torch.empty(0), 1.5, none)
    alone, both = (
        Objective(tasks, 0.0)(model, batch, 0, 10)[0]
        for tasks in ([RATING], [RATING, with_loss(name)])
    )
    assert torch.equal(alone, both)
    weights = list(model.parameters())
    gradients = (
        torch.autograd.grad(loss, weights, allow_unused=True, materialize_grads=True)
        for loss in (alone, both)
    )
    assert all(map(torch.equal, *gradients))


def test_a_task_without_a_label_in_training_has_no_loss(model):
    batch = batch_of([(user, item, math.nan) for user, item, _ in PAIRS])
    loss, parts = Objective([RATING], 0.0)(model, batch, 0, 10)
    assert loss == 0
    assert not loss.requires_grad
    assert not parts


def test_weights_weigh(loss_of):
    retrieval, rating = (loss_of(batch_of(PAIRS), task) for task in (RETRIEVAL, RATING))
    twice, thrice = (
        dataclasses.replace(task, weight=weight) for task, weight in ((RETRIEVAL, 2), (RATING, 3))
    )
    both = loss_of(batch_of(PAIRS), twice, thrice)
    assert both == pytest.approx(2 * retrieval + 3 * rating, rel=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_labels_are_weights_only_of_a_task_that_weighs(model, name):
    batch = batch_of(PAIRS)
    rows = batch.tasks["retrieval"]
    heavy = dataclasses.replace(rows, labels=torch.tensor([1.0, 5.0, 1.0]))
    found = []
    for labels in (rows, heavy):
        batch.tasks["retrieval"] = labels
        found.append(
            [
                Objective([with_loss(name, counts_repeats=weighs)], 0.0)(model, batch, 0, 10)[0]
                for weighs in (False, True)
            ]
        )
    (plain, ones), (unread, weighted) = found
    torch.testing.assert_close(ones, plain)
    assert unread == plain != weighted


def test_a_task_has_its_own_rows_head_and_name(make_spec):
    """Two tasks of one kind: each reads its own labels with its own head."""
    model = build_model(make_spec(heads={"rating": "dot", "again": "dot"}, n_item_rows=4), seed=1)
    with torch.no_grad():
        model.heads["again"].mean.fill_(9.0)
    batch = batch_of(PAIRS)
    batch.tasks["again"] = dataclasses.replace(batch.tasks["rating"], labels=torch.full((3,), 9.0))
    tasks = [RATING, dataclasses.replace(RATING, name="again")]
    _, parts = Objective(tasks, 0.0)(model, batch, 0, 10)
    assert set(parts) == {"rating_loss", "again_loss"}
    assert parts["again_loss"] < parts["rating_loss"]


def test_the_penalty_counts_a_row_as_often_as_it_occurs(model, loss_of):
    users, items = model.user_encoder.ids.table.weight, model.item_encoder.table.weight
    norms = users.square().sum(1), items.square().sum(1)
    # User 1 occurs twice, user 2 once; items 1, 2 and 3 once each; of three interactions.
    mean = (2 * norms[0][1] + norms[0][2] + norms[1][1:].sum()).item() / 3
    with_l2, without = (loss_of(batch_of(PAIRS), RETRIEVAL, l2=l2) for l2 in (0.5, 0.0))
    assert with_l2 - without == pytest.approx(0.5 * mean, rel=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_of_one_has_a_gradient(name, model):
    loss, _ = Objective([with_loss(name), RATING], 0.0)(model, batch_of([(1, 2, 4.0)]), 0, 10)
    loss.backward()
    assert torch.isfinite(model.user_encoder.ids.table.weight.grad).all()


def test_columns_that_stand_for_more_items_cost_more(loss_of):
    # User 2 lacks items 1 and 2: each competes as often as it stands for items.
    batch, task = batch_of([(2, 3, 4.0)]), with_loss("leave_one_out_softmax")
    gaps = [
        math.expm1(loss_of(dataclasses.replace(batch, item_weights=torch.tensor(weights)), task))
        for weights in ([1.0, 1.0, 1.0], [4.0, 1.0, 1.0], [1.0, 4.0, 1.0], [4.0, 4.0, 9.0])
    ]
    assert gaps[3] == pytest.approx(4 * gaps[0], rel=1e-5)
    assert gaps[1] + gaps[2] == pytest.approx(5 * gaps[0], rel=1e-5)
    assert gaps[0] == pytest.approx(math.expm1(loss_of(batch, task)), rel=1e-5)


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
    [("leave_one_out_softmax", head) for head in OF_PAIRS]
    + [(name, "dot") for name in ("gramian", "bpr")],
)
def test_gradients_are_the_same_bytes_each_time(name, head, make_spec):
    # Few rows named by many pairs: the gradients of each row are long sums.
    spec = make_spec(head, n_item_rows=4, dim=32, history_dim=8)
    rng = torch.Generator().manual_seed(0)
    n = 40_000
    users = torch.randint(3, (n,), generator=rng).sort().values
    items = torch.randint(3, (n,), generator=rng)
    catalogue = torch.tensor([1, 2, 3])
    labels = torch.rand(n, generator=rng) * 4 + 1
    rows = TaskRows(users, items, labels, n, torch.randint(3, (n,), generator=rng))
    batch = Batch(
        catalogue,
        catalogue,
        users,
        items,
        {"retrieval": rows, "rating": rows},
        Bags(items + 1, users.bincount(), (catalogue, items)),
        share=1.0,
    )
    found = []
    for _ in range(3):
        model = build_model(spec, seed=1)
        tasks = [with_loss(name, counts_repeats=True), RATING]
        Objective(tasks, 0.0)(model, batch, 0, 10)[0].backward()
        found.append([parameter.grad.clone() for parameter in model.parameters()])
    for again in found[1:]:
        assert all(map(torch.equal, found[0], again))


def test_a_task_is_computed_at_every_so_many_steps_only(model):
    tasks = [dataclasses.replace(RETRIEVAL, every=3), RATING]
    logged = [set(Objective(tasks, 0.0)(model, batch_of(PAIRS), step, 10)[1]) for step in range(5)]
    both, one = {"retrieval_loss", "rating_loss"}, {"rating_loss"}
    assert logged == [both, one, one, both, one]
