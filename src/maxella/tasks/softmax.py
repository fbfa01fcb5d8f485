"""Three softmaxes, each with loss and gradients in one sweep over blocks of users.

The matrix of ∂loss/∂s of a block is in the cache when its loss is known, so it is used there and
then; autograd would keep every block until the backward pass and walk over them again.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from maxella.tasks.blocks import BLOCK_SCORES, Block, blocks
from maxella.tasks.choices import Choices


class _Known(torch.autograd.Function):
    """A loss with the gradients that were found with it, and what these are the gradients of."""

    @staticmethod
    def forward(
        ctx: Any, loss: torch.Tensor, gradients: list[torch.Tensor], *of: torch.Tensor
    ) -> torch.Tensor:
        del of
        ctx.save_for_backward(*gradients)
        return loss

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        return None, None, *(known * gradients[0] for known in ctx.saved_tensors)


def softmax(choices: Choices, log_counts: torch.Tensor) -> torch.Tensor:
    """Σ over pairs of log Σ_j exp(s_uj + w_j) − s_ui, with (I,) w = log counts.

    With P the softmax of a block and n_u a user's pairs, ∂loss/∂s = n_u · P − (pairs as counts).
    """
    users, items, biases = choices.users, choices.items, choices.known_biases
    pair_weights = choices.known_pair_weights
    with torch.no_grad():
        offsets = biases + log_counts
        weights = choices.sums(users, choices.user_positions).unsqueeze(1)  # (U, 1)
        # −s_ui lacks the log count that the scores below hold.
        loss = (log_counts[choices.item_positions] * pair_weights).sum()
        user_gradients = torch.empty_like(users)
        item_gradients, bias_gradients = torch.zeros_like(items), torch.zeros_like(biases)
        for block in blocks(choices):
            of_users, n = users[block.users], weights[block.users]
            scores = torch.addmm(offsets, of_users, items.T)  # (block, I)
            loss = loss - (scores.view(-1)[block.cells] * pair_weights[block.pairs]).sum()
            highest = scores.amax(dim=1, keepdim=True)
            scores.sub_(highest).exp_()
            total = scores.sum(dim=1, keepdim=True)
            loss = loss + (n * (total.log() + highest)).sum()
            scores.mul_(n / total)
            scores.view(-1).index_add_(0, block.cells, -pair_weights[block.pairs])
            torch.mm(scores, items, out=user_gradients[block.users])
            item_gradients.addmm_(scores.T, of_users)
            bias_gradients += scores.sum(dim=0)
    found: torch.Tensor = _Known.apply(  # type: ignore[no-untyped-call]
        loss, [user_gradients, item_gradients, bias_gradients], users, items, biases
    )
    return found


def masked_softmax(choices: Choices) -> torch.Tensor:
    """(1 − share) · Σ of losses of the pairs + share · Σ of distillation losses of the users.

    A positive pair (u, i) competes with the items that u does not have, never with u's others:

        loss(u, i) = −log e^{s_ui} / (e^{s_ui} + Σ_{j not known to u} e^{s_uj})
                   = softplus(L_u − s_ui),   L_u = log Σ_{j not known to u} e^{s_uj}

    L_u is the same for all pairs of a user, so a batch needs one row of scores for each user,
    whatever the number of pairs. A pair's own share of its score, through the history that it is
    part of, is taken off: s_ui stands for s_ui − self_ui.

    Where columns j stand for w_j items each, s_uj + log w_j takes the place of s_uj in L_u, and
    t_uj + log w_j that of t_uj below. The pair's own item is there for certain, whatever the
    columns: its s_ui has no weight (Khrylchenko et al. 2025, arXiv:2507.09331).

    A pair may count more or less than once; n_u is then the sum of these weights. With a teacher
    t_uj, the distillation loss of a user with n_u pairs is n_u times the
    cross-entropy of softmax(s_u) to softmax(t_u), both over what u does not have.
    """
    users, items, biases = choices.users, choices.items, choices.known_biases
    own, pair_weights = choices.known_self_scores, choices.known_pair_weights
    teacher = choices.teacher
    share = 0.0 if teacher is None else choices.distillation
    with torch.no_grad():
        log_weights = choices.known_weights.log()
        offsets = biases + log_weights
        self_offsets = own + log_weights[choices.item_positions]
        weights = choices.sums(users, choices.user_positions)  # n_u
        loss = users.new_zeros(())
        user_gradients, self_gradients = torch.empty_like(users), torch.empty_like(own)
        item_gradients, bias_gradients = torch.zeros_like(items), torch.zeros_like(biases)
        for block in blocks(choices):
            of_users, n = users[block.users], weights[block.users]
            owners = choices.user_positions[block.pairs] - block.users.start
            scores = torch.addmm(offsets, of_users, items.T)  # (block, I)
            positives = scores.view(-1)[block.cells] - self_offsets[block.pairs]
            scores.view(-1)[block.cells] = -torch.inf
            negatives = scores.logsumexp(dim=1)  # (block,); −inf where a user has everything
            margins = negatives[owners] - positives
            # −∂loss/∂s of each pair
            pulls = (1 - share) * margins.sigmoid() * pair_weights[block.pairs]
            losses = functional.softplus(margins) * pair_weights[block.pairs]
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
    known = [user_gradients, item_gradients, bias_gradients, self_gradients]
    found: torch.Tensor = _Known.apply(loss, known, users, items, biases, own)  # type: ignore[no-untyped-call]
    return found


def _teacher_softmax(
    teacher: tuple[torch.Tensor, torch.Tensor], log_weights: torch.Tensor, block: Block
) -> torch.Tensor:
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


def next_softmax(
    states: torch.Tensor,
    items: torch.Tensor,
    biases: torch.Tensor,
    targets: torch.Tensor,
    is_out: Callable[[slice], torch.Tensor],
    log_weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Σ over n places of log(e^{s_t} + Σ_j w_j e^{s_j}) − s_t, t the item that comes next there.

    (n, d) states, (I, d) items and (I,) biases, whose products are the scores s, and (n,) positions
    of the targets. `is_out` says of some places which items compete at none of them, (block, I)
    bool; the target never competes with itself. (I,) log w_j: how many items each stands for.

    Two items with scores 1 and 0, the first is next, the second may compete: log(1 + e⁻¹).

    >>> state, items, nobody = torch.ones(1, 1), torch.tensor([[1.0], [0.0]]), torch.zeros(1, 2)
    >>> found = next_softmax(state, items, torch.zeros(2), torch.tensor([0]), lambda _: nobody > 0)
    >>> round(found.item(), 4)
    0.3133
    """
    with torch.no_grad():
        offsets = biases if log_weights is None else biases + log_weights
        own = (states * items[targets]).sum(dim=1) + biases[targets]
        loss = states.new_zeros(())
        state_gradients, item_gradients = torch.empty_like(states), torch.zeros_like(items)
        bias_gradients = torch.zeros_like(biases)
        size = max(1, BLOCK_SCORES // max(1, len(items)))
        for start in range(0, len(states), size):
            places = slice(start, min(start + size, len(states)))
            at, of_places = targets[places, None], states[places]
            scores = torch.addmm(offsets, of_places, items.T)  # (block, I)
            scores.masked_fill_(is_out(places), -torch.inf).scatter_(1, at, own[places, None])
            highest = scores.amax(dim=1, keepdim=True)
            totals = scores.sub_(highest).exp_().sum(dim=1, keepdim=True)
            loss = loss + (totals.log() + highest).sum() - own[places].sum()
            scores.div_(totals).scatter_add_(1, at, scores.new_full(at.shape, -1.0))
            torch.mm(scores, items, out=state_gradients[places])
            item_gradients.addmm_(scores.T, of_places)
            bias_gradients += scores.sum(dim=0)
    known = [state_gradients, item_gradients, bias_gradients]
    found: torch.Tensor = _Known.apply(loss, known, states, items, biases)  # type: ignore[no-untyped-call]
    return found
