"""The nearest items of each item, and what each of them says for it: regressions of few inputs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch

from maxella.closed_form.edlae import user_weights
from maxella.closed_form.gram import gram
from maxella.data.history import History

MOST_CELLS = 200_000_000  # of G as a matrix, 0.8 GB
MOST_PRODUCTS = 100_000_000  # of two items of one user, where G is no matrix: 0.8 GB at most
_BLOCK_CELLS = 10_000_000  # of the regressions that are solved side by side
L2 = 22.5


@dataclass(frozen=True)
class ItemNeighbours:
    """Of each item the k others that say most for it, and how much they do."""

    items: torch.Tensor  # (item rows, k) int32 item rows; row 0 where an item has fewer
    weights: dict[float, torch.Tensor]  # by penalty, (item rows, k) float32; 0 with row 0
    sizes: torch.Tensor  # (item rows,) float32 G_jj over the mean

    def weighted(self, l2: float, popularity: float) -> torch.Tensor:
        """(item rows, k) the weights by a penalty times size^`popularity` of the neighbour."""
        return self.weights[l2] * self.sizes[self.items.long()] ** popularity


def item_neighbours(
    blocks: Sequence[tuple[History, float]],
    k: int,
    rng: np.random.Generator,
    *,
    dropout: float = 0.5,
    l2s: Sequence[float] = (L2,),
    user_exponent: float = -0.5,
) -> ItemNeighbours:
    """The neighbours of each item, with weights by several penalties `l2s`.

    An item's score for a user is the sum of the weights of those of its neighbours that the user
    has.

    `blocks` are histories of the same users, one below another, and what a pair of each counts.
    With X the 0/1 matrix of a block, n_u the sums of its rows and n̄ their mean,
    G = Σ over the blocks of count · Xᵀ diag((n_u / n̄)^user_exponent) X. The neighbours N of item i
    are the items j with the largest G_ij / √G_jj, and their weights those of a ridge regression of
    i on them, (G_NN + diag(λ + dropout · G_jj))⁻¹ G_Ni with λ = l2 · √c̄ and c̄ the mean of G_jj.
    It is EDLAE (Steck 2020) at the places that matter, as SLIM is
    sparse (Ning and Karypis 2011, "SLIM: Sparse linear methods for top-n recommender systems").

    G is a matrix up to 14,000 items. Beyond, time and memory grow with the sum of n_u², and no
    further than to 100 million such products: then the longest histories are read in part, drawn at
    random.
    """
    together = products(blocks, user_exponent, rng)
    n_items = together.shape[0]
    own = together.diagonal()
    mean = own[own > 0].mean() if own.any() else 1.0
    diagonals = {l2: own * (1 + dropout) + l2 * mean**0.5 for l2 in l2s}
    relative = np.maximum(own / mean, 1e-6).astype(np.float32)
    roots, lower = relative**0.5, np.tril_indices(k)
    items = torch.zeros(n_items, k, dtype=torch.int32)
    weights = {l2: torch.zeros(n_items, k) for l2 in l2s}
    block = max(1, _BLOCK_CELLS // k**2)
    for start in range(0, n_items, block):
        rows = range(start, min(start + block, n_items))
        found_near = [nearest(together, row, roots, k)[0] for row in rows]
        near = np.stack([np.pad(of, (k - len(of), 0)) for of in found_near])
        # Row 0 is nobody's: its products are zeros, so where it fills up its weight is 0.
        systems = np.zeros((len(rows), k, k), dtype=np.float32)
        systems[:, *lower] = _cells(together, near[:, lower[0]], near[:, lower[1]])
        wanted = torch.from_numpy(_cells(together, near, np.array(rows)[:, None]))
        items[start : start + len(rows)] = torch.from_numpy(near)
        for l2, diagonal in diagonals.items():
            systems[:, np.arange(k), np.arange(k)] = diagonal[near]
            factors = torch.linalg.cholesky(torch.from_numpy(systems))
            found = torch.cholesky_solve(wanted[:, :, None], factors)[:, :, 0]
            weights[l2][start : start + len(rows)] = found
    return ItemNeighbours(items, weights, torch.from_numpy(relative))


def products(
    blocks: Sequence[tuple[History, float]], user_exponent: float, rng: np.random.Generator
) -> np.ndarray | sp.csr_matrix:
    """G of `item_neighbours`, (item rows, item rows) float32."""
    n_items = blocks[0][0].n_item_rows
    if n_items**2 <= MOST_CELLS:
        dense = torch.zeros(n_items, n_items)
        for history, count in blocks:
            gram(history, count * user_weights(history, user_exponent), dense)
        return dense.numpy()
    rows = [_weighted_rows(history, count, user_exponent, rng) for history, count in blocks]
    below = sp.vstack(rows, format="csr")
    together = (below.T @ below).tocsr()
    together.sort_indices()
    return together


def _weighted_rows(
    history: History, count: float, user_exponent: float, rng: np.random.Generator
) -> sp.csr_matrix:
    """(user rows, item rows) A of which AᵀA is what one block adds to G."""
    taken, lengths = history.sparse(), history.starts.diff().numpy()
    most = _longest(lengths)
    if most < lengths.max(initial=0):
        # Kept are the pairs of the lowest draws of each user; they stand for the others.
        owners = np.repeat(np.arange(len(lengths)), lengths)
        order = np.lexsort((rng.random(len(owners)), owners))
        places = np.arange(len(owners)) - np.repeat(history.starts[:-1].numpy(), lengths)
        taken.data[order[places >= most]] = 0
        taken.eliminate_zeros()
    left_out = lengths / np.clip(lengths, 1, most)
    of_users = count * left_out * user_weights(history, user_exponent).numpy()
    return sp.diags(np.sqrt(of_users).astype(np.float32)) @ taken


def _longest(lengths: np.ndarray) -> int:
    """The most items of a user that can be read, for at most 100 million products in all."""
    most = int(lengths.max(initial=1))
    while most > 1 and (np.minimum(lengths, most).astype(np.float64) ** 2).sum() > MOST_PRODUCTS:
        most = most * 9 // 10
    return most


def nearest(
    together: np.ndarray | sp.csr_matrix, row: int, divisors: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The at most k other items j with the largest G_ij / divisor_j > 0, ascending, and these.

    (item rows,) divisors → (m,) int32 and (m,) float32.
    """
    if isinstance(together, np.ndarray):
        columns = together[row].nonzero()[0].astype(np.int32)
        values = together[row, columns]
    else:
        cells = slice(together.indptr[row], together.indptr[row + 1])
        columns, values = together.indices[cells], together.data[cells]
    others = columns != row
    columns, values = columns[others], values[others] / divisors[columns[others]]
    if len(columns) > k:
        kept = np.sort(np.argpartition(values, len(columns) - k)[-k:])
        columns, values = columns[kept], values[kept]
    return columns, values


def _cells(
    together: np.ndarray | sp.csr_matrix, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """G at rows and columns that broadcast; fastest where neighbouring columns ascend."""
    if isinstance(together, np.ndarray):
        found: np.ndarray = together[rows, columns]
        return found
    rows, columns = np.broadcast_arrays(rows, columns)
    return np.asarray(together[rows.ravel(), columns.ravel()]).reshape(rows.shape)
