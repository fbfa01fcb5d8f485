"""Our side of a comparison: the notebook's joint model, from `configs/notebook.toml`, or another.

With metrics: our training step never holds metrics. What stands against the notebook's way
is an epoch and then an evaluation on held-out interactions: what a user who wants figures
after each epoch pays. The evaluation gives the notebook's metrics, which are raw.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
import polars as pl
import torch
from maxella.recommend.scorer import Scorer
from maxella.training.fit import fit

from maxella.data.dataset import Dataset
from maxella.data.interactions import Interactions
from maxella.evaluation.evaluate import evaluate
from maxella.experiment.build import (
    build_batches,
    build_objective,
    build_plan,
    build_start,
    model_spec,
)
from maxella.experiment.read_config import config_of_model, load_config
from maxella.features.id import Vocabulary
from maxella.model.build import build_model

CONFIG = Path(__file__).parents[1] / "configs" / "notebook.toml"


def read_dataset(path: Path) -> Dataset:
    """The split that `arrays.py` wrote."""
    arrays = np.load(path, allow_pickle=False)
    parts = {
        part: Interactions(*(arrays[f"{part}_{name}"] for name in ("users", "items", "ratings")))
        for part in ("train", "test")
    }
    users, items = (
        Vocabulary(pl.Series([str(row) for row in range(1, int(arrays[name]))]))
        for name in ("n_user_rows", "n_item_rows")
    )
    nothing = parts["train"].take(np.empty(0, dtype=np.int64))
    return Dataset(users, items, parts["train"], nothing, parts["test"], nothing)


def main() -> None:
    """Train, evaluate, print the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arrays", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--set", action="append", default=[], help="section.key=value of it")
    parser.add_argument("--metric-steps", type=int, default=0, help="for the peers; not used here")
    options = parser.parse_args()
    dataset = read_dataset(options.arrays)
    config = load_config(options.config, changes=options.set)
    for entry in config.compare.models:
        if entry.name == "joint":
            config = config_of_model(config, entry)
    # After the model's own, which may be others.
    training = config.training.model_copy(update={"epochs": options.epochs})
    config = config.model_copy(update={"training": training})

    model = build_model(model_spec(config.model, dataset), config.training.seed)
    started = time.perf_counter()
    teacher = build_start(config, model, dataset)
    start_seconds = time.perf_counter() - started
    progress = fit(
        model,
        build_objective(config, teacher),
        build_batches(config, dataset),
        build_plan(config.training),
    )
    epochs = [entry["seconds"] for entry in progress.history]

    started = time.perf_counter()
    scorer = Scorer(model, dataset.known)
    found = evaluate(
        scorer,
        scorer,
        dataset.test,
        seen=dataset.train,
        n_item_rows=dataset.items.n_rows,
        seed=config.split.seed,
        metrics=[f"top_k_accuracy@{k}" for k in (1, 5, 10, 50, 100)],
        protocols=["raw"],  # the notebook's
        resamples=0,
    )
    evaluation = time.perf_counter() - started
    result = {
        "start_seconds": start_seconds,
        "train_seconds": epochs,
        "train_with_metrics_seconds_per_epoch": sum(epochs) / len(epochs) + evaluation,
        "train_with_metrics_note": "an epoch, then an evaluation: not the peer's work",
        "evaluate_seconds": evaluation,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "metrics": {
            "raw_top_100": found.metrics["raw"]["top_k_accuracy@100"],
            "rmse": found.metrics["rmse"],
        },
        "versions": {"torch": torch.__version__},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
