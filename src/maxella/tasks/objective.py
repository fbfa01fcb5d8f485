"""What training minimises: the weighted sum of a retrieval and a rating task."""

from dataclasses import dataclass

import torch

from maxella.data.batches import Batch
from maxella.model.joint import JointModel
from maxella.model.rating_head import RatedPairs
from maxella.tasks.choices import Choices
from maxella.tasks.losses import RetrievalLoss
from maxella.tasks.rating import RatingTask
from maxella.tasks.teacher import Teacher


@dataclass(frozen=True)
class Objective:
    """retrieval_weight · retrieval loss + rating_weight · rating loss + l2 · penalty.

    Losses are means over the interactions of a batch, so that a weight means the same at
    any batch size. `sum_retrieval` makes the retrieval loss a sum, as in the notebook,
    where weights of 1 and 1 stand for about 8,192 to 1. A task of weight 0 is not computed.

    The rating task's gradient reaches the towers only where `rating_shapes_towers`; else
    the rating head reads what retrieval has made of them. `retrieval_every` computes the
    retrieval loss at every so many steps only, for a rating head that wants many more steps
    than the towers. A teacher takes `distillation` of the retrieval loss.

    The penalty is the mean over interactions of |u|² + |v|²: a row that occurs n times in
    the log is held by n · l2, the frequency-scaled regularisation of ALS-WR (Zhou et al. 2008).
    """

    retrieval_loss: RetrievalLoss
    retrieval_weight: float
    rating_task: RatingTask
    rating_weight: float
    sum_retrieval: bool
    rating_shapes_towers: bool
    retrieval_every: int
    l2: float
    teacher: Teacher | None = None
    distillation: float = 0.0

    def __call__(
        self, model: JointModel, batch: Batch, step: int, steps: int
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """A batch → the loss, a scalar with a gradient, and its parts, scalars without."""
        users = model.user_tower(batch.users, batch.bags)  # (U, dim)
        items = model.item_tower(batch.items)  # (I, dim)
        loss = users.new_zeros(())
        parts = {}
        if self.retrieval_weight and step % self.retrieval_every == 0:
            total = self._retrieval(model, batch, users, items)
            mean = total / len(batch)
            loss = loss + self.retrieval_weight * (total if self.sum_retrieval else mean)
            parts["retrieval_loss"] = mean.detach()
        if self.rating_weight:
            read = (users, items) if self.rating_shapes_towers else (users.detach(), items.detach())
            rated = batch.rated
            pairs = RatedPairs(
                *read, rated.users, rated.items, rated.user_positions, rated.item_positions
            )
            rating = self.rating_task(model.rating_head, pairs, rated, step / steps)
            loss = loss + self.rating_weight * rating
            parts["rating_loss"] = rating.detach()
        if self.l2:
            loss = loss + self.l2 * _mean_square(users, batch.user_positions, len(batch))
            loss = loss + self.l2 * _mean_square(items, batch.item_positions, len(batch))
        return loss, parts

    def _retrieval(
        self, model: JointModel, batch: Batch, users: torch.Tensor, items: torch.Tensor
    ) -> torch.Tensor:
        choices = Choices(
            users,
            items,
            model.retrieval_biases(batch.items),
            batch.user_positions,
            batch.item_positions,
            model.own_scores(batch.bags, batch.items, items, batch.item_positions),
            None if self.teacher is None else self.teacher.of(batch.users, batch.items),
            self.distillation,
            batch.item_weights,
            batch.negatives,
        )
        return self.retrieval_loss(choices)


def _mean_square(embeddings: torch.Tensor, positions: torch.Tensor, n: int) -> torch.Tensor:
    """Mean over n interactions of the squared norm of the row that each one names."""
    counts = torch.bincount(positions, minlength=len(embeddings)).to(embeddings.dtype)
    return (counts * embeddings.square().sum(dim=1)).sum() / n
