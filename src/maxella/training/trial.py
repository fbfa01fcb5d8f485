"""How well a model ranks the validation part: what stages choose their settings by."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from maxella.data.dataset import Dataset
from maxella.data.interactions import pair_keys
from maxella.evaluation.metric import of_users
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

    @property
    def asks(self) -> bool:
        """Whether there is anything to ask."""
        return len(self.exam.test) > 0

    def ndcg(self) -> float:
        """The mean NDCG@100 over the users; 0 where there is nothing to ask."""
        return float(self._ndcgs().mean()) if self.asks else 0.0

    def best(self, values: Sequence[float], put: Callable[[float], None]) -> float | None:
        """As `best_of` NDCG@100 once a value is `put` into the model; None: nothing to ask."""
        if not self.asks:
            return None

        def quality(value: float) -> np.ndarray:
            put(value)
            return self._ndcgs()

        return best_of(values, quality)

    def search(
        self,
        grid: Mapping[str, Sequence[float]],
        settings: Mapping[str, float],
        put: Callable[[Mapping[str, float]], None],
    ) -> dict[str, float]:
        """Settings of a part beside other scores, each the best of its grid, one after another.

        `settings` are those before, and hold where there is nothing to ask. The first is `share`,
        how much the part counts: where that is 0 the others are nothing. Leaves the model with
        what it found.
        """
        found = dict(settings)
        for name, values in grid.items():
            best = self.best(values, lambda value, name=name: put(found | {name: value}))  # type: ignore[misc]
            found[name] = found[name] if best is None else best
            if not found["share"]:
                break
        put(found)
        return found if found["share"] else {"share": 0.0}

    def _ndcgs(self) -> np.ndarray:
        """(users,) of each user who is asked."""
        engine = Engine.of(self.model, self.dataset.known_in_validation)
        answers = self.exam.ask(engine.answers(self.exam.name), len(engine.items))
        (ndcg,) = answers.group(None).statistics.values()
        return of_users(ndcg)


def best_of(values: Sequence[float], quality: Callable[[float], np.ndarray]) -> float:
    """The value of highest mean quality, or the first where that is not surely worse.

    `quality` gives (users,) numbers, of the same users each time. The first value is the plain one:
    it stays unless it falls behind the best by more than one standard error of the paired
    difference (Breiman et al. 1984, "Classification and regression trees", section 3.4.3).

    >>> best_of([1.0, 2.0], lambda value: np.array([value, value + 0.1, value]))
    2.0
    >>> best_of([1.0, 2.0], lambda value: np.array([value, -0.9 * value]))
    1.0
    """
    found = [quality(value) for value in values]
    best = int(np.argmax([of.mean() for of in found]))
    ahead = found[best] - found[0]
    error = ahead.std(ddof=1) / len(ahead) ** 0.5 if len(ahead) > 1 else np.inf
    return values[best] if ahead.mean() > error else values[0]
