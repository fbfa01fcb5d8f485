"""What holds for every encoder of users, and the sum encoder by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxella.data.history import Bags, History
from maxella.data.interactions import Interactions
from maxella.model.build import USER_ENCODERS, build_model
from maxella.model.user_encoder import Pairs

# User 1 meets item 2 twice where events are told apart: views it and buys it.
LOG = Interactions(
    np.array([1, 1, 1, 2, 2, 2, 3]),
    np.array([1, 2, 2, 4, 1, 3, 3]),
    events=np.array([0, 0, 1, 0, 1, 1, 0]),
)
HISTORIES = {"one event": (), "two events": ("view", "buy")}
SHAPES = {"ids": (3, 0), "histories": (0, 3), "both": (2, 3)}


def history_of(events):
    return History.of(LOG, 4, 5, events=LOG.events if events else None)


@pytest.fixture(params=HISTORIES)
def events(request):
    return HISTORIES[request.param]


@pytest.fixture
def history(events):
    return history_of(events)


@pytest.fixture(params=SHAPES)
def make(request, make_spec, scramble, events):
    def make(encoder):
        dim, history_dim = SHAPES[request.param]
        spec = make_spec(encoder=encoder, dim=dim, history_dim=history_dim, events=events)
        return scramble(build_model(spec, 1)).eval()

    return make


EVERY = pytest.mark.parametrize("encoder", USER_ENCODERS)


@EVERY
def test_rows_and_histories_in_queries_out(make, history, encoder):
    model = make(encoder)
    users = torch.tensor([3, 1, 0, 1])
    queries = model.user_encoder(users, history.bags(users))
    assert queries.shape == (4, model.user_encoder.dim) == (4, model.item_encoder.dim)
    assert torch.equal(queries[1], queries[3])
    for position, user in enumerate(users):
        alone = model.user_encoder(user[None], history.bags(user[None]))
        torch.testing.assert_close(alone[0], queries[position])
    none = users[:0]
    assert model.user_encoder(none, history.bags(none)).shape == (0, model.user_encoder.dim)


@EVERY
def test_of_an_unknown_user_without_a_history_the_query_is_zeros(make, history, encoder):
    nobody = torch.tensor([0, 0])
    assert not make(encoder).user_encoder(nobody, history.bags(nobody)).any()


@EVERY
def test_leading_dimensions_are_the_ids_alone(make, history, encoder):
    model = make(encoder)
    users, width = torch.tensor([1, 2]), model.user_encoder.id_dim
    queries = model.user_encoder(users, history.bags(users))
    others = model.user_encoder(users, history.bags(users.flip(0)))
    unknown = model.user_encoder(torch.tensor([0, 0]), history.bags(users))
    assert torch.equal(queries[:, :width], others[:, :width])
    assert not unknown[:, :width].any()
    torch.testing.assert_close(unknown[:, width:], queries[:, width:])


@EVERY
def test_every_table_by_row_is_named_and_learns(make, history, encoder):
    model = make(encoder)
    users = torch.tensor([1, 2, 3])
    model.user_encoder(users, history.bags(users)).square().sum().backward()
    tables = model.user_encoder.row_tables()
    for one in tables.values():
        n_rows = {"user": 4, "item": 5}[one.side]
        assert one.table.num_embeddings == n_rows
        assert one.table.weight.grad.any(dim=1)[1:].all() or one.side == "item"
        assert one.table.weight.grad.any()
    found = {id(one.table) for one in tables.values()}
    assert found == {
        id(part) for part in model.user_encoder.modules() if isinstance(part, torch.nn.Embedding)
    }
    named = {id(weight) for weight in model.encoder_parameters()}
    assert {id(one.table.weight) for one in tables.values()} < named


@EVERY
def test_a_self_score_is_what_the_score_loses_without_the_pair(make, history, encoder):
    """By all its events, at the same length of the history: one that can't tell says nothing."""
    model = make(encoder)
    users, items = torch.tensor([1, 2, 3]), torch.arange(5)
    bags, embeddings = history.bags(users), model.item_encoder(items)
    positions, columns = (
        side.ravel() for side in torch.meshgrid(torch.arange(3), items, indexing="ij")
    )
    n_events = 0 if history.events is None else 2
    by = history.events_of(users[positions].numpy(), columns.numpy(), n_events)
    if by is None:  # then all pairs asked for are there
        are_there = history.matrix(users)[positions, columns] > 0
        positions, columns = positions[are_there], columns[are_there]
    found = model.user_encoder.self_scores(bags, Pairs(positions, columns, by), items, embeddings)
    if found is None:
        assert model.user_encoder.id_dim == model.user_encoder.dim
        return
    owners = torch.arange(3).repeat_interleave(bags.counts)
    with torch.no_grad():
        scores = model.user_encoder(users, bags) @ embeddings.T
        for score, position, column in zip(found, positions, columns, strict=True):
            # The unknown item, in the pair's place, reads as nothing.
            is_pair = (owners == position) & (bags.items == column)
            rest = replace(bags, items=bags.items.masked_fill(is_pair, 0))
            left = model.user_encoder(users, rest) @ embeddings.T
            lost = (scores - left)[position, column]
            torch.testing.assert_close(score, lost, rtol=1e-4, atol=1e-5)
    assert (found != 0).any()


