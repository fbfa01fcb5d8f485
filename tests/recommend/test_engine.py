"""Lists by row, and users whom training did not have, read from what they did."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.data.contexts import read_contexts
from maxella.data.dataset import TaskLabels, build_dataset
from maxella.data.interactions import Interactions
from maxella.data.split import split_interactions
from maxella.model.build import ModelSpec, build_model
from maxella.model.head import HeadSpec
from maxella.recommend.bundle import load_bundle
from maxella.recommend.engine import Engine
from maxella.training.closed_form_start import ClosedFormStart

HEADS = (
    HeadSpec("retrieval", "dot_product"),
    HeadSpec("rating", "dot", mean=3.0, levels=(1.0, 2.0, 3.0, 4.0, 5.0)),
)


@pytest.fixture(scope="module")
def dataset():
    """60 users with half of 20 items each, more of the ten that their kind likes."""
    rng = np.random.default_rng(3)
    likes = np.where(np.arange(60)[:, None] % 2 == np.arange(20) // 10, 0.8, 0.2)
    users, items = np.nonzero(rng.random((60, 20)) < likes)
    order = np.lexsort((items, users))
    table = pl.DataFrame({"user_id": users[order], "item_id": items[order]}).cast(pl.String)
    split = split_interactions(table, kind="none", test=0, validation=0, seed=0)
    ones = np.ones(len(table), dtype=np.float32)
    none = np.full(len(table), np.nan, dtype=np.float32)
    tasks = {"retrieval": TaskLabels(ones), "rating": TaskLabels(none)}
    return build_dataset(table, split, tasks)


@pytest.fixture(params=[(4, 0), (0, 3), (4, 3)], ids=["ids", "history", "both"])
def model(request, dataset):
    dim, history_dim = request.param
    model = build_model(ModelSpec(61, 21, "sum", dim, history_dim, (), 10.0, 0.05, HEADS), 1).eval()
    ClosedFormStart("retrieval", 2, torch.device("cpu"))(model, dataset)
    return model


def newcomers(log, users, rating=None):
    """What these users did, who are now called 1, 2, ...; all that each rates gets one rating."""
    parts = [log.rows.items[log.rows.users == user] for user in users]
    rows = np.repeat(np.arange(1, len(users) + 1), [len(part) for part in parts])
    given = np.array(rating or [np.nan] * len(users), dtype=np.float32)[rows - 1]
    labels = {"retrieval": np.ones(len(rows), dtype=np.float32), "rating": given}
    other = Interactions(rows, np.concatenate(parts), labels)
    return type(log)(other, len(users) + 1, log.n_item_rows, log.events, log.keeps)


def scores(engine, *users):
    return engine.answers("retrieval").score(torch.tensor(users))


def test_a_newcomer_is_read_like_the_user_of_training_with_that_history(model, dataset):
    trained = Engine.of(model, dataset.known)
    new = trained.of_newcomers(newcomers(dataset.known, [9, 4]))
    wanted = scores(trained, 9, 4)
    torch.testing.assert_close(scores(new, 1, 2), wanted, atol=0.05, rtol=0)
    assert wanted.std() > 0.8  # so that .05 is little
    assert new.knows.tolist() == [False, True, True]


def test_a_newcomer_is_read_alike_alone_and_among_others(model, dataset):
    engine = Engine.of(model, dataset.known)
    together = engine.of_newcomers(newcomers(dataset.known, [9, 4, 1], [1, 5, 3]))
    alone = engine.of_newcomers(newcomers(dataset.known, [4], [5]))
    torch.testing.assert_close(scores(together, 2), scores(alone, 1))
    pair = torch.tensor([2]), torch.tensor([7])
    found = together.answers("rating").predict(*pair)
    torch.testing.assert_close(found, alone.answers("rating").predict(torch.tensor([1]), pair[1]))


def test_for_whom_nothing_is_known_items_score_as_often_as_they_were_picked(model, dataset):
    picks = torch.bincount(torch.from_numpy(dataset.known.rows.items), minlength=21).float()
    engine = Engine.of(model, dataset.known, torch.arange(61) < 40)
    stranger = newcomers(dataset.known, [1])
    stranger = type(stranger)(stranger.rows, 3, 21)
    nobody = engine.of_newcomers(stranger)
    for asked, row in ((engine, 0), (nobody, 0), (nobody, 2)):
        assert torch.equal(scores(asked, row)[0], picks)
        assert not asked.knows[row]


def test_whom_training_lacked_is_read_from_what_is_known(model, dataset):
    # Whatever stands in the row of user 9 was not learnt.
    if model.user_encoder.ids is not None:
        with torch.no_grad():
            model.user_encoder.ids.table.weight[9] = 100.0
    trained, log = torch.arange(61) != 9, dataset.known
    engine = Engine.of(model, log, trained)
    newcomer = engine.of_newcomers(newcomers(log, [9]))
    torch.testing.assert_close(scores(engine, 9), scores(newcomer, 1))
    assert engine.knows[1:].all()
    unheard_of = Engine.of(model, log.of(log.rows.take(log.rows.users != 9)), trained)
    assert unheard_of.knows.logical_not().nonzero().squeeze(1).tolist() == [0, 9]


def test_a_newcomer_is_rated_by_the_ratings_they_gave(model, dataset):
    with torch.no_grad():
        model.heads["rating"].user_link.weight.zero_()
    engine, asked = (
        Engine.of(model, dataset.known),
        (torch.tensor([1, 2, 3]), torch.tensor([20] * 3)),
    )
    rated = newcomers(dataset.known, [9, 9, 9], [np.nan, 1.0, 5.0])
    found = engine.of_newcomers(rated).answers("rating").predict(*asked)
    plain = (
        engine.of_newcomers(newcomers(dataset.known, [9, 9, 9])).answers("rating").predict(*asked)
    )
    # The first gave no rating, so nothing is known but what they took.
    assert found[0] == plain[0]
    assert found[1] < plain[1] - 0.5
    assert found[2] > plain[2] + 0.5


def test_a_newcomer_s_rating_leans_on_no_row_of_training(model, dataset):
    with torch.no_grad():
        model.heads["rating"].user_biases.weight[1] = 2.0  # of user 1, not of newcomer 1
    engine, pair = Engine.of(model, dataset.known), (torch.tensor([1]), torch.tensor([5]))
    new = engine.of_newcomers(newcomers(dataset.known, [1]))
    gap = engine.answers("rating").predict(*pair) - new.answers("rating").predict(*pair)
    assert gap.item() == pytest.approx(2.0, abs=0.1)


def test_the_penalty_on_seen_items_is_in_the_scores_of_a_raw_list_alone(dataset):
    facts = 61, 21, "sum", 3, 3, (), 10.0, 0.5, HEADS
    without, with_part = (build_model(ModelSpec(*facts, dim), seed=1).eval() for dim in (0, 5))
    plain, engine = (
        Engine.of(one, dataset.known).answers("retrieval") for one in (without, with_part)
    )
    everyone = torch.arange(61)
    assert plain.raw_ranker is None
    assert torch.equal(engine.score(everyone), plain.score(everyone))
    part = with_part.seen_penalty
    with torch.no_grad():
        bags = dataset.known.history().bags(everyone)
        added = part.users(bags) @ part.items.table.weight.T
    raw = engine.raw_ranker
    torch.testing.assert_close((raw.score(everyone) - plain.score(everyone))[1:], added[1:])
    assert raw.raw_ranker is None
    pairs = torch.tensor([3, 8]), torch.tensor([2, 20])
    torch.testing.assert_close(raw.score_pairs(*pairs), raw.score(pairs[0])[[0, 1], pairs[1]])


def test_a_ranking_that_reads_the_latest_most_is_asked_nothing_by_time(dataset):
    heads = (replace(HEADS[0], uses_time="past"), HEADS[1])
    model = build_model(ModelSpec(61, 21, "sum", 3, 3, (), 10.0, 0.5, heads), seed=1).eval()
    log = dataset.known
    timed = log.of(replace(log.rows, timestamps=np.arange(len(log))))
    assert not Engine.of(model, timed).answers("retrieval").rates_by_time


@settings(deadline=None, max_examples=60)
@given(
    pairs=st.sets(st.tuples(st.integers(1, 4), st.integers(1, 6))).map(sorted),
    asked=st.lists(st.integers(0, 4), max_size=5),
    k=st.integers(1, 9),
    exclude=st.sampled_from([None, "labels", "visited"]),
    allow=st.none() | st.lists(st.integers(0, 6), max_size=6),
    deny=st.none() | st.lists(st.integers(0, 6), max_size=3),
)
def test_everyone_gets_k_items_or_all_that_are_left(
    toy_engine, pairs, asked, k, exclude, allow, deny
):
    rng = torch.Generator().manual_seed(0)
    embeddings = [torch.randn(n, 2, generator=rng).tolist() for n in (5, 7)]
    engine = toy_engine(*embeddings, pairs)
    users = torch.tensor(asked, dtype=torch.int64)
    rows = {"allow": allow, "deny": deny}
    rows = {name: None if of is None else torch.tensor(of).long() for name, of in rows.items()}
    found = engine.recommend("retrieval", users, k, exclude=exclude, **rows)
    by_score = engine.answers("retrieval").score(users)
    lists = zip(found.positions.tolist(), found.ranks.tolist(), found.items.tolist(), strict=True)
    for position, user in enumerate(asked):
        left = set(range(1, 7)) if allow is None else set(allow) - {0}
        left -= set(deny or ())
        left -= {item for of, item in pairs if of == user} if exclude else set()
        best = sorted(left, key=lambda i, at=position: (-by_score[at, i].item(), i))[:k]
        for rank, item in enumerate(best, start=1):
            assert next(lists) == (position, rank, item)
    assert next(lists, None) is None


def test_visited_items_are_left_out_whatever_the_event(toy_engine):
    embeddings = [[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0]] + [[float(i), 0.0] for i in range(5, 0, -1)]
    engine = toy_engine(*embeddings, [(1, 1), (1, 2)], events=["buy", "view"])
    with torch.no_grad():
        engine.known.rows.labels["retrieval"][1] = np.nan  # a view is no label
    found = [
        engine.recommend("retrieval", torch.tensor([1]), 9, exclude=exclude).items.tolist()
        for exclude in (None, "labels", "visited")
    ]
    assert found == [[1, 2, 3, 4, 5], [2, 3, 4, 5], [3, 4, 5]]


def test_a_blend_is_the_weighted_sum_of_standardised_answers(shop):
    engine = load_bundle(shop).engine()
    users, blend = torch.tensor([3, 0, 7]), {"buy": 1.0, "stars": 0.5, "liked": -2.0}
    found = engine.recommend(blend, users, 4, n_candidates=6, exclude=None)
    ranked = engine.recommend("buy", users, 6, exclude=None)
    for position, user in enumerate(users.tolist()):
        items = ranked.items[ranked.positions == position]
        of_users = torch.full_like(items, user)
        total = 0.0
        for task, weight in blend.items():
            answers = engine.answers(task).of_pairs(of_users, items).double()
            total = total + weight * (answers - answers.mean()) / answers.std(correction=0)
        best = total.sort(descending=True)
        mine = found.positions == position
        assert found.items[mine].tolist() == items[best.indices[:4]].tolist()
        torch.testing.assert_close(found.scores[mine], best.values[:4].float())
    assert found.is_known.tolist() == [True] * 4 + [False] * 4 + [True] * 4


def test_what_answers_pairs_re_ranks_the_candidates_of_the_first_task_that_ranks(shop):
    engine, users = load_bundle(shop).engine(), torch.tensor([3])
    found = engine.recommend({"stars": 1.0}, users, 5, n_candidates=5, exclude=None)
    ranked = engine.recommend("buy", users, 5, exclude=None)
    assert sorted(found.items.tolist()) == sorted(ranked.items.tolist())
    stars = engine.answers("stars").predict(users.expand(5), found.items)
    assert stars.tolist() == sorted(stars.tolist(), reverse=True)


def test_a_constant_answer_moves_nothing(toy_engine):
    embeddings = [[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [1.0, 0.0], [1.0, 0.0]]
    found = toy_engine(*embeddings, []).recommend({"retrieval": 3.0}, torch.tensor([1]), 2)
    assert (found.items.tolist(), found.scores.tolist()) == ([1, 2], [0.0, 0.0])


SERVE = """
import sys
import polars as pl
from maxella.recommend.bundle import load
model = load(sys.argv[1])
rows = {"user_id": ["n", "n"], "item_id": ["i1", "i2"], "event": ["buy", "view"]}
rows["rating"] = [4, None]
newcomers = model.for_newcomers(pl.DataFrame(rows))
assert newcomers.recommend(["n"], 3)["source"].to_list() == ["model"] * 3
for room in ("maxella.training", "maxella.experiment", "torch._dynamo"):
    assert not [name for name in sys.modules if name.startswith(room)], room
"""


def test_serving_loads_neither_training_nor_a_compiler(shop):
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(shop)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("task", ["buy", "view"])
@pytest.mark.parametrize("in_context", [False, True])
def test_a_pair_scores_as_it_does_among_all_items(shop, task, in_context):
    bundle = load_bundle(shop)
    asked = pl.DataFrame({"device": ["phone", "desk"]})
    contexts = read_contexts(bundle.features.context, asked)
    answers = bundle.engine(contexts).answers(task)
    users, items = torch.arange(31), torch.arange(16)
    at = (users % 3) if in_context else None  # in no context, by phone and at a desk
    every = answers.score(users, at)
    u, i = torch.cartesian_prod(users, items).T
    found = answers.score_pairs(u, i, None if at is None else at[u])
    torch.testing.assert_close(found.view(31, 16), every)
    assert (answers._visited is not None) == (task == "buy")  # the goal scores visits by themselves
    if task == "buy":
        own = answers._visited
        without = (answers._vectors[0] @ answers._vectors[1].T)[own.keys // 16, own.keys % 16]
        assert not torch.allclose(own.scores, without, atol=0.01)
