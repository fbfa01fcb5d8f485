"""What a finished model makes of some users: known to it, or newcomers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch

from maxella.closed_form.fold_in import FoldIn
from maxella.data.history import Bags, History
from maxella.data.labelled import LabelledPairs
from maxella.data.log import Log
from maxella.data.recency import recency_weights
from maxella.features.id import UNKNOWN_ROW
from maxella.model.beside import Beside
from maxella.model.dot_product_head import DotProductHead
from maxella.model.feature_part import FeatureBags
from maxella.model.head import EmbeddedPairs, PairHead
from maxella.model.model import ENCODER, Model

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Trained:
    """A finished model, its items, and what its own users did: the same for whoever asks."""

    model: Model
    rows: torch.Tensor  # (user rows,) int64 the model's row of each user; unknown: untrained
    known: Log

    @cached_property
    def items(self) -> torch.Tensor:
        """(item rows, dim) embeddings."""
        return self.model.item_encoder(torch.arange(self.model.item_encoder.n_rows))  # type: ignore[no-any-return]

    @cached_property
    def fold_in(self) -> FoldIn:
        """How the id part of a newcomer is found."""
        encoder = self.model.user_encoder
        nothing = Bags(torch.empty(0, dtype=torch.int64), torch.zeros_like(self.rows))
        ids = encoder(self.rows, nothing)[:, : encoder.id_dim]
        return FoldIn.of(ids, self.items[:, : encoder.id_dim], picks(self.model, self.known))

    @cached_property
    def beside(self) -> dict[str, Beside]:
        """What stands beside the dot products, by task that ranks."""
        tasks = [task for task in self.model.heads if ranks(self.model, task)]
        return {task: self.model.beside(task, self.known) for task in tasks}

    @cached_property
    def picked(self) -> dict[str, torch.Tensor]:
        """(item rows,) how often each item was picked, by task that ranks."""
        n = len(self.items)
        return {
            task: torch.from_numpy(np.bincount(self.known.pairs(task).items, minlength=n)).float()
            for task in self.model.heads
            if ranks(self.model, task)
        }


@dataclass(frozen=True)
class EmbeddedUsers:
    """U users as the encoder and the heads hold them."""

    trained: Trained
    known: Log  # what they have done by now
    queries: torch.Tensor  # (U, dim) of the user encoder
    latest: torch.Tensor  # (U, dim) the same with the latest items counting most
    knows: torch.Tensor  # (U,) bool: there in training, or with a history or features
    bags: Bags  # what they did
    heads: Mapping[str, PairHead]  # of the tasks that answer pairs
    head_rows: Mapping[str, torch.Tensor]  # (U,) int64 row of each user in the head's tables
    found: dict[Any, Any] = field(default_factory=dict)  # what is found of them once asked for

    def once(self, key: Any, find: Callable[[], _Found]) -> _Found:
        """What is found of these users once, whoever asks."""
        if key not in self.found:
            self.found[key] = find()
        return self.found[key]  # type: ignore[no-any-return]


def embed_users(
    trained: Trained, model_rows: torch.Tensor, known: Log, features: FeatureBags | None
) -> EmbeddedUsers:
    """Users by the (U,) rows that the model has of them, the unknown one of newcomers.

    A newcomer with a history is read from that: the encoder's id part is folded in, and what a head
    holds is fitted to the labels. Without one their features speak.
    """
    model = trained.model
    encoder, rows = model.user_encoder, torch.arange(len(model_rows))
    reads_latest = any(ranks(model, task) for task in timed(model, known))
    history = known.history(
        model.events, with_times=reads_latest, in_time_order=encoder.reads_order
    )
    bags = history.bags(rows)
    is_new = model_rows == UNKNOWN_ROW
    has_items = known.rows.users[known.rows.items != UNKNOWN_ROW]
    has_history = torch.from_numpy(np.bincount(has_items, minlength=len(rows)) > 0)
    has_history[UNKNOWN_ROW] = False
    queries = encoder(model_rows, bags)
    new = (is_new & has_history).nonzero().squeeze(1)
    if encoder.id_dim and len(new):
        queries[new, : encoder.id_dim] = trained.fold_in.embed(picks(model, known).take(new))
    by_features = torch.zeros(len(rows), dtype=torch.bool)
    if features is not None:
        by_features = is_new & ~has_history & (features.take(rows)[2] > 0)
        by_features[UNKNOWN_ROW] = False
        queries[by_features] = model.cold_users[ENCODER](features, rows[by_features])
    latest = queries
    if reads_latest:
        read = encoder(model_rows, replace(bags, weights=recency_weights(history)))
        latest = torch.cat([queries[:, : encoder.id_dim], read[:, encoder.id_dim :]], dim=1)
    heads, head_rows = {}, {}
    for task, head in model.heads.items():
        if not isinstance(head, PairHead):
            continue
        heads[task], head_rows[task] = head, model_rows
        pairs = known.pairs(task)
        is_fitted = (is_new & has_history).numpy()[pairs.users]
        pairs = pairs.take(is_fitted & (pairs.items != UNKNOWN_ROW))
        found = by_features.clone()
        found[torch.from_numpy(pairs.users)] = True
        if found.any():
            heads[task] = own = head.of_users(model_rows)
            if features is not None:
                model.fill_cold_users(own, task, features, rows[by_features])
            if len(pairs):
                fit_head(own, pairs, queries, trained.items)
            head_rows[task] = rows.where(found | ~is_new, UNKNOWN_ROW)
    knows = ~is_new | has_history | by_features
    return EmbeddedUsers(trained, known, queries, latest, knows, bags, heads, head_rows)


def ranks(model: Model, task: str) -> bool:
    """Whether a task ranks items; else it answers pairs."""
    return isinstance(model.heads[task], DotProductHead)


def timed(model: Model, known: Log) -> tuple[str, ...]:
    """The tasks that look at the order of what users did."""
    return tuple(model.uses_time) if known.rows.timestamps is not None else ()


def picks(model: Model, known: Log) -> History:
    """What an id part is found from: the labels of the first task that ranks, else all rows."""
    task = next((name for name in model.heads if ranks(model, name)), None)
    return known.history() if task is None else known.picks(task)


def fit_head(
    head: PairHead, pairs: LabelledPairs, queries: torch.Tensor, items: torch.Tensor
) -> None:
    """Put into a head's rows for the users of these pairs what their labels tell.

    (user rows, dim) of the user encoder, (item rows, dim) of the item encoder.
    """
    pairs = pairs.take(np.argsort(pairs.users, kind="stable"))
    of_users, user_positions = map(torch.from_numpy, np.unique(pairs.users, return_inverse=True))
    of_items, item_positions = map(torch.from_numpy, np.unique(pairs.items, return_inverse=True))
    embeddings = queries[of_users], items[of_items]
    asked = EmbeddedPairs(*embeddings, of_users, of_items, user_positions, item_positions)
    head.fit_users(asked, head.counted(torch.from_numpy(pairs.labels)))
