"""Encoders started from factors found in closed form, and a teacher made of these."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from maxella.baselines.choice import Trial
from maxella.closed_form.edlae import low_rank_edlae
from maxella.closed_form.edlae import usual_l2 as usual_edlae_l2
from maxella.closed_form.ials import ials, usual_l2, usual_unobserved
from maxella.data.dataset import Dataset
from maxella.data.history import History
from maxella.errors import ConfigError
from maxella.model.model import Model
from maxella.model.sum_encoder import SumEncoder
from maxella.seeds import torch_generator
from maxella.tasks.teacher import Teacher, blend
from maxella.training.device import on_device
from maxella.training.trial import best_of

# The closed forms give scores near 0 and 1; ten times that is the scale of fitted logits.
GAIN = 10.0
ID_WEIGHT = 0.55  # of the id part in the teacher's blend; the history part has the rest
SHARPNESS = 1.6  # of the teacher, in standard deviations of its scores
_SAMPLE = 1000  # users that a scale is found from
# What is tried on the validation part, over the usual one; that first.
_PENALTIES = (1.0, 2.0, 0.5, 4.0, 0.25)
_UNOBSERVED = (1.0, 3.0, 0.3)

Factors = tuple[torch.Tensor, torch.Tensor]  # (user or item rows, d), (item rows, d)


@dataclass
class ClosedFormStart:
    """Puts iALS into the id parts of the encoders and low-rank EDLAE into the history parts.

    The rows of the item encoder are [iALS, EDLAE] as those of the user encoder. The blend of both
    is the `teacher`, of which the model's own start is a first approximation: distilled from it,
    the model keeps what both know of the pairs that nobody took, while it learns to tell apart
    those that somebody did.

    Where the log has several events, the history part has two halves: EDLAE of the task's own
    pairs, and EDLAE of all that users met, whatever the event: which items go together is
    learnt from views, too. Both read the task's own events, the others count nothing yet: what
    somebody viewed says less of what they will buy than what they bought (docs/log.md).

    The penalty of each form is that which surely ranks the validation part best by NDCG@100
    (`trial.best_of`), else the usual one.
    """

    task: str  # of which the labels are the pairs to account for
    seed: int
    device: torch.device
    chosen: Mapping[str, float] = field(default_factory=dict)  # by an earlier pass
    name: str = "closed form"
    teacher: Teacher | None = None  # once it is found
    facts: dict[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Find them; raises ConfigError for an encoder that has no such parts."""
        encoder = model.user_encoder
        if not isinstance(encoder, SumEncoder):
            raise ConfigError(
                "model.start = 'closed_form' wants model.encoder = 'sum'. Set model.start = "
                "'random'."
            )
        log = dataset.train
        picks = [log.picks(self.task)]
        if len(model.events) > 1:
            picks.append(log.history())
            if encoder.history is not None:
                own = log.events_of(self.task)
                weights = torch.tensor([float(event in own) for event in model.events])
                encoder.history.event_weights.copy_(weights)  # type: ignore[union-attr]
        with on_device(model, self.device):
            picks = [history.to(self.device) for history in picks]
            settings = _Settings.of(self.task, dataset, picks[0], self.seed, self.chosen)
            generator = torch_generator(self.seed, "closed form")
            self.teacher = _start(model, encoder, picks, settings, generator)
        self.facts = {"chosen": settings.chosen} if settings.chosen else {}


