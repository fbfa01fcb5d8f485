"""Encoders started from factors found in closed form, and a teacher made of these."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional

from maxella.closed_form.edlae import low_rank_edlae
from maxella.closed_form.ials import ials
from maxella.data.dataset import Dataset
from maxella.data.history import History
from maxella.errors import ConfigError
from maxella.model.model import Model
from maxella.model.sum_encoder import SumEncoder
from maxella.seeds import torch_generator
from maxella.tasks.teacher import Teacher, blend
from maxella.training.device import on_device

# The closed forms give scores near 0 and 1; ten times that is the scale of fitted logits.
GAIN = 10.0
ID_WEIGHT = 0.55  # of the id part in the teacher's blend; the history part has the rest
SHARPNESS = 1.6  # of the teacher, in standard deviations of its scores
OTHERS = 0.3  # what a pair of another event counts


@dataclass
class ClosedFormStart:
    """Puts iALS into the id parts of the encoders and low-rank EDLAE into the history parts.

    The rows of the item encoder are [iALS, EDLAE] as those of the user encoder. The blend of both
    is the `teacher`, of which the model's own start is a first approximation: distilled from it,
    the model keeps what both know of the pairs that nobody took, while it learns to tell apart
    those that somebody did.

    Where the log has several events, EDLAE accounts for the others, too, for less: which items go
    together is learnt from views as well. A user is read from the task's own events alone, at
    first: what somebody viewed says less of what they will buy than what they bought (docs/log.md).
    """

    task: str  # of which the labels are the pairs to account for
    seed: int
    device: torch.device
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
        own, others = log.picks(self.task), []
        generator = torch_generator(self.seed, "closed form")
        if len(model.events) > 1:
            events = log.events_of(self.task)
            rest = [event for event in log.events if event not in events]
            others = [(log.history_of(rest).to(self.device), OTHERS)] if rest else []
            if encoder.history is not None and encoder.history.event_weights is not None:
                weights = [float(event in events) for event in model.events]
                encoder.history.event_weights.copy_(torch.tensor(weights))
        with on_device(model, self.device):
            self.teacher = _start(model, encoder, own.to(self.device), others, generator)


def _start(
    model: Model,
    encoder: SumEncoder,
    history: History,
    others: list[tuple[History, float]],
    generator: torch.Generator,
) -> Teacher:
    ids, reading = encoder.ids, encoder.history
    factors: list[tuple[torch.Tensor, torch.Tensor]] = []
    items: list[torch.Tensor] = []
    if ids is not None:
        of_users, of_items = ials(history, ids.dim, generator)
        ids.table.weight.copy_(of_users * GAIN**0.5)
        items.append(of_items * GAIN**0.5)
        factors.append((of_users, of_items))
    if reading is not None:
        dim = reading.readings.embedding_dim
        readings, of_items = low_rank_edlae(history, dim, generator, others=others)
        # One scale for both sides, so that one learning rate suits them.
        ratio = (readings.norm() / of_items.norm().clamp(min=1e-12)).clamp(min=1e-12).sqrt()
        reading.readings.weight.copy_(readings / ratio)
        reading.log_gain.fill_(GAIN).log_()
        items.append(of_items * ratio)
        factors.append((_read(history, readings), of_items))
    model.item_encoder.table.weight.copy_(torch.cat(items, dim=1))
    weights = [ID_WEIGHT, 1 - ID_WEIGHT] if len(factors) == 2 else [1.0]
    return blend(history, factors, weights, SHARPNESS)


def _read(history: History, readings: torch.Tensor) -> torch.Tensor:
    """(user rows, dim) the sums of the readings of what each user has."""
    sums: torch.Tensor = functional.embedding_bag(
        history.items, readings, history.starts[:-1], mode="sum"
    )
    return sums
