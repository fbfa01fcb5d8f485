"""What a head finds out about newcomers from their labels alone: the minimum of its own loss."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.data.entity_features import Features
from maxella.model import newton, ordinal_head
from maxella.model.head import EmbeddedPairs, HeadShape, PairHead, Targets
from maxella.model.heads import HEADS
from maxella.model.newton import Point, minimise
from maxella.seeds import torch_generator

STARS = (1.0, 2.0, 3.0, 4.0, 5.0)
N_ITEMS, DIM = 30, 3


def make_head(name, *, members=1, levels=STARS, scale=0.3, seed=1, n_users=6):
    """Every weight drawn anew; in double precision, so that figures can be compared closely."""
    generator = torch_generator(seed, "test")
    mean = sum(levels) / len(levels)
    shape = HeadShape(
        task="task",
        head=name,
        factors=4,
        members=members,
        levels=levels,
        mean=mean,
        item_biases=True,
        n_user_rows=n_users,
        n_item_rows=N_ITEMS,
        dim=DIM,
        generator=generator,
        features=Features(),
    )
    head = HEADS[name].make(shape).double().eval()
    with torch.no_grad():
        for key, weight in head.named_parameters():
            weight.add_(scale * torch.randn(weight.shape, generator=generator))
            if key.endswith("link_log_variances"):
                weight.add_(7.0)  # from next to nothing to about .03
        for name_of_buffer, buffer in head.named_buffers():
            if name_of_buffer.endswith("norm"):
                buffer.fill_(1.0)
    return head


PAIR_HEADS = [name for name in HEADS if isinstance(make_head(name), PairHead)]


def user_tables(head):
    return {name: one.table for name, one in head.row_tables().items() if one.side == "user"}


def make_pairs(*counts, seed=4, offsets=False):
    """User rows 1, 3, 4, ... with these numbers of labels, in double precision."""
    generator = torch_generator(seed, "test")
    users = torch.tensor([1, 3, 4, 5][: len(counts)])
    of_users = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    drawn = torch.randint(0, N_ITEMS, (sum(counts),), generator=generator)
    items, of_items = drawn.unique(return_inverse=True)
    u = torch.randn(4, DIM, generator=generator).double()[: len(counts)]
    v = torch.randn(N_ITEMS, DIM, generator=generator).double()[items]
    added = torch.randn(sum(counts), generator=generator).double() if offsets else None
    return EmbeddedPairs(u, v, users, items, of_users, of_items, added)


def make_labels(head, n, seed=5):
    levels = head.levels if len(head.levels) else torch.tensor(STARS)
    if head.user_damping != 1.0:  # not logistic
        return levels[
            torch.randint(0, len(levels), (n,), generator=torch_generator(seed, "l"))
        ].double()
    return torch.randint(0, 2, (n,), generator=torch_generator(seed, "l")).double()


def objective(head, pairs, labels):
    value = head.loss(pairs, Targets(labels, expected=1.0, share=0.0))
    squares = sum(one.weight[pairs.users].square().sum() for one in user_tables(head).values())
    return value + head.user_damping * squares


def by_lbfgs(head, pairs, labels):
    """The slow reference: hundreds of passes over the loss, each part of a head for itself."""
    head = copy.deepcopy(head)
    for part in getattr(head, "heads", [head]):
        weights = [table.weight for table in user_tables(part).values()]
        with torch.no_grad():
            for weight in weights:
                weight[pairs.users] = 0.0
        steps = {"max_iter": 500, "history_size": 40, "tolerance_grad": 1e-9}
        steps |= {"tolerance_change": 1e-13, "line_search_fn": "strong_wolfe"}
        optimiser = torch.optim.LBFGS(weights, **steps)

        def loss(part=part, weights=weights, optimiser=optimiser):
            value = objective(part, pairs, labels)
            for weight, gradient in zip(weights, torch.autograd.grad(value, weights), strict=True):
                weight.grad = gradient
            return value

        optimiser.step(loss)
    return head


def fitted(head, pairs, labels):
    head = copy.deepcopy(head)
    head.fit_users(pairs, labels)
    return head


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("offsets", [False, True])
@pytest.mark.parametrize("name", sorted(set(PAIR_HEADS) - {"mlp"}))
def test_it_is_the_minimum_of_the_loss(name, offsets, members):
    head, pairs = make_head(name, members=members), make_pairs(12, 1, 5, offsets=offsets)
    labels = make_labels(head, 18)
    slow, fast = by_lbfgs(head, pairs, labels), fitted(head, pairs, labels)
    with torch.no_grad():
        torch.testing.assert_close(fast(pairs), slow(pairs), atol=1e-3, rtol=0)
        assert objective(fast, pairs, labels) <= objective(slow, pairs, labels) + 1e-4
        assert objective(fast, pairs, labels) < objective(head, pairs, labels)


@pytest.mark.parametrize("name", PAIR_HEADS)
def test_only_the_rows_of_the_users_move_and_none_moves_another_s(name):
    head, pairs = make_head(name), make_pairs(7, 4)
    labels = make_labels(head, 11)
    both = fitted(head, pairs, labels)
    second = EmbeddedPairs(
        pairs.user_embeddings[1:],
        pairs.item_embeddings,
        pairs.users[1:],
        pairs.items,
        pairs.user_positions[7:] - 1,
        pairs.item_positions[7:],
    )
    alone = fitted(head, second, labels[7:])
    of_users = {f"{name.replace(' ', '.')}.weight" for name in user_tables(head)}
    before, found, single = (one.state_dict() for one in (head, both, alone))
    for key, weight in found.items():
        if key not in of_users:
            assert torch.equal(weight, before[key]), key
        elif weight.shape[1]:
            assert torch.equal(weight[[0, 2, 4, 5]], before[key][[0, 2, 4, 5]]), key
            assert not torch.equal(weight[1], before[key][1]), key
            torch.testing.assert_close(weight[3], single[key][3], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", sorted(set(PAIR_HEADS) - {"mlp"}))
def test_what_was_held_of_them_before_does_not_matter(name):
    one, pairs = make_head(name), make_pairs(6, 3)
    other = copy.deepcopy(one)
    with torch.no_grad():
        for table in user_tables(other).values():
            table.weight[pairs.users] = 7.0
    labels = make_labels(one, 9)
    one, other = fitted(one, pairs, labels), fitted(other, pairs, labels)
    with torch.no_grad():
        torch.testing.assert_close(one(pairs), other(pairs))


def test_a_dot_head_finds_damped_means():
    head, pairs = make_head("dot"), make_pairs(3, 1)
    labels = make_labels(head, 4)
    with torch.no_grad():
        head.user_biases.weight[pairs.users] = 0.0
        left = labels - head(pairs)
        wanted = torch.stack([left[:3].sum() / (3 + 5), left[3] / (1 + 5)])
        found = fitted(head, pairs, labels).user_biases.weight[pairs.users, 0]
        torch.testing.assert_close(found, wanted)


def test_a_variational_head_finds_the_posterior():
    # For given items the bound of one user and member is quadratic in x = (bias, factors).
    head, pairs = make_head("variational"), make_pairs(8)
    labels = make_labels(head, 8)
    found = fitted(head, pairs, labels)
    with torch.no_grad():
        items = head.factors(pairs)[1]
        n, t = items.means[pairs.item_positions], items.variances()[pairs.item_positions]
        w = head.user_link(pairs.user_embeddings)[0]
        precision = (-head.log_noise).exp()
        f, spread = (torch.nn.functional.pad(x, (1, 0), value=v) for x, v in ((n, 1.0), (t, 0.0)))
        prior = (-torch.cat([head.user_bias_log_prior, head.user_log_prior])).exp()
        bend = precision * (f.T @ f + spread.sum(dim=0).diag()) + prior.diag()
        item_biases = head.item_biases.weight[pairs.items[pairs.item_positions], 0]
        left = labels - head.mean - item_biases - n @ w
        pull = f.T @ left - spread.sum(dim=0) * torch.cat([torch.zeros(1), w])
        means = torch.linalg.solve(bend, precision * pull)
        of_user = torch.cat([found.user_biases.weight[1], found.user_factors.weight[1]])
        torch.testing.assert_close(of_user, means)
        logs = (found.user_bias_log_variances, found.user_log_variances)
        variances = torch.cat([table.weight[1].exp() for table in logs])
        torch.testing.assert_close(variances, 1 / bend.diagonal())


@pytest.mark.parametrize("n", [1, 50, 3000])
@pytest.mark.parametrize("levels", [(3.0,), (0.0, 1.0), STARS])
@pytest.mark.parametrize("scale", [0.05, 1.0])
@pytest.mark.parametrize("name", ["variational", "ordinal", "mixed", "dot", "logistic"])
def test_labels_that_are_all_one_are_no_trouble(name, levels, scale, n):
    head, pairs = make_head(name, levels=levels, scale=scale).float(), make_pairs(n)
    pairs = EmbeddedPairs(
        pairs.user_embeddings.float(),
        pairs.item_embeddings.float(),
        *list(vars(pairs).values())[2:6],
    )
    answers = []
    for label in (min(levels), max(levels)):
        is_high = float(label > min(levels))
        labels = torch.full((n,), is_high if name == "logistic" else label)
        found = fitted(head, pairs, labels)
        with torch.no_grad():
            assert objective(found, pairs, labels).isfinite()
            answers.append(found(pairs))
            assert answers[-1].isfinite().all()
            assert all(table.weight.isfinite().all() for table in user_tables(found).values())
    if len(levels) > 1:
        assert answers[1].mean() > answers[0].mean() + (0.5 if n > 1 else 0) * (max(levels) - 1) / 4


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    scale=st.sampled_from([0.1, 0.5, 1.5]),
)
def test_an_ordinal_head_is_left_where_no_step_helps(seed, counts, scale):
    # However wild the head: the gradient of its own loss, by autograd, is nearly zero.
    head, pairs = make_head("ordinal", scale=scale, seed=seed), make_pairs(*counts, seed=seed)
    labels = make_labels(head, sum(counts), seed)
    found = fitted(head, pairs, labels)
    weights = [table.weight for table in user_tables(found).values()]
    for gradient in torch.autograd.grad(objective(found, pairs, labels), weights):
        assert gradient[pairs.users].abs().max() < 0.05 * (1 + max(counts))


def test_users_are_grouped_by_how_much_they_gave_and_no_label_is_lost():
    counts = [1, 40, 3, 3]
    pairs = make_pairs(*counts)
    seen = {}
    for group in pairs.user_groups():
        n = group.given.shape[1]
        for user, own, mask in zip(group.users.tolist(), group.pairs, group.given, strict=True):
            assert n / 2 < mask.sum() <= n
            seen[user] = own[mask > 0].tolist()
    begins = [0, 1, 41, 44]
    assert seen == {
        user: list(range(begin, begin + count))
        for user, (begin, count) in enumerate(zip(begins, counts, strict=True))
    }


def test_newton_finds_every_minimum_whatever_the_others_do():
    calls = []

    def quartic(x):
        """(x² − a)² with a = 4 and a hill at 0, and a parabola about 3."""
        calls.append(len(x))
        a, x = x[0, 0], x[1, 0]
        values = torch.stack([(a**2 - 4) ** 2, (x - 3) ** 2])
        slopes = torch.stack([4 * a * (a**2 - 4), 2 * (x - 3)])[:, None]
        bends = torch.stack([12 * a**2 - 16, torch.tensor(2.0).double()])[:, None, None]
        return Point(values, slopes, bends, bends.abs() + 1)

    found = minimise(quartic, torch.tensor([[0.1], [50.0]]).double())
    torch.testing.assert_close(
        found[:, 0].abs(), torch.tensor([2.0, 3.0]).double(), atol=1e-3, rtol=0
    )
    assert len(calls) < newton._MOST_STEPS / 2


@pytest.mark.parametrize("members", [1, 2])
@pytest.mark.parametrize("levels", [(2.0,), (0.0, 1.0), STARS])
def test_the_derivatives_of_the_ordinal_bound_are_those_of_its_values(levels, members):
    head, pairs = make_head("ordinal", levels=levels, members=members), make_pairs(5, 4)
    labels = make_labels(head, 9)
    asked = []

    def keep(bound, start):
        asked.append((bound, start))
        return start

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ordinal_head, "minimise", keep)
        head.fit_users(pairs, labels)
    [(bound, start)] = asked
    x = 0.3 * torch.randn(start.shape, generator=torch_generator(8, "test")).double()
    point = bound(x)
    gradients = torch.autograd.functional.jacobian(lambda at: bound(at).values.sum(), x)
    bends = torch.autograd.functional.hessian(lambda at: bound(at).values.sum(), x)
    torch.testing.assert_close(point.gradients, gradients)
    for user in range(2):
        torch.testing.assert_close(point.curvatures[user], bends[user, :, user])
    assert (torch.linalg.eigvalsh(point.convex) > 0).all()
