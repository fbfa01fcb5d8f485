"""Models and baselines on the held-out part, all by the same evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from maxella.baselines.table import BASELINES, RANKERS, RATERS
from maxella.data.dataset import Dataset
from maxella.data.interactions import Interactions
from maxella.errors import ConfigError, MissingExtraError
from maxella.evaluation.among import Among
from maxella.evaluation.evaluate import Report, evaluate
from maxella.evaluation.slices import Slice
from maxella.experiment.config import Config
from maxella.experiment.machine import peak_memory_mb, reset_peak_memory
from maxella.experiment.results import Outcome, model_row


def judge(
    ranker: Any,
    rater: Any,
    dataset: Dataset,
    config: Config,
    *,
    on_validation: bool = False,
    raw_ranker: Any = None,
    slices: Sequence[Slice] = (),
) -> Report:
    """Evaluate on the test part, or on the validation part while training.

    `raw_ranker` scores for the raw protocol in the ranker's place, where there is one.
    """
    held_out = HeldOut.of(dataset, config, on_validation=on_validation)
    ranker, rater, raw_ranker = map(held_out.view, (ranker, rater, raw_ranker))
    return evaluate(
        ranker,
        rater if len(held_out.part.rated) else None,
        held_out.part,
        seen=held_out.seen,
        n_item_rows=held_out.n_item_rows,
        seed=config.split.seed,
        resamples=0 if on_validation else config.evaluation.resamples,
        raw_ranker=raw_ranker,
        slices=[held_out.slice(one) for one in slices],
    )


@dataclass(frozen=True)
class HeldOut:
    """What a model is asked about; of a split by whole items, these as if they were all."""

    part: Interactions
    seen: Interactions  # all that was known before
    n_item_rows: int
    among: Among | None

    @classmethod
    def of(cls, dataset: Dataset, config: Config, *, on_validation: bool = False) -> "HeldOut":
        """The test part, or the validation part while training."""
        part = dataset.validation if on_validation else dataset.test
        seen = dataset.known_in_validation if on_validation else dataset.known
        if config.split.kind != "cold_item":
            return cls(part, seen, dataset.items.n_rows, None)
        among = Among(np.unique(part.items), dataset.items.n_rows)
        return cls(among.log(part), among.log(seen), among.n_item_rows, among)

    def view(self, model: Any) -> Any:
        """A ranker or rater with these item rows; nothing of nothing."""
        return model if self.among is None or model is None else self.among.view(model)

    def slice(self, one: Slice) -> Slice:
        """A slice by these item rows."""
        return one if self.among is None else self.among.slice(one)


def judge_baselines(
    dataset: Dataset, config: Config, slices: Sequence[Slice]
) -> tuple[list[Outcome], list[str]]:
    """The baselines of [compare] that can be had here, and a note on each that cannot.

    Where nothing is held out there is nothing to set beside the model.
    """
    outcomes: list[Outcome] = []
    notes: list[str] = []
    names: list[str] = [*config.compare.baselines] if len(dataset.test) else []
    if config.split.kind == "cold_item":
        blind = [name for name in names if name in RANKERS]
        names = [name for name in names if name not in RANKERS]
        notes += _of_items_held_out(blind, dataset)
    for name in names:
        if name in RATERS and not len(dataset.train.rated):
            notes.append(f"No baseline {name}: it wants ratings, and the log has none.")
            continue
        try:
            outcomes.append(_baseline(name, dataset, config, slices))
        except (ConfigError, MissingExtraError) as error:  # too large for it, or not installed
            notes.append(f"No baseline {name}: {error}")
    return outcomes, notes


def _of_items_held_out(blind: list[str], dataset: Dataset) -> list[str]:
    """Where all candidates score alike a rank says nothing: what chance reaches stands instead."""
    n = len(np.unique(dataset.test.items))
    shares = ", ".join(f"{min(1.0, k / n):.3f} are among the first {k}" for k in (10, 20, 100))
    note = (
        f"No baseline {', '.join(blind)}: of items held out whole they know nothing. In random "
        f"order of the {n:,} candidates {shares}."
    )
    return [note] if blind else []


def _baseline(name: str, dataset: Dataset, config: Config, slices: Sequence[Slice]) -> Outcome:
    reset_peak_memory()
    started = perf_counter()
    fitted = BASELINES[name](dataset.train, dataset.users.n_rows, dataset.items.n_rows)
    fitted = fitted.told(dataset.known)
    seconds = perf_counter() - started
    ranker = fitted if name in RANKERS else None
    rater = fitted if name in RATERS else None
    found = judge(ranker, rater, dataset, config, slices=slices)
    return Outcome(model_row(name, "baseline", seconds, peak_memory_mb(), found), found)
