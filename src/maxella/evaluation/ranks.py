"""Where each held-out item stands among all candidates, each query scored once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from maxella.errors import TrainingError
from maxella.evaluation.pairs import Cells, Pairs
from maxella.features.id import UNKNOWN_ROW
from maxella.topk import top_k

CELLS = 2**20  # scores in memory at once: 4 MB, which a processor's cache holds


@dataclass(frozen=True)
class CatalogueRanks:
    """What the metrics need to know of all candidates' scores, under one protocol."""

    ranks: np.ndarray  # (n,) float64 rank of each held-out pair, in the order of the pairs
    lists: np.ndarray  # (queries, length) int32 item rows, best first; 0 where none is left


class Ranker(Protocol):
    """Scores every item for some users; higher is better.

    One whose `reads_contexts` is true takes `contexts` too, (n,) int64 context rows. Where one
    has a `raw_ranker`, that one scores in its place for the raw protocol.
    """

    def score(self, users: torch.Tensor) -> torch.Tensor:
        """(batch,) int64 user rows → (batch, item rows) float scores, column j for item row j.

        Column 0, the unknown item, is there but never a candidate.
        """
        ...


def catalogue_ranks(
    ranker: Ranker,
    pairs: Pairs,
    list_length: int,
    *,
    protocols: Sequence[str] = ("raw", "filtered"),
    among: np.ndarray | None = None,
    cells: int = CELLS,
) -> dict[str, CatalogueRanks]:
    """Ranks and lists of the best, by protocol: `raw`, `filtered`, `new`.

    Rank = 1 + candidates with a higher score + other candidates with the same score / 2,
    its expected value where ties are broken at random. The unknown item is no candidate:
    held out, it has rank inf. What a protocol does not look for has a rank of no meaning.

    `among`: (item rows,) bool, the only candidates; all, if not given.

    A query's scores are sorted once; the other ranks are the raw one less the places that
    the items left out take. The answer does not depend on `cells`, the number of scores in
    memory at once.
    """
    is_known = pairs.held_out_items != UNKNOWN_ROW
    left_out = {"filtered": pairs.known, "new": pairs.met}
    # Made at once: small arrays kept from each chunk would lie between the large ones of the next
    # and hold a gigabyte of freed memory for 12,000 users and 40,000 items.
    length = min(list_length, pairs.n_item_rows - 1)
    found = {
        protocol: CatalogueRanks(
            np.full(len(is_known), np.inf),
            np.zeros((len(pairs.query_users), length), dtype=np.int32),
        )
        for protocol in protocols
    }
    first = 0
    for start, scores in _scores(ranker, pairs, max(1, cells // pairs.n_item_rows), among):
        stop = start + len(scores)
        held_out = pairs.cells(pairs.held_out, start, stop)
        ordered = np.sort(scores[:, 1:].numpy(), axis=1)  # (batch, items), NaN last
        _refuse_nan(ordered, pairs.users[pairs.query_users[start:stop]])
        raw = 1 + _places_above(ordered, scores, held_out) - 0.5  # less half of itself
        these = slice(first, first + len(raw))
        first += len(raw)
        for protocol, kept in found.items():
            candidates, places = scores, raw
            if protocol in left_out:
                absent = pairs.cells(left_out[protocol], start, stop)
                among_absent = np.sort(absent.padded(scores), axis=1)
                places = raw - _places_above(among_absent, scores, held_out, absent.counts)
                candidates = absent.without(scores) if list_length else scores
            kept.ranks[these] = np.where(is_known[these], places, np.inf)
            kept.lists[start:stop] = _lists(candidates, length)
    return found


def _scores(
    ranker: Ranker, pairs: Pairs, batch: int, among: np.ndarray | None
) -> Iterator[tuple[int, torch.Tensor]]:
    """The first query of each chunk, and (batch, item rows) scores, −inf for no candidate."""
    reads_contexts = getattr(ranker, "reads_contexts", False)
    for start in range(0, len(pairs.query_users), batch):
        chunk = slice(start, start + batch)
        users = pairs.users[pairs.query_users[chunk]]
        asked = {}
        if pairs.query_contexts is not None and reads_contexts:
            asked["contexts"] = torch.from_numpy(pairs.query_contexts[chunk])
        scores = ranker.score(torch.from_numpy(users), **asked).detach().cpu()
        if scores.shape != (len(users), pairs.n_item_rows):
            raise ValueError(
                f"a ranker must give scores of shape {(len(users), pairs.n_item_rows)} for "
                f"{len(users)} users, got {tuple(scores.shape)}"
            )
        if among is not None:
            scores = scores.masked_fill(torch.from_numpy(~among), -torch.inf)
        yield start, scores if scores.dtype == torch.float64 else scores.float()


def _refuse_nan(ordered: np.ndarray, users: np.ndarray) -> None:
    is_broken = np.isnan(ordered[:, -1])
    if is_broken.any():
        row = int(is_broken.argmax())
        raise TrainingError(
            "Scores must be numbers to be ranked; the model gave NaN for "
            f"{np.isnan(ordered[row]).sum()} of {ordered.shape[1]} items of user row {users[row]}. "
            "Look for NaN in its weights; a lower learning rate keeps training from diverging."
        )


def _places_above(
    ordered: np.ndarray, scores: torch.Tensor, held_out: Cells, counts: np.ndarray | None = None
) -> np.ndarray:
    """(n,) for each held-out cell: ordered scores above it + those equal to it / 2.

    `ordered` is (batch, width), ascending; of row r only the first `counts[r]` are real,
    the rest is inf.
    """
    width = ordered.shape[1]
    sorted_rows, wanted = torch.from_numpy(ordered), torch.from_numpy(held_out.padded(scores))
    below = torch.searchsorted(sorted_rows, wanted).numpy()[held_out.rows, held_out.places]
    up_to = torch.searchsorted(sorted_rows, wanted, right=True).numpy()
    up_to = up_to[held_out.rows, held_out.places]
    real = width if counts is None else counts[held_out.rows]
    above: np.ndarray = real - (below + np.minimum(up_to, real)) / 2
    return above


def _lists(scores: torch.Tensor, length: int) -> np.ndarray:
    """(batch, item rows) → (batch, length) int32 best item rows, 0 for scores of -inf."""
    values, columns = top_k(scores[:, UNKNOWN_ROW + 1 :], length)
    columns = torch.where(values == -torch.inf, UNKNOWN_ROW, columns + UNKNOWN_ROW + 1)
    return columns.to(torch.int32).numpy()
