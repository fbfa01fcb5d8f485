"""What training minimises: the weighted sum of the tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from maxella.data.batches import Batch
from maxella.model.model import Model
from maxella.tasks.kinds import KINDS
from maxella.tasks.task import Step, Task
from maxella.tasks.teacher import Teacher


@dataclass(frozen=True)
class Objective:
    """Σ over tasks of weight · loss + l2 · penalty.

    A task's loss is the sum over its labels in the batch by the number that a batch of that share
    of the data has on average. So over an epoch a weight means the same at any batch size. A batch
    without labels of a task adds no more than its share of what goes beyond labels: the priors of
    a head, the unobserved cells of `gramian`. (`Task.sums` makes a loss a sum, as in the notebook,
    where weights of 1 and 1 stand for about 8,192 to 1.)

    The penalty is the mean over rows of |u|² + |v|²: a user or item that occurs n times in
    the log is held by n · l2, the frequency-scaled regularisation of ALS-WR (Zhou et al. 2008).
    """

    tasks: Sequence[Task]
    l2: float
    teacher: Teacher | None = None

    def __call__(
        self, model: Model, batch: Batch, step: int, steps: int
    ) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        """A batch → the loss, a scalar with a gradient, and its parts, scalars without."""
        users = model.user_encoder(batch.users, batch.history)  # (U, dim)
        items = model.item_encoder(batch.items)  # (I, dim)
        read = Step(model, batch, users, items, step / steps, self.teacher)
        loss = users.new_zeros(())
        parts = {}
        for task in self.tasks:
            if step % task.every or not batch.tasks[task.name].expected:
                continue
            terms = KINDS[task.kind].loss(task, read)
            found = torch.stack([*terms.values()]).sum()
            loss = loss + task.weight * found
            if len(terms) == 1:
                terms = {}
            n_labels = batch.tasks[task.name].expected if task.sums else 1.0
            for name, term in {"loss": found, **terms}.items():
                parts[f"{task.name}_{name}"] = term.detach() / n_labels
        if self.l2:
            loss = loss + self.l2 * _mean_square(users, batch.user_positions, len(batch))
            loss = loss + self.l2 * _mean_square(items, batch.item_positions, len(batch))
        return loss, parts


def _mean_square(embeddings: torch.Tensor, positions: torch.Tensor, n: int) -> torch.Tensor:
    """Mean over n rows of the squared norm of the embedding that each one names."""
    counts = torch.bincount(positions, minlength=len(embeddings)).to(embeddings.dtype)
    return (counts * embeddings.square().sum(dim=1)).sum() / n
