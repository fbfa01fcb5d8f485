"""How often each item came soon after each other."""

import numpy as np
import scipy.sparse as sp

_WINDOW = 2.0  # decays after which a follower counts nothing
_MOST = 100_000_000  # 1.2 GB at most; then the earliest rows of long histories are left


def followers(
    users: np.ndarray, items: np.ndarray, ages: np.ndarray, n_item_rows: int, decay: float
) -> sp.csr_matrix:
    """C_ij = Σ e^(−gap / decay) over the times that a user took j `gap` places after i.

    (n,) user rows, (n,) item rows of each user in the order of time, and (n,) places from the
    user's last → (item rows, item rows) float32. The gap is at most twice the decay. Where more
    than 100 million pairs are near enough to count, the latest items of each user alone are
    counted, as many as give no more.
    """
    window, longest = int(_WINDOW * decay), int(ages.max(initial=0)) + 1
    while longest > 1 and window * np.count_nonzero(ages < longest) > _MOST:
        longest = longest * 9 // 10
    users, items = users[ages < longest], items[ages < longest]
    shape = (n_item_rows, n_item_rows)
    found = sp.csr_matrix(shape, dtype=np.float32)
    for gap in range(1, min(window, longest) + 1):
        same = users[gap:] == users[:-gap]
        cells = items[:-gap][same], items[gap:][same]
        weights = np.full(len(cells[0]), np.exp(-gap / decay), dtype=np.float32)
        found = found + sp.csr_matrix((weights, cells), shape=shape)
    return found
