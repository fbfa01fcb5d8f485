"""What holds for every encoder of users, and the sum encoder by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from maxella.data.history import Bags, History
from maxella.data.interactions import Interactions
from maxella.model.build import USER_ENCODERS, build_model

# Of two events: users 1 and 2 do both, user 3 the first alone. Item 2 is met by both of user 1's.
FIRST = History.of(Interactions(np.array([1, 1, 2, 3]), np.array([1, 2, 4, 3])), 4, 5)
SECOND = History.of(Interactions(np.array([1, 2, 2]), np.array([2, 1, 3])), 4, 5)
SHAPES = {"ids": (3, 0), "histories": (0, 3), "both": (2, 3)}


@pytest.fixture(params=[(FIRST,), (FIRST, SECOND)], ids=["one channel", "two channels"])
def histories(request):
    return request.param


@pytest.fixture(params=SHAPES)
def make(request, make_spec, scramble, histories):
    def make(encoder):
        dim, history_dim = SHAPES[request.param]
        lengths = (2.0, 1.5)[: len(histories)]
        spec = make_spec(encoder=encoder, dim=dim, history_dim=history_dim, mean_histories=lengths)
        return scramble(build_model(spec, 1)).eval()

    return make


def bags_of(histories, users):
    return [history.bags(users) for history in histories]


EVERY = pytest.mark.parametrize("encoder", USER_ENCODERS)


@EVERY
def test_rows_and_histories_in_queries_out(make, histories, encoder):
    model = make(encoder)
    users = torch.tensor([3, 1, 0, 1])
    queries = model.user_encoder(users, bags_of(histories, users))
    assert queries.shape == (4, model.user_encoder.dim) == (4, model.item_encoder.dim)
    assert torch.equal(queries[1], queries[3])
    for position, user in enumerate(users):
        alone = model.user_encoder(user[None], bags_of(histories, user[None]))
        torch.testing.assert_close(alone[0], queries[position])
    none = users[:0]
    assert model.user_encoder(none, bags_of(histories, none)).shape == (0, model.user_encoder.dim)


@EVERY
def test_of_an_unknown_user_without_a_history_the_query_is_zeros(make, histories, encoder):
    nobody = torch.tensor([0, 0])
    assert not make(encoder).user_encoder(nobody, bags_of(histories, nobody)).any()


@EVERY
def test_leading_dimensions_are_the_ids_alone(make, histories, encoder):
    model = make(encoder)
    users, width = torch.tensor([1, 2]), model.user_encoder.id_dim
    queries = model.user_encoder(users, bags_of(histories, users))
    others = model.user_encoder(users, bags_of(histories, users.flip(0)))
    unknown = model.user_encoder(torch.tensor([0, 0]), bags_of(histories, users))
    assert torch.equal(queries[:, :width], others[:, :width])
    assert not unknown[:, :width].any()
    torch.testing.assert_close(unknown[:, width:], queries[:, width:])


@EVERY
def test_every_table_by_row_is_named_and_learns(make, histories, encoder):
    model = make(encoder)
    users = torch.tensor([1, 2, 3])
    model.user_encoder(users, bags_of(histories, users)).square().sum().backward()
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
def test_a_self_contribution_is_what_the_score_loses_without_the_pair(make, histories, encoder):
    """By channel, at the same length of the history: an encoder that can't tell says nothing."""
    model = make(encoder)
    users, items = torch.tensor([1, 2, 3]), torch.arange(5)
    bags = bags_of(histories, users)
    embeddings = model.item_encoder(items)
    found = model.user_encoder.self_contributions(bags, items, embeddings)
    if found is None:
        assert model.user_encoder.id_dim == model.user_encoder.dim
        return
    assert len(found) == len(histories)
    with torch.no_grad():
        scores = model.user_encoder(users, bags) @ embeddings.T
        for channel, one in enumerate(bags):
            assert found[channel].shape == one.items.shape
            owners = torch.arange(3).repeat_interleave(one.counts)
            for place, (owner, item) in enumerate(zip(owners, one.items, strict=True)):
                # The item in the pair's place is the unknown one, which reads as nothing.
                rest = one.items.clone()
                rest[place] = 0
                without = [*bags[:channel], replace(one, items=rest), *bags[channel + 1 :]]
                left = model.user_encoder(users, without) @ embeddings.T
                lost = scores[owner, item] - left[owner, item]
                torch.testing.assert_close(found[channel][place], lost, rtol=1e-4, atol=1e-5)


