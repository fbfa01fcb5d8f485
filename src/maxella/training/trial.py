"""How well a model ranks the validation part: what stages choose their settings by."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from maxella.data.dataset import Dataset
from maxella.data.interactions import pair_keys
from maxella.evaluation.ranking_exam import RankingExam
from maxella.model.model import Model
from maxella.recommend.engine import Engine
from maxella.tasks import retrieval


@dataclass(frozen=True)
class Trial:
    """Some validation pairs of a task, and the model that is asked for them."""

    model: Model
    dataset: Dataset
    exam: RankingExam

    @classmethod
    def of(cls, model: Model, dataset: Dataset, task: str, *, only_new: bool = False) -> "Trial":
        """Of users with picks in training; `only_new`: where they had not met the item before."""
        known = dataset.known_in_validation
        exam = retrieval.exam(task, dataset.validation, known)
        test = exam.test.take(np.isin(exam.test.users, known.pairs(task).users))
        protocol = "filtered"
        if only_new and exam.visited is not None:
            protocol, n_items = "new", known.n_item_rows
            is_met = np.isin(pair_keys(test, n_items), pair_keys(exam.visited, n_items))
            test = test.take(~is_met)
        exam = replace(exam, test=test.of_some_users(), metrics=["ndcg@100"], protocols=[protocol])
        return cls(model, dataset, exam)

    def best(self, values: Sequence[float], put: Callable[[float], None]) -> float | None:
        """The first of the values with the highest NDCG@100 once it is `put` into the model.

        None where there is nothing to ask.
        """
        if not len(self.exam.test):
            return None
        found = []
        for value in values:
            put(value)
            found.append(self._ndcg())
        return values[int(np.argmax(found))]

    def _ndcg(self) -> float:
        engine = Engine.of(self.model, self.dataset.known_in_validation)
        answers = self.exam.ask(engine.answers(self.exam.name), len(engine.items))
        (ndcg,) = answers.group(None).statistics.values()
        return ndcg.value()
