"""The notebook's joint model in TensorFlow Recommenders, timed; prints one line of JSON.

Runs in an environment that has tensorflow-recommenders, with TF_USE_LEGACY_KERAS=1;
`benchmarks/tfrs.py` sees to both. As in the notebook: string ids looked up in the step,
32 dimensions, batches of 8,192 shuffled once and cached, Adagrad(0.1), both weights 1.
"""

import argparse
import json
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

DIMENSIONS = 32
TRAIN_BATCH, TEST_BATCH = 8192, 2048


class Joint(tfrs.models.Model):
    """Two tables of embeddings, their dot product to retrieve and an MLP on both to rate."""

    def __init__(self, users: np.ndarray, items: np.ndarray, *, top_k_in_step: bool) -> None:
        super().__init__()
        self.user_model = embedding(users)
        self.item_model = embedding(items)
        self.rating_model = tf.keras.Sequential(
            [
                tf.keras.layers.Dense(256, activation="relu"),
                tf.keras.layers.Dense(128, activation="relu"),
                tf.keras.layers.Dense(1),
            ]
        )
        self.rating_task = tfrs.tasks.Ranking(
            loss=tf.keras.losses.MeanSquaredError(),
            metrics=[tf.keras.metrics.RootMeanSquaredError()],
        )
        candidates = tf.data.Dataset.from_tensor_slices(items).batch(128).map(self.item_model)
        self.retrieval_task = tfrs.tasks.Retrieval(
            metrics=tfrs.metrics.FactorizedTopK(candidates=candidates)
        )
        self.top_k_in_step = top_k_in_step

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """The sum of both losses; top-k accuracy where evaluating or asked for in the step."""
        user = self.user_model(inputs["user"])
        item = self.item_model(inputs["item"])
        prediction = self.rating_model(tf.concat([user, item], axis=1))
        return self.rating_task(
            labels=inputs["rating"], predictions=prediction
        ) + self.retrieval_task(user, item, compute_metrics=self.top_k_in_step or not training)


def embedding(ids: np.ndarray) -> tf.keras.Sequential:
    """String ids → embeddings, with one row more for an unknown id."""
    return tf.keras.Sequential(
        [
            tf.keras.layers.StringLookup(vocabulary=ids, mask_token=None),
            tf.keras.layers.Embedding(len(ids) + 1, DIMENSIONS),
        ]
    )


def side(arrays: dict[str, np.ndarray], name: str, order: np.ndarray | slice) -> dict:
    """The interactions of train or test in this order, their rows written as string ids."""
    return {
        "user": arrays[f"{name}_users"][order].astype(str),
        "item": arrays[f"{name}_items"][order].astype(str),
        "rating": arrays[f"{name}_ratings"][order],
    }


def compiled(arrays: dict[str, np.ndarray], *, top_k_in_step: bool) -> Joint:
    """A new model over every id but the unknown one."""
    users, items = (
        np.arange(1, int(arrays[key])).astype(str) for key in ("n_user_rows", "n_item_rows")
    )
    model = Joint(users, items, top_k_in_step=top_k_in_step)
    model.compile(optimizer=tf.keras.optimizers.Adagrad(0.1))
    return model


def seconds_of_epochs(model: Joint, train: tf.data.Dataset, epochs: int) -> list[float]:
    """Trains, and gives each epoch's wall time; tracing the graph falls into the first."""
    seconds: list[float] = []
    for epoch in range(epochs):
        start = time.perf_counter()
        model.fit(train, verbose=0)
        seconds.append(time.perf_counter() - start)
        print(f"epoch {epoch + 1}: {seconds[-1]:.1f} s", file=sys.stderr, flush=True)
    return seconds


def seconds_of_steps(model: Joint, columns: dict, steps: int) -> float:
    """Wall time of so many training steps, after one that traces the graph."""
    batches = tf.data.Dataset.from_tensor_slices(columns).batch(TRAIN_BATCH)
    model.fit(batches.take(1), verbose=0)
    start = time.perf_counter()
    model.fit(batches.skip(1).take(steps), verbose=0)
    return time.perf_counter() - start


def measure(arrays: dict[str, np.ndarray], epochs: int, metric_steps: int, seed: int) -> dict:
    """Train without top-k in the step, evaluate, then time some steps with it."""
    tf.keras.utils.set_random_seed(seed)
    order = np.random.default_rng(seed).permutation(len(arrays["train_users"]))
    columns = side(arrays, "train", order)
    train = tf.data.Dataset.from_tensor_slices(columns).batch(TRAIN_BATCH).cache()
    model = compiled(arrays, top_k_in_step=False)
    train_seconds = seconds_of_epochs(model, train, epochs)

    test = tf.data.Dataset.from_tensor_slices(side(arrays, "test", slice(None)))
    start = time.perf_counter()
    metrics = model.evaluate(test.batch(TEST_BATCH).cache(), verbose=0, return_dict=True)
    evaluate_seconds = time.perf_counter() - start
    print(f"evaluated: {evaluate_seconds:.1f} s", file=sys.stderr, flush=True)

    n_steps = -(-len(order) // TRAIN_BATCH)
    timed = min(metric_steps, n_steps - 1)
    first = {name: column[: (timed + 1) * TRAIN_BATCH] for name, column in columns.items()}
    seconds = seconds_of_steps(compiled(arrays, top_k_in_step=True), first, timed)
    return {
        "train_seconds": train_seconds,
        "train_with_metrics_seconds_per_epoch": seconds / timed * n_steps,
        "train_with_metrics_note": f"extrapolated from {timed} of {n_steps} steps",
        "evaluate_seconds": evaluate_seconds,
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,  # of KiB
        "metrics": {
            "raw_top_100": metrics["factorized_top_k/top_100_categorical_accuracy"],
            "rmse": metrics["root_mean_squared_error"],
        },
        "versions": {
            name: version(name)
            for name in ("tensorflow-recommenders", "tensorflow-cpu", "tf-keras")
        },
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
