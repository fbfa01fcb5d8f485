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
_SAMPLE = 1000  # users that a scale is found from


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
        picks = [log.picks(self.task)]
        weights = None
        if len(model.events) > 1:
            picks.append(log.history())
            own = log.events_of(self.task)
            weights = torch.tensor([float(event in own) for event in model.events])
        with on_device(model, self.device):
            if encoder.history is not None and weights is not None:
                encoder.history.event_weights.copy_(weights)  # type: ignore[union-attr]
            generator = torch_generator(self.seed, "closed form")
            picks = [history.to(self.device) for history in picks]
            self.teacher = _start(model, encoder, picks, generator)


def _start(
    model: Model, encoder: SumEncoder, picks: list[History], generator: torch.Generator
) -> Teacher:
    """From the pairs of the task and, where there are other events, all pairs."""
    ids, reading = encoder.ids, encoder.history
    own = picks[0]
    factors: list[tuple[torch.Tensor, torch.Tensor]] = []
    items: list[torch.Tensor] = []
    if ids is not None:
        of_users, of_items = ials(own, ids.dim, generator)
        ids.table.weight.copy_(of_users * GAIN**0.5)
        items.append(of_items * GAIN**0.5)
        factors.append((of_users, of_items))
    if reading is not None:
        widths = _halves(reading.readings.embedding_dim, len(picks))
        found = _on_one_scale(
            own,
            [
                low_rank_edlae(pairs, width, generator)
                for pairs, width in zip(picks, widths, strict=True)
            ],
        )
        factors += [(_read(own, readings), of_items) for readings, of_items in found]
        # One scale for both sides, so that one learning rate suits them.
        ratios = [
            (readings.norm() / of_items.norm().clamp(min=1e-12)).clamp(min=1e-12).sqrt()
            for readings, of_items in found
        ]
        both = list(zip(found, ratios, strict=True))
        readings = [of_history / ratio for (of_history, _), ratio in both]
        reading.readings.weight.copy_(torch.cat(readings, dim=1))
        reading.log_gain.fill_(GAIN).log_()
        items += [of_items * ratio for (_, of_items), ratio in both]
    model.item_encoder.table.weight.copy_(torch.cat(items, dim=1))
    of_histories = len(factors) - (ids is not None)
    weights = [1 / max(1, of_histories)] * of_histories
    if ids is not None:
        weights = [ID_WEIGHT, *(weight * (1 - ID_WEIGHT) for weight in weights)]
    return blend(own, factors, weights if len(factors) > 1 else [1.0], SHARPNESS)


def _halves(dim: int, n: int) -> list[int]:
    return [dim - dim // n * (n - 1), *[dim // n] * (n - 1)]


def _on_one_scale(
    own: History, found: list[tuple[torch.Tensor, torch.Tensor]]
) -> list[tuple[torch.Tensor, torch.Tensor]]:
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
