"""Models and baselines on the held-out part, all by the same evaluation."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np

from maxella.baselines.table import BASELINES, RANKERS, RATERS
from maxella.data.dataset import Dataset
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
    part = dataset.validation if on_validation else dataset.test
    seen = dataset.known_in_validation if on_validation else dataset.known
    n_item_rows = dataset.items.n_rows
    if config.split.kind == "cold_item":
        among = Among(np.unique(part.items), n_item_rows)
        ranker, rater, raw_ranker = (one and among.view(one) for one in (ranker, rater, raw_ranker))
        part, seen, n_item_rows = among.log(part), among.log(seen), among.n_item_rows
        slices = [among.slice(one) for one in slices]
    return evaluate(
        ranker,
        rater if len(part.rated) else None,
        part,
        seen=seen,
        n_item_rows=n_item_rows,
        seed=config.split.seed,
        resamples=0 if on_validation else config.evaluation.resamples,
        raw_ranker=raw_ranker,
        slices=slices,
    )


def judge_baselines(
    dataset: Dataset, config: Config, slices: Sequence[Slice]
) -> tuple[list[Outcome], list[str]]:
    """The baselines of [compare] that can be had here, and a note on each that cannot.

    Where nothing is held out there is nothing to set beside the model.
    """
    outcomes: list[Outcome] = []
    notes: list[str] = []
    for name in config.compare.baselines if len(dataset.test) else []:
        if name in RATERS and not len(dataset.train.rated):
            notes.append(f"No baseline {name}: it wants ratings, and the log has none.")
            continue
        try:
            outcomes.append(_baseline(name, dataset, config, slices))
        except (ConfigError, MissingExtraError) as error:  # too large for it, or not installed
            notes.append(f"No baseline {name}: {error}")
    return outcomes, notes


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
