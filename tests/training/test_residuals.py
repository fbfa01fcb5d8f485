"""What ratings leave over is believed as far as it tells others, and moves nothing else."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from maxella.data.entity_features import EntityFeatures, Features
from maxella.features.feature_set import FeatureSpec
from maxella.features.id import Vocabulary
from maxella.model.build import build_model
from maxella.model.residual_part import ITEMS, TIME
from maxella.recommend.engine import Engine
from maxella.recommend.residuals import covariance_of
from maxella.training.residuals import Residuals

USERS, N_ITEMS, PER_USER = 80, 20, 12


def data_of(dataset_of, picks_of, ratings, seed=1):
    """Everyone rates twelve items, nine of them for training; `ratings`: (user, items) → theirs."""
    rng = np.random.default_rng(seed)
    items = np.stack([rng.permutation(N_ITEMS)[:PER_USER] + 1 for _ in range(USERS)])
    users = np.repeat(np.arange(1, USERS + 1)[:, None], PER_USER, axis=1)
    given = np.stack([ratings(user, of, rng) for user, of in enumerate(items)]).astype(np.float32)
    order = np.argsort(rng.random(items.shape), axis=1)  # which of them train; times as they stand
    parts = []
    for columns in (np.sort(order[:, :9], axis=1), np.sort(order[:, 9:], axis=1)):
        of = [np.take_along_axis(one, columns, axis=1).ravel() for one in (users, items, given)]
        log = picks_of(*of[:2], (USERS + 1, N_ITEMS + 1), of[2])
        parts.append(log.of(replace(log.rows, timestamps=columns.ravel())))
    return replace(dataset_of(parts[0]), validation=parts[1])


def by_group(user, items, rng):
    """Each user likes the one half of the items and not the other, whatever their prediction."""
    del rng
    return 3 + np.where((items > N_ITEMS // 2) == user % 2, 1, -1)


def by_chance(user, items, rng):
    del user
    return rng.integers(1, 6, len(items))


def by_mood(user, items, rng):
    """The one half of what a user rates is rated high, the other low."""
    del rng
    return 3 + np.where((np.arange(len(items)) < len(items) // 2) == user % 2, 1, -1)


@pytest.fixture
def make_model(make_spec):
    """All ratings are predicted to be 3; embeddings tell the halves of the items apart."""

    def make(head="dot", **facts):
        shape = {"n_user_rows": USERS + 1, "n_item_rows": N_ITEMS + 1, "dim": 2}
        spec = make_spec(head, **shape, **{"residual_process": True, "uses_time": None, **facts})
        made = build_model(spec, 1).eval()
        halves = torch.where(torch.arange(N_ITEMS + 1) > N_ITEMS // 2, 1.0, -1.0)
        with torch.no_grad():
            made.item_encoder.table.weight[:] = torch.stack([halves, 0 * halves], dim=1)
            made.user_encoder.ids.table.weight.zero_()
        return made

    return make


def error(model, data):
    """RMSE on the validation part."""
    pairs = data.validation.pairs("rating")
    asked = torch.from_numpy(pairs.users), torch.from_numpy(pairs.items)
    answers = Engine.of(model, data.train).answers("rating")
    found = answers.predict(*asked, pairs.timestamps).numpy()
    return float(np.sqrt(np.mean((found - pairs.labels) ** 2)))


def test_what_similar_items_got_is_believed(dataset_of, picks_of, make_model):
    data, model = data_of(dataset_of, picks_of, by_group), make_model()
    before = {name: of.clone() for name, of in model.state_dict().items()}
    stage = Residuals("rating", picks_are_learnt=True)
    stage(model, data)
    assert stage.facts == {"items": 2.0}
    assert error(model, data) < 0.5
    moved = [n for n, of in model.state_dict().items() if not torch.equal(of, before[n])]
    assert moved == ["residuals.rating.amplitudes"]


def test_chance_is_not_believed(dataset_of, picks_of, make_model):
    data, model = data_of(dataset_of, picks_of, by_chance), make_model(uses_time="around")
    stage = Residuals("rating", picks_are_learnt=True)
    stage(model, data)
    assert stage.facts == {"items": 0.0, "time": 0.0}
    without = make_model(residual_process=False)
    assert error(model, data) == error(without, data)


def test_how_users_rate_for_a_while_is_believed(dataset_of, picks_of, make_model):
    data = data_of(dataset_of, picks_of, by_mood)
    model = make_model(uses_time="around")
    stage = Residuals("rating", picks_are_learnt=True)
    stage(model, data)
    assert stage.facts["items"] == 0.0
    assert stage.facts["time"] > 0
    timeless = make_model(residual_process=False)
    assert error(model, data) < error(timeless, data) - 0.05


def test_without_a_validation_part_it_is_believed_as_usual(dataset_of, picks_of, make_model):
    data = data_of(dataset_of, picks_of, by_group)
    data = replace(data, validation=data.validation.of(data.validation.rows.take(np.arange(0))))
    model = make_model(uses_time="past")
    stage = Residuals("rating", picks_are_learnt=True)
    stage(model, data)
    assert stage.facts == {"items": 1.0, "time": 1.0}
    found = model.residuals["rating"].amplitudes.tolist()
    assert found == pytest.approx([*ITEMS, TIME])


def test_embeddings_that_no_picks_have_taught_say_nothing(dataset_of, picks_of, make_model):
    data, model = data_of(dataset_of, picks_of, by_group), make_model()
    Residuals("rating", picks_are_learnt=False)(model, data)
    assert error(model, data) == error(make_model(residual_process=False), data)


@pytest.mark.parametrize("head", ["variational", "ordinal", "mixed"])
def test_tastes_tell_items_apart_as_the_head_does(make_model, scramble, head):
    """Of equal tastes the ratings that one user would give vary together."""
    model = scramble(make_model(head, levels=(1.0, 2.0, 3.0, 4.0, 5.0)), scale=0.3)
    items = model.item_encoder(torch.arange(N_ITEMS + 1))
    of_head = model.heads["rating"]
    with torch.no_grad():
        found = of_head.tastes(items)
        parts = of_head.heads if head == "mixed" else [of_head]
        wanted = 0.0
        for part in parts:
            means = part.item_factors.weight + part.item_link(
                items / part.item_norm.clamp(min=1e-6)
            )
            wanted = wanted + (means * part.user_log_prior.exp()) @ means.T
    torch.testing.assert_close(found @ found.T, wanted, rtol=1e-4, atol=1e-4)


def test_newcomers_are_answered_as_users_of_the_same_ratings(dataset_of, picks_of, make_model):
    data, model = data_of(dataset_of, picks_of, by_group), make_model()
    with torch.no_grad():
        model.residuals["rating"].amplitudes.copy_(torch.tensor([0.6, 0.0, 0.0, 0.0]))
    known = Engine.of(model, data.train)
    new = known.of_newcomers(data.train)
    users = torch.arange(1, USERS + 1)
    asked = users, users % N_ITEMS + 1
    plain = Engine.of(make_model(residual_process=False), data.train)

    def added(engine, base):
        return engine.answers("rating").predict(*asked) - base.answers("rating").predict(*asked)

    of_known = added(known, plain)
    assert of_known.abs().max() > 0.3
    # Their biases are fitted to their ratings, which leave the less.
    of_new = added(new, plain.of_newcomers(data.train))
    assert torch.corrcoef(torch.stack([of_known, of_new]))[0, 1] > 0.9


def test_intervals_follow(dataset_of, picks_of, make_model):
    data = data_of(dataset_of, picks_of, by_group)
    model = make_model("ordinal", levels=(2.0, 4.0), range=(2.0, 4.0), mean=0.0)
    pairs = data.validation.pairs("rating")
    asked = torch.from_numpy(pairs.users), torch.from_numpy(pairs.items)

    def of_what_came():
        answers = Engine.of(model, data.train).answers("rating")
        at = torch.from_numpy((pairs.labels > 3).astype(np.int64))
        return answers.distribution(*asked).gather(1, at[:, None]).log().mean()

    with torch.no_grad():
        model.heads["rating"].user_norm.fill_(1.0)  # as training leaves them
        model.heads["rating"].item_norm.fill_(1.0)
        model.residuals["rating"].amplitudes.zero_()
        before = of_what_came()
        model.residuals["rating"].amplitudes.copy_(torch.tensor([*ITEMS, 0.0]))
    assert of_what_came() > before + 0.1


def test_features_tell_items_apart(make_spec):
    """Two items of one director, one of which nothing is known, one of other genres."""
    table = pl.DataFrame(
        {
            "item_id": ["a", "b", "c", "d"],
            "director": ["Varda", "Varda", None, "Akerman"],
            "genres": ["Drama|War", "Drama", None, "Comedy"],
        }
    )
    ids = Vocabulary.fit(table["item_id"])
    specs = [FeatureSpec("director", "category"), FeatureSpec("genres", "labels")]
    known = EntityFeatures.fit(table, "item_id", ids, specs, np.ones(5, dtype=bool))
    model = build_model(make_spec(residual_process=True), 1, Features(items=known)).eval()
    items = model.item_encoder(torch.arange(5))
    with torch.no_grad():
        covariance = covariance_of(model, "rating", items, with_times=False)
    rows = dict(zip("abcd", ids.rows_of(pl.Series([*"abcd"])), strict=True))
    z = covariance.features[[rows[name] for name in "abcd"]]
    wanted = torch.tensor([[2, 1 + 0.5**0.5, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [0, 0, 0, 2]]) / 2
    torch.testing.assert_close((z @ z.T).triu(), wanted, atol=0.15, rtol=0)
