"""Raw ids in, raw ids out: recommendations, predictions and similar items."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import torch
from torch.nn import functional

from maxella.data.interactions import Interactions
from maxella.errors import DataError
from maxella.features.id import UNKNOWN_ROW, Vocabulary
from maxella.index.exact import ExactIndex
from maxella.model.scorer import Scorer
from maxella.topk import top_k

_BLOCK = 512  # users scored at once


class Recommender:
    """Answers for the users and items of one trained model.

    A user who is not known gets the items most picked in training; `source` says of each
    answer whether it is the "model" or "popularity" that speaks.
    """

    def __init__(
        self, scorer: Scorer, users: Vocabulary, items: Vocabulary, seen: Interactions
    ) -> None:
        """`seen`: the interactions that the model was given, left out of recommendations."""
        self.users = users
        self.items = items
        self._scorer = scorer
        order = np.argsort(seen.users, kind="stable")
        counts = np.bincount(seen.users, minlength=users.n_rows)
        self._seen_items = seen.items[order]
        self._seen_stops = counts.cumsum()  # (user rows,) where a user's seen items end
        picks = np.bincount(seen.items, minlength=items.n_rows)
        self._popularity = torch.from_numpy(picks.astype(np.float32))

    def recommend(
        self, users: Sequence[str], k: int = 10, *, include_seen: bool = False
    ) -> pl.DataFrame:
        """The k best items of each user, without those seen in training unless asked for.

        Columns: user_id, rank (from 1), item_id, score, predicted_rating, source. A user has
        fewer than k rows only where fewer candidates are left. For source "popularity" the
        score is the number of interactions in training.
        """
        if k < 1:
            raise DataError(f"k must be 1 or more; got {k}.")
        asked = pl.Series("user_id", list(users), dtype=pl.String)
        rows = self.users.rows_of(asked)
        parts = [
            self._block(
                asked[start : start + _BLOCK], rows[start : start + _BLOCK], k, include_seen
            )
            for start in range(0, max(1, len(rows)), _BLOCK)
        ]
        return pl.concat(parts)

    def predict(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Pairs with user_id and item_id → the same rows with predicted_rating and score added.

        An id that is not known leaves the rating to what is known of the other side; a pair
        without both has no retrieval score.
        """
        missing = {"user_id", "item_id"} - set(pairs.columns)
        if missing:
            raise DataError(
                f"Pairs need the columns user_id and item_id; {', '.join(sorted(missing))} missing "
                f"among {', '.join(pairs.columns)}."
            )
        user_rows = self.users.rows_of(pairs["user_id"].cast(pl.String))
        item_rows = self.items.rows_of(pairs["item_id"].cast(pl.String))
        users, items = torch.from_numpy(user_rows), torch.from_numpy(item_rows)
        scores = (self._scorer.user_embeddings[users] * self._scorer.item_embeddings[items]).sum(1)
        both_known = (user_rows != UNKNOWN_ROW) & (item_rows != UNKNOWN_ROW)
        return pairs.with_columns(
            pl.Series("predicted_rating", self._scorer.predict(users, items).numpy()),
            pl.Series("score", scores.numpy()).set(pl.Series(~both_known), None),
        )

    def similar(self, items: Sequence[str], k: int = 10) -> pl.DataFrame:
        """The k items nearest to each item by the cosine of their embeddings.

        Columns: item_id, rank (from 1), similar_item_id, similarity. Raises DataError for an
        item that is not known.
        """
        asked = pl.Series("item_id", list(items), dtype=pl.String)
        rows = self.items.rows_of(asked)
        if (rows == UNKNOWN_ROW).any():
            unknown = asked.filter(pl.Series(rows == UNKNOWN_ROW)).to_list()
            raise DataError(f"No item is called {', '.join(map(repr, unknown[:5]))}.")
        known = functional.normalize(self._scorer.item_embeddings[UNKNOWN_ROW + 1 :], dim=1)
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

    @torch.inference_mode()
    def _block(
        self, asked: pl.Series, user_rows: np.ndarray, k: int, include_seen: bool
    ) -> pl.DataFrame:
        users = torch.from_numpy(user_rows)
        known = users != UNKNOWN_ROW
        scores = torch.where(
            known.unsqueeze(1), self._scorer.score(users), self._popularity
        )  # (batch, item rows)
        scores[:, UNKNOWN_ROW] = -torch.inf
        if not include_seen:
            positions, seen = self._seen_of(user_rows)
            scores[positions, seen] = -torch.inf
        values, item_rows = top_k(scores, k)
        listed = values != -torch.inf
        positions, _ = listed.nonzero(as_tuple=True)
        items = item_rows[listed]
        ratings = self._scorer.predict(users[positions], items)
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
                "predicted_rating": ratings.numpy(),
                "source": source,
            }
        )

    def _seen_of(self, user_rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """The seen items of these users, as positions in `user_rows` and item rows."""
        stops = self._seen_stops[user_rows]
        starts = np.where(user_rows > 0, self._seen_stops[user_rows - 1], 0)
        counts = stops - starts
        positions = np.repeat(np.arange(len(user_rows)), counts)
        before = np.cumsum(counts) - counts
        rows = np.arange(counts.sum()) + np.repeat(starts - before, counts)
        return torch.from_numpy(positions), torch.from_numpy(self._seen_items[rows])
