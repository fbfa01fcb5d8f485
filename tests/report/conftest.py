"""A toy report of three tasks; its figures are those of no real run.

`joint` learnt all three, `purchase-only` is a specialist that shows figures of stars all the same.
"""

import copy
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest

from maxella.report.findings import findings
from maxella.report.page import html_page


def _told(
    label: str, importance: int, direction: str = "higher", digits: int = 3, **further: Any
) -> dict[str, Any]:
    meaning = f"what {label} means"
    common = {"label": label, "direction": direction, "digits": digits, "meaning": meaning}
    return common | {"importance": importance, "target": None} | further


def _around(metrics: Any, half: float) -> Any:
    """Intervals of the same shape, each of the same half width."""
    if isinstance(metrics, dict):
        return {key: _around(value, half) for key, value in metrics.items()}
    return None if metrics is None else [round(metrics - half, 6), round(metrics + half, 6)]


def _purchase(raw: float, filtered: float, ndcg: float, new: float) -> dict[str, Any]:
    return {
        "raw": {"top_k_accuracy@100": raw},
        "filtered": {"top_k_accuracy@100": filtered, "ndcg@10": ndcg, "recall@20": filtered / 2},
        "new": {"ndcg@10": new},
        "visited": {"ndcg@10": ndcg + 0.1},
    }


def _history(tasks: dict[str, float]) -> list[dict[str, Any]]:
    return [
        {"epoch": epoch, "seconds": 1.5, "loss": sum(tasks.values()) / epoch**0.1}
        | {f"{task}_loss": start / epoch**0.1 for task, start in tasks.items()}
        for epoch in range(1, 4)
    ]


def _model(name: str, kind: str, metrics: dict[str, Any], fit: float, **further: Any) -> Any:
    weights = dict.fromkeys(metrics)  # of a baseline
    return {
        "name": name,
        "kind": kind,
        "tasks": weights,
        "metrics": metrics,
        "intervals": _around(metrics, 0.008),
        "seconds": {"fit": fit, "evaluate": 0.9},
        "peak_memory_mb": 600.0 + 10 * fit,
        **further,
    }


