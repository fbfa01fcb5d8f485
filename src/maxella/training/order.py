"""What the order of picks says of the next one, found beside all else that is trained."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch

from maxella.closed_form.edlae import low_rank_edlae
from maxella.data.columns import OwnAndUniform, WholeCatalogue
from maxella.data.dataset import Dataset
from maxella.data.history import History
from maxella.data.windows import NEVER, Windows
from maxella.model.model import Model
from maxella.model.order import LATEST, OrderPart
from maxella.seeds import numpy_generator, torch_generator
from maxella.tasks.softmax import next_softmax
from maxella.training.closed_form_start import GAIN
from maxella.training.neighbours import spread
from maxella.training.schedule import one_cycle
from maxella.training.trial import Trial

SHARES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # in spreads of the other scores
DEFAULT_SHARE = 3.0
LENGTH = 200  # places of a window
PLACES = 700  # of a step, about
MOST_WINDOWS = 128  # of a step
PASSES = 2
MOST_STEPS = 4000
ALL_ITEMS = 20_000  # up to here every item competes, beyond as many as below
DRAWN = 4000  # items of a step, beside its own
RATES = {"tables": 0.002, "scalars": 0.02, "biases": 0.01}  # of Adam, at their peak


@dataclass
class Order:
    """Trains the part of a task that reads the order of picks; moves nothing else.

    It starts from low-rank EDLAE, whose readings all picks and the latest have alike, and learns to
    tell at every place of every history the pick that comes next from all items that had not come
    by then. What it adds is then set to vary `share` times as much as the scores do without it,
    as ranks the validation part best by NDCG@100; without one it is 3.
    """

    task: str
    seed: int
    on_step: Callable[[int, int], None] | None = None
    name: str = "order"
    facts: dict[str, Any] = field(default_factory=dict)

    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Find it."""
        part: OrderPart = model.order[self.task]  # type: ignore[assignment]
        history = dataset.train.picks(self.task, in_time_order=True)
        start(part, history, torch_generator(self.seed, "order start"))
        steps = self._fit(part, history)
        with torch.no_grad():
            share = self._share(part, model, dataset)
        self.facts = {"steps": steps, "share": share}

    def _fit(self, part: OrderPart, history: History) -> int:
        """Step down the loss of windows in random order; gives the number of steps."""
        windows, rng = Windows.cut(history, LENGTH), numpy_generator(self.seed, "order")
        if not len(windows):
            return 0
        size = PLACES * len(windows) // int(windows.counts.sum())
        size = min(max(1, size), MOST_WINDOWS)
        steps = min(PASSES * -(-len(windows) // size), MOST_STEPS)
        competitors = Competitors.of(history)
        optimiser = _adam(part)
        done = 0
        while done < steps:
            for batch in windows.batches(size, rng):
                for group in optimiser.param_groups:
                    group["lr"] = group["peak"] * one_cycle(done, steps)
                optimiser.zero_grad()
                competitors.loss(part, batch, rng).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                done += 1
                if self.on_step:
                    self.on_step(done, steps)
                if done == steps:
                    break
        return steps

    def _share(self, part: OrderPart, model: Model, dataset: Dataset) -> float:
        """Set and give what it counts beside the other scores."""
        items, biases = part.items.weight.clone(), part.biases.clone()
        unit = spread(model, dataset.train, self.task, "order")

        def put(share: float) -> None:
            part.items.weight.copy_(items * (unit * share))
            part.biases.copy_(biases * (unit * share))

        share = Trial.of(model, dataset, self.task).best(SHARES, put)
        share = DEFAULT_SHARE if share is None else share
        put(share)
        return share


@torch.no_grad()
def start(part: OrderPart, history: History, generator: torch.Generator) -> None:
    """Put low-rank EDLAE of a history into both halves, the latest picks counting most."""
    found, items = low_rank_edlae(history, part.readings[0].embedding_dim, generator)
    # One scale for both sides, so that one learning rate suits them.
    ratio = (found.norm() / items.norm().clamp(min=1e-12)).clamp(min=1e-12).sqrt()
    for table in part.readings:
        table.weight.copy_(found / ratio)
    part.items.weight.copy_(torch.cat([items, items], dim=1) * ratio)
    lengths = history.starts.diff()
    mean = lengths[lengths > 0].float().mean() if len(history.items) else torch.ones(())
    part.power.fill_(0.5)
    part.log_gain.copy_(np.log(GAIN) + part.power * mean.log())
    ages = torch.arange(LATEST)
    part.kernel.copy_(4 * (-ages / 4).exp())
    part.late_gain.fill_(1.0)


def _adam(part: OrderPart) -> torch.optim.Adam:
    tables = [part.items.weight, *(table.weight for table in part.readings)]
    scalars = [part.log_gain, part.power, part.kernel, part.late_gain]
    of = {"tables": tables, "scalars": scalars, "biases": [part.biases]}
    groups = [{"params": of[name], "lr": rate, "peak": rate} for name, rate in RATES.items()]
    return torch.optim.Adam(groups, fused=True)


@dataclass(frozen=True)
class Competitors:
    """The items that the pick at a place is to be told from."""

    columns: OwnAndUniform | WholeCatalogue
    n_picks: int

    @classmethod
    def of(cls, history: History) -> "Competitors":
        """All items, or of more than 20,000 so many that stand for all."""
        n = history.n_item_rows
        if n <= ALL_ITEMS:
            return cls(WholeCatalogue(n), len(history.items))
        counts = np.bincount(history.items.numpy(), minlength=n)
        return cls(OwnAndUniform(counts, DRAWN), len(history.items))

    def loss(self, part: OrderPart, windows: Windows, rng: np.random.Generator) -> torch.Tensor:
        """The mean over the places of some windows."""
        is_place = windows.is_place
        targets = windows.items(0)[is_place].numpy()
        found = self.columns(targets, targets, len(targets) / self.n_picks, rng)
        items, at = torch.from_numpy(found.items), torch.from_numpy(found.item_positions)
        log_weights = None if found.weights is None else torch.from_numpy(found.weights).log()
        taken_at = windows.taken_at(items)
        owners, places = is_place.nonzero().T
        places = (places + windows.firsts[owners]).to(torch.int32)[:, None]
        if log_weights is not None:
            # The items that a user takes later are here because they do: they would weigh too much.
            places = torch.full_like(places, NEVER)

        def is_out(of: slice) -> torch.Tensor:
            return taken_at[owners[of]] < places[of]

        vectors = part(windows), part.items(items), part.biases[items]
        return next_softmax(*vectors, at, is_out, log_weights) / len(targets)
