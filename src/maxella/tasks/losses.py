"""Losses of retrieval: pure functions of tensors, summed over pairs.

The softmax losses share one computation. With p(i | u) = exp(s_ui + w_i) / Σ_j exp(s_uj + w_j)
and s_ui = u·v_i + b_i, the loss of a positive pair is log Σ_j exp(s_uj + w_j) − s_ui, and its
first term is the same for all pairs of a user. So a batch needs one row of scores for each
distinct user, one column for each distinct item, whatever the number of pairs:

* `full_softmax`: the columns are the whole catalogue, w = 0.
* `in_batch_softmax`: a row of the batch is scored against the items of all rows. An item that
  occurs c times there contributes c equal terms, one term with w = log c. Value and gradients
  are those of the (rows × rows) matrix that TensorFlow Recommenders builds.

The other losses take a pair's own part in the history off its score, and so go with a history
part. `leave_one_out_softmax` and `gramian` are defined over the whole catalogue; where the
columns are a sample, item weights make of their sums estimates of those over the catalogue.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from maxella.tasks.choices import Choices
from maxella.tasks.softmax import masked_softmax, softmax

_UNOBSERVED = 0.1  # weight of a cell in the squared loss beside that of a pair, as in iALS


def full_softmax(choices: Choices) -> torch.Tensor:
    """Σ over pairs of −log softmax over all items at the pair's item.

    Two users, two items, scores [[2, 0], [0, 2]], each user took "their" item once:
    2 · log(1 + e⁻²) = 0.2539.

    >>> u = v = torch.eye(2) * 2**0.5
    >>> pairs = torch.tensor([0, 1])
    >>> round(full_softmax(Choices(u, v, None, pairs, pairs)).item(), 4)
    0.2539
    """
    return softmax(choices, choices.items.new_zeros(len(choices.items)))


def in_batch_softmax(choices: Choices) -> torch.Tensor:
    """Σ over pairs of −log softmax over the items of all pairs at the pair's item; repeats count.

    As for `full_softmax`, but the first pair occurs twice, so its item has two columns:
    user 0 twice: log(2e² + 1) − 2, user 1: log(2 + e²) − 2; in all 1.7568.

    >>> u = v = torch.eye(2) * 2**0.5
    >>> pairs = torch.tensor([0, 0, 1])
    >>> round(in_batch_softmax(Choices(u, v, None, pairs, pairs)).item(), 4)
    1.7568
    """
    if not len(choices.item_positions):  # no columns, and nothing to set against them
        return full_softmax(choices)
    # A pair that counts twice is there twice, as a column too.
    counts = choices.sums(choices.items, choices.item_positions)
    return softmax(choices, counts.log())  # −inf for an item that no pair names


def leave_one_out_softmax(choices: Choices) -> torch.Tensor:
    """Σ over pairs of −log softmax over the pair's item and the items that its user lacks.

    self_scores are taken off, so that no pair sees itself in the history. A teacher takes the
    given share of the loss. `softmax.masked_softmax` has the formulas.

    One user, scores [1, 0, 2], who took items 0 and 2. Each competes with item 1 alone:
    log(1 + e⁻¹) + log(1 + e⁻²) = 0.4402.

    >>> u, v = torch.ones(1, 1), torch.tensor([[1.0], [0.0], [2.0]])
    >>> pairs = torch.tensor([0, 0]), torch.tensor([0, 2])
    >>> round(leave_one_out_softmax(Choices(u, v, None, *pairs)).item(), 4)
    0.4402

    Where item 1 stands for three items: log(1 + 3e⁻¹) + log(1 + 3e⁻²) = 1.0844. What the user's
    own items stand for does not matter.

    >>> weights = torch.tensor([7.0, 3.0, 7.0])
    >>> round(leave_one_out_softmax(Choices(u, v, None, *pairs, item_weights=weights)).item(), 4)
    1.0844
    """
    return masked_softmax(choices)


def gramian(choices: Choices) -> torch.Tensor:
    """Σ over pairs of (1 − s)² + .1 · Σ over all cells (user, item) of s².

    The objective of iALS, by gradient steps. Σ_j s_uj² = uᵀ (Σ_j v_j v_jᵀ) u, so the cells
    cost d² a user, whatever the catalogue (Krichene et al. 2018, "Efficient training on very
    large corpora via Gramian estimation"). The cell of a pair is there for certain: it counts
    once, without its self-score, whatever its item's weight.

    One user, scores [1, 0, 2], who took items 0 and 2: 0 + 1 + .1 · (1 + 0 + 4) = 1.5.

    >>> u, v = torch.ones(1, 1), torch.tensor([[1.0], [0.0], [2.0]])
    >>> pairs = torch.tensor([0, 0]), torch.tensor([0, 2])
    >>> gramian(Choices(u, v, None, *pairs)).item()
    1.5
    """
    # The bias is one more dimension, of which every user has 1.
    users = torch.cat([choices.users, choices.users.new_ones(len(choices.users), 1)], dim=1)
    items = torch.cat([choices.items, choices.known_biases.unsqueeze(1)], dim=1)
    weights = choices.known_weights
    gram = items.T @ (weights.unsqueeze(1) * items)
    cells = ((users @ gram) * users).sum()
    scores = _pair_scores(choices, choices.user_positions, choices.item_positions)
    of_pairs = scores - choices.known_self_scores
    cells = cells - (weights[choices.item_positions] * scores.square()).sum()
    cells = cells + of_pairs.square().sum()
    return choices.weighted((1 - of_pairs).square()).sum() + _UNOBSERVED * cells


def bpr(choices: Choices) -> torch.Tensor:
    """Σ over pairs of softplus(s_uj − s_ui), with the pair's negative j that the user lacks.

    Bayesian personalised ranking (Rendle et al. 2009). A pair without a negative counts nothing.

    One user, scores [1, 0, 2], who took items 0 and 2; item 1 is the negative of both:
    log(1 + e⁻¹) + log(1 + e⁻²) = 0.4402.

    >>> u, v = torch.ones(1, 1), torch.tensor([[1.0], [0.0], [2.0]])
    >>> pairs = torch.tensor([0, 0]), torch.tensor([0, 2])
    >>> choices = Choices(u, v, None, *pairs, negatives=torch.tensor([1, 1]))
    >>> round(bpr(choices).item(), 4)
    0.4402
    """
    if choices.negatives is None:
        raise ValueError("bpr wants a negative for each pair; this batch has none drawn.")
    positives = _pair_scores(choices, choices.user_positions, choices.item_positions)
    negatives = _pair_scores(choices, choices.user_positions, choices.negatives.clamp(min=0))
    losses = functional.softplus(negatives - positives + choices.known_self_scores)
    return choices.weighted(losses.masked_fill(choices.negatives < 0, 0.0)).sum()


def _pair_scores(
    choices: Choices, user_positions: torch.Tensor, item_positions: torch.Tensor
) -> torch.Tensor:
    """(n,) scores of pairs, without a matrix of all scores."""
    # index_select: the gradient of values[...] adds up in an order that threads race for.
    users = choices.users.index_select(0, user_positions)
    items = choices.items.index_select(0, item_positions)
    biases = choices.known_biases.index_select(0, item_positions)
    return (users * items).sum(dim=1) + biases


@dataclass(frozen=True)
class Loss:
    """A loss of retrieval, and what goes with it."""

    function: Callable[[Choices], torch.Tensor]
    help: str
    whole_users: bool = True  # whether batches hold whole users, not rows
    corrects_itself: bool = True  # whether it takes a pair's own part in the history off its score
    negatives: str = "catalogue"  # catalogue, batch (the items of all rows), or unseen (one a pair)
    samples: bool = False  # whether few columns can stand for the catalogue
    distils: bool = False  # whether a teacher can take a share of it
    any_scale: bool = True  # whether it suits scores of any scale, not those near 0 and 1 alone


LOSSES: dict[str, Loss] = {
    "full_softmax": Loss(full_softmax, "the softmax over the catalogue", corrects_itself=False),
    "in_batch_softmax": Loss(
        in_batch_softmax,
        "the softmax over the items of a batch of rows, as the notebook has it",
        whole_users=False,
        corrects_itself=False,
        negatives="batch",
    ),
    "leave_one_out_softmax": Loss(
        leave_one_out_softmax,
        "the softmax over what a user lacks, and no item in its own history",
        samples=True,
        distils=True,
    ),
    "gramian": Loss(
        gramian,
        "squared errors over all users and items",
        samples=True,
        any_scale=False,
    ),
    "bpr": Loss(bpr, "each pair against one item that the user lacks", negatives="unseen"),
}
