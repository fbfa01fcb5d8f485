"""Seen items pushed out of a user's list by the score itself."""

from dataclasses import dataclass

import torch
from torch.nn import functional

from maxella.data.batches import Batch
from maxella.model.joint import JointModel


def demotion_loss(
    scores: torch.Tensor,
    demotions: torch.Tensor,
    is_seen: torch.Tensor,
    *,
    length: int,
    softness: float,
) -> torch.Tensor:
    """Σ over users and items of how far the demoted list is from the list of unseen items.

    All (U, I): the retrieval scores s, what is to be added to them d, and which items the user
    has. With τ the score of the last of the `length` best items that the user lacks, an item is
    in the list to the degree σ((s − τ) / softness) if the user lacks it and 0 else. That is
    what σ((s + d − τ) / softness) shall be; the loss is their binary cross-entropy. So an item
    far below the list costs nothing, whatever its d, and a softmax over the whole catalogue,
    which cares most for the first place, loses to it (docs/log.md).

    One user, scores [3, 0, −2], who has the first: the list of one is the second item, τ = 0.
    Without demotion log(1 + e³) + log 2 + (log(1 + e⁻²) + 2σ(−2)) = 4.1071.

    >>> scores, has = torch.tensor([[3.0, 0.0, -2.0]]), torch.tensor([[True, False, False]])
    >>> none, enough = torch.zeros(1, 3), torch.tensor([[-9.0, 0.0, 0.0]])
    >>> round(demotion_loss(scores, none, has, length=1, softness=1.0).item(), 4)
    4.1071
    >>> round(demotion_loss(scores, enough, has, length=1, softness=1.0).item(), 4)
    1.061
    """
    unseen = scores.masked_fill(is_seen, -torch.inf)
    best = unseen.topk(min(length, unseen.shape[1]), dim=1).values
    # A user with fewer unseen items than the list is long has all of them in it.
    last = best.masked_fill(best == -torch.inf, torch.inf).amin(dim=1, keepdim=True)
    last = last.nan_to_num(posinf=0.0)  # of a user who has everything
    wanted = ((unseen - last) / softness).sigmoid()
    found = (scores + demotions - last) / softness
    return functional.binary_cross_entropy_with_logits(found, wanted, reduction="sum")


@dataclass(frozen=True)
class DemotionTask:
    """Trains a model's demotion part and nothing else, on batches of whole users."""

    length: int  # of the list that seen items are kept out of
    softness: float  # of its end, in units of the score

    def __call__(
        self, model: JointModel, batch: Batch, step: int, steps: int
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """A batch → the loss, a mean over the batch's interactions, and its parts."""
        del step, steps
        if model.demotion is None:
            raise ValueError("the demotion task wants a model with a demotion part")
        with torch.no_grad():
            users = model.user_tower(batch.users, batch.bags)
            scores = users @ model.item_tower(batch.items).T
            biases = model.retrieval_biases(batch.items)
            if biases is not None:
                scores += biases
            is_seen = torch.zeros_like(scores, dtype=torch.bool)
            is_seen[batch.user_positions, batch.item_positions] = True
        demotions = model.demotion.users(batch.bags) @ model.demotion.items(batch.items).T
        loss = demotion_loss(
            scores, demotions, is_seen, length=self.length, softness=self.softness
        ) / len(batch)
        return loss, {}
