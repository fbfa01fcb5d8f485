"""The softmax over what a user does not have, with loss and gradients in one sweep.

A positive pair (u, i) competes with the items that u does not have, never with u's others:

    loss(u, i) = −log e^{s_ui} / (e^{s_ui} + Σ_{j not known to u} e^{s_uj})
               = softplus(L_u − s_ui),   L_u = log Σ_{j not known to u} e^{s_uj}

L_u is the same for all pairs of a user, so a batch needs one row of scores
for each user, whatever the number of pairs. A pair's own share of its score, through the
history that it is part of, is taken off: s_ui stands for s_ui − self_ui.

Where columns j stand for w_j items each, s_uj + log w_j takes the place of s_uj in L_u, and
t_uj + log w_j that of t_uj below. The pair's own item is there for certain, whatever the
columns: its s_ui has no weight (Khrylchenko et al. 2025, arXiv:2507.09331).

A pair may count more or less than once; n_u is then the sum of these weights. With a teacher
t_uj, the distillation loss of a user with n_u pairs is n_u times the
cross-entropy of softmax(s_u) to softmax(t_u), both over what u does not have.
"""

from typing import Any

import torch
from torch.nn import functional

from maxella.tasks.blocks import Block, blocks

Teacher = tuple[torch.Tensor, torch.Tensor]  # (U, t), (I, t) embeddings


class MaskedSoftmax(torch.autograd.Function):
    """(1 − share) · Σ of losses of the pairs + share · Σ of distillation losses of the users.

    As for `losses.full_softmax`, the matrix of ∂loss/∂s is used where it stands in the cache.
    """

    @staticmethod
    def forward(
        ctx: Any,
        users: torch.Tensor,
        items: torch.Tensor,
        item_biases: torch.Tensor,
        log_weights: torch.Tensor,
        user_positions: torch.Tensor,
        item_positions: torch.Tensor,
        pair_weights: torch.Tensor | None,
        self_scores: torch.Tensor,
        teacher: Teacher | None,
        share: float,
    ) -> torch.Tensor:
        offsets = item_biases + log_weights
        self_offsets = self_scores + log_weights[item_positions]
        weights = sums_of_weights(users, user_positions, pair_weights)  # n_u
        loss = users.new_zeros(())
        user_gradients = torch.empty_like(users)
        item_gradients = torch.zeros_like(items)
        bias_gradients = torch.zeros_like(item_biases)
        self_gradients = torch.empty_like(self_scores)
        for block in blocks(len(users), len(items), user_positions, item_positions):
            of_users, n = users[block.users], weights[block.users]
            owners = user_positions[block.pairs] - block.users.start
            scores = torch.addmm(offsets, of_users, items.T)  # (block, I)
            positives = scores.view(-1)[block.cells] - self_offsets[block.pairs]
            scores.view(-1)[block.cells] = -torch.inf
            negatives = scores.logsumexp(dim=1)  # (block,); −inf where a user has everything
            margins = negatives[owners] - positives
            pulls = (1 - share) * margins.sigmoid()  # −∂loss/∂s of each pair
            losses = functional.softplus(margins)
            if pair_weights is not None:
                pulls *= pair_weights[block.pairs]
                losses *= pair_weights[block.pairs]
            loss = loss + (1 - share) * losses.sum()
            pushes = torch.zeros_like(negatives).index_add_(0, owners, pulls)
            if teacher is not None:
                wanted = _teacher_softmax(teacher, log_weights, block)
                loss = loss + share * _cross_entropy(wanted, scores, negatives, n)
                loss = loss + share * (n * (wanted @ log_weights)).sum()  # not s_uj's own
                pushes += share * n
            gradients = scores.sub_(negatives.nan_to_num(neginf=0.0).unsqueeze(1)).exp_()
            gradients.mul_(pushes.unsqueeze(1))
            if teacher is not None:
                gradients.addcmul_(wanted, (-share * n).unsqueeze(1))
            gradients.view(-1).index_add_(0, block.cells, pulls, alpha=-1)  # 0 there so far
            torch.mm(gradients, items, out=user_gradients[block.users])
            item_gradients.addmm_(gradients.T, of_users)
            bias_gradients += gradients.sum(dim=0)
            self_gradients[block.pairs] = pulls
        ctx.save_for_backward(user_gradients, item_gradients, bias_gradients, self_gradients)
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (of_loss,) = gradients
        users, items, biases, own = (tensor * of_loss for tensor in ctx.saved_tensors)
        return users, items, biases, None, None, None, None, own, None, None


def sums_of_weights(
    rows: torch.Tensor, positions: torch.Tensor, pair_weights: torch.Tensor | None
) -> torch.Tensor:
    """(U,) the sum of the weights of each row's pairs: their number, if every pair counts once."""
    if pair_weights is None:
        return torch.bincount(positions, minlength=len(rows)).to(rows.dtype)
    return rows.new_zeros(len(rows)).index_add_(0, positions, pair_weights)


def _teacher_softmax(teacher: Teacher, log_weights: torch.Tensor, block: Block) -> torch.Tensor:
    """(block, I) the teacher's softmax over what each user does not have; 0 at the rest."""
    users, items = teacher
    scores = torch.addmm(log_weights, users[block.users], items.T)
    scores.view(-1)[block.cells] = -torch.inf
    return scores.softmax(dim=1).nan_to_num(nan=0.0)  # NaN: a user who has everything


def _cross_entropy(
    wanted: torch.Tensor, scores: torch.Tensor, log_totals: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Σ over users of weight · (log total − Σ_j wanted_j s_j); 0 for a user who has everything."""
    # 0 · −inf is NaN: the known columns have no part in the product.
    products = (wanted * scores.masked_fill(wanted == 0, 0.0)).sum(dim=1)
    has_all = log_totals.isneginf()
    return (weights * (log_totals - products)).masked_fill(has_all, 0.0).sum()
