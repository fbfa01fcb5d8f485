"""Planted worlds of 1, 4 and 16 million interactions: time an interaction, and peak memory.

Users grow with the interactions (165 each, as in MovieLens 1M); the catalogue has 4,000 items.
`configs/ml-1m.toml` is trained on each world for a few epochs, in a process of its own, so
that the peak of memory is that world's. The cost is linear where the figures of a column stay.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

CONFIG = Path(__file__).parents[1] / "configs" / "ml-1m.toml"
PER_USER = 165
N_ITEMS = 4000


def world(n_interactions: int, epochs: int) -> dict[str, Any]:
    """Train on one world; gives what it took."""
    # Here, so that the parent, which only starts worlds, stays small.
    import torch._dynamo  # noqa: F401, PLC0415 - comes with the first optimiser: 1 to 2 s once

    from maxella.experiment.build import build_data, build_spec  # noqa: PLC0415
    from maxella.experiment.judge import HeldOut  # noqa: PLC0415
    from maxella.experiment.read_config import load_config  # noqa: PLC0415
    from maxella.experiment.stages import build_stages  # noqa: PLC0415
    from maxella.model.build import build_model  # noqa: PLC0415
    from maxella.recommend.engine import Engine  # noqa: PLC0415
    from maxella.sources.synthetic import read_synthetic  # noqa: PLC0415

    config = load_config(
        CONFIG, changes=[f"training.epochs={epochs}", "split.test=0.05", "evaluation.resamples=0"]
    )
    tables = read_synthetic(
        n_users=n_interactions // PER_USER,
        n_items=N_ITEMS,
        n_interactions=n_interactions,
        n_groups=20,
    )
    seconds: dict[str, float] = {}

    def timed(part: str, act: Callable[[], Any]) -> Any:
        # Of the processor: what else the machine does is not counted, each thread is.
        started = time.process_time()
        done = act()
        seconds[part] = time.process_time() - started
        return done

    dataset = timed("split and rows", lambda: build_data(config, tables))
    model = build_model(build_spec(config, dataset), config.training.seed)
    for stage in build_stages(config, dataset, model):
        timed(stage.name, partial(stage, model, dataset))
    seconds["an epoch"] = seconds.pop("gradient steps") / epochs
    engine = timed("embeddings", lambda: Engine.of(model, dataset.known))
    held_out = HeldOut.of(dataset, config)
    found = timed("evaluation", lambda: held_out.ask(engine))
    return {
        "interactions": len(tables.interactions),
        "users": len(dataset.users),
        "seconds": seconds,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6,
        "filtered_top_100": found.flat["retrieval.filtered.top_k_accuracy@100"],
        "rmse": found.flat["rating.rmse"],
    }


def main() -> None:
    """Each world in a process, then the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--millions", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--world", type=int, help="this many interactions, here, as JSON")
    options = parser.parse_args()
    if options.world:
        print(json.dumps(world(options.world, options.epochs)))
        return
    worlds = []
    for millions in options.millions:
        arguments = ["--world", str(millions * 1_000_000), "--epochs", str(options.epochs)]
        command = [sys.executable, __file__, *arguments]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        worlds.append(json.loads(done.stdout.splitlines()[-1]))
        print(worlds[-1], file=sys.stderr, flush=True)
    print(table(worlds))


def table(worlds: list[dict[str, Any]]) -> str:
    """Markdown: microseconds an interaction of each part, and peak memory."""
    parts = list(worlds[0]["seconds"])
    head = [
        "interactions",
        "users",
        *(f"{part}, µs" for part in parts),
        "peak, MB",
        "top-100",
        "RMSE",
    ]
    lines = [f"| {' | '.join(head)} |", f"| {' | '.join(['---'] * len(head))} |"]
    for found in worlds:
        n = found["interactions"]
        cells = [f"{n:,}", f"{found['users']:,}"]
        cells += [f"{1e6 * found['seconds'][part] / n:.2f}" for part in parts]
        cells += [f"{found['peak_memory_mb']:,.0f}"]
        cells += [f"{found['filtered_top_100']:.3f}", f"{found['rmse']:.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