_REPORT = {
    "format": 2,
    "maxella": "0.1.0",
    "created": "2026-11-24T04:09:11+00:00",
    "machine": {"cores": 2, "torch": "2.13.0", "python": "3.11.9"},
    "title": "shop",
    "command": "maxella compare configs/shop.toml --out run",
    "dataset": {
        "name": "toy-shop",
        "interactions": 1_000_209,
        "users": 6040,
        "items": 3706,
        "train": 750_156,
        "validation": 0,
        "test": 250_053,
        "events": {"view": 900_000, "purchase": 100_209},
        "notes": ["No duplicate pairs."],
        "label_histograms": {
            "stars": {"1": 56174, "2": 107557, "3": 261197, "4": 348971, "5": 226310}
        },
    },
    "split": {"kind": "random", "seed": 42, "test": 0.25, "validation": 0.0},
    "candidates": 3706,
    "test_reads": 1,
    "tasks": [
        {
            "name": "purchase",
            "kind": "retrieval",
            "rows": "purchase",
            "among": None,
            "train": 75_000,
            "test": 25_000,
            "visited": 16_000,
            "headline": [
                "filtered.top_k_accuracy@100",
                "filtered.ndcg@10",
                "raw.top_k_accuracy@100",
            ],
        },
        {
            "name": "stars",
            "kind": "rating",
            "rows": "all",
            "among": None,
            "train": 750_156,
            "test": 250_053,
            "headline": ["rmse", "mae"],
        },
        {
            "name": "liked",
            "kind": "binary",
            "rows": "rating >= 4",
            "among": ["view", "cart"],
            "train": 700_000,
            "test": 230_000,
            "headline": ["auc", "log_loss"],
        },
    ],
    "metrics": {
        "purchase": {
            "filtered.top_k_accuracy@100": _told("filtered top-100", 1),
            "filtered.ndcg@10": _told("ndcg@10", 2),
            "raw.top_k_accuracy@100": _told("raw top-100", 3),
            "filtered.recall@20": _told("recall@20", 8),
            "new.ndcg@10": _told("new ndcg@10", 4),
            "visited.ndcg@10": _told("visited ndcg@10", 8),
        },
        "stars": {
            "rmse": _told("RMSE", 1, "lower"),
            "mae": _told("MAE", 7, "lower"),
            "coverage_80": _told("80 % coverage", 8, "target", target=0.8),
        },
        "liked": {"auc": _told("AUC", 1), "log_loss": _told("log loss", 7, "lower")},
    },
    "models": [
        _model(
            "purchase-only",
            "model",
            {
                "purchase": _purchase(0.158, 0.231, 0.15, 0.11),
                "stars": {"rmse": 3.676, "mae": 3.5, "coverage_80": None},
            },
            5.1,
            tasks={"purchase": 1.0, "stars": 0.0},
            checkpoint="cd34" * 16,
            best_epoch=3,
            history=_history({"purchase": 8.1, "stars": 13.0}),
        ),
        _model(
            "joint",
            "model",
            {
                "purchase": _purchase(0.161, 0.262, 0.162, 0.13),
                "stars": {"rmse": 0.874, "mae": 0.692, "coverage_80": 0.79},
                "liked": {"auc": 0.781, "log_loss": 0.541},
            },
            5.6,
            tasks={"purchase": 1.0, "stars": 0.5, "liked": 0.25},
            tuned={"trials": 12},
            checkpoint="ef56" * 16,
            best_epoch=2,
            history=_history({"purchase": 8.2, "stars": 1.3, "liked": 0.6}),
            paired={
                "purchase": {
                    "filtered.top_k_accuracy@100": {
                        "against": "EASE",
                        "difference": 0.005,
                        "low": 0.001,
                        "high": 0.009,
                    }
                },
                "liked": {
                    "auc": {"against": "counts", "difference": 0.02, "low": -0.01, "high": 0.05}
                },
            },
            reliability={
                "liked": {
                    "edges": [0.0, 0.4, 0.5, 0.6, 1.0],
                    "predicted": [0.22, None, 0.55, 0.83],
                    "observed": [0.25, None, 0.5, 0.8],
                    "counts": [900, 0, 1200, 2000],
                }
            },
            stages=[
                {"name": "closed form", "seconds": 1.2, "dimensions": 32},
                {"name": "gradient steps", "seconds": 4.4},
            ],
        ),
        _model("popularity", "baseline", {"purchase": _purchase(0.132, 0.207, 0.1, 0.09)}, 0.01),
        _model("bias", "baseline", {"stars": {"rmse": 0.905, "mae": 0.718}}, 0.02),
        _model("EASE", "baseline", {"purchase": _purchase(0.19, 0.257, 0.14, 0.08)}, 2.4),
        _model("counts", "baseline", {"liked": {"auc": 0.761, "log_loss": 0.58}}, 0.02),
    ],
    "ceiling": {
        "purchase": {
            "raw": {"top_k_accuracy@100": 0.871},
            "filtered": {"top_k_accuracy@100": 0.871, "ndcg@10": 1.0},
        }
    },
    "findings": [],
}


@pytest.fixture
def report() -> dict[str, Any]:
    return copy.deepcopy(_REPORT)


@pytest.fixture
def page_of() -> Callable[[dict[str, Any]], str]:
    """The page of a report, its findings found anew."""
    return lambda report: html_page(report | {"findings": findings(report)})


class Page(HTMLParser):
    """The elements of a page; fails where a tag is closed that is not the open one."""

    VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, Any]]] = []
        self.words: list[str] = []
        self.tables: list[list[list[str]]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[Any]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in {"th", "td"}:
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.words.append(data)
        cell, text = {"th", "td"} & set(self.open), " ".join(data.split())
        if cell and text and "svg" not in self.open:
            row = self.tables[-1][-1]
            mark = "*" if self.open[-1] == "strong" else ""
            row[-1] = f"{row[-1]} {mark}{text}".strip()

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture
def read() -> type[Page]:
    """Reads a page: its text, tags, and tables as rows of texts, `*` before a strong one."""
    return Page
