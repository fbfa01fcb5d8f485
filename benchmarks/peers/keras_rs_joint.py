"""The notebook's joint model in Keras-RS on JAX, timed; prints one line of JSON.

Runs in an environment that has keras-rs and jax, with KERAS_BACKEND=jax;
`benchmarks/keras_rs.py` sees to both. 32 dimensions, batches of 8,192 shuffled once,
Adagrad(0.1), both weights 1. Keras' own lookup of strings needs TensorFlow, so the ids
are numbers here; Keras-RS has no top-k accuracy, so it is counted on what its brute-force
retrieval brings.
"""

import argparse
import json
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import keras_rs
import numpy as np

DIMENSIONS = 32
TRAIN_BATCH, TEST_BATCH = 8192, 2048
KS = (1, 5, 10, 50, 100)  # those of the notebook


class Joint(keras.Model):
    """Two tables of embeddings, their dot product to retrieve and an MLP on both to rate."""

    def __init__(self, n_user_rows: int, n_item_rows: int) -> None:
        super().__init__()
        self.user_table = keras.layers.Embedding(n_user_rows, DIMENSIONS)
        self.item_table = keras.layers.Embedding(n_item_rows, DIMENSIONS)
        self.item_table.build()
        self.rating_model = keras.Sequential(
            [
                keras.layers.Dense(256, activation="relu"),
                keras.layers.Dense(128, activation="relu"),
                keras.layers.Dense(1),
            ]
        )
        # Row 0, the unknown item, is no candidate: candidate j is item row j + 1.
        self.retrieval = keras_rs.layers.BruteForceRetrieval(
            self.item_table.embeddings[1:], k=max(KS), return_scores=False
        )
        self.in_batch = keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="sum"
        )
        self.squared_error = keras.losses.MeanSquaredError()
        self.rmse = keras.metrics.RootMeanSquaredError()
        self.top_k = [keras.metrics.Mean(name=f"top_{k}") for k in KS]
        self.counts_top_k = False  # read when a step is traced

    def call(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """Rows of users and items → their embeddings, the predicted rating, the best items."""
        user = self.user_table(inputs["user"])
        item = self.item_table(inputs["item"])
        rating = self.rating_model(keras.ops.concatenate([user, item], axis=1))
        outputs = {"user": user, "item": item, "rating": rating[:, 0]}
        if self.counts_top_k:
            table = keras.ops.stop_gradient(self.item_table.embeddings)
            self.retrieval.update_candidates(table[1:])
            best = self.retrieval(keras.ops.stop_gradient(user))  # (batch, 100) candidates
            outputs["best"] = best + 1  # (batch, 100) item rows
        return outputs

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The sum of the in-batch softmax and the mean squared error."""
        del x, sample_weight, training
        logits = keras.ops.matmul(y_pred["user"], keras.ops.transpose(y_pred["item"]))
        labels = keras.ops.arange(keras.ops.shape(logits)[0])
        return self.in_batch(labels, logits) + self.squared_error(y, y_pred["rating"])

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """RMSE, and the share of interactions whose item is among the k best candidates."""
        del sample_weight
        self.rmse.update_state(y, y_pred["rating"])
        if self.counts_top_k:
            hits = keras.ops.equal(y_pred["best"], keras.ops.expand_dims(x["item"], 1))
            for k, metric in zip(KS, self.top_k, strict=True):
                metric.update_state(keras.ops.any(hits[:, :k], axis=1))
        return self.get_metrics_result()


def side(arrays: dict[str, np.ndarray], name: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The interactions of train or test as Keras takes them: inputs and labels."""
    rows = {
        "user": arrays[f"{name}_users"].astype(np.int32),
        "item": arrays[f"{name}_items"].astype(np.int32),
    }
    return rows, arrays[f"{name}_ratings"]


def compiled(arrays: dict[str, np.ndarray], *, counts_top_k: bool) -> Joint:
    """A new model, with or without top-k accuracy in its training step."""
    model = Joint(int(arrays["n_user_rows"]), int(arrays["n_item_rows"]))
    model.counts_top_k = counts_top_k
    model.compile(optimizer=keras.optimizers.Adagrad(0.1))
    return model


def seconds_of_epoch(model: Joint, inputs: dict[str, np.ndarray], ratings: np.ndarray) -> float:
    """Wall time of one pass over these interactions in their order."""
    start = time.perf_counter()
    model.fit(inputs, ratings, batch_size=TRAIN_BATCH, shuffle=False, verbose=0)
    return time.perf_counter() - start


def measure(arrays: dict[str, np.ndarray], epochs: int, metric_steps: int, seed: int) -> dict:
    """Train without top-k in the step, evaluate, then time some steps with it."""
    keras.utils.set_random_seed(seed)
    inputs, ratings = side(arrays, "train")
    order = np.random.default_rng(seed).permutation(len(ratings))
    inputs, ratings = {name: rows[order] for name, rows in inputs.items()}, ratings[order]
    model = compiled(arrays, counts_top_k=False)
    train_seconds: list[float] = []  # compiling the step falls into the first
    for epoch in range(epochs):
        train_seconds.append(seconds_of_epoch(model, inputs, ratings))
        print(f"epoch {epoch + 1}: {train_seconds[-1]:.1f} s", file=sys.stderr, flush=True)

    model.counts_top_k = True
    start = time.perf_counter()
    metrics = model.evaluate(
        *side(arrays, "test"), batch_size=TEST_BATCH, verbose=0, return_dict=True
    )
    evaluate_seconds = time.perf_counter() - start
    print(f"evaluated: {evaluate_seconds:.1f} s", file=sys.stderr, flush=True)

    n_steps = -(-len(order) // TRAIN_BATCH)
    timed = min(metric_steps, n_steps - 1)
    first = {name: rows[: timed * TRAIN_BATCH] for name, rows in inputs.items()}
    model = compiled(arrays, counts_top_k=True)
    warm_up = {name: rows[:TRAIN_BATCH] for name, rows in inputs.items()}
    seconds_of_epoch(model, warm_up, ratings[:TRAIN_BATCH])
    seconds = seconds_of_epoch(model, first, ratings[: timed * TRAIN_BATCH])
    return {
        "train_seconds": train_seconds,
        "train_with_metrics_seconds_per_epoch": seconds / timed * n_steps,
        "train_with_metrics_note": f"extrapolated from {timed} of {n_steps} steps",
        "evaluate_seconds": evaluate_seconds,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,  # of KiB
        "metrics": {"raw_top_100": metrics["top_100"], "rmse": metrics[model.rmse.name]},
        "versions": {name: version(name) for name in ("keras-rs", "keras", "jax")},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arrays", type=Path, help="what benchmarks/arrays.py wrote")
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--metric-steps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    with np.load(options.arrays) as stored:
        loaded = dict(stored)
    print(json.dumps(measure(loaded, options.epochs, options.metric_steps, options.seed)))
