"""A trained model's demotion part, found while everything else stays as it is."""

import math
from collections.abc import Callable
from time import perf_counter

import torch

from maxella.data.batches import UserBatches
from maxella.data.columns import WholeCatalogue
from maxella.data.history import History
from maxella.data.interactions import Interactions
from maxella.features.id import UNKNOWN_ROW
from maxella.model.joint import JointModel
from maxella.tasks.demotion import DemotionTask
from maxella.training.fit import Plan, fit
from maxella.training.log import RunLog

_LENGTH = 100  # of the list that seen items are kept out of
_SOFTNESS = 0.05  # of the end of the list, in standard deviations of a user's scores
_LEARNING_RATE = 0.01
_BATCH_SIZE = 256
_EPOCHS = 20


def train_demotion(
    model: JointModel,
    log: Interactions,
    seed: int,
    *,
    run_log: RunLog | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> float:
    """Train the demotion part from its start, once all else is trained; gives the seconds.

    No other weight moves: the towers' scores say which items stand in the way of which list.
    """
    started = perf_counter()
    demotion = model.demotion
    assert demotion is not None  # noqa: S101 - asked for only where there is one
    history = History.of(log, model.user_tower.n_rows, model.item_tower.n_rows)
    spread = _spread(model, history)
    with torch.no_grad():
        demotion.users.log_gain.add_(math.log(spread))
    progress = fit(
        model,
        DemotionTask(_LENGTH, _SOFTNESS * spread),
        UserBatches(log, _BATCH_SIZE, WholeCatalogue(model.item_tower.n_rows)),
        Plan("adam", _LEARNING_RATE, _LEARNING_RATE, "one_cycle", _EPOCHS, seed),
        on_step=on_step,
    )
    seconds = perf_counter() - started
    if run_log:
        run_log.write("demotion", loss=progress.history[-1]["loss"], seconds=seconds)
    return seconds


@torch.no_grad()
def _spread(model: JointModel, history: History) -> float:
    """The standard deviation of the scores of what a user lacks, over at most 1,000 users."""
    users = (history.starts.diff() > 0).nonzero().squeeze(1)
    users = users[:: max(1, len(users) // 1000)]
    items = torch.arange(model.item_tower.n_rows)
    scores = model.user_tower(users, history.bags(users)) @ model.item_tower(items).T
    biases = model.retrieval_biases(items)
    if biases is not None:
        scores += biases
    has = history.matrix(users)
    has[:, UNKNOWN_ROW] = 1
    unseen = scores.masked_fill(has == 1, torch.nan)
    deviations = (unseen - unseen.nanmean(dim=1, keepdim=True)).square().nanmean(dim=1)
    return float(deviations.nanmean().sqrt().clamp(min=1e-6))
