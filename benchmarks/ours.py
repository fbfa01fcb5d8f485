"""Our side of a comparison: the notebook's joint model, from `configs/notebook.toml`, or another.

With metrics: our training step never holds metrics. What stands against the notebook's way
is an epoch and then an evaluation on held-out interactions: what a user who wants figures
after each epoch pays. The evaluation gives the notebook's metrics, which are raw.
"""

import argparse
import json
import resource
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import torch

from maxella.data.dataset import Dataset, build_dataset
from maxella.data.split import Split
from maxella.evaluation.ranking_exam import RankingExam
from maxella.experiment.build import build_spec, label
from maxella.experiment.config import Config
from maxella.experiment.judge import HeldOut
from maxella.experiment.read_config import config_of_model, load_config
from maxella.experiment.stages import build_stages
from maxella.model.build import build_model
from maxella.recommend.engine import Engine
from maxella.sources.tables import Tables
from maxella.training.gradient_steps import GradientSteps

CONFIG = Path(__file__).parents[1] / "configs" / "notebook.toml"


def read_dataset(path: Path, config: Config) -> Dataset:
    """The split that `arrays.py` wrote."""
    arrays = np.load(path, allow_pickle=False)
    log = pl.concat(
        pl.DataFrame(
            {
                "user_id": pl.Series(arrays[f"{part}_users"]).cast(pl.String),
                "item_id": pl.Series(arrays[f"{part}_items"]).cast(pl.String),
                "rating": arrays[f"{part}_ratings"],
            }
        )
        for part in ("train", "test")
    )
    sides = (log.select(f"{side}_id").unique() for side in ("user", "item"))
    labels = label(config, Tables("arrays", log, *sides))
    rows, nothing = np.arange(len(log)), np.empty(0, dtype=np.int64)
    n_train = len(arrays["train_users"])
    return build_dataset(log, Split(rows[:n_train], nothing, rows[n_train:], nothing), labels)


def main() -> None:
    """Train, evaluate, print the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arrays", type=Path)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--set", action="append", default=[], help="section.key=value of it")
    parser.add_argument("--metric-steps", type=int, default=0, help="for the peers; not used here")
    options = parser.parse_args()
    config = load_config(options.config, changes=options.set)
    for entry in config.compare.models:
        if entry.name == "joint":
            config = config_of_model(config, entry)
    # After the model's own, which may be others.
    training = config.training.model_copy(update={"epochs": options.epochs})
    config = config.model_copy(update={"training": training})
    dataset = read_dataset(options.arrays, config)

    model = build_model(build_spec(config, dataset), config.training.seed)
    stages = list(build_stages(config, dataset, model))
    seconds = {}
    for stage in stages:
        started = time.perf_counter()
        stage(model, dataset)
        seconds[stage.name] = time.perf_counter() - started
    (steps,) = (stage for stage in stages if isinstance(stage, GradientSteps))
    epochs = [entry["seconds"] for entry in steps.progress.history]

    started = time.perf_counter()
    held_out = HeldOut.of(dataset, config)
    metrics = tuple(f"top_k_accuracy@{k}" for k in (1, 5, 10, 50, 100))
    exams = tuple(  # the notebook's
        replace(exam, metrics=metrics, protocols=("raw",))
        if isinstance(exam, RankingExam)
        else exam
        for exam in held_out.exams
    )
    engine = Engine.of(model, dataset.known)
    found = replace(held_out, exams=exams, resamples=0).ask(engine)
    evaluation = time.perf_counter() - started
    result = {
        "start_seconds": sum(of for name, of in seconds.items() if name != steps.name),
        "train_seconds": epochs,
        "train_with_metrics_seconds_per_epoch": sum(epochs) / len(epochs) + evaluation,
        "train_with_metrics_note": "an epoch, then an evaluation: not the peer's work",
        "evaluate_seconds": evaluation,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "metrics": {
            "raw_top_100": found.flat["retrieval.raw.top_k_accuracy@100"],
            "rmse": found.flat["rating.rmse"],
        },
        "versions": {"torch": torch.__version__},
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
