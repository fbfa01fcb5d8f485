"""iALS: embeddings of users and items that account for all cells, by alternating least squares."""

import math
import warnings
from collections.abc import Sequence

import torch

from maxella.closed_form.conjugate_gradients import TINY, conjugate_gradients
from maxella.closed_form.gram import sums
from maxella.data.history import History
from maxella.features.id import UNKNOWN_ROW

_TOLERANCE = 1e-4
_UNOBSERVED = 0.544  # times the root of the density: 0.1 on MovieLens 1M
_EDGE = 0.35  # of what chance reaches: 0.014 on MovieLens 1M


def ials(
    history: History,
    dim: int,
    generator: torch.Generator,
    *,
    sweeps: int = 7,
    unobserved: float | None = None,
    l2: float | None = None,
    exponent: float = 0.7,
    confidences: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """User and item embeddings, (user rows, dim) and (item rows, dim) float32.

    Minimises, with α = `unobserved` and a confidence c_ui of each pair taken, 1 if none is given,

        Σ_taken c_ui (1 - u·v)² + α Σ_all (u·v)² + Σ_u ρ_u |u|² + Σ_i ρ_i |v_i|²,
        ρ_u = l2 r_u,                      r_u = n_u + α N_i,
        ρ_i = l2 r̄ (r_i / r̄)^exponent,    r_i = c_i + α N_u,

    where n_u and c_i are the sums of a user's and an item's confidences, N_u and N_i the users
    and items that have any, and r̄ is the mean of r_i over those items: the frequency-scaled
    penalty of Rendle et al. 2021 (arXiv:2110.14037). A sweep solves for all items, then for
    all users; before the first, the users are solved for items from N(0, .1² / dim). The
    penalty `l2` must be positive. Not given, `unobserved` and `l2` are the usual ones. Rows without
    interactions are zero. (pairs,) `confidences` ≥ 0 stand in the order of `history.items`.
    """
    if unobserved is None:
        unobserved = usual_unobserved(history)
    if l2 is None:
        l2 = usual_l2(history, unobserved)
    taken_by = history.transposed()
    of_items = None if confidences is None else confidences[history.items.argsort(stable=True)]
    counts = _totals(taken_by, of_items)
    n_users = (history.starts.diff() > 0).sum()
    reach = counts + unobserved * n_users
    mean = reach[counts > 0].mean()
    item_l2 = l2 * mean * (reach / mean) ** exponent

    drawn = torch.randn(history.n_item_rows, dim, generator=generator) * (0.1 / dim**0.5)
    items = drawn.to(history.device)
    items[counts == 0] = 0.0
    users = fold_in(history, items, unobserved=unobserved, l2=l2, confidences=confidences)
    for _ in range(sweeps):
        items = least_squares(taken_by, users, item_l2, unobserved, of_items)
        users = fold_in(history, items, unobserved=unobserved, l2=l2, confidences=confidences)
    return users, items


def usual_unobserved(history: History) -> float:
    """What a cell counts that nobody took, beside one of those that somebody did.

    It is .1 on MovieLens 1M and falls with the root of the share of cells that are taken: in a
    log a hundred times as sparse the cells without a pick weigh ten times as much in all, beside
    the picks, not a hundred times (docs/log.md). 0 where nobody took anything.
    """
    n_users, n_items = _sizes(history)
    return _UNOBSERVED * math.sqrt(len(history.items) / max(1, n_users * n_items))


def usual_l2(history: History, unobserved: float) -> float:
    """.35 of the penalty that keeps out all that chance puts into a log of this size and density.

    With penalties ρ_u and ρ_i a direction of the 0/1 matrix is kept where its singular value is
    above √(ρ_u ρ_i). Those of a sparse matrix that chance has filled reach √n̄ + √c̄, the means
    of a user's and of an item's interactions. .35 of that edge is the .014 that was tuned on
    MovieLens 1M.
    """
    n_users, n_items = _sizes(history)
    of_user, of_item = (len(history.items) / max(1, n) for n in (n_users, n_items))
    reach = (of_user + unobserved * n_items) * (of_item + unobserved * n_users)
    return _EDGE * (math.sqrt(of_user) + math.sqrt(of_item)) / math.sqrt(reach) if reach else _EDGE


def _sizes(history: History) -> tuple[int, int]:
    """Users and items that have any pair."""
    of_user, of_item = (int((h.starts.diff() > 0).sum()) for h in (history, history.transposed()))
    return of_user, of_item


def fold_in(
    history: History,
    items: torch.Tensor,
    *,
    unobserved: float,
    l2: float,
    confidences: torch.Tensor | None = None,
) -> torch.Tensor:
    """The embeddings of users of any history at the minimum of `ials` for fixed items.

    (item rows, dim) float32 → (user rows, dim) float32. N_i is the number of items whose
    row is not zero; the unknown item takes no part. Users without history get zeros.
    """
    known = items.clone()
    known[UNKNOWN_ROW] = 0.0
    n_items = known.any(dim=1).sum()
    l2_of_users = l2 * (_totals(history, confidences) + unobserved * n_items)
    return least_squares(history, known, l2_of_users, unobserved, confidences)


def pooled(events: Sequence[tuple[History, float]]) -> tuple[History, torch.Tensor]:
    """Histories of the same users and items, and how much each counts → all pairs, confidences.

    (pairs,) float32 in the order of the history's items, as `ials` wants them: a pair that was
    viewed (counts .1) and bought (counts 1) has 1.1.
    """
    first = events[0][0]
    users = torch.cat([torch.repeat_interleave(history.starts.diff()) for history, _ in events])
    items = torch.cat([history.items for history, _ in events])
    counts = torch.cat(
        [torch.full_like(h.items, count, dtype=torch.float32) for h, count in events]
    )
    pairs, positions = torch.unique(users * first.n_item_rows + items, return_inverse=True)
    confidences = torch.zeros(len(pairs), device=first.device).index_add_(0, positions, counts)
    every_user = torch.arange(first.n_user_rows + 1, device=first.device)
    starts = torch.searchsorted(pairs // first.n_item_rows, every_user)
    return History(pairs % first.n_item_rows, starts, first.n_item_rows), confidences


def _totals(history: History, confidences: torch.Tensor | None) -> torch.Tensor:
    """(user rows,) pairs of each user, or the sum of their confidences."""
    counts = history.starts.diff()
    if confidences is None:
        return counts
    users = torch.repeat_interleave(counts)
    return torch.zeros(len(counts), device=history.device).index_add_(0, users, confidences)


def least_squares(
    history: History,
    factors: torch.Tensor,
    l2: torch.Tensor,
    unobserved: float,
    confidences: torch.Tensor | None = None,
) -> torch.Tensor:
    """For each user u the x that minimises Σ_taken c (1 - x·f)² + α Σ_all (x·f)² + l2_u |x|².

    (item rows, dim) factors and (user rows,) → (user rows, dim), with α = `unobserved` and c the
    confidences, 1 if none are given: the solutions of
    (α FᵀF + Σ_taken c f fᵀ + l2_u I) x = Σ_taken c f. In the basis in which FᵀF is diagonal, the
    left side is too but for the sum over the items taken. With that diagonal as their
    preconditioner, conjugate gradients need about eight steps on real data, each the cost of two
    passes over the pairs; a matrix for each user would cost dim of them.
    """
    if len(history.items) == 0:
        return factors.new_zeros(history.n_user_rows, factors.shape[1])
    squares, basis = torch.linalg.eigh(unobserved * factors.T @ factors)
    diagonal: torch.Tensor = squares.clamp_min(TINY) + l2[:, None]  # (user rows, dim)
    rotated = factors @ basis
    taken = _matrix(history)

    def left_side(x: torch.Tensor) -> torch.Tensor:
        products = torch.sparse.sampled_addmm(taken, x, rotated.T, beta=0.0)  # x·f of each pair
        values = products.values()
        weights = values if confidences is None else values * confidences
        return diagonal * x + sums(history, rotated, weights)

    right = sums(history, rotated, confidences)
    solution = conjugate_gradients(left_side, right, diagonal, dim=1, tolerance=_TOLERANCE)
    return torch.matmul(solution, basis.T)


def _matrix(history: History) -> torch.Tensor:
    """(user rows, item rows) sparse CSR float32: 1 where the user took the item."""
    with warnings.catch_warnings():
        # Of the beta state of such tensors, and in torch 2.11 of what is asked for below.
        warnings.filterwarnings("ignore", "Sparse (CSR|invariant checks)", UserWarning)
        return torch.sparse_csr_tensor(
            history.starts,
            history.items,
            torch.ones(len(history.items), device=history.device),
            size=(history.n_user_rows, history.n_item_rows),
            check_invariants=False,
        )
