"""A trained model as a pair of embedding matrices, ready to answer."""

import copy
from dataclasses import replace

import numpy as np
import torch

from maxella.closed_form.drift import Drift
from maxella.closed_form.fold_in import FoldIn
from maxella.data.entity_features import EntityFeatures
from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.data.recency import recency_weights
from maxella.data.requests import Requests
from maxella.errors import ConfigError
from maxella.features.id import UNKNOWN_ROW
from maxella.model.feature_part import FeatureBags
from maxella.model.gaussian_factors import GaussianFactors
from maxella.model.joint import JointModel, user_parts
from maxella.model.rating_head import RatedPairs
from maxella.model.request_part import Moments
from maxella.training.newcomers import read_ratings

_PAIRS = 2**12  # rated at once: what a rating head keeps fits the cache


class Scorer:
    """Scores and ratings of a finished model; evaluation and serving both ask here.

    Every row is embedded once. The item bias of the retrieval score is folded in as one
    more dimension, (u, 1)·(v, b) = u·v + b, so a score is one plain dot product.

    A model that uses time looks at the order of what is known, never at the test: retrieval
    reads the latest items of a history most (`data.recency`), ratings follow how a user rated
    around a moment (`closed_form.drift`).

    A user whom training did not have is read from their history: the id part of their
    embedding is folded in (`closed_form.fold_in`), and what the rating head holds of them is
    found from the ratings that they gave (`training.newcomers`). For whom nothing is known at all,
    items score as often as they were picked: what is measured is what is served.

    A model that reads requests may be asked for a moment, as a row of `requests`; asked for none,
    it answers as if it read none.
    """

    user_embeddings: torch.Tensor  # (user rows, dim), one more with biases, more if demoted
    item_embeddings: torch.Tensor  # (item rows, dim), as wide
    tower_items: torch.Tensor  # (item rows, dim), never with biases
    knows: torch.Tensor  # (user rows,) bool: there in training, or with a history

    @torch.inference_mode()
    def __init__(
        self,
        model: JointModel,
        known: Interactions,
        trained: torch.Tensor | None = None,
        requests: Requests | None = None,
    ) -> None:
        """`known`: what the users have by now; the history part of their tower reads it.

        `trained`: (user rows,) bool, who was there in training; all, if not given.
        `requests`: the moments that it may be asked for.
        """
        self._model = model
        picks = np.bincount(known.items, minlength=model.item_tower.n_rows)
        self._popularity = torch.from_numpy(picks.astype(np.float32))
        self._moments: Moments | None = None
        if model.request is not None and requests is not None:
            self._moments = Moments(model.request, requests)
        self._found: list[FoldIn] = []  # one, once it is needed
        n_items = model.item_tower.n_rows
        users, items = torch.arange(model.user_tower.n_rows), torch.arange(n_items)
        if trained is not None:
            users = users.where(trained, UNKNOWN_ROW)
        self._biases = model.retrieval_biases(items)
        self.tower_items = self.item_embeddings = model.item_tower(items)
        if self._biases is not None:
            self.item_embeddings = torch.cat([self.tower_items, self._biases[:, None]], dim=1)
        self._own_rows, self._own_history = users, History.of(known, len(users), n_items)
        ids = model.user_tower.ids
        features = None if ids is None or ids.features is None else ids.features.bags
        self._embed(self._own_rows, self._own_history, known, features)

    @torch.inference_mode()
    def of_newcomers(
        self, known: Interactions, n_user_rows: int, features: EntityFeatures | None = None
    ) -> "Scorer":
        """The same items, for other users, of whom nothing but this is known."""
        other = copy.copy(self)
        nobody = torch.full((n_user_rows,), UNKNOWN_ROW)
        history = History.of(known, n_user_rows, len(self.tower_items))
        bags = None if features is None else FeatureBags.of(features)
        other._embed(nobody, history, known, bags)  # noqa: SLF001 - one of its own
        return other

    @torch.inference_mode()
    def demoted(self) -> "Scorer | None":
        """The same with the model's demotion part, by which a user's seen items rank low.

        For an index of nearest items that can leave nothing out: its query is a row of
        user_embeddings, its vectors are item_embeddings. Where seen items can be left out,
        that is better and these scores are not wanted. Nothing where the model has no such part.
        """
        if self._model.demotion is None:
            return None
        other = copy.copy(self)
        users, items = self._model.demotion.embeddings(self._bags)
        other.user_embeddings = torch.cat([self.user_embeddings, users], dim=1)
        other.item_embeddings = torch.cat([self.item_embeddings, items], dim=1)
        return other

    def for_requests(self, requests: Requests) -> "Scorer":
        """The same for other moments."""
        other = copy.copy(self)
        if self._model.request is not None:
            other._moments = Moments(self._model.request, requests)  # noqa: SLF001 - one of its own
        return other

    @property
    def reads_requests(self) -> bool:
        """Whether it may be asked for a moment."""
        return self._moments is not None

    @torch.inference_mode()
    def score(self, users: torch.Tensor, requests: torch.Tensor | None = None) -> torch.Tensor:
        """(batch,) user rows, (batch,) request rows → (batch, item rows) retrieval scores."""
        scores = self.user_embeddings[users] @ self.item_embeddings.T
        is_unknown = ~self.knows[users]
        if is_unknown.any():
            scores[is_unknown] = self._popularity
        if self._moments is not None and requests is not None:
            added = self._moments.scores(requests)
            # Of somebody unknown the picks to be expected at such a moment, else a logit.
            scores = torch.where(is_unknown[:, None], scores * added.exp(), scores + added)
        return scores

    @torch.inference_mode()
    def score_pairs(
        self, users: torch.Tensor, items: torch.Tensor, requests: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(n,) user, item and request rows → (n,) retrieval scores."""
        scores = (self.user_embeddings[users] * self.item_embeddings[items]).sum(1)
        if self._moments is not None and requests is not None:
            scores += self._moments.pair_scores(requests, items)
        return scores

    @torch.inference_mode()
    def predict(
        self,
        users: torch.Tensor,
        items: torch.Tensor,
        times: np.ndarray | None = None,
        requests: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) ratings, clipped where the model has a range.

        (n,) times in seconds: when they would be given; not given: after all that is known.
        Only a model whose ratings use time looks at them. (n,) request rows: the moments.
        """
        ratings = self._head(self._pairs(users, items, times, requests))
        low, high = self._model.rating_range
        return ratings.clamp(low, high)  # type: ignore[no-any-return]

    @property
    def rates_by_time(self) -> bool:
        """Whether `predict` and `distribution` look at the times they are given."""
        return self._drift is not None

    @property
    def rating_levels(self) -> torch.Tensor:
        """(K,) the ratings that `distribution` is over; none where the model has no such thing."""
        return self._head.levels

    @torch.inference_mode()
    def distribution(
        self,
        users: torch.Tensor,
        items: torch.Tensor,
        times: np.ndarray | None = None,
        requests: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """As `predict`, but (n, K) probabilities of the rating levels.

        Raises ConfigError where the model has none.
        """
        head = self._head
        if not len(head.levels):
            raise ConfigError(
                "Wanted a distribution over ratings; this model has none. "
                "Train with model.rating_head = 'ordinal'."
            )
        return head.distribution(self._pairs(users, items, times, requests))

    def _pairs(
        self,
        users: torch.Tensor,
        items: torch.Tensor,
        times: np.ndarray | None,
        requests: torch.Tensor | None,
    ) -> RatedPairs:
        each = torch.arange(len(users))
        u, v = self._tower_users[users], self.tower_items[items]
        drifts = None
        if self._drift is not None:
            drifts = torch.from_numpy(self._drift.at(users.numpy(), times))
        if self._moments is not None and requests is not None:
            of_moments = self._moments.ratings(requests, items)
            drifts = of_moments if drifts is None else drifts + of_moments
        return RatedPairs(u, v, self._head_rows[users], items, each, each, drifts)

    def _embed(
        self,
        model_rows: torch.Tensor,
        history: History,
        known: Interactions,
        features: FeatureBags | None,
    ) -> None:
        """Users by the row that the model has for each (the unknown one, if none) and histories.

        Of whom there is neither, features speak.
        """
        tower = self._model.user_tower
        self._bags = bags = history.bags(torch.arange(len(model_rows)))
        users = tower(model_rows, bags)
        is_new = (model_rows == UNKNOWN_ROW) & (bags.counts > 0)
        if tower.ids is not None and is_new.any():
            new = is_new.nonzero().squeeze(1)
            users[new, : tower.ids.dim] = self._fold_in.embed(history.take(new))
        rows = torch.arange(len(users))
        alone = torch.zeros(len(users), dtype=torch.bool)
        if features is not None:
            alone = (features.take(rows)[2] > 0) & (rows != UNKNOWN_ROW)
            alone &= (model_rows == UNKNOWN_ROW) & (bags.counts == 0)
            users[alone] = self._model.user_stand_ins["tower"](features, rows[alone])
        self._tower_users = self.user_embeddings = users
        uses_time = self._model.uses_time if known.timestamps is not None else ()
        if "retrieval" in uses_time and tower.history is not None:
            latest = tower.history(replace(bags, weights=recency_weights(known, history)))
            users = torch.cat([users[:, : -latest.shape[1]], latest], dim=1)
            self.user_embeddings = users
        if self._biases is not None:
            self.user_embeddings = torch.cat([users, users.new_ones(len(users), 1)], dim=1)
        self._head, self._head_rows = self._model.rating_head, model_rows
        rated = known.rated
        rated = rated.take(is_new.numpy()[rated.users] & (rated.items != UNKNOWN_ROW))
        if len(rated) or alone.any():
            has_row = model_rows != UNKNOWN_ROW
            self._head = self._head.of_users(model_rows)
            if features is not None:
                self._rate_by_features(features, rows[alone])
            if len(rated):
                self._read_ratings(rated)
            has_row[alone | _named(rated.users, len(users))] = True
            self._head_rows = rows.where(has_row, UNKNOWN_ROW)
        self._drift = None
        if "ratings" in uses_time and known.ratings is not None:
            self._drift = self._found_drift(known.rated)
        self.knows = (model_rows != UNKNOWN_ROW) | (bags.counts > 0) | alone

    def _found_drift(self, rated: Interactions) -> Drift:
        assert rated.ratings is not None  # noqa: S101 - they are those that have one
        pairs = torch.from_numpy(np.stack([rated.users, rated.items]))
        blocks = torch.split(pairs, _PAIRS, dim=1)
        predictions = torch.cat([self.predict(*block) for block in blocks])
        return Drift.of(rated, rated.ratings - predictions.numpy())

    def _rate_by_features(self, features: FeatureBags, rows: torch.Tensor) -> None:
        """Put into the rating head's rows for these users what their features say."""
        stand_ins = self._model.user_stand_ins
        for name, table in user_parts(self._head).items():
            table.weight[rows] = stand_ins[name](features, rows)
        for head in self._head.modules():
            if isinstance(head, GaussianFactors):
                head.user_log_variances.weight[rows] = head.user_log_prior

    def _read_ratings(self, rated: Interactions) -> None:
        """Put into the rating head's rows for the users of these interactions what they tell."""
        rated = rated.take(np.argsort(rated.users, kind="stable"))
        users, user_positions = map(torch.from_numpy, np.unique(rated.users, return_inverse=True))
        items, item_positions = map(torch.from_numpy, np.unique(rated.items, return_inverse=True))
        embeddings = self._tower_users[users], self.tower_items[items]
        pairs = RatedPairs(*embeddings, users, items, user_positions, item_positions)
        assert rated.ratings is not None  # noqa: S101 - they are those that have one
        read_ratings(self._head, pairs, torch.from_numpy(rated.ratings))

    @property
    def _fold_in(self) -> FoldIn:
        """Found when first asked for; scorers of newcomers share it."""
        if not self._found:
            ids = self._model.user_tower.ids
            assert ids is not None  # noqa: S101 - asked for only where there is an id part
            items = self.tower_items[:, : ids.dim]
            self._found.append(FoldIn.of(ids(self._own_rows), items, self._own_history))
        return self._found[0]


def _named(users: np.ndarray, n_rows: int) -> torch.Tensor:
    """(n_rows,) whether each row is among these users."""
    named = torch.zeros(n_rows, dtype=torch.bool)
    named[torch.from_numpy(users)] = True
    return named
