"""What a rating head would hold of users whom training lacked, found from their ratings."""

from dataclasses import fields

import torch
from torch import nn

from maxella.data.batches import Batch
from maxella.model.mixed_head import MixedHead
from maxella.model.rating_head import RatedPairs, RatingHead
from maxella.tasks.rating import mean_squared_error, task_of

_STEPS = 60
_DAMPING = 5.0  # ratings that hold a bias at 0 where the loss does not, as in the bias model


def read_ratings(head: RatingHead, pairs: RatedPairs, ratings: torch.Tensor) -> None:
    """Set the head's user tables for the users of these pairs, at the minimum of its own loss.

    (n,) ratings. Nothing but the rows of these users moves, and no user moves another's; a head
    without user tables stays as it is. By L-BFGS (Liu and Nocedal 1989) from rows of zeros.
    """
    if isinstance(head, MixedHead):
        for part in head.heads:
            read_ratings(part, pairs, ratings)
        return
    task = task_of(head)
    # Out of inference mode, whose tensors no gradient can pass.
    with torch.inference_mode(mode=False), torch.enable_grad():
        given = {field.name: getattr(pairs, field.name) for field in fields(pairs)}
        tensors = {name: value.clone() for name, value in given.items() if value is not None}
        pairs = RatedPairs(**tensors)
        ratings = ratings.clone()
        tables = [getattr(head, name) for name in head.user_tables]
        if not tables:
            return
        for table in tables:
            table.weight = nn.Parameter(table.weight.detach().clone())
            table.weight.data[pairs.users] = 0.0
        batch = Batch(
            pairs.users,
            pairs.items,
            pairs.user_positions,
            pairs.item_positions,
            ratings,
            share=0.0,  # the items' priors are no matter of the users
        )
        weights = [table.weight for table in tables]
        optimiser = torch.optim.LBFGS(
            weights, max_iter=_STEPS, history_size=20, line_search_fn="strong_wolfe"
        )

        def loss() -> torch.Tensor:
            value = len(batch) * task(head, pairs, batch, 1.0)
            if task is mean_squared_error:
                value = value + _DAMPING * sum(w[pairs.users].square().sum() for w in weights)
            gradients = torch.autograd.grad(value, weights)
            for weight, gradient in zip(weights, gradients, strict=True):
                weight.grad = gradient
            return value

        optimiser.step(loss)  # type: ignore[no-untyped-call]
