"""Runs a peer and us on the same split, each in a process of its own, and sets out the ratios.

Each side is a script that reads an .npz file of `arrays.py` and prints, as its last line,
JSON with `train_seconds` (one figure an epoch), `train_with_metrics_seconds_per_epoch`,
`train_with_metrics_note`, `evaluate_seconds`, `peak_memory_mb` and `metrics` with
`raw_top_100` and `rmse`; `versions` may say of what. Standard library only: Linux counts
what a parent holds when it starts a process in that process' peak memory.
"""

import argparse
import datetime as dt
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"


@dataclass(frozen=True)
class Peer:
    """Another library: what to install, and the script that runs in that environment."""

    name: str
    packages: tuple[str, ...]
    variables: dict[str, str]
    script: Path

    @property
    def folder(self) -> Path:
        """Where its environment stands unless told otherwise; git ignores it."""
        return HERE / "environments" / self.script.stem


def compare(peer: Peer) -> None:
    """The whole of a benchmark script: options, both sides, the table, its place in RESULTS.md."""
    options = _options(peer)
    python = environment(options.env, peer.packages)
    with tempfile.TemporaryDirectory() as folder:
        arrays = Path(folder) / "split.npz"
        subprocess.run([sys.executable, HERE / "arrays.py", options.data, arrays], check=True)
        run = [arrays, "--epochs", options.epochs, "--metric-steps", options.metric_steps]
        own = shlex.split(options.ours)  # after the others, so that it has the last word
        ours = run_side(sys.executable, HERE / "ours.py", [*run, *own], {})
        theirs = run_side(python, peer.script, run, peer.variables)
    # Without folders: those of this machine say nothing to others.
    command = ["python", f"benchmarks/{Path(sys.argv[0]).name}", options.data.name, *run[1:]]
    command += ["--ours", options.ours] if options.ours else []
    block = results(peer.name, shlex.join(command), theirs, ours)
    print(block)
    with options.results.open("a", encoding="utf-8") as file:
        file.write(f"\n{block}")


def _options(peer: Peer) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=f"The notebook's joint model in {peer.name} and in Maxella, side by side."
    )
    parser.add_argument("data", type=Path, help="zip or folder of a MovieLens, such as ml-1m.zip")
    parser.add_argument("--env", type=Path, default=peer.folder, help="its environment")
    parser.add_argument("--epochs", default="3", help="epochs without metrics in the step")
    parser.add_argument("--ours", default="", help="options for our side alone, in one string")
    parser.add_argument("--metric-steps", default="10", help="steps with metrics, then scaled")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file to add the table to")
    return parser.parse_args()


def environment(folder: Path, packages: tuple[str, ...]) -> Path:
    """The interpreter of a virtual environment that has these packages; made where it is not."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    # Mends a half-made environment too, and is done at once with a whole one.
    subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def run_side(
    python: Path | str, script: Path, arguments: list[Any], variables: dict[str, str]
) -> dict[str, Any]:
    """Runs a side; its JSON, with the wall time of the whole process as `wall_seconds`."""
    command = [str(part) for part in (python, script, *arguments)]
    print(shlex.join(command), file=sys.stderr, flush=True)
    start = time.perf_counter()
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, env={**os.environ, **variables}
    )
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return {**result, "wall_seconds": time.perf_counter() - start}


# Name, how to read it from a side's JSON, digits, and whether theirs / ours says anything.
Measure = tuple[str, Callable[[dict[str, Any]], float], int, bool]
MEASURES: tuple[Measure, ...] = (
    ("training alone, s an epoch", lambda side: statistics.mean(side["train_seconds"]), 2, True),
    (
        "training in all, s",
        lambda side: side.get("start_seconds", 0.0) + sum(side["train_seconds"]),
        2,
        True,
    ),
    (
        "training with metrics in the step, s an epoch",
        lambda side: side["train_with_metrics_seconds_per_epoch"],
        2,
        True,
    ),
    ("evaluation, s", lambda side: side["evaluate_seconds"], 2, True),
    ("peak memory, MB", lambda side: side["peak_memory_mb"], 0, True),
    ("whole process, s", lambda side: side["wall_seconds"], 1, False),
    ("raw top_k_accuracy@100", lambda side: side["metrics"]["raw_top_100"], 4, False),
    ("RMSE", lambda side: side["metrics"]["rmse"], 4, False),
)


def results(name: str, command: str, theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """A block of Markdown: when, where and how it was run, and each measure with its ratio."""
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    lines = [
        f"## {name}, {today}",
        "",
        f"Machine: {os.cpu_count()} cores, {_processor()}, {platform.system()}.",
        "",
        f"Command: `{command}`",
        "",
        f"| measure | {name} | Maxella | ratio |",
        "| --- | --- | --- | --- |",
    ]
    for measure, read, digits, has_ratio in MEASURES:
        peer, own = read(theirs), read(ours)
        ratio = f"{peer / own:.1f}" if has_ratio else ""
        lines.append(f"| {measure} | {peer:.{digits}f} | {own:.{digits}f} | {ratio} |")
    lines += ["", *(_remarks(side, of) for side, of in ((name, theirs), ("Maxella", ours)))]
    return "\n".join(lines) + "\n"


def _remarks(name: str, side: dict[str, Any]) -> str:
    epochs = ", ".join(f"{seconds:.2f}" for seconds in side["train_seconds"])
    versions = ", ".join(f"{package} {v}" for package, v in side.get("versions", {}).items())
    return (
        f"- {name}: epochs of {epochs} s; with metrics in the step "
        f"{side['train_with_metrics_note']}. {versions}".rstrip()
    )


def _processor() -> str:
    """The model of the processor, as Linux tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
