"""Planted worlds of growing logs and catalogues: time an interaction, peak memory, one answer.

Each world is a file that `maxella init` looks at; what it proposes is trained for a few epochs, in
a process of its own, so that the peak of memory is that world's. The cost is linear where the
figures of a column stay.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

PER_USER = 165  # as in MovieLens 1M
ANSWERS = 30


def world(n_interactions: int, n_items: int, epochs: int) -> dict[str, Any]:
    """Train on one world; gives what it took."""
    # Here, so that the parent, which only starts worlds, stays small.
    import torch._dynamo  # noqa: F401, PLC0415 - comes with the first optimiser: 1 to 2 s once

    from maxella.experiment.build import (  # noqa: PLC0415
        build_bundle,
        build_features,
        build_spec,
    )
    from maxella.experiment.judge import Experiment  # noqa: PLC0415
    from maxella.experiment.stages import build_stages  # noqa: PLC0415
    from maxella.model.build import build_model  # noqa: PLC0415
    from maxella.recommend.recommender import Recommender  # noqa: PLC0415

    seconds: dict[str, float] = {}

    def timed(part: str, act: Callable[[], Any]) -> Any:
        # Of the processor: what else the machine does is not counted, each thread is.
        started = time.process_time()
        done = act()
        seconds[part] = seconds.get(part, 0.0) + time.process_time() - started
        return done

    with tempfile.TemporaryDirectory() as folder:
        config = _proposed(Path(folder), n_interactions, n_items, epochs)
        experiment = timed("split and rows", lambda: Experiment.of(config))
    dataset, tables = experiment.dataset, experiment.tables
    spec = build_spec(experiment.config, dataset)
    model = build_model(spec, config.training.seed)
    for make in build_stages(experiment.config, dataset, model):
        stage = make()
        timed(stage.name, partial(stage, model, dataset))
    seconds["an epoch"] = seconds.pop("gradient steps") / epochs
    features = build_features(experiment.config, tables, dataset)
    bundle = build_bundle(experiment.config, tables, dataset, spec, model, features)
    engine = timed("embeddings", bundle.engine)
    found = timed("evaluation", lambda: experiment.held_out.ask(engine))
    recommender: Recommender[Any] = bundle.recommender()
    return {
        "interactions": len(tables.interactions),
        "items": len(dataset.items),
        "seconds": seconds,
        "answer_ms": 1000 * _answer_seconds(recommender),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "filtered_top_100": found.flat["retrieval.filtered.top_k_accuracy@100"],
        "rmse": found.flat["rating.rmse"],
    }


def _proposed(folder: Path, n_interactions: int, n_items: int, epochs: int) -> Any:
    """A world as a file, and the config that `maxella init` writes for it."""
    from maxella.experiment.read_config import load_config  # noqa: PLC0415
    from maxella.experiment.suggest import suggest  # noqa: PLC0415
    from maxella.experiment.write_config import write_config  # noqa: PLC0415
    from maxella.sources.synthetic import read_synthetic  # noqa: PLC0415

    tables = read_synthetic(
        n_users=n_interactions // PER_USER,
        n_items=n_items,
        n_interactions=n_interactions,
        n_groups=20,
    )
    log, config = folder / "log.parquet", folder / "maxella.toml"
    tables.interactions.drop("timestamp").write_parquet(log)
    config.write_text(write_config(suggest(log), config), encoding="utf-8")
    changes = [f"training.epochs={epochs}", "split.test=0.05", "evaluation.resamples=0"]
    return load_config(config, changes=changes)


def _answer_seconds(recommender: Any) -> float:
    """The median of ten items each for one known user at a time, once the first is answered."""
    took = []
    for user in range(ANSWERS + 1):
        started = time.perf_counter()
        recommender.recommend([f"u{user}"], k=10)
        took.append(time.perf_counter() - started)
    return median(took[1:])


def main() -> None:
    """Each world in a process, then the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 4, 16])
    parser.add_argument("--items", type=int, nargs="+", default=[4_000])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--world", action="store_true", help="the first, here, as JSON")
    options = parser.parse_args()
    if options.world:
        found = world(round(options.millions[0] * 1e6), options.items[0], options.epochs)
        print(json.dumps(found))
        return
    worlds = []
    for millions in options.millions:
        for items in options.items:
            arguments = ["--millions", millions, "--items", items, "--epochs", options.epochs]
            command = [sys.executable, __file__, "--world", *map(str, arguments)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            worlds.append(json.loads(done.stdout.splitlines()[-1]))
            print(worlds[-1], file=sys.stderr, flush=True)
    print(table(worlds))


def table(worlds: list[dict[str, Any]]) -> str:
    """Markdown: microseconds an interaction of each part, and peak memory."""
    parts = list(dict.fromkeys(part for found in worlds for part in found["seconds"]))
    last = ["one answer, ms", "peak, MB", "top-100", "RMSE"]
    head = ["interactions", "items", *(f"{part}, µs" for part in parts), *last]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]
    for found in worlds:
        n, seconds = found["interactions"], found["seconds"]
        cells = [f"{n:,}", f"{found['items']:,}"]
        cells += [f"{1e6 * seconds[part] / n:.2f}" if part in seconds else "" for part in parts]
        cells += [f"{found['answer_ms']:.1f}", f"{found['peak_memory_mb']:,.0f}"]
        cells += [f"{found['filtered_top_100']:.3f}", f"{found['rmse']:.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
