"""Users read again from all that is known of them, once everything else is found."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from maxella.data.dataset import Dataset
from maxella.data.log import Log
from maxella.features.id import UNKNOWN_ROW
from maxella.model.head import PairHead
from maxella.model.model import Model
from maxella.recommend.users import Trained, fit_head, picks


@dataclass
class Reread:
    """Tells the rows of users what came after training: the validation part.

    Settings were chosen by it, nothing learnt from it; baselines read it when they answer, as
    newcomers' histories are read. What a user's id says moves by the difference of two
    fold-ins (`closed_form.fold_in`), of all that is known and of what training had; what a head
    holds of the user is fitted anew to all labels. Items stay as they are, and so do users of
    whom there is no more.
    """

    name: str = "rereading"
    facts: dict[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Move the rows of users with more to read."""
        train, known = dataset.train, _of_trained_items(dataset)
        rows = torch.arange(train.n_user_rows)
        trained = Trained(model, rows, train)
        both = np.intersect1d(dataset.validation.rows.users, train.rows.users)
        fresh = torch.from_numpy(both[both != UNKNOWN_ROW])
        ids = getattr(model.user_encoder, "ids", None)
        if ids is not None and len(fresh):
            now, before = (picks(model, log).take(fresh) for log in (known, train))
            ids.table.weight[fresh] += trained.fold_in.embed(now) - trained.fold_in.embed(before)
        queries, _ = model.embed(
            known.history(model.events, in_time_order=model.user_encoder.reads_order)
        )
        for task, head in model.heads.items():
            if not isinstance(head, PairHead):
                continue
            pairs, new = known.pairs(task), dataset.validation.pairs(task)
            pairs = pairs.take(np.isin(pairs.users, np.intersect1d(new.users, both)))
            if len(pairs):
                fit_head(head, pairs, queries, trained.items)
        self.facts = {"users": len(fresh)}


def _of_trained_items(dataset: Dataset) -> Log:
    """What is known, without items that nobody had in training: what they are was not learnt."""
    known = dataset.known
    is_trained = np.isin(known.rows.items, dataset.train.rows.items)
    return Log(
        known.rows.take(is_trained), known.n_user_rows, known.n_item_rows, known.events, known.keeps
    )
