"""Raw ids in, raw ids out: recommendations, predictions and similar items."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
import torch
from torch.nn import functional

from maxella.data.dataset import encode
from maxella.data.entity_features import EntityFeatures
from maxella.data.interactions import Interactions
from maxella.data.ranges import ranges
from maxella.data.requests import RequestFeatures
from maxella.errors import ConfigError, DataError
from maxella.features.id import UNKNOWN_ROW, Vocabulary
from maxella.index.exact import ExactIndex
from maxella.model.interval import central_interval
from maxella.recommend.scorer import Scorer
from maxella.topk import top_k

_BLOCK = 512  # users scored at once
_PAIRS_BLOCK = 2**16  # pairs rated at once


class Recommender:
    """Answers for the users and items of one trained model.

    A user of whom nothing is known gets the items most picked in training; `source` says of
    each answer whether it is the "model" or "popularity" that speaks.
    """

    def __init__(
        self,
        scorer: Scorer,
        users: Vocabulary,
        items: Vocabulary,
        seen: Interactions,
        *,
        rates: bool = True,
        user_features: EntityFeatures | None = None,
        request_features: RequestFeatures | None = None,
    ) -> None:
        """`seen`: the interactions that the model was given, left out of recommendations.

        `rates`: whether the model has learnt ratings; else predicted_rating is missing.
        `user_features`: those of the model's users, by which newcomers' are read.
        `request_features`: how the model reads the moment of a request, if it does.
        """
        self._rates = rates
        self._user_features = user_features
        self._request_features = request_features
        self.users = users
        self.items = items
        self._scorer = scorer
        order = np.argsort(seen.users, kind="stable")
        counts = np.bincount(seen.users, minlength=users.n_rows)
        self._seen_items = seen.items[order]
        self._seen_stops = counts.cumsum()  # (user rows,) where a user's seen items end

    def for_newcomers(
        self, history: pl.DataFrame | None = None, users: pl.DataFrame | None = None
    ) -> "Recommender":
        """A recommender for the users of these tables, read from what they say and nothing else.

        `history`: user_id, item_id and, where there are any, rating and timestamp (seconds; for a
        model that uses time), of interactions that training need not have had; items that the
        model does not know say nothing. An id that training had is taken for somebody new too.

        `users`: user_id and the columns of the model's features of users. Whoever has no history
        is read from these. Raises ConfigError where the model has no such features.
        """
        if history is None:
            history = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String})
        ids = _ids(history, "user_id"), _ids(history, "item_id")
        table = history.select(*ids, *(name for name in ("rating",) if name in history.columns))
        if "timestamp" in history.columns:
            table = table.with_columns(_times(history))
        named = table["user_id"]
        if users is not None:
            named = pl.concat([named, _ids(users, "user_id")])
        vocabulary = Vocabulary.fit(named)
        known = encode(table, vocabulary, self.items)
        known = known.take(known.items != UNKNOWN_ROW)
        features = None if users is None else self._features_of(users, vocabulary)
        return Recommender(
            self._scorer.of_newcomers(known, vocabulary.n_rows, features),
            vocabulary,
            self.items,
            known,
            rates=self._rates,
            user_features=self._user_features,
            request_features=self._request_features,
        )

    def _features_of(self, users: pl.DataFrame, ids: Vocabulary) -> EntityFeatures:
        if self._user_features is None:
            raise ConfigError(
                "Wanted a model with features of users; this one knows users by their ids and "
                "histories alone. Declare [features.user] and train again."
            )
        table = users.with_columns(_ids(users, "user_id"))
        table = table.unique("user_id", keep="last", maintain_order=True)
        return self._user_features.of_others(table, "user_id", ids)

    def recommend(
        self,
        users: Sequence[str],
        k: int = 10,
        *,
        include_seen: bool = False,
        request: Mapping[str, Any] | None = None,
    ) -> pl.DataFrame:
        """The k best items of each user, without those seen in training unless asked for.

        Columns: user_id, rank (from 1), item_id, score, predicted_rating, source. A user has
        fewer than k rows only where fewer candidates are left. For source "popularity" the
        score is the number of interactions in training.

        `request`: what is known of the moment, by columns of the model's features of requests:
        {"timestamp": 978300000, "device": "phone"}. Without one, or with a model that reads
        none, the lists are for no moment. Raises ConfigError for a column that is not read.
        """
        _check_length(k)
        asked = _asked("user_id", users)
        rows = self.users.rows_of(asked)
        scorer, moment = self._scorer, None
        if request:
            scorer, moments = self._for_requests(_row_of(request), refuse_others=True)
            moment = None if moments is None else int(moments[0])
        parts = [
            self._block(
                scorer,
                asked[start : start + _BLOCK],
                rows[start : start + _BLOCK],
                k,
                include_seen,
                moment,
            )
            for start in range(0, max(1, len(rows)), _BLOCK)
        ]
        return pl.concat(parts)

    def predict(self, pairs: pl.DataFrame, *, intervals: float | None = None) -> pl.DataFrame:
        """Pairs with user_id and item_id → the same rows with predicted_rating and score added.

        `intervals`, a probability such as .8, adds rating_low and rating_high: the smallest run
        of rating levels that leaves at most half of the rest below it and half above it, so
        the rating lies in it with at least that probability.

        With a model whose ratings use time, a column timestamp (seconds) says when the rating
        would be given; without one it is after all that is known. With a model that reads
        requests the columns of their features say of each pair when it is asked about; one that
        is absent is missing, and without any the pairs are asked about at no moment.

        An id that is not known leaves the rating to what is known of the other side; a pair
        without both has no retrieval score. Columns of those names are replaced.

        Raises ConfigError where intervals are asked of a model that has no distribution.
        """
        self._check_intervals(intervals)
        user_rows = self.users.rows_of(_ids(pairs, "user_id"))
        item_rows = self.items.rows_of(_ids(pairs, "item_id"))
        times = None
        if self._scorer.rates_by_time and "timestamp" in pairs.columns:
            times = _times(pairs).to_numpy()
        scorer, moments = self._for_requests(pairs)
        ratings = np.empty(len(pairs), dtype=np.float32)
        scores = np.empty(len(pairs), dtype=np.float32)
        bounds = np.empty((2, len(pairs)), dtype=np.float32)
        for start in range(0, len(pairs), _PAIRS_BLOCK):
            block = slice(start, start + _PAIRS_BLOCK)
            users, items = torch.from_numpy(user_rows[block]), torch.from_numpy(item_rows[block])
            at = None if moments is None else moments[block]
            asked = users, items, None if times is None else times[block], at
            ratings[block] = scorer.predict(*asked).numpy()
            if intervals is not None:
                shares = scorer.distribution(*asked).numpy()
                levels = self._scorer.rating_levels.numpy()
                bounds[:, block] = central_interval(shares, levels, intervals)
            scores[block] = scorer.score_pairs(users, items, at).numpy()
        both_known = (user_rows != UNKNOWN_ROW) & (item_rows != UNKNOWN_ROW)
        added = [self._rating_column(ratings)]
        if intervals is not None:
            added += [
                pl.Series(f"rating_{end}", bounds[j]) for j, end in enumerate(("low", "high"))
            ]
        added.append(pl.Series("score", scores).set(pl.Series(~both_known), None))
        return pairs.with_columns(added)

    def similar(self, items: Sequence[str], k: int = 10) -> pl.DataFrame:
        """The k items nearest to each item by the cosine of their embeddings, biases left out.

        Columns: item_id, rank (from 1), similar_item_id, similarity. Raises DataError for an
        item that is not known.
        """
        _check_length(k)
        asked = _asked("item_id", items)
        rows = self.items.rows_of(asked)
        if (rows == UNKNOWN_ROW).any():
            unknown = asked.filter(pl.Series(rows == UNKNOWN_ROW)).to_list()
            raise DataError(
                f"Wanted items that the model knows; no item is called "
                f"{', '.join(map(repr, unknown[:5]))}. Give the ids as the data write them."
            )
        known = functional.normalize(self._scorer.tower_items[UNKNOWN_ROW + 1 :], dim=1)
        queries = torch.from_numpy(rows) - 1  # positions in `known`
        # One more than asked for, as an item is nearest to itself.
        values, positions = ExactIndex(known).search(known[queries], k + 1)
        other = positions != queries.unsqueeze(1)
        other &= other.cumsum(dim=1) <= k
        ranks = other.cumsum(dim=1)
        return pl.DataFrame(
            {
                "item_id": asked.gather(other.nonzero()[:, 0].numpy()),
                "rank": ranks[other].numpy(),
                "similar_item_id": self.items.ids_of(positions[other].numpy() + 1),
                "similarity": values[other].numpy(),
            }
        )

    def _for_requests(
        self, table: pl.DataFrame, *, refuse_others: bool = False
    ) -> tuple[Scorer, torch.Tensor | None]:
        """The scorer for the moments of a table, and (n,) the row of each, if it says any."""
        features = self._request_features
        columns = [] if features is None else features.columns
        others = [name for name in table.columns if name not in columns]
        if refuse_others and others:
            raise ConfigError(
                f"Wanted columns of the features of requests ({', '.join(columns) or 'none'}: "
                f"[features.request] of the config); got {', '.join(others)}. Leave it out."
            )
        if features is None or not set(columns) & set(table.columns):
            return self._scorer, None
        requests = features.read(table)
        return self._scorer.for_requests(requests), torch.arange(1, len(table) + 1)

    @torch.inference_mode()
    def _block(
        self,
        scorer: Scorer,
        asked: pl.Series,
        user_rows: np.ndarray,
        k: int,
        include_seen: bool,
        moment: int | None,
    ) -> pl.DataFrame:
        users = torch.from_numpy(user_rows)
        known = scorer.knows[users]
        at = None if moment is None else torch.full_like(users, moment)
        scores = scorer.score(users, at)  # (batch, item rows)
        scores[:, UNKNOWN_ROW] = -torch.inf
        if not include_seen:
            positions, seen = self._seen_of(user_rows)
            scores[positions, seen] = -torch.inf
        values, item_rows = top_k(scores, k)
        listed = values != -torch.inf
        positions, _ = listed.nonzero(as_tuple=True)
        items = item_rows[listed]
        at = None if moment is None else torch.full_like(positions, moment)
        ratings = scorer.predict(users[positions], items, requests=at)
        ranks = torch.arange(1, listed.shape[1] + 1).expand_as(listed)[listed]
        source = pl.Series(known[positions].numpy()).replace_strict(
            {True: "model", False: "popularity"}, return_dtype=pl.String
        )
        return pl.DataFrame(
            {
                "user_id": asked.gather(positions.numpy()),
                "rank": ranks.numpy(),
                "item_id": self.items.ids_of(items.numpy()),
                "score": values[listed].numpy(),
                "predicted_rating": self._rating_column(ratings.numpy()),
                "source": source,
            }
        )

    def _check_intervals(self, intervals: float | None) -> None:
        if intervals is None:
            return
        if not 0 < intervals < 1:
            raise DataError(f"Wanted intervals of a probability between 0 and 1; got {intervals}.")
        if not self._rates:
            raise ConfigError(
                "Wanted intervals of ratings; this model was trained without ratings. "
                "Train with a tasks.rating_weight above 0."
            )

    def _rating_column(self, ratings: np.ndarray) -> pl.Series:
        column = pl.Series("predicted_rating", ratings)
        return column if self._rates else column.clear(len(column))

    def _seen_of(self, user_rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """The seen items of these users, as positions in `user_rows` and item rows."""
        stops = self._seen_stops[user_rows]
        starts = np.where(user_rows > 0, self._seen_stops[user_rows - 1], 0)
        positions, rows = ranges(starts, stops - starts)
        return torch.from_numpy(positions), torch.from_numpy(self._seen_items[rows])


def _check_length(k: int) -> None:
    if k < 1:
        raise DataError(f"Wanted k of 1 or more; got {k}.")


def _row_of(request: Mapping[str, Any]) -> pl.DataFrame:
    try:
        return pl.DataFrame({name: [value] for name, value in request.items()})
    except (AttributeError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(
            "Wanted a request as a dict from columns to values, such as {'device': 'phone'}; got "
            f"{request!r:.100}."
        ) from error


def _asked(name: str, ids: Sequence[str]) -> pl.Series:
    message = f"Wanted a list of ids as text, such as ['42']; got {ids!r:.100}."
    if isinstance(ids, str):
        raise DataError(message)
    try:
        return pl.Series(name, list(ids), dtype=pl.String)
    except TypeError as error:
        raise DataError(message) from error


def _times(table: pl.DataFrame) -> pl.Series:
    """The column timestamp as whole seconds, none missing."""
    given = table["timestamp"]
    times = given.cast(pl.Int64, strict=False)
    is_wrong = times.is_null()
    if given.dtype.is_temporal():
        is_wrong = pl.Series([True] * len(given), dtype=pl.Boolean)
    if is_wrong.any():
        raise DataError(
            "Wanted timestamps in seconds since 1970; got "
            f"{given.filter(is_wrong)[0]!r} in column timestamp. "
            "Convert the column, or leave it out."
        )
    return times


def _ids(table: pl.DataFrame, column: str) -> pl.Series:
    if column not in table.columns:
        raise DataError(
            f"Wanted a column {column}; the table has {', '.join(table.columns)}. Rename it."
        )
    kind = table[column].dtype
    # A float would turn 7 into "7.0", which no model knows.
    if not (kind.is_integer() or kind in (pl.String, pl.Categorical, pl.Enum, pl.Null)):
        raise DataError(
            f"Wanted ids that are text or whole numbers; {column} is of type {kind}. "
            "Write it as text."
        )
    return table[column].cast(pl.String)