def test_a_history_part_is_a_scaled_sum_of_readings(make_spec, scramble):
    model = scramble(build_model(make_spec(dim=2, history_dim=3), 1)).eval()
    users = torch.tensor([1, 3, 0])
    found = model.user_encoder(users, history_of(()).bags(users)).detach()
    reading = model.user_encoder.history
    gain, power = reading.log_gain.exp().item(), reading.power.item()
    rows = reading.readings.weight.detach()
    # User 1 has items 1 and 2, user 3 item 3, nobody has nothing; histories hold 2 on average.
    expected = [gain * (2 / 2) ** -power * (rows[1] + rows[2]), gain * 0.5**-power * rows[3]]
    torch.testing.assert_close(found[:2, 2:], torch.stack(expected))
    torch.testing.assert_close(found[:, :2], model.user_encoder.ids(users).detach())
    assert (found[2, 2:] == 0).all()


def test_an_item_counts_the_weight_of_its_event_in_the_sum_and_in_the_length(make_spec, scramble):
    spec = make_spec(dim=0, history_dim=3, events=("view", "buy"))
    model = scramble(build_model(spec, 1)).eval()
    reading = model.user_encoder.history
    with torch.no_grad():
        reading.event_weights.copy_(torch.tensor([0.5, 3.0]))
    user = torch.tensor([1])  # views items 1 and 2, buys item 2: a length of 4
    found = model.user_encoder(user, history_of(("view", "buy")).bags(user))[0]
    rows = reading.readings.weight
    factor = reading.log_gain.exp() * 2**-reading.power
    torch.testing.assert_close(found, factor * (0.5 * rows[1] + 3.5 * rows[2]))


def test_the_weights_of_events_learn_by_the_sum_alone(make_spec, scramble):
    """The length is no way for them: it would let a weight grow for the scale that it brings."""
    spec = make_spec(dim=0, history_dim=3, events=("view", "buy"))
    model = scramble(build_model(spec, 1)).eval()
    reading, user = model.user_encoder.history, torch.tensor([1])
    with torch.no_grad():
        reading.event_weights.copy_(torch.tensor([0.5, 3.0]))
    bags = history_of(("view", "buy")).bags(user)
    (gradient,) = torch.autograd.grad(reading(bags).sum(), reading.event_weights)
    rows = reading.readings.weight
    factor = reading.factors(bags)
    wanted = factor * torch.stack([(rows[1] + rows[2]).sum(), rows[2].sum()])
    torch.testing.assert_close(gradient, wanted)


def test_weights_of_events_start_at_one_so_a_start_is_that_of_all_rows_alike(make_spec):
    one, apart = (
        build_model(make_spec(dim=0, history_dim=3, events=events), 1)
        for events in HISTORIES.values()
    )
    user = torch.tensor([2])  # who meets no item twice
    torch.testing.assert_close(
        one.user_encoder(user, history_of(()).bags(user)),
        apart.user_encoder(user, history_of(("view", "buy")).bags(user)),
    )


def test_a_history_is_wanted_where_there_is_a_part_for_it(make_spec):
    model = build_model(make_spec(dim=2, history_dim=3), 1)
    with pytest.raises(ValueError, match="batches of whole users"):
        model.user_encoder(torch.tensor([1]), None)
    of_ids = build_model(make_spec(), 1)
    assert of_ids.user_encoder(torch.tensor([1]), None).shape == (1, 3)


def test_the_order_of_a_history_is_nothing_to_a_sum(make_spec, scramble):
    model = scramble(build_model(make_spec(dim=0, history_dim=3), 1)).eval()
    assert not model.user_encoder.reads_order
    one, turned = (Bags(torch.tensor(items), torch.tensor([3])) for items in ([1, 4, 2], [2, 1, 4]))
    user = torch.tensor([1])
    torch.testing.assert_close(model.user_encoder(user, one), model.user_encoder(user, turned))


def test_a_weight_of_two_reads_an_item_twice(make_spec, scramble):
    spec = make_spec(dim=0, history_dim=3, events=("view", "buy"))
    reading = scramble(build_model(spec, 1)).eval().user_encoder.history
    both = Bags(
        torch.tensor([1, 4]),
        torch.tensor([2]),
        events=torch.tensor([1, 0]),
        weights=torch.tensor([2.0, 1.0]),
    )
    rows, (of_view, of_buy) = reading.readings.weight, reading.event_weights
    wanted = reading.factors(both) * (2 * of_buy * rows[1] + of_view * rows[4])
    torch.testing.assert_close(reading(both)[0], wanted)


@pytest.mark.parametrize("told", HISTORIES.values(), ids=HISTORIES)
def test_a_history_reads_the_same_through_its_distinct_items(make_spec, scramble, told):
    model = scramble(build_model(make_spec(dim=2, history_dim=3, events=told), 1))
    users = torch.tensor([1, 2, 3])
    bags = history_of(told).bags(users)
    items, positions = bags.items.unique(return_inverse=True)
    reading = model.user_encoder.history
    of_bags = []
    for same in (bags, replace(bags, distinct=(items, positions))):
        embeddings = model.user_encoder(users, same)
        (gradient,) = torch.autograd.grad(embeddings.square().sum(), reading.readings.weight)
        of_bags.append((embeddings, gradient))
    torch.testing.assert_close(of_bags[1], of_bags[0])
