"""A trained model, ready to answer for rows: evaluation and serving both ask here."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch

from maxella.closed_form.fold_in import FoldIn
from maxella.closed_form.local_bias import LocalBias
from maxella.data.contexts import Contexts
from maxella.data.entity_features import EntityFeatures
from maxella.data.history import Bags
from maxella.data.labelled import LabelledPairs
from maxella.data.log import Log
from maxella.errors import ConfigError
from maxella.features.id import UNKNOWN_ROW
from maxella.model.context_part import InContext
from maxella.model.dot_product_head import DotProductHead
from maxella.model.feature_part import FeatureBags
from maxella.model.head import EmbeddedPairs
from maxella.model.model import Model
from maxella.model.revisit import RevisitPart
from maxella.recommend.lists import Lists, candidates, standardised
from maxella.recommend.users import embed_users, picks, ranks, timed
from maxella.recommend.visited import Visited

_PAIRS = 2**12  # answered at once: what a head keeps fits the cache
_USERS = 512  # scored at once

Exclude = Literal["labels", "visited"] | None


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

    items: torch.Tensor  # (item rows, dim) of the item encoder
    known: Log  # what its users have done by now

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
        self._popularity: dict[str, torch.Tensor] = {}
        rows = torch.arange(model.user_encoder.n_rows)
        if trained is not None:
            rows = rows.where(trained, UNKNOWN_ROW)
        self.items = model.item_encoder(torch.arange(model.item_encoder.n_rows))
        self._own_rows, self._own = rows, known
        part = model.user_encoder.feature_part
        self._take_users(rows, known, None if part is None else part.bags)

    @torch.inference_mode()
    def of_newcomers(self, known: Log, features: EntityFeatures | None = None) -> "Engine":
        """The same items, for other users, of whom nothing but this is known."""
        other = copy.copy(self)
        nobody = torch.full((known.n_user_rows,), UNKNOWN_ROW)
        bags = None if features is None else FeatureBags.of(features)
        other._take_users(nobody, known, bags)  # noqa: SLF001 - one of its own
        return other

    def in_contexts(self, contexts: Contexts) -> "Engine":
        """The same for other contexts."""
        other = copy.copy(self)
        other._contexts = contexts  # noqa: SLF001 - one of its own
        return other

    def answers(self, task: str) -> "TaskAnswers":
        """What is asked of one task alone."""
        return TaskAnswers(self, task)

    @property
    def knows(self) -> torch.Tensor:
        """(user rows,) bool: there in training, or with a history or features."""
        return self._users.knows

    def ranks(self, task: str) -> bool:
        """Whether a task ranks items; else it answers pairs."""
        return ranks(self.model, task)

    @torch.inference_mode()
    def recommend(
        self,
        tasks: str | Mapping[str, float],
        users: torch.Tensor,
        k: int,
        *,
        contexts: torch.Tensor | None = None,
        exclude: Exclude = "labels",
        allow: torch.Tensor | None = None,
        deny: torch.Tensor | None = None,
        n_candidates: int = 100,
    ) -> Lists:
        """The k best items of each of (n,) user rows, for a task that ranks or a blend of tasks.

        (n,) context rows. `exclude` leaves out the items that are a user's labels of the task, or
        those that any event of theirs names. `allow`: (m,) item rows, no others are listed;
        `deny`: those that are not.

        A blend is {task: weight}. The tasks in it that rank, with weights above 0, give each user
        their `n_candidates` best items (k, if that is more); where none is in it, the model's first
        such task does. These are ordered by Σ weight · z, with z a task's answers less
        their mean over the user's candidates, over their standard deviation there. So a weight
        means the same for stars, probabilities and scores; the sums of two users do not compare.
        """
        blend = {tasks: 1.0} if isinstance(tasks, str) else dict(tasks)
        retrieve = [task for task, weight in blend.items() if self.ranks(task) and weight > 0]
        if not retrieve:
            retrieve = [task for task in self.model.heads if self.ranks(task)][:1]
        n = k if isinstance(tasks, str) else max(k, n_candidates)
        parts, starts = [], list(range(0, max(1, len(users)), _USERS))
        for start in starts:
            asked = users[start : start + _USERS]
            at = None if contexts is None else contexts[start : start + _USERS]
            out = self._left_out(asked, retrieve, exclude, allow, deny)
            scores = [
                self.answers(task).score(asked, at).masked_fill_(out, -torch.inf)
                for task in retrieve
            ]
            positions, items = candidates(scores, n)
            asked_at = None if at is None else at[positions]
            found = torch.zeros(len(items), dtype=torch.float64)
            for task, weight in blend.items():
                answers = self.answers(task).of_pairs(asked[positions], items, contexts=asked_at)
                if not isinstance(tasks, str):
                    answers = weight * standardised(answers, positions, len(asked))
                found += answers
            parts.append(Lists.best(positions, items, found.float(), k, self.knows[asked]))
        return Lists.join(parts, starts)

    def vectors(self, task: str, *, sink_seen: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
        """(user rows, d) and (item rows, d) whose products are the scores of a retrieval task.

        `sink_seen` adds the model's penalty on seen items, for an index of nearest items that can
        leave nothing out. Where seen items can be left out, that is better.
        """
        if (task, sink_seen) not in self._cache:
            self._cache[task, sink_seen] = self._vectors(task, sink_seen=sink_seen)
        found: tuple[torch.Tensor, torch.Tensor] = self._cache[task, sink_seen]
        return found

    @torch.inference_mode()
    def _vectors(self, task: str, *, sink_seen: bool) -> tuple[torch.Tensor, torch.Tensor]:
        head: DotProductHead = self.model.heads[task]  # type: ignore[assignment]
        latest = task in self.model.uses_time
        known = self._users
        users, items = head.queries(known.latest if latest else known.queries), self.items
        biases = head.biases(torch.arange(len(items)))
        if biases is not None:
            users = torch.cat([users, users.new_ones(len(users), 1)], dim=1)
            items = torch.cat([items, biases[:, None]], dim=1)
        if sink_seen and self.model.seen_penalty is not None:
            of_users, of_items = self.model.seen_penalty.embeddings(known.bags)
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
        head = self._users.heads[task]
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
        head = self._users.heads[task]
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
        """(item rows,) how often each item was picked in training."""
        if task not in self._popularity:
            picked = self._own.pairs(task).items
            counts = np.bincount(picked, minlength=len(self.items))
            self._popularity[task] = torch.from_numpy(counts.astype(np.float32))
        return self._popularity[task]

    @torch.inference_mode()
    def visited(self, task: str) -> Visited | None:
        """What the users of now have met, but not picked, where that has scores of its own."""
        key = "visited", task
        if key not in self._cache:
            self._cache[key] = None
            if task in self.model.revisits:
                part: RevisitPart = self.model.revisits[task]  # type: ignore[assignment]
                self._cache[key] = Visited.of(part, self.known, task)
        found: Visited | None = self._cache[key]
        return found

    def levels(self, task: str) -> torch.Tensor:
        """(K,) the labels that `distribution` is over; none where there is no such thing."""
        head = self._users.heads.get(task)
        return torch.empty(0) if head is None else head.levels

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
        rows, queries = self._users.head_rows[task][users], self._users.queries[users]
        return EmbeddedPairs(queries, self.items[items], rows, items, each, each, offsets)

    def _take_users(
        self, model_rows: torch.Tensor, known: Log, features: FeatureBags | None
    ) -> None:
        self.known = known
        self._cache: dict[Any, Any] = {}  # what is found once for these users
        self._users = embed_users(
            self.model, self.items, model_rows, known, features, self._fold_in
        )
        self._local_biases: dict[str, LocalBias] = {}
        for task in timed(self.model, known):
            if not self.ranks(task):
                self._local_biases[task] = self._found_local_bias(task, known.pairs(task))

    def _left_out(
        self,
        users: torch.Tensor,
        tasks: list[str],
        exclude: Exclude,
        allow: torch.Tensor | None,
        deny: torch.Tensor | None,
    ) -> torch.Tensor:
        """(n, item rows) bool: what is not to be listed."""
        out = torch.zeros(len(users), len(self.items), dtype=torch.bool)
        if allow is not None:
            out[:] = True
            out[:, allow] = False
        if deny is not None:
            out[:, deny] = True
        out[:, UNKNOWN_ROW] = True
        seen: list[str | None] = list(tasks) if exclude == "labels" else [None]
        for task in seen if exclude else []:
            if task not in self._cache:
                known = self.known
                self._cache[task] = known.history() if task is None else known.picks(task)
            bags: Bags = self._cache[task].bags(users)
            out[torch.repeat_interleave(bags.counts), bags.items] = True
        return out

    def _found_local_bias(self, task: str, pairs: LabelledPairs) -> LocalBias:
        rows = torch.from_numpy(np.stack([pairs.users, pairs.items]))
        blocks = torch.split(rows, _PAIRS, dim=1)
        answers = torch.cat([self.predict(task, *block) for block in blocks])
        return LocalBias.of(pairs, pairs.labels - answers.numpy())

    def _fold_in(self) -> FoldIn:
        """Found when first asked for; engines of newcomers share it."""
        if not self._found:
            encoder = self.model.user_encoder
            nothing = Bags(torch.empty(0, dtype=torch.int64), torch.zeros_like(self._own_rows))
            width = encoder.id_dim
            ids = encoder(self._own_rows, nothing)[:, :width]
            self._found.append(FoldIn.of(ids, self.items[:, :width], picks(self.model, self._own)))
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
        of_users, of_items = self.engine.vectors(self.task, sink_seen=self.sinks_seen)
        scores = of_users[users] @ of_items.T
        visited = self.engine.visited(self.task)
        if visited is not None:
            rows, places = visited.of_users(users)
            scores[rows, visited.items[places]] = visited.scores[places]
        is_unknown = ~self.engine.knows[users]
        if is_unknown.any():
            scores[is_unknown] = self.engine.popularity(self.task)
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
        of_users, of_items = self.engine.vectors(self.task, sink_seen=self.sinks_seen)
        scores = (of_users[users] * of_items[items]).sum(dim=1)
        visited = self.engine.visited(self.task)
        if visited is not None:
            is_visited, places = visited.of_pairs(users, items)
            scores = torch.where(is_visited, visited.scores[places], scores)
        is_unknown = ~self.engine.knows[users]
        scores = torch.where(is_unknown, self.engine.popularity(self.task)[items], scores)
        asked = self.engine.in_context(self.task)
        if asked is not None and contexts is not None:
            added = asked.of_pairs(contexts, items)
            scores = torch.where(is_unknown, scores * added.exp(), scores + added)
        return scores

    def of_pairs(
        self, users: torch.Tensor, items: torch.Tensor, contexts: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(n,) user, item and context rows → (n,) scores, or answers of a task that gives these."""
        if self.engine.ranks(self.task):
            return self.score_pairs(users, items, contexts)
        return self.predict(users, items, contexts=contexts)

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
