"""A trained model, ready to answer for rows: evaluation and serving both ask here."""

import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from maxella.closed_form.fold_in import FoldIn
from maxella.closed_form.local_bias import LocalBias
from maxella.data.contexts import Contexts
from maxella.data.entity_features import EntityFeatures
from maxella.data.history import Bags, History
from maxella.data.labelled import LabelledPairs
from maxella.data.log import Log
from maxella.data.recency import recency_weights
from maxella.errors import ConfigError
from maxella.features.id import UNKNOWN_ROW
from maxella.model.context_part import InContext
from maxella.model.dot_product_head import DotProductHead
from maxella.model.feature_part import FeatureBags
from maxella.model.head import EmbeddedPairs, PairHead
from maxella.model.model import ENCODER, Model

_PAIRS = 2**12  # answered at once: what a head keeps fits the cache


class Engine:
    """Scores and answers of a finished model, task by task, in row numbers.

    Every row is embedded once. The item bias of a retrieval score is folded in as one
    more dimension, (u, 1)·(v, b) = u·v + b, so a score is one plain dot product.

    A model that uses time looks at the order of what is known, never at the test: retrieval
    reads the latest items of a history most (`data.recency`), ratings follow how a user rated
    around a moment (`closed_form.local_bias`).

    A user whom training did not have is read from their history: the id part of their
    query is folded in (`closed_form.fold_in`), and what the heads hold of them is found from the
    labels that they gave. For whom nothing is known at all, items score as often as they
    were picked: what is measured is what is served.

    Where contexts are told, a question may name one by its row; without one the answer is that of a
    model that reads none.
    """

    queries: torch.Tensor  # (user rows, dim) of the user encoder
    items: torch.Tensor  # (item rows, dim)
    knows: torch.Tensor  # (user rows,) bool: there in training, or with a history

    @torch.inference_mode()
    def __init__(
        self,
        model: Model,
        known: Log,
        trained: torch.Tensor | None = None,
        contexts: Contexts | None = None,
    ) -> None:
        """`known`: what the users have done by now; their histories are read from it.

        `trained`: (user rows,) bool, who was there in training; all, if not given.
        `contexts`: those that a question may name.
        """
        self.model = model
        self._contexts = contexts
        self._found: list[FoldIn] = []  # one, once it is needed
        rows = torch.arange(model.user_encoder.n_rows)
        if trained is not None:
            rows = rows.where(trained, UNKNOWN_ROW)
        self.items = model.item_encoder(torch.arange(model.item_encoder.n_rows))
        self._own_rows, self._own = rows, known
        part = model.user_encoder.feature_part
        self._embed(rows, known, None if part is None else part.bags)

    @torch.inference_mode()
    def of_newcomers(self, known: Log, features: EntityFeatures | None = None) -> "Engine":
        """The same items, for other users, of whom nothing but this is known."""
        other = copy.copy(self)
        nobody = torch.full((known.n_user_rows,), UNKNOWN_ROW)
        bags = None if features is None else FeatureBags.of(features)
        other._embed(nobody, known, bags)  # noqa: SLF001 - one of its own
        return other

    def in_contexts(self, contexts: Contexts) -> "Engine":
        """The same for other contexts."""
        other = copy.copy(self)
        other._contexts = contexts  # noqa: SLF001 - one of its own
        return other

    def answers(self, task: str) -> "TaskAnswers":
        """What is asked of one task alone."""
        return TaskAnswers(self, task)

    def ranks(self, task: str) -> bool:
        """Whether a task ranks items; else it answers pairs."""
        return isinstance(self.model.heads[task], DotProductHead)

    @torch.inference_mode()
    def vectors(self, task: str, *, sink_seen: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """(user rows, d) and (item rows, d) whose products are the scores of a retrieval task.

        `sink_seen` adds the model's penalty on seen items, for an index of nearest items that can
        leave nothing out. Where seen items can be left out, that is better.
        """
        head: DotProductHead = self.model.heads[task]  # type: ignore[assignment]
        latest = task in self.model.uses_time
        users, items = head.queries(self._latest if latest else self.queries), self.items
        biases = head.biases(torch.arange(len(items)))
        if biases is not None:
            users = torch.cat([users, users.new_ones(len(users), 1)], dim=1)
            items = torch.cat([items, biases[:, None]], dim=1)
        if sink_seen and self.model.seen_penalty is not None:
            of_users, of_items = self.model.seen_penalty.embeddings(self._bags)
            users = torch.cat([users, of_users], dim=1)
            items = torch.cat([items, of_items], dim=1)
        return users, items

    @torch.inference_mode()
    def predict(
        self,
        task: str,
        users: torch.Tensor,
        items: torch.Tensor,
        times: np.ndarray | None = None,
        contexts: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) answers, clipped where the task has a range.

        (n,) times in seconds: when they would be given; not given: after all that is known.
        Only a model whose ratings use time looks at them. (n,) context rows.
        """
        head = self._heads[task]
        low, high = head.range
        return head(self._pairs(task, users, items, times, contexts)).clamp(low, high)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def distribution(
        self,
        task: str,
        users: torch.Tensor,
        items: torch.Tensor,
        times: np.ndarray | None = None,
        contexts: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """As `predict`, but (n, K) probabilities of the levels.

        Raises ConfigError where the task's head has none.
        """
        head = self._heads[task]
        if not len(head.levels):
            raise ConfigError(
                f"Wanted a distribution of {task}; its head has none. Train with head = 'ordinal'."
            )
        return head.distribution(self._pairs(task, users, items, times, contexts))

    def in_context(self, task: str) -> InContext | None:
        """What a task is told of contexts, where it is told any."""
        if self._contexts is None or task not in self.model.contexts:
            return None
        return InContext(self.model.contexts[task], self._contexts)  # type: ignore[arg-type]

    def local_bias(self, task: str) -> LocalBias | None:
        """How users answered around a moment, where the task looks at it."""
        return self._local_biases.get(task)

    def popularity(self, task: str) -> torch.Tensor:
        """(item rows,) how often each item was picked."""
        picked = self._own.pairs(task).items
        counts = np.bincount(picked, minlength=len(self.items))
        return torch.from_numpy(counts.astype(np.float32))

    def levels(self, task: str) -> torch.Tensor:
        """(K,) the labels that `distribution` is over; none where there is no such thing."""
        return self._heads[task].levels

    def _pairs(
        self,
        task: str,
        users: torch.Tensor,
        items: torch.Tensor,
        times: np.ndarray | None,
        contexts: torch.Tensor | None,
    ) -> EmbeddedPairs:
        each = torch.arange(len(users))
        offsets = None
        local = self._local_biases.get(task)
        if local is not None:
            offsets = torch.from_numpy(local.at(users.numpy(), times))
        asked = self.in_context(task)
        if asked is not None and contexts is not None:
            added = asked.of_pairs(contexts, items)
            offsets = added if offsets is None else offsets + added
        rows = self._head_rows[task][users]
        return EmbeddedPairs(
            self.queries[users], self.items[items], rows, items, each, each, offsets
        )

    def _embed(self, model_rows: torch.Tensor, known: Log, features: FeatureBags | None) -> None:
        """Users by the row that the model has for each (the unknown one, if none) and histories.

        Of whom there is neither, features speak.
        """
        encoder = self.model.user_encoder
        rows = torch.arange(len(model_rows))
        timed = self.model.uses_time if known.rows.timestamps is not None else ()
        reads_latest = any(self.ranks(task) for task in timed)
        history = known.history(
            self.model.events, with_times=reads_latest, in_time_order=encoder.reads_order
        )
        self._bags = bags = history.bags(rows)
        counts = bags.counts
        users = encoder(model_rows, bags)
        is_new = (model_rows == UNKNOWN_ROW) & (counts > 0)
        if encoder.id_dim and is_new.any():
            new = is_new.nonzero().squeeze(1)
            users[new, : encoder.id_dim] = self._fold_in.embed(self._picks(known).take(new))
        alone = torch.zeros(len(users), dtype=torch.bool)
        if features is not None:
            alone = (features.take(rows)[2] > 0) & (rows != UNKNOWN_ROW)
            alone &= (model_rows == UNKNOWN_ROW) & (counts == 0)
            users[alone] = self.model.cold_users[ENCODER](features, rows[alone])
        self.queries = self._latest = users
        if reads_latest:
            weighted = replace(bags, weights=recency_weights(history))
            latest, width = encoder(model_rows, weighted), encoder.id_dim
            self._latest = torch.cat([users[:, :width], latest[:, width:]], dim=1)
        self.knows = (model_rows != UNKNOWN_ROW) | (counts > 0) | alone
        self._fit_heads(model_rows, known, features, is_new, alone)
        self._local_biases: dict[str, LocalBias] = {}
        for task in timed:
            if not self.ranks(task):
                self._local_biases[task] = self._found_local_bias(task, known.pairs(task))

    def _fit_heads(
        self,
        model_rows: torch.Tensor,
        known: Log,
        features: FeatureBags | None,
        is_new: torch.Tensor,
        alone: torch.Tensor,
    ) -> None:
        """The heads that answer pairs, with rows for these users too, where they have any."""
        self._heads: dict[str, PairHead] = {}
        self._head_rows: dict[str, torch.Tensor] = {}
        rows = torch.arange(len(model_rows))
        for task, head in self.model.heads.items():
            if not isinstance(head, PairHead):
                continue
            self._heads[task], self._head_rows[task] = head, model_rows
            pairs = known.pairs(task)
            pairs = pairs.take(is_new.numpy()[pairs.users] & (pairs.items != UNKNOWN_ROW))
            if not len(pairs) and not alone.any():
                continue
            own = self._heads[task] = head.of_users(model_rows)
            if features is not None:
                self.model.fill_cold_users(own, task, features, rows[alone])
            if len(pairs):
                self._fit(own, pairs)
            named = torch.zeros(len(rows), dtype=torch.bool)
            named[torch.from_numpy(pairs.users)] = True
            has_row = (model_rows != UNKNOWN_ROW) | alone | named
            self._head_rows[task] = rows.where(has_row, UNKNOWN_ROW)

    def _fit(self, head: PairHead, pairs: LabelledPairs) -> None:
        """Put into a head's rows for the users of these pairs what their labels tell."""
        pairs = pairs.take(np.argsort(pairs.users, kind="stable"))
        users, user_positions = map(torch.from_numpy, np.unique(pairs.users, return_inverse=True))
        items, item_positions = map(torch.from_numpy, np.unique(pairs.items, return_inverse=True))
        embeddings = self.queries[users], self.items[items]
        asked = EmbeddedPairs(*embeddings, users, items, user_positions, item_positions)
        head.fit_users(asked, torch.from_numpy(pairs.labels))

    def _found_local_bias(self, task: str, pairs: LabelledPairs) -> LocalBias:
        rows = torch.from_numpy(np.stack([pairs.users, pairs.items]))
        blocks = torch.split(rows, _PAIRS, dim=1)
        answers = torch.cat([self.predict(task, *block) for block in blocks])
        return LocalBias.of(pairs, pairs.labels - answers.numpy())

    def _picks(self, known: Log) -> History:
        """What the id part is found from: the pairs of the first task that ranks, else all."""
        task = next((name for name in self.model.heads if self.ranks(name)), None)
        return known.history() if task is None else known.picks(task)

    @property
    def _fold_in(self) -> FoldIn:
        """Found when first asked for; engines of newcomers share it."""
        if not self._found:
            encoder, picks = self.model.user_encoder, self._picks(self._own)
            nothing = Bags(torch.empty(0, dtype=torch.int64), torch.zeros_like(self._own_rows))
            width = encoder.id_dim
            ids = encoder(self._own_rows, nothing)[:, :width]
            self._found.append(FoldIn.of(ids, self.items[:, :width], picks))
        return self._found[0]


@dataclass(frozen=True)
class TaskAnswers:
    """An engine, asked for one task: what evaluation calls a ranker or a rater."""

    engine: Engine
    task: str
    sinks_seen: bool = False  # whether its scores hold the model's penalty on seen items

    @torch.inference_mode()
    def score(self, users: torch.Tensor, contexts: torch.Tensor | None = None) -> torch.Tensor:
        """(batch,) user rows, (batch,) context rows → (batch, item rows) scores."""
        of_users, of_items = self._vectors
        scores = of_users[users] @ of_items.T
        is_unknown = ~self.engine.knows[users]
        if is_unknown.any():
            scores[is_unknown] = self._popularity
        asked = self.engine.in_context(self.task)
        if asked is not None and contexts is not None:
            added = asked.scores(contexts)
            # Of somebody unknown the picks to be expected in such a context, else a logit.
            scores = torch.where(is_unknown[:, None], scores * added.exp(), scores + added)
        return scores

    @torch.inference_mode()
    def score_pairs(
        self, users: torch.Tensor, items: torch.Tensor, contexts: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(n,) user, item and context rows → (n,) scores, those that `score` gives."""
        of_users, of_items = self._vectors
        scores = (of_users[users] * of_items[items]).sum(dim=1)
        is_unknown = ~self.engine.knows[users]
        scores = torch.where(is_unknown, self._popularity[items], scores)
        asked = self.engine.in_context(self.task)
        if asked is not None and contexts is not None:
            added = asked.of_pairs(contexts, items)
            scores = torch.where(is_unknown, scores * added.exp(), scores + added)
        return scores

    def predict(self, users: torch.Tensor, items: torch.Tensor, **told: Any) -> torch.Tensor:
        """(n,) user rows, (n,) item rows, and times and contexts → (n,) answers."""
        return self.engine.predict(self.task, users, items, **told)

    def distribution(self, users: torch.Tensor, items: torch.Tensor, **told: Any) -> torch.Tensor:
        """As `predict`, but (n, K) probabilities of the levels."""
        return self.engine.distribution(self.task, users, items, **told)

    @property
    def levels(self) -> torch.Tensor:
        """(K,) the labels that `distribution` is over; none where there is no such thing."""
        return self.engine.levels(self.task)

    @property
    def rates_by_time(self) -> bool:
        """Whether `predict` looks at the times it is given."""
        return self.engine.local_bias(self.task) is not None

    @property
    def reads_contexts(self) -> bool:
        """Whether it may be asked in a context."""
        return self.engine.in_context(self.task) is not None

    @property
    def raw_ranker(self) -> "TaskAnswers | None":
        """The same with the penalty on seen items in its scores; nothing without one."""
        if self.sinks_seen or self.engine.model.seen_penalty is None:
            return None
        return replace(self, sinks_seen=True)

    @cached_property
    def _vectors(self) -> tuple[torch.Tensor, torch.Tensor]:
        return self.engine.vectors(self.task, sink_seen=self.sinks_seen)

    @cached_property
    def _popularity(self) -> torch.Tensor:
        return self.engine.popularity(self.task)