def test_a_history_part_is_a_scaled_sum_of_readings(make_spec, scramble):
    model = scramble(build_model(make_spec(dim=2, history_dim=3), 1)).eval()
    users = torch.tensor([1, 3, 0])
    found = model.user_encoder(users, [FIRST.bags(users)]).detach()
    (reading,) = model.user_encoder.history
    gain, power = reading.log_gain.exp().item(), reading.power.item()
    rows = reading.readings.weight.detach()
    # User 1 has items 1 and 2, user 3 item 3, nobody has nothing; histories hold 2 on average.
    expected = [gain * (2 / 2) ** -power * (rows[1] + rows[2]), gain * 0.5**-power * rows[3]]
    torch.testing.assert_close(found[:2, 2:], torch.stack(expected))
    torch.testing.assert_close(found[:, :2], model.user_encoder.ids(users).detach())
    assert (found[2, 2:] == 0).all()


def test_readings_of_channels_add_up(make_spec, scramble):
    spec = make_spec(dim=2, history_dim=3, mean_histories=(2.0, 1.5))
    model = scramble(build_model(spec, 1)).eval()
    users = torch.tensor([1, 2, 3])
    bags = bags_of((FIRST, SECOND), users)
    first, second = (part(one) for part, one in zip(model.user_encoder.history, bags, strict=True))
    torch.testing.assert_close(model.user_encoder(users, bags)[:, 2:], first + second)
    with pytest.raises(ValueError, match="zip"):
        model.user_encoder(users, bags[:1])


def test_the_order_of_a_history_is_nothing_to_a_sum(make_spec, scramble):
    model = scramble(build_model(make_spec(dim=0, history_dim=3), 1)).eval()
    assert not model.user_encoder.reads_order
    one, turned = (Bags(torch.tensor(items), torch.tensor([3])) for items in ([1, 4, 2], [2, 1, 4]))
    user = torch.tensor([1])
    torch.testing.assert_close(model.user_encoder(user, [one]), model.user_encoder(user, [turned]))


def test_a_weight_of_two_reads_an_item_twice(make_spec, scramble):
    model = scramble(build_model(make_spec(dim=0, history_dim=3), 1)).eval()
    (reading,) = model.user_encoder.history
    weighted = Bags(torch.tensor([1, 4]), torch.tensor([2]), weights=torch.tensor([2.0, 1.0]))
    rows = reading.readings.weight
    torch.testing.assert_close(
        reading(weighted)[0], reading.factors(torch.tensor([2])) * (2 * rows[1] + rows[4])
    )


def test_a_history_reads_the_same_through_its_distinct_items(make_spec, scramble):
    model = scramble(build_model(make_spec(dim=2, history_dim=3), 1))
    users = torch.tensor([1, 2, 3])
    bags = FIRST.bags(users)
    items, positions = bags.items.unique(return_inverse=True)
    (reading,) = model.user_encoder.history
    of_bags = []
    for same in (bags, replace(bags, distinct=(items, positions))):
        embeddings = model.user_encoder(users, [same])
        (gradient,) = torch.autograd.grad(embeddings.square().sum(), reading.readings.weight)
        of_bags.append((embeddings, gradient))
    torch.testing.assert_close(of_bags[1], of_bags[0])
    met = model.item_encoder(torch.arange(5))
    (whole,) = model.user_encoder.self_contributions([bags], torch.arange(5), met)
    through = replace(bags, distinct=(items, positions))
    (found,) = model.user_encoder.self_contributions([through], items, met[items])
    torch.testing.assert_close(found, whole)
