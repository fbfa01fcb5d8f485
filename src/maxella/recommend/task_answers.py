"""A model and some users, asked for one task: what evaluation calls a ranker or a rater."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from maxella.closed_form.local_bias import LocalBias
from maxella.data.contexts import Contexts
from maxella.errors import ConfigError
from maxella.model.context_part import InContext
from maxella.model.dot_product_head import DotProductHead
from maxella.model.head import EmbeddedPairs
from maxella.model.revisit import RevisitPart
from maxella.recommend.users import EmbeddedUsers, ranks, timed
from maxella.recommend.visited import Visited

_PAIRS = 2**12  # answered at once: what a head keeps fits the cache


@dataclass(frozen=True)
class TaskAnswers:
    """Scores of a task that ranks, or answers of one that answers pairs, in row numbers.

    The item bias of a score is folded in as one more dimension, (u, 1)·(v, b) = u·v + b, so a
    score is one plain dot product.
    """

    users: EmbeddedUsers
    task: str
    contexts: Contexts | None = None  # those that a question may name
    sinks_seen: bool = False  # whether its scores hold the model's penalty on seen items

    @torch.inference_mode()
    def score(self, users: torch.Tensor, contexts: torch.Tensor | None = None) -> torch.Tensor:
        """(batch,) user rows, (batch,) context rows → (batch, item rows) scores."""
        of_users, of_items = self._vectors
        scores = of_users[users] @ of_items.T
        if self._visited is not None:
            self._visited.put_into(scores, users)
        is_unknown = ~self.users.knows[users]
        if is_unknown.any():
            scores[is_unknown] = self.users.trained.picked(self.task)
        asked = self._in_context
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
        if self._visited is not None:
            scores = self._visited.instead_of(scores, users, items)
        is_unknown = ~self.users.knows[users]
        scores = torch.where(is_unknown, self.users.trained.picked(self.task)[items], scores)
        asked = self._in_context
        if asked is not None and contexts is not None:
            added = asked.of_pairs(contexts, items)
            scores = torch.where(is_unknown, scores * added.exp(), scores + added)
        return scores

    @torch.inference_mode()
    def predict(
        self,
        users: torch.Tensor,
        items: torch.Tensor,
        times: np.ndarray | None = None,
        contexts: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """(n,) user rows, (n,) item rows → (n,) answers, clipped where the task has a range.

        (n,) times in seconds: when they would be given; not given: after all that is known.
        Only a task that uses time looks at them. (n,) context rows.
        """
        head = self.users.heads[self.task]
        low, high = head.range
        return head(self._pairs(users, items, times, contexts)).clamp(low, high)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def distribution(self, users: torch.Tensor, items: torch.Tensor, **told: Any) -> torch.Tensor:
        """As `predict`, but (n, K) probabilities of the levels.

        Raises ConfigError where the task's head has none.
        """
        if not len(self.levels):
            raise ConfigError(
                f"Wanted a distribution of {self.task}; its head has none. Train with "
                "head = 'ordinal'."
            )
        return self.users.heads[self.task].distribution(self._pairs(users, items, **told))

    def of_pairs(
        self, users: torch.Tensor, items: torch.Tensor, contexts: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(n,) user, item and context rows → (n,) scores, or answers of a task that gives these."""
        if ranks(self.users.trained.model, self.task):
            return self.score_pairs(users, items, contexts)
        return self.predict(users, items, contexts=contexts)

    @property
    def levels(self) -> torch.Tensor:
        """(K,) the labels that `distribution` is over; none where there is no such thing."""
        head = self.users.heads.get(self.task)
        return torch.empty(0) if head is None else head.levels

    @property
    def rates_by_time(self) -> bool:
        """Whether `predict` looks at the times it is given."""
        return self._local_bias is not None

    @property
    def reads_contexts(self) -> bool:
        """Whether it may be asked in a context."""
        return self._in_context is not None

    @property
    def raw_ranker(self) -> "TaskAnswers | None":
        """The same with the penalty on seen items in its scores; nothing without one.

        For lists that can leave nothing out; where seen items can be left out, that is better.
        """
        if self.sinks_seen or self.users.trained.model.seen_penalty is None:
            return None
        return replace(self, sinks_seen=True)

    def _once(self, name: str, find: Callable[[], Any]) -> Any:
        """What is found of these users once, whoever asks."""
        key = name, self.task, self.sinks_seen
        if key not in self.users.found:
            self.users.found[key] = find()
        return self.users.found[key]

    @property
    def _vectors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(U, d) and (item rows, d), whose products are the scores."""
        found: tuple[torch.Tensor, torch.Tensor] = self._once("vectors", self._found_vectors)
        return found

    def _found_vectors(self) -> tuple[torch.Tensor, torch.Tensor]:
        known, model = self.users, self.users.trained.model
        head: DotProductHead = model.heads[self.task]  # type: ignore[assignment]
        users = head.queries(known.latest if self.task in model.uses_time else known.queries)
        items = known.trained.items
        biases = head.biases(torch.arange(len(items)))
        if biases is not None:
            users = torch.cat([users, users.new_ones(len(users), 1)], dim=1)
            items = torch.cat([items, biases[:, None]], dim=1)
        if self.sinks_seen and model.seen_penalty is not None:
            of_users, of_items = model.seen_penalty.embeddings(known.bags)
            users, items = torch.cat([users, of_users], dim=1), torch.cat([items, of_items], dim=1)
        return users, items

    @property
    def _visited(self) -> Visited | None:
        """What the users have met, but not picked, where that has scores of its own."""
        revisits = self.users.trained.model.revisits
        if self.task not in revisits:
            return None
        part: RevisitPart = revisits[self.task]  # type: ignore[assignment]
        found: Visited = self._once(
            "visited", lambda: Visited.of(part, self.users.known, self.task)
        )
        return found

    @property
    def _in_context(self) -> InContext | None:
        """What the task is told of contexts, where it is told any."""
        parts = self.users.trained.model.contexts
        if self.contexts is None or self.task not in parts:
            return None
        return InContext(parts[self.task], self.contexts)  # type: ignore[arg-type]

    @property
    def _local_bias(self) -> LocalBias | None:
        """How users answered around a moment, where the task looks at it."""
        if self.task not in timed(self.users.trained.model, self.users.known):
            return None
        found: LocalBias = self._once("local bias", self._found_local_bias)
        return found

    @torch.inference_mode()
    def _found_local_bias(self) -> LocalBias:
        pairs, head = self.users.known.pairs(self.task), self.users.heads[self.task]
        low, high = head.range
        rows = torch.from_numpy(np.stack([pairs.users, pairs.items]))
        answers = [
            head(self._embedded(*block)).clamp(low, high)
            for block in torch.split(rows, _PAIRS, dim=1)
        ]
        return LocalBias.of(pairs, pairs.labels - torch.cat(answers).numpy())

    def _pairs(
        self,
        users: torch.Tensor,
        items: torch.Tensor,
        times: np.ndarray | None = None,
        contexts: torch.Tensor | None = None,
    ) -> EmbeddedPairs:
        offsets = None
        if self._local_bias is not None:
            offsets = torch.from_numpy(self._local_bias.at(users.numpy(), times))
        asked = self._in_context
        if asked is not None and contexts is not None:
            added = asked.of_pairs(contexts, items)
            offsets = added if offsets is None else offsets + added
        return self._embedded(users, items, offsets)

    def _embedded(
        self, users: torch.Tensor, items: torch.Tensor, offsets: torch.Tensor | None = None
    ) -> EmbeddedPairs:
        each, known = torch.arange(len(users)), self.users
        embeddings = known.queries[users], known.trained.items[items]
        rows = known.head_rows[self.task][users]
        return EmbeddedPairs(*embeddings, rows, items, each, each, offsets)