@dataclass(frozen=True)
class _Scores:
    """Factors as a ranker of users."""

    users: torch.Tensor  # (user rows, d)
    items: torch.Tensor  # (item rows, d)

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) user rows → (batch, item rows)."""
        return (self.users[users.to(self.users.device)] @ self.items.T).cpu()


@dataclass
class _Settings:
    """Of the closed forms: the best of some on the validation part, or the usual ones."""

    own: History  # the pairs of the task, which users are read from
    seed: int
    trial: Trial | None  # None where there is no validation part that can be asked
    chosen: dict[str, float]  # of those that were tried, now or by an earlier pass

    @classmethod
    def of(
        cls, task: str, dataset: Dataset, own: History, seed: int, chosen: Mapping[str, float]
    ) -> "_Settings":
        """For a data set."""
        asked, train = dataset.validation.pairs(task), dataset.train.task_data(task, "retrieval")
        has_any = np.isin(asked.users, train.pairs.users).any()
        return cls(own, seed, Trial.of(train, asked) if has_any else None, dict(chosen))

    def ials(self, dim: int) -> tuple[float, float]:
        """What iALS in so many dimensions counts an empty cell, and its penalty."""

        def options(unobserved: float, penalty: float) -> tuple[float, float]:
            of_cells = usual_unobserved(self.own) * unobserved
            return of_cells, usual_l2(self.own, of_cells) * penalty

        def fit(unobserved: float, penalty: float) -> Factors:
            of_cells, l2 = options(unobserved, penalty)
            return ials(self.own, dim, self._generator, unobserved=of_cells, l2=l2)

        cells = self._best("iALS, unobserved", _UNOBSERVED, lambda value: fit(value, 1.0))
        return options(cells, self._best("iALS", _PENALTIES, partial(fit, cells)))

    def edlae(self, picks: History, dim: int) -> float:
        """That of EDLAE of these pairs; users are read from their own."""
        usual = usual_edlae_l2(picks)

        def fit(penalty: float) -> Factors:
            found = low_rank_edlae(picks, dim, self._generator, l2=usual * penalty)
            return _read(self.own, found[0]), found[1]

        name = "EDLAE" if picks is self.own else "EDLAE of all events"
        return usual * self._best(name, _PENALTIES, fit)

    @property
    def _generator(self) -> torch.Generator:
        return torch_generator(self.seed, "closed form trial")

    def _best(self, name: str, values: tuple[float, ...], fit: Callable[[float], Factors]) -> float:
        if self.trial is None:
            return self.chosen.get(name, values[0])
        trial = self.trial
        self.chosen[name] = best_of(values, lambda value: trial.ndcgs(_Scores(*fit(value))))
        return self.chosen[name]


def _start(
    model: Model,
    encoder: SumEncoder,
    picks: list[History],
    settings: _Settings,
    generator: torch.Generator,
) -> Teacher:
    """From the pairs of the task and, where there are other events, all pairs."""
    ids, reading, own = encoder.ids, encoder.history, picks[0]
    factors: list[Factors] = []  # whose scores the teacher blends
    weights: list[float] = []
    items: list[torch.Tensor] = []  # what the rows of the item encoder are made of
    if ids is not None:
        unobserved, l2 = settings.ials(ids.dim)
        of_users, of_items = ials(own, ids.dim, generator, unobserved=unobserved, l2=l2)
        ids.table.weight.copy_(of_users * GAIN**0.5)
        items.append(of_items * GAIN**0.5)
        factors.append((of_users, of_items))
        weights.append(ID_WEIGHT)
    if reading is not None:
        n, dim = len(picks), reading.readings.embedding_dim
        widths = [dim - dim // n * (n - 1), *[dim // n] * (n - 1)]
        forms = []
        for of_picks, width in zip(picks, widths, strict=True):
            l2 = settings.edlae(of_picks, width)
            forms.append(low_rank_edlae(of_picks, width, generator, l2=l2))
        found = _on_one_scale(own, forms)
        readings = []
        for of_history, of_items in found:
            # One scale for both sides, so that one learning rate suits them.
            ratio = of_history.norm() / of_items.norm().clamp(min=1e-12)
            ratio = ratio.clamp(min=1e-12).sqrt()
            readings.append(of_history / ratio)
            items.append(of_items * ratio)
            factors.append((_read(own, of_history), of_items))
            weights.append(1 / n * (1 if ids is None else 1 - ID_WEIGHT))
        reading.readings.weight.copy_(torch.cat(readings, dim=1))
        reading.log_gain.fill_(GAIN).log_()
    model.item_encoder.table.weight.copy_(torch.cat(items, dim=1))
    return blend(own, factors, weights if len(factors) > 1 else [1.0], SHARPNESS)


def _on_one_scale(own: History, found: list[Factors]) -> list[Factors]:
    """Readings and items of several forms, such that the scores of all vary as those of one."""
    if len(found) == 1:
        return found
    users = (own.starts.diff() > 0).nonzero().squeeze(1)
    some = own.take(users[:: max(1, len(users) // _SAMPLE)])
    spreads = [(_read(some, readings) @ items.T).std() for readings, items in found]
    return [
        (readings * (spreads[0] / spread.clamp(min=1e-12)), items)
        for (readings, items), spread in zip(found, spreads, strict=True)
    ]


def _read(history: History, readings: torch.Tensor) -> torch.Tensor:
    """(user rows, dim) the sums of the readings of what each user has."""
    sums: torch.Tensor = functional.embedding_bag(
        history.items, readings, history.starts[:-1], mode="sum"
    )
    return sums
