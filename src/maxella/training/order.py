"""What the order of picks says of the next one, found beside all else that is trained."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
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
from maxella.training.trial import Trial

SHARES = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)  # in spreads of the other scores
DEFAULT_SHARE = 10.0
LENGTH = 200  # places of a window
PLACES = 700  # of a step, about
MOST_WINDOWS = 128  # of a step
PASSES, MOST_PASSES = 2, 20  # without a validation part, and with one
LEAST_STEPS = 100  # of a pass, if there are as many windows
MOST_STEPS = 4500  # of all passes
ALL_ITEMS = 20_000  # up to here every item competes, beyond as many as below
DRAWN = 4000  # items of a step, beside its own
WARM_UP = 100  # steps


@dataclass
class Order:
    """Trains the part of a task that reads the order of picks; moves nothing else.

    It starts from low-rank EDLAE, whose readings all picks and the latest have alike, and learns to
    tell at every place of every history the pick that comes next from all items that had not come
    by then. After each pass over the histories the mean of the weights so far, the latest counting
    most, is tried on the validation part, at ten times what the other scores vary. The best is
    kept, and the first pass that brings nothing is the last. Without a validation part there are
    two passes.

    What it adds is then set to vary `share` times as much as the scores do without it, as ranks the
    validation part best by NDCG@100 (of a log of several events the new items there: visited ones
    have scores of their own); without one it is 10.
    """

    task: str
    seed: int
    # Where there is nothing to choose by: by an earlier pass over all stages.
    chosen: Mapping[str, float] = field(default_factory=dict)
    on_step: Callable[[int, int], None] | None = None
    name: str = "order"
    facts: dict[str, Any] = field(default_factory=dict)

    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Find it."""
        part: OrderPart = model.order[self.task]  # type: ignore[assignment]
        history = dataset.train.picks(self.task, in_time_order=True)
        start(part, history, torch_generator(self.seed, "order start"))
        trial = Trial.of(model, dataset, self.task, only_new=True)
        if len(dataset.validation.rows) and not trial.asks:  # all that is picked had been visited
            _scale(part, 0.0)
            self.facts = {"passes": 0, "share": 0.0}
            return

        @torch.no_grad()
        def value() -> float:
            """How well it ranks where it decides; the part is left with those weights."""
            _scale(part, DEFAULT_SHARE * spread(model, dataset.train, self.task, "order"))
            return trial.ndcg()

        passes = self._fit(part, history, value if trial.asks else None)
        with torch.no_grad():
            share = self._share(part, model, dataset, trial)
        self.facts = {"passes": passes if share else 0, "share": share}

    def _fit(self, part: OrderPart, history: History, value: Callable[[], float] | None) -> int:
        """Pass over the windows in random order; gives how many passes were kept."""
        windows = Windows.cut(history, LENGTH)
        if not len(windows):
            return 0
        size = PLACES * len(windows) // int(windows.counts.sum())
        size = max(1, min(size, len(windows) // LEAST_STEPS, MOST_WINDOWS))
        n_steps = min(-(-len(windows) // size), MOST_STEPS)  # of a pass
        n_passes = max(1, MOST_STEPS // n_steps)
        wanted = MOST_PASSES if value else int(self.chosen.get("passes", PASSES))
        n_passes = min(n_passes, wanted)
        descent, rng = Descent.of(part, history), numpy_generator(self.seed, "order")
        best, kept = _weights(part), 0
        highest = value() if value else 0.0
        part.load_state_dict(best)
        for done in range(n_passes):
            for step, batch in enumerate(islice(windows.batches(size, rng), n_steps)):
                descent.step(batch, rng)
                if self.on_step:
                    self.on_step(done * n_steps + step + 1, n_passes * n_steps)
            with descent.mean():
                weights = _weights(part)
                found = value() if value else 0.0
            if value and found <= highest:
                break
            best, kept, highest = weights, done + 1, found
        part.load_state_dict(best)
        part.zero_grad()
        return kept

    def _share(self, part: OrderPart, model: Model, dataset: Dataset, trial: Trial) -> float:
        """Set and give what it counts beside the other scores."""
        items, biases = part.items.weight.clone(), part.biases.clone()
        unit = spread(model, dataset.train, self.task, "order")

        def put(share: float) -> None:
            part.items.weight.copy_(items)
            part.biases.copy_(biases)
            _scale(part, unit * share)

        share = trial.best(SHARES, put)
        share = self.chosen.get("share", DEFAULT_SHARE) if share is None else share
        put(share)
        return share


@torch.no_grad()
def _scale(part: OrderPart, factor: float) -> None:
    part.items.weight.mul_(factor)
    part.biases.mul_(factor)


@torch.no_grad()
def start(part: OrderPart, history: History, generator: torch.Generator) -> None:
    """Put low-rank EDLAE of a history into both halves, the latest picks counting most."""
    found, items = low_rank_edlae(history, part.of_all.embedding_dim, generator)
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


def _weights(part: OrderPart) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in part.state_dict().items()}


@dataclass
class Descent:
    """Steps of Adam, and the mean of the weights that they went through.

    After t steps that of s counts as s⁸, about: the last ninth makes most of the mean (Shamir and
    Zhang 2013, "Stochastic gradient descent for non-smooth optimization"). It is worth what a rate
    that falls to zero is, at any time.
    """

    part: OrderPart
    competitors: "Competitors"
    optimiser: torch.optim.Adam
    means: list[torch.Tensor]
    done: int = 0

    @classmethod
    def of(cls, part: OrderPart, history: History) -> "Descent":
        """From where a part is."""
        groups = [{"params": of, "lr": rate, "peak": rate} for of, rate in _rates(part)]
        means = [weight.detach().clone() for weight in part.parameters()]
        return cls(part, Competitors.of(history), torch.optim.Adam(groups, fused=True), means)

    def step(self, windows: Windows, rng: np.random.Generator) -> None:
        """One step down the loss of some windows."""
        self.done += 1
        for group in self.optimiser.param_groups:
            group["lr"] = group["peak"] * min(1.0, self.done / WARM_UP)
        self.optimiser.zero_grad()
        self.competitors.loss(self.part, windows, rng).backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        for mean, weight in zip(self.means, self.part.parameters(), strict=True):
            mean.lerp_(weight.detach(), 9 / (self.done + 9))

    @contextmanager
    def mean(self) -> Iterator[None]:
        """The part at the mean, for a while."""
        weights = [*self.part.parameters()]
        latest = [weight.detach().clone() for weight in weights]
        _put(weights, self.means)
        yield
        _put(weights, latest)


@torch.no_grad()
def _put(weights: Sequence[torch.Tensor], values: Sequence[torch.Tensor]) -> None:
    for weight, value in zip(weights, values, strict=True):
        weight.copy_(value)


def _rates(part: OrderPart) -> Iterator[tuple[list[torch.Tensor], float]]:
    """Weights, and the rate of Adam that they step at."""
    yield [part.items.weight, *(table.weight for table in part.readings)], 0.001
    yield [part.log_gain, part.power, part.kernel, part.late_gain], 0.02
    yield [part.biases], 0.01


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
        columns = self.columns(targets, targets, len(targets) / self.n_picks, rng)
        items, at = torch.from_numpy(columns.items), torch.from_numpy(columns.item_positions)
        taken_at = windows.taken_at(items)
        owners, places = is_place.nonzero().T
        places = (places + windows.firsts[owners]).to(torch.int32)[:, None]
        log_weights = None
        if columns.weights is not None:
            log_weights = torch.from_numpy(columns.weights).log()
            # What a user takes later is here for that: it would stand for too many.
            places = torch.full_like(places, NEVER)

        def is_out(of: slice) -> torch.Tensor:
            had_come: torch.Tensor = taken_at[owners[of]] < places[of]
            return had_come

        vectors = part(windows), part.items(items), part.biases[items]
        return next_softmax(*vectors, at, is_out, log_weights) / len(targets)
