"""A trained model, ready to answer for rows: evaluation and serving both ask here."""

from collections.abc import Mapping
from functools import partial
from typing import Literal

import torch

from maxella.data.contexts import Contexts
from maxella.data.entity_features import EntityFeatures
from maxella.data.log import Log
from maxella.features.id import UNKNOWN_ROW
from maxella.model.feature_part import FeatureBags
from maxella.model.model import Model
from maxella.recommend.lists import Lists, candidates, standardised
from maxella.recommend.task_answers import TaskAnswers
from maxella.recommend.users import EmbeddedUsers, Trained, embed_users, ranks

_USERS = 512  # scored at once

Exclude = Literal["labels", "visited"] | None


class Engine:
    """Scores, answers and lists of a finished model, task by task, in row numbers.

    A model that uses time looks at the order of what is known, never at the test: retrieval
    reads the latest items of a history most (`data.recency`), ratings follow how a user rated
    around some time (`closed_form.residual_process`).

    A user whom training did not have is read from their history: the id part of their
    query is folded in (`closed_form.fold_in`), and what the heads hold of them is found from the
    labels that they gave. For whom nothing is known at all, items score as often as they
    were picked: what is measured is what is served.

    Where contexts are told, a question may name one by its row; without one the answer is that of
    a model that reads none.
    """

    def __init__(self, users: EmbeddedUsers, contexts: Contexts | None = None) -> None:
        """`contexts`: those that a question may name."""
        self._users = users
        self._contexts = contexts
        self.model = users.trained.model
        self.items = users.trained.items  # (item rows, dim) of the item encoder
        self.known = users.known  # what the users have done by now
        self.knows = users.knows  # (user rows,) bool: there in training, or with a history

    @classmethod
    @torch.inference_mode()
    def of(
        cls,
        model: Model,
        known: Log,
        trained: torch.Tensor | None = None,
        contexts: Contexts | None = None,
    ) -> "Engine":
        """For the users of the model. `known`: what they have done by now.

        `trained`: (user rows,) bool, who was there in training; all, if not given.
        """
        rows = torch.arange(model.user_encoder.n_rows)
        if trained is not None:
            rows = rows.where(trained, UNKNOWN_ROW)
        part = model.user_encoder.feature_part
        bags = None if part is None else part.bags
        return cls(embed_users(Trained(model, rows, known), rows, known, bags), contexts)

    @torch.inference_mode()
    def of_newcomers(self, known: Log, features: EntityFeatures | None = None) -> "Engine":
        """The same items, for other users, of whom nothing but this is known."""
        nobody = torch.full((known.n_user_rows,), UNKNOWN_ROW)
        bags = None if features is None else FeatureBags.of(features)
        return Engine(embed_users(self._users.trained, nobody, known, bags), self._contexts)

    def in_contexts(self, contexts: Contexts) -> "Engine":
        """The same for other contexts."""
        return Engine(self._users, contexts)

    def answers(self, task: str) -> TaskAnswers:
        """What is asked of one task alone."""
        return TaskAnswers(self._users, task, self._contexts)

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
        everyone = torch.arange(len(users))
        parts = []
        for block in torch.split(everyone, _USERS):
            at = None if contexts is None else contexts[block]
            out = self._left_out(users[block], retrieve, exclude, allow, deny)
            scores = [
                self.answers(task).score(users[block], at).masked_fill_(out, -torch.inf)
                for task in retrieve
            ]
            positions, items = candidates(scores, n)
            of_users = users[block][positions]
            at = None if at is None else at[positions]
            found = torch.zeros(len(items), dtype=torch.float64)
            for task, weight in blend.items():
                answers = self.answers(task).of_pairs(of_users, items, at)
                if not isinstance(tasks, str):
                    answers = weight * standardised(answers, positions, len(block))
                found += answers
            parts.append((block[positions], items, found.float()))
        positions, items, found = map(torch.cat, zip(*parts, strict=True))
        return Lists.best(positions, items, found, k, self.knows[users])

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
        whose: list[str | None] = [None] if exclude == "visited" else [*tasks]
        for task in whose if exclude else []:
            find = self.known.history if task is None else partial(self.known.picks, task)
            bags = self._users.once(("seen", task), find).bags(users)
            out[torch.repeat_interleave(bags.counts), bags.items] = True
        return out
