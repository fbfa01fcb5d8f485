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


@dataclass
class ClosedFormStart:
    """Puts iALS into the id parts of the encoders and low-rank EDLAE into the history parts.

    The rows of the item encoder are [iALS, EDLAE] as those of the user encoder. The blend of both
    is the `teacher`, of which the model's own start is a first approximation: distilled from it,
    the model keeps what both know of the pairs that nobody took, while it learns to tell apart
    those that somebody did.
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
        history = dataset.train.picks(self.task)
        with on_device(model, self.device):
            generator = torch_generator(self.seed, "closed form")
            self.teacher = _start(model, encoder, history.to(self.device), generator)


def _start(
    model: Model, encoder: SumEncoder, history: History, generator: torch.Generator
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
        readings, of_items = low_rank_edlae(history, reading.readings.embedding_dim, generator)
        # One scale for both sides, so that one learning rate suits them.
        ratio = (readings.norm() / of_items.norm().clamp(min=1e-12)).clamp(min=1e-12).sqrt()
        reading.readings.weight.copy_(readings / ratio)
        reading.log_gain.fill_(GAIN).log_()
        items.append(of_items * ratio)
        bags = history.bags(torch.arange(history.n_user_rows, device=history.device))
        of_users = functional.embedding_bag(bags.items, readings, bags.begins, mode="sum")
        factors.append((of_users, of_items))
    model.item_encoder.table.weight.copy_(torch.cat(items, dim=1))
    weights = [ID_WEIGHT, 1 - ID_WEIGHT] if len(factors) == 2 else [1.0]
    return blend(history, factors, weights, SHARPNESS)
