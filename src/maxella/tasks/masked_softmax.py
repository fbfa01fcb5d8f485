"""The softmax over what a user does not have, with loss and gradients in one sweep.

A positive pair (u, i) competes with the columns that u does not have, never with u's other
positives:

    loss(u, i) = −log e^{s_ui} / (e^{s_ui} + Σ_{j not known to u} e^{s_uj + w_j})
               = softplus(L_u − s_ui),   L_u = log Σ_{j not known to u} e^{s_uj + w_j}

w_j is the log of the number of candidates that a column stands for (0 where the columns are
the catalogue). L_u is the same for all pairs of a user, so a batch needs one row of scores
for each user, whatever the number of pairs. A pair's own share of its score, through the
history that it is part of, is taken off: s_ui stands for s_ui − own_ui.

With a teacher t_uj, the distillation loss of a user with n_u pairs is n_u times the
cross-entropy of softmax(s_u) to softmax(t_u), both over what u does not have.
"""

from typing import Any

import torch
from torch.nn import functional

# Scores are made, used and dropped in blocks of about this many, which stay in the
# processor's cache: the passes over them then cost little beside the products.
BLOCK_SCORES = 1 << 20


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
        offsets: torch.Tensor,
        user_positions: torch.Tensor,
        item_positions: torch.Tensor,
        own_scores: torch.Tensor,
        log_weights: torch.Tensor | None,
        teacher: Teacher | None,
        share: float,
    ) -> torch.Tensor:
        n_users, n_items = len(users), len(items)
        pairs_of_user = torch.bincount(user_positions, minlength=n_users)
        pair_ends = pairs_of_user.cumsum(0).tolist()
        weights = pairs_of_user.to(users.dtype)
        flat = user_positions * n_items + item_positions  # into the (U, I) scores
        column_offsets = offsets if log_weights is None else offsets + log_weights

        loss = users.new_zeros(())
        user_gradients = torch.empty_like(users)
        item_gradients = torch.zeros_like(items)
        offset_gradients = torch.zeros_like(offsets)
        own_gradients = torch.empty_like(own_scores)
        block = max(1, BLOCK_SCORES // max(1, n_items))
        first = 0
        for start in range(0, n_users, block):
            stop = min(start + block, n_users)
            last = pair_ends[stop - 1]
            pairs = flat[first:last] - start * n_items
            owners = user_positions[first:last] - start
            scores = torch.addmm(column_offsets, users[start:stop], items.T)  # (block, I)
            positives = scores.view(-1)[pairs] - own_scores[first:last]
            if log_weights is not None:
                positives -= log_weights[item_positions[first:last]]
            scores.view(-1)[pairs] = -torch.inf
            negatives = scores.logsumexp(dim=1)  # (block,); −inf where a user has everything
            margins = negatives[owners] - positives
            pulls = (1 - share) * margins.sigmoid()  # −∂loss/∂s of each pair
            loss = loss + (1 - share) * functional.softplus(margins).sum()
            pushes = torch.zeros_like(negatives).index_add_(0, owners, pulls)
            if teacher is not None:
                n = weights[start:stop]
                wanted = _teacher_softmax(teacher, start, stop, pairs)
                # Where a user has everything there is nothing to distil.
                seen_all = negatives.isneginf()
                loss = loss + share * _cross_entropy(wanted, scores, negatives, n, seen_all)
                pushes += share * n
            gradients = scores.sub_(negatives.nan_to_num(neginf=0.0).unsqueeze(1)).exp_()
            gradients.mul_(pushes.unsqueeze(1))
            if teacher is not None:
                gradients.addcmul_(wanted, (-share * n).unsqueeze(1))
            gradients.view(-1).index_add_(0, pairs, pulls, alpha=-1)  # 0 there so far
            torch.mm(gradients, items, out=user_gradients[start:stop])
            item_gradients.addmm_(gradients.T, users[start:stop])
            offset_gradients += gradients.sum(dim=0)
            own_gradients[first:last] = pulls
            first = last
        ctx.save_for_backward(user_gradients, item_gradients, offset_gradients, own_gradients)
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (of_loss,) = gradients
        users, items, offsets, own = (tensor * of_loss for tensor in ctx.saved_tensors)
        return users, items, offsets, None, None, own, None, None, None


def _teacher_softmax(teacher: Teacher, start: int, stop: int, pairs: torch.Tensor) -> torch.Tensor:
    """(block, I) the teacher's softmax over what each user does not have; 0 at the rest."""
    users, items = teacher
    scores = users[start:stop] @ items.T
    scores.view(-1)[pairs] = -torch.inf
    return scores.softmax(dim=1).nan_to_num(nan=0.0)  # NaN: a user who has everything


def _cross_entropy(
    wanted: torch.Tensor,
    scores: torch.Tensor,
    log_totals: torch.Tensor,
    weights: torch.Tensor,
    seen_all: torch.Tensor,
) -> torch.Tensor:
    """Σ over users of weight · (log total − Σ_j wanted_j s_j)."""
    # 0 · −inf is NaN: the known columns have no part in the product.
    products = (wanted * scores.masked_fill(wanted == 0, 0.0)).sum(dim=1)
    return (weights * (log_totals - products)).masked_fill(seen_all, 0.0).sum()
