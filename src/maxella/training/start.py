"""A model's towers started from factors found in closed form, and a teacher made of these."""

import torch
from torch.nn import functional

from maxella.closed_form.edlae import low_rank_edlae
from maxella.closed_form.ials import ials
from maxella.closed_form.low_rank import taste_directions
from maxella.data.history import History
from maxella.model.demotion import Demotion
from maxella.model.joint import JointModel
from maxella.tasks.teacher import Teacher, blend

# The closed forms give scores near 0 and 1; ten times that is the scale of fitted logits.
GAIN = 10.0
ID_WEIGHT = 0.55  # of the id part in the teacher's blend; the history part has the rest
SHARPNESS = 1.6  # of the teacher, in standard deviations of its scores
SINK = 3.0  # how far the demotion part lowers an item that it reads without loss


@torch.no_grad()
def start_in_closed_form(
    model: JointModel, history: History, generator: torch.Generator
) -> Teacher:
    """Put iALS into the towers' id parts and low-rank EDLAE into the history parts.

    The rows of the item tower are [iALS, EDLAE] as those of the user tower. Gives the
    blend of both, of which the model's own start is a first approximation: distilled from it,
    the model keeps what both know of the pairs that nobody took, while it learns to tell
    apart those that somebody did.
    """
    ids, reading = model.user_tower.ids, model.user_tower.history
    factors: list[tuple[torch.Tensor, torch.Tensor]] = []
    items: list[torch.Tensor] = []
    if ids is not None:
        of_users, of_items = ials(history, ids.dim, generator)
        ids.table.weight.copy_(of_users * GAIN**0.5)
        items.append(of_items * GAIN**0.5)
        factors.append((of_users, of_items))
    if reading is not None:
        dim = reading.readings.embedding_dim
        readings, of_items = low_rank_edlae(history, dim, generator)
        # One scale for both sides, so that one learning rate suits them.
        ratio = (readings.norm() / of_items.norm().clamp(min=1e-12)).clamp(min=1e-12).sqrt()
        reading.readings.weight.copy_(readings / ratio)
        reading.log_gain.fill_(GAIN).log_()
        items.append(of_items * ratio)
        bags = history.bags(torch.arange(history.n_user_rows, device=history.device))
        of_users = functional.embedding_bag(bags.items, readings, bags.begins, mode="sum")
        factors.append((of_users, of_items))
    model.item_tower.table.weight.copy_(torch.cat(items, dim=1))
    weights = [ID_WEIGHT, 1 - ID_WEIGHT] if len(factors) == 2 else [1.0]
    return blend(history, factors, weights, SHARPNESS)


@torch.no_grad()
def start_demotion(demotion: Demotion, history: History, generator: torch.Generator) -> None:
    """Make d(u, i) the best approximation of that rank to −SINK where u has i and 0 elsewhere.

    Raises ConfigError above 20,000 items.
    """
    directions = taste_directions(history, demotion.items.dim, generator) * SINK**0.5
    demotion.items.table.weight.copy_(directions)
    demotion.users.readings.weight.copy_(-directions)
    demotion.users.power.zero_()  # a long history is read as a short one
