"""What came after what, found beside all else that is trained."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch

from maxella.closed_form.followers import followers
from maxella.data.dataset import Dataset
from maxella.data.history import History
from maxella.model.model import Model
from maxella.model.neighbours import FollowerPart
from maxella.training.neighbours import spread
from maxella.training.trial import Trial

SHARES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # in spreads of the other scores
DECAYS = (5.0, 2.0, 15.0)  # places after which a follower counts 1/e
REACHES = (3.0, 1.0, 10.0, 30.0)  # the same of what is read, from the last pick back
SMOOTHING = 10.0  # followers that an item has to have before it is believed by half
DEFAULT_SHARE = 1.0


@dataclass
class Followers:
    """Fits the follower part of a task by counting; moves nothing else.

    With C of `closed_form.followers`, item j is said by an earlier pick i to be next by
    w = C_ij / (C_i + 10), C_i the sum of row i; the k items that say most are kept of each. What
    the part adds is set to vary so many times as much as the scores do without it, and its decay
    and reach are found, as ranks the validation part best by NDCG@100; without one as much.
    """

    task: str
    name: str = "followers"
    facts: dict[str, Any] = field(default_factory=dict)

    @torch.no_grad()
    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Find it."""
        part: FollowerPart = model.followers[self.task]  # type: ignore[assignment]
        history = dataset.train.picks(self.task, in_time_order=True)
        found = {"decay": DECAYS[0], "reach": REACHES[0], "share": DEFAULT_SHARE}
        weights = torch.zeros_like(part.weights)

        def count(decay: float, reach: float) -> None:
            nonlocal weights
            items, weights = _strongest(history, decay, part.items.shape[1])
            part.items.copy_(items)
            part.reach.fill_(reach)
            part.weights.copy_(weights)
            weights = weights * spread(model, dataset.train, self.task, "followers")

        def put(name: str, value: float) -> None:
            if name != "share":
                count(**{key: (found | {name: value})[key] for key in ("decay", "reach")})
            part.weights.copy_(weights * (found | {name: value})["share"])

        count(found["decay"], found["reach"])
        trial = Trial.of(model, dataset, self.task)
        for name, values in (("share", SHARES), ("reach", REACHES), ("decay", DECAYS)):
            best = trial.best(values, lambda value, name=name: put(name, value))  # type: ignore[misc]
            found[name] = found[name] if best is None else best
            put(name, found[name])
            if not found["share"]:
                break
        self.facts = found if found["share"] else {"share": 0.0}


def _strongest(history: History, decay: float, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(item rows, k) int32 which items say most for each, and (item rows, k) how much."""
    lengths = history.starts.diff().numpy()
    users = np.repeat(np.arange(len(lengths)), lengths)
    ages = history.starts.numpy()[users + 1] - 1 - np.arange(len(users))
    counts = followers(users, history.items.numpy(), ages, history.n_item_rows, decay)
    totals = np.asarray(counts.sum(axis=1)).ravel()
    of_items = (sp.diags(1 / (totals + SMOOTHING)) @ counts).tocsc()
    items = torch.zeros(history.n_item_rows, k, dtype=torch.int32)
    weights = torch.zeros(history.n_item_rows, k)
    for item in range(history.n_item_rows):
        cells = slice(*of_items.indptr[item : item + 2])
        said = of_items.data[cells]
        best = np.argpartition(-said, k)[:k] if len(said) > k else np.arange(len(said))
        items[item, : len(best)] = torch.from_numpy(of_items.indices[cells][best])
        weights[item, : len(best)] = torch.from_numpy(said[best].astype(np.float32))
    return items, weights
