"""A penalty on seen items, found while everything else stays as it is."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch.nn import functional

from maxella.closed_form.low_rank import taste_directions
from maxella.data.batches import Batch, UserBatches
from maxella.data.columns import WholeCatalogue
from maxella.data.dataset import Dataset
from maxella.data.history import History
from maxella.features.id import UNKNOWN_ROW
from maxella.model.dot_product_head import DotProductHead
from maxella.model.model import Model
from maxella.model.seen_penalty import SeenPenalty
from maxella.seeds import torch_generator
from maxella.training.gradient_steps import GradientSteps, Plan

_LENGTH = 100  # of the list that seen items are kept out of
_SOFTNESS = 0.05  # of the end of the list, in standard deviations of a user's scores
_SINK = 3.0  # how far the penalty lowers an item that it reads without loss, at its start
_LEARNING_RATE = 0.01
_BATCH_SIZE = 256
_EPOCHS = 20


@dataclass
class SeenPenaltyStage:
    """Trains the part of the score that sinks a user's seen items, once all else is trained.

    No other weight moves: the scores of a retrieval task say which items stand in the way of
    which list.
    """

    task: str
    seed: int
    on_step: Callable[[int, int], None] | None = None
    name: str = "seen-item penalty"
    facts: dict[str, Any] = field(default_factory=dict)

    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Start it in closed form, then step. ConfigError above 20,000 items."""
        penalty = model.seen_penalty
        assert penalty is not None  # noqa: S101 - asked for only where there is one
        log = dataset.train
        # The generator's name fixes the draws.
        _start(penalty, log.history(), torch_generator(self.seed, "demotion"))
        spread = _spread(model, self.task, dataset)
        with torch.no_grad():
            penalty.users.log_gain.add_(math.log(spread))
        steps = GradientSteps(
            partial(_loss, task=self.task, softness=_SOFTNESS * spread),
            UserBatches(log, _BATCH_SIZE, WholeCatalogue(log.n_item_rows), model.events),
            Plan("adam", _LEARNING_RATE, _LEARNING_RATE, "one_cycle", _EPOCHS, self.seed),
            torch.device("cpu"),
            on_step=self.on_step,
        )
        steps(model, dataset)
        self.facts["loss"] = steps.progress.history[-1]["loss"]


@torch.no_grad()
def _start(penalty: SeenPenalty, history: History, generator: torch.Generator) -> None:
    """Make d(u, i) the best approximation of that rank to −3 where u has i and 0 elsewhere."""
    directions = taste_directions(history, penalty.items.dim, generator) * _SINK**0.5
    penalty.items.table.weight.copy_(directions)
    penalty.users.readings.weight.copy_(-directions)
    penalty.users.power.zero_()  # a long history is read as a short one


def penalty_loss(
    scores: torch.Tensor,
    penalties: torch.Tensor,
    is_seen: torch.Tensor,
    *,
    length: int,
    softness: float,
) -> torch.Tensor:
    """Σ over users and items of how far the penalised list is from the list of unseen items.

    All (U, I): the retrieval scores s, what is to be added to them d, and which items the user
    has. With τ the score of the last of the `length` best items that the user lacks, an item is
    in the list to the degree σ((s − τ) / softness) if the user lacks it and 0 else. That is
    what σ((s + d − τ) / softness) shall be; the loss is their binary cross-entropy. So an item
    far below the list costs nothing, whatever its d, and a softmax over the whole catalogue,
    which cares most for the first place, loses to it (docs/log.md).

    One user, scores [3, 0, −2], who has the first: the list of one is the second item, τ = 0.
    Without a penalty log(1 + e³) + log 2 + (log(1 + e⁻²) + 2σ(−2)) = 4.1071.

    >>> scores, has = torch.tensor([[3.0, 0.0, -2.0]]), torch.tensor([[True, False, False]])
    >>> none, enough = torch.zeros(1, 3), torch.tensor([[-9.0, 0.0, 0.0]])
    >>> round(penalty_loss(scores, none, has, length=1, softness=1.0).item(), 4)
    4.1071
    >>> round(penalty_loss(scores, enough, has, length=1, softness=1.0).item(), 4)
    1.061
    """
    unseen = scores.masked_fill(is_seen, -torch.inf)
    best = unseen.topk(min(length, unseen.shape[1]), dim=1).values
    # A user with fewer unseen items than the list is long has all of them in it.
    last = best.masked_fill(best == -torch.inf, torch.inf).amin(dim=1, keepdim=True)
    last = last.nan_to_num(posinf=0.0)  # of a user who has everything
    wanted = ((unseen - last) / softness).sigmoid()
    found = (scores + penalties - last) / softness
    return functional.binary_cross_entropy_with_logits(found, wanted, reduction="sum")


def _loss(
    model: Model, batch: Batch, step: int, steps: int, *, task: str, softness: float
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Of the penalty and nothing else: a mean over the rows of a batch of whole users."""
    del step, steps
    penalty = model.seen_penalty
    assert penalty is not None  # noqa: S101 - the stage has looked
    assert batch.history is not None  # noqa: S101 - batches of whole users
    with torch.no_grad():
        users = model.user_encoder(batch.users, batch.history)
        scores = _scores(model, task, users, batch.items)
        is_seen = torch.zeros_like(scores, dtype=torch.bool)
        is_seen[batch.user_positions, batch.item_positions] = True
    penalties = penalty.users(batch.history) @ penalty.items(batch.items).T
    loss = penalty_loss(scores, penalties, is_seen, length=_LENGTH, softness=softness)
    return loss / len(batch), {}


def _scores(model: Model, task: str, users: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    head: DotProductHead = model.heads[task]  # type: ignore[assignment]
    scores: torch.Tensor = head.queries(users) @ model.item_encoder(items).T
    biases = head.biases(items)
    return scores if biases is None else scores + biases


@torch.no_grad()
def _spread(model: Model, task: str, dataset: Dataset) -> float:
    """The standard deviation of the scores of what a user lacks, over at most 1,000 users."""
    everything = dataset.train.history()
    users = (everything.starts.diff() > 0).nonzero().squeeze(1)
    users = users[:: max(1, len(users) // 1000)]
    history = dataset.train.history(model.events)
    queries = model.user_encoder(users, history.bags(users))
    scores = _scores(model, task, queries, torch.arange(dataset.items.n_rows))
    has = everything.matrix(users)
    has[:, UNKNOWN_ROW] = 1
    unseen = scores.masked_fill(has == 1, torch.nan)
    deviations = (unseen - unseen.nanmean(dim=1, keepdim=True)).square().nanmean(dim=1)
    return float(deviations.nanmean().sqrt().clamp(min=1e-6))
