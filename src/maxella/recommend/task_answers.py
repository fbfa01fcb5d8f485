"""A model and some users, asked for one task: what evaluation calls a ranker or a rater."""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from maxella.closed_form.residual_process import ResidualProcess
from maxella.data.contexts import Contexts
from maxella.data.labelled import LabelledPairs
from maxella.errors import ConfigError
from maxella.evaluation.distribution import central_interval
from maxella.model.beside import Beside
from maxella.model.context_part import ContextPart, InContext
from maxella.model.dot_product_head import DotProductHead
from maxella.model.head import EmbeddedPairs
from maxella.model.model import Model
from maxella.model.revisit import RevisitPart
from maxella.recommend.residuals import covariance_of
from maxella.recommend.users import EmbeddedUsers, ranks, timed
from maxella.recommend.visited import Visited

_PAIRS = 2**12  # answered at once: what a head keeps fits the cache


@dataclass(frozen=True)
class TaskAnswers:
    """Scores of a task that ranks, or answers of one that answers pairs, in row numbers."""

    users: EmbeddedUsers
    task: str
    contexts: Contexts | None = None  # those that a question may name
    sinks_seen: bool = False  # whether its scores hold the model's penalty on seen items
    only_past: bool = False  # whether it looks at nothing that came after the time asked about

    @torch.inference_mode()
    def score(self, users: torch.Tensor, contexts: torch.Tensor | None = None) -> torch.Tensor:
        """(batch,) user rows, (batch,) context rows → (batch, item rows) scores."""
        of_users, of_items = self._vectors
        scores = self._beside.add(of_users[users] @ of_items.T, users)
        if self._visited is not None:
            self._visited.put_into(scores, users)
        is_unknown, picked = ~self.users.knows[users], self.users.trained.picked[self.task]
        return _completed(scores, is_unknown[:, None], picked, self._added(contexts))

    @torch.inference_mode()
    def score_pairs(
        self, users: torch.Tensor, items: torch.Tensor, contexts: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(n,) user, item and context rows → (n,) scores, those that `score` gives."""
        of_users, of_items = self._vectors
        scores = (of_users[users] * of_items[items]).sum(dim=1)
        scores = self._beside.add_to_pairs(scores, users, items)
        if self._visited is not None:
            scores = self._visited.instead_of(scores, users, items)
        is_unknown, picked = ~self.users.knows[users], self.users.trained.picked[self.task]
        return _completed(scores, is_unknown, picked[items], self._added(contexts, items))

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
        Only a task that uses time looks at them, and one that uses the past at nothing that came
        at that time or later. (n,) context rows.
        """
        return self.users.heads[self.task].answers(self._pairs(users, items, times, contexts))

    @torch.inference_mode()
    def distribution(
        self,
        users: torch.Tensor,
        items: torch.Tensor,
        times: np.ndarray | None = None,
        contexts: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """As `predict`, but (n, K) probabilities of the levels.

        Raises ConfigError where the task's head has none.
        """
        if not len(self.levels):
            raise ConfigError(
                f"Wanted a distribution of {self.task}; its head has none. Train with "
                "head = 'ordinal'."
            )
        return self.users.heads[self.task].distribution(self._pairs(users, items, times, contexts))

    def interval(self, *asked: Any, probability: float) -> torch.Tensor:
        """As `distribution`, but (n, 2) the ends of the interval that holds a probability."""
        found = self.distribution(*asked).numpy()
        return torch.from_numpy(
            np.stack(central_interval(found, self.levels.numpy(), probability), 1)
        )

    def of_pairs(
        self, users: torch.Tensor, items: torch.Tensor, contexts: torch.Tensor | None = None
    ) -> torch.Tensor:
        """(n,) user, item and context rows → (n,) scores, or answers of a task that gives these."""
        if ranks(self._model, self.task):
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
        return self.task in self.users.heads and self.task in timed(self._model, self.users.known)

    @property
    def past_rater(self) -> "TaskAnswers | None":
        """The same from what came before the time asked about; nothing where that is no other."""
        if not self.rates_by_time or self._looks_back:
            return None
        return replace(self, only_past=True)

    @property
    def _looks_back(self) -> bool:
        return self.only_past or self._model.uses_time.get(self.task) == "past"

    @property
    def reads_contexts(self) -> bool:
        """Whether it may be asked in a context."""
        return self.contexts is not None and self.task in self._model.contexts

    @property
    def raw_ranker(self) -> "TaskAnswers | None":
        """The same with the penalty on seen items in its scores; nothing without one.

        For lists that can leave nothing out; where seen items can be left out, that is better.
        """
        if self.sinks_seen or self._model.seen_penalty is None:
            return None
        return replace(self, sinks_seen=True)

    @property
    def _model(self) -> Model:
        return self.users.trained.model

    @property
    def _vectors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(U, d) and (item rows, d), whose products are the scores.

        Items stand column by column: the product of one user is found three times as fast so.
        """

        def find() -> tuple[torch.Tensor, torch.Tensor]:
            known, model = self.users, self._model
            queries = known.latest if self.task in model.uses_time else known.queries
            head: DotProductHead = model.heads[self.task]  # type: ignore[assignment]
            users, items = head.vectors(queries, known.trained.items)
            if self.sinks_seen and model.seen_penalty is not None:
                sunk = model.seen_penalty.embeddings(known.bags)
                users, items = torch.cat([users, sunk[0]], 1), torch.cat([items, sunk[1]], 1)
            return users, items.T.contiguous().T

        return self.users.once(("vectors", self.task, self.sinks_seen), find)

    @property
    def _beside(self) -> Beside:
        """What stands beside the dot products, for these users."""
        trained, known = self.users.trained.beside[self.task], self.users.known
        if known is self.users.trained.known:
            return trained
        return self.users.once(("beside", self.task), lambda: trained.told(known))

    @property
    def _visited(self) -> Visited | None:
        """What the users have met, but not picked, where that has scores of its own."""
        if self.task not in self._model.revisits:
            return None
        part: RevisitPart = self._model.revisits[self.task]  # type: ignore[assignment]
        find = partial(Visited.of, part, self.users.known, self.task)
        return self.users.once(("visited", self.task), find)

    @property
    def _residuals(self) -> ResidualProcess | None:
        """What the users' answers leave over the predictions, where that says something."""
        if self.task not in self._model.residuals:
            return None
        return self.users.once(("residuals", self.task), self._found_residuals)

    @torch.inference_mode()
    def _found_residuals(self) -> ResidualProcess:
        items, times = self.users.trained.items, self.rates_by_time
        covariance = covariance_of(self._model, self.task, items, with_times=times)
        return ResidualProcess.of(covariance, self.users.known.pairs(self.task), self._errors)

    @torch.inference_mode()
    def _errors(self, pairs: LabelledPairs) -> np.ndarray:
        """(n,) label − prediction, in units of the head."""
        head = self.users.heads[self.task]
        rows = torch.from_numpy(np.stack([pairs.users, pairs.items]))
        blocks = torch.split(rows, _PAIRS, dim=1)
        answers = torch.cat([head.answers(self._embedded(*block)) for block in blocks])
        errors: np.ndarray = (pairs.labels - answers.numpy()) / float(head.unit)
        return errors

    def _added(
        self, contexts: torch.Tensor | None, items: torch.Tensor | None = None
    ) -> torch.Tensor | None:
        """(n,) context rows → (n, item rows), or (n,) for (n,) item rows: what they add, if any."""
        if contexts is None or self.contexts is None or self.task not in self._model.contexts:
            return None
        part: ContextPart = self._model.contexts[self.task]  # type: ignore[assignment]
        asked = InContext(part, self.contexts)
        return asked.scores(contexts) if items is None else asked.of_pairs(contexts, items)

    def _pairs(
        self,
        users: torch.Tensor,
        items: torch.Tensor,
        times: np.ndarray | None = None,
        contexts: torch.Tensor | None = None,
    ) -> EmbeddedPairs:
        offsets = self._added(contexts, items)
        if self._residuals is not None:
            asked = users.numpy(), items.numpy(), times if self.rates_by_time else None
            found = torch.from_numpy(self._residuals.at(*asked, only_past=self._looks_back))
            offsets = found if offsets is None else found + offsets
        return self._embedded(users, items, offsets)

    def _embedded(
        self, users: torch.Tensor, items: torch.Tensor, offsets: torch.Tensor | None = None
    ) -> EmbeddedPairs:
        each, known = torch.arange(len(users)), self.users
        embeddings = known.queries[users], known.trained.items[items]
        rows = known.head_rows[self.task][users]
        return EmbeddedPairs(*embeddings, rows, items, each, each, offsets)


def _completed(
    scores: torch.Tensor,
    is_unknown: torch.Tensor,
    picked: torch.Tensor,
    added: torch.Tensor | None,
) -> torch.Tensor:
    """Scores as they are given: of somebody unknown how often items were picked, in a context.

    What a context adds is a logit, or makes of the picks those to be expected in it.
    """
    if is_unknown.any():
        scores = torch.where(is_unknown, picked, scores)
    if added is None:
        return scores
    return torch.where(is_unknown, scores * added.exp(), scores + added)
