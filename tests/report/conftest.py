"""A toy report with every kind of model; its figures are those of no real run."""

import copy
from typing import Any

import pytest


def _model(
    name: str,
    kind: str,
    ranking: dict[str, float] | None,
    errors: tuple[float, float] | None,
    history: list[dict[str, Any]] | None = None,
    **further: Any,
) -> dict[str, Any]:
    metrics: dict[str, Any] = {}
    intervals: dict[str, Any] = {}
    if ranking is not None:
        raw = {"top_k_accuracy@100": ranking["raw"], "coverage@100": 0.42}
        filtered = {
            "top_k_accuracy@100": ranking["filtered"],
            "recall@20": ranking["recall"] / 2,
            "recall@100": ranking["recall"],
            "ndcg@10": ranking["ndcg"],
            "ndcg@100": ranking["ndcg"] + 0.04,
            "mrr": ranking["ndcg"] + 0.1,
        }
        metrics |= {"raw": raw, "filtered": filtered}
        intervals |= {
            "raw": {"top_k_accuracy@100": _around(raw["top_k_accuracy@100"], 0.006)},
            "filtered": {
                key: _around(value, 0.008) for key, value in filtered.items() if key != "mrr"
            },
        }
    metrics |= {"rmse": None, "mae": None}
    if errors is not None:
        metrics |= {"rmse": errors[0], "mae": errors[1]}
        intervals |= {"rmse": _around(errors[0], 0.004), "mae": _around(errors[1], 0.003)}
    model = {"name": name, "kind": kind, "metrics": metrics, "intervals": intervals}
    if history is not None:
        model["history"] = history
    return model | further


def _around(value: float, half: float) -> list[float]:
    return [round(value - half, 6), round(value + half, 6)]


def _history(epochs: int, retrieval: float, rating: float) -> list[dict[str, Any]]:
    return [
        {
            "epoch": epoch,
            "loss": retrieval / epoch**0.1 + rating / epoch**0.3,
            "retrieval_loss": retrieval / epoch**0.1,
            "rating_loss": rating / epoch**0.3,
            "seconds": 1.5,
        }
        for epoch in range(1, epochs + 1)
    ]


def _ranking(raw: float, filtered: float, recall: float, ndcg: float) -> dict[str, float]:
    return {"raw": raw, "filtered": filtered, "recall": recall, "ndcg": ndcg}


_REPORT = {
    "format": 1,
    "maxella": "0.1.0",
    "created": "2026-11-24T04:09:11+00:00",
    "machine": {"cores": 2, "torch": "2.13.0", "python": "3.11.9"},
    "title": "notebook",
    "command": "maxella compare configs/notebook.toml --out run",
    "dataset": {
        "name": "ml-1m",
        "interactions": 1_000_209,
        "users": 6040,
        "items": 3706,
        "train": 750_156,
        "validation": 0,
        "test": 250_053,
        "notes": ["No duplicate pairs."],
        "rating_histogram": {"1": 56174, "2": 107557, "3": 261197, "4": 348971, "5": 226310},
    },
    "split": {"kind": "random", "seed": 42, "test": 0.25, "validation": 0.0},
    "candidates": 3706,
    "test_reads": 1,
    "models": [
        _model(
            "rating-specialised",
            "rating",
            _ranking(0.031, 0.036, 0.03, 0.012),
            (0.940, 0.746),
            _history(3, 8.4, 1.2),
            weights={"rating": 1.0, "retrieval": 0.0},
            seconds={"fit": 4.2, "evaluate": 0.9},
            peak_memory_mb=612.4,
            checkpoint="ab12" * 16,
            best_epoch=3,
        ),
        _model(
            "retrieval-specialised",
            "retrieval",
            _ranking(0.158, 0.231, 0.22, 0.15),
            (3.676, 3.5),
            _history(3, 8.1, 13.0),
            weights={"rating": 0.0, "retrieval": 1.0},
            seconds={"fit": 5.1, "evaluate": 0.9},
            peak_memory_mb=630.0,
            checkpoint="cd34" * 16,
            best_epoch=3,
        ),
        _model(
            "joint",
            "joint",
            _ranking(0.158, 0.231, 0.221, 0.151),
            (0.974, 0.772),
            _history(3, 8.2, 1.3),
            weights={"rating": 1.0, "retrieval": 1.0},
            seconds={"fit": 5.6, "evaluate": 1.0},
            peak_memory_mb=633.1,
            checkpoint="ef56" * 16,
            best_epoch=2,
        ),
        _model(
            "popularity",
            "baseline",
            _ranking(0.182, 0.257, 0.25, 0.18),
            None,
            seconds={"fit": 0.01, "evaluate": 0.8},
            peak_memory_mb=400.0,
        ),
        _model(
            "bias",
            "baseline",
            None,
            (0.905, 0.718),
            seconds={"fit": 0.02, "evaluate": 0.1},
            peak_memory_mb=405.0,
        ),
        _model(
            "EASE",
            "baseline",
            _ranking(0.29, 0.462, 0.45, 0.474),
            None,
            seconds={"fit": 2.4, "evaluate": 0.9},
            peak_memory_mb=702.0,
        ),
    ],
    "ceiling": {
        "raw": {"top_k_accuracy@100": 0.871},
        "filtered": {"top_k_accuracy@100": 0.871, "recall@100": 0.983, "ndcg@10": 1.0},
    },
}


@pytest.fixture
def report() -> dict[str, Any]:
    return copy.deepcopy(_REPORT)
