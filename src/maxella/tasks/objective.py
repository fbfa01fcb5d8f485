"""What training minimises: the weighted sum of a retrieval and a rating task."""

from dataclasses import dataclass

import torch

from maxella.data.batches import Batch
from maxella.errors import DataError
from maxella.model.joint import JointModel
from maxella.tasks.losses import RetrievalLoss, squared_error


@dataclass(frozen=True)
class Objective:
    """retrieval_weight · retrieval loss + rating_weight · squared error + l2 · penalty.

    Losses are means over the interactions of a batch, so that a weight means the same at
    any batch size. `sum_retrieval` makes the retrieval loss a sum, as in the notebook,
    where weights of 1 and 1 stand for about 8,192 to 1. A task of weight 0 is not computed.

    The penalty is the mean over interactions of |u|² + |v|²: a row that occurs n times in
    the log is held by n · l2, the frequency-scaled regularisation of ALS-WR (Zhou et al. 2008).
    """

    retrieval_loss: RetrievalLoss
    retrieval_weight: float
    rating_weight: float
    sum_retrieval: bool
    l2: float

    def __call__(self, model: JointModel, batch: Batch) -> tuple[torch.Tensor, dict[str, float]]:
        """A batch → the loss (a scalar with a gradient) and its parts, as logged."""
        users = model.user_tower(batch.users)  # (U, dim)
        items = model.item_tower(batch.items)  # (I, dim)
        n = len(batch)
        loss = users.new_zeros(())
        parts = {}
        if self.retrieval_weight:
            total = self.retrieval_loss(
                users,
                items,
                model.retrieval_biases(batch.items),
                batch.user_positions,
                batch.item_positions,
            )
            retrieval = total if self.sum_retrieval else total / n
            loss = loss + self.retrieval_weight * retrieval
            parts["retrieval_loss"] = total.item() / n
        if self.rating_weight:
            if batch.ratings is None:
                raise DataError(
                    "The rating task wants ratings; this log has none. "
                    "Set tasks.rating_weight = 0 to train for retrieval alone."
                )
            # index_select: the gradient of users[...] adds up in an order that threads race for.
            predictions = model.rate(
                users.index_select(0, batch.user_positions),
                items.index_select(0, batch.item_positions),
                batch.users[batch.user_positions],
                batch.items[batch.item_positions],
            )
            rating = squared_error(predictions, batch.ratings) / n
            loss = loss + self.rating_weight * rating
            parts["rating_loss"] = rating.item()
        if self.l2:
            loss = loss + self.l2 * _mean_square(users, batch.user_positions, n)
            loss = loss + self.l2 * _mean_square(items, batch.item_positions, n)
        return loss, parts


def _mean_square(embeddings: torch.Tensor, positions: torch.Tensor, n: int) -> torch.Tensor:
    """Mean over n interactions of the squared norm of the row that each one names."""
    counts = torch.bincount(positions, minlength=len(embeddings)).to(embeddings.dtype)
    return (counts * embeddings.square().sum(dim=1)).sum() / n
