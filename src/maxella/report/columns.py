"""The columns of the comparison table and the text of their cells, the same in every format."""

from dataclasses import dataclass
from typing import Any

MISSING = "-"


@dataclass(frozen=True)
class Column:
    """One figure of a model: where it stands in the report and how it is shown."""

    label: str
    path: tuple[str, ...]  # from the model's dict
    digits: int
    is_higher_better: bool
    importance: int  # 1 stays longest where room is short
    meaning: str

    def value(self, model: dict[str, Any]) -> float | None:
        """The figure of a model, None where it has none."""
        return _number(_at(model, self.path))

    def interval(self, model: dict[str, Any]) -> tuple[float, float] | None:
        """(low, high) of the figure, None where there is none."""
        if self.path[0] != "metrics":
            return None
        found = _at(model, ("intervals", *self.path[1:]))
        if not isinstance(found, list | tuple) or len(found) != 2:
            return None
        low, high = _number(found[0]), _number(found[1])
        return None if low is None or high is None else (low, high)

    def ceiling(self, report: dict[str, Any]) -> float | None:
        """What a perfect ranking reaches, None where that is not known."""
        return _number(_at(report.get("ceiling"), self.path[1:]))

    def text(self, value: float | None) -> str:
        """The figure with its digits, thousands apart, `-` where there is none."""
        return MISSING if value is None else f"{value:,.{self.digits}f}"

    def half_width(self, model: dict[str, Any]) -> str:
        """`±0.006`, half the interval's width, empty where there is no interval."""
        interval = self.interval(model)
        return "" if interval is None else f"±{self.text((interval[1] - interval[0]) / 2)}"

    def cell(self, model: dict[str, Any]) -> str:
        """The figure and its half width: `0.158 ±0.006`."""
        return f"{self.text(self.value(model))} {self.half_width(model)}".rstrip()

    def best(self, models: list[dict[str, Any]]) -> set[int]:
        """Positions of the best models as shown; none where fewer than two have a figure.

        >>> RMSE.best([{"metrics": {"rmse": value}} for value in (0.9, 0.9, 1.0)])
        {0, 1}
        """
        values = [self.value(model) for model in models]
        known = [value for value in values if value is not None]
        if len(known) < 2:
            return set()
        best = self.text(max(known) if self.is_higher_better else min(known))
        return {row for row, value in enumerate(values) if self.text(value) == best}

    def clearly_best(self, models: list[dict[str, Any]]) -> set[int]:
        """Position of the model whose interval is better than that of each other; else none.

        None either where fewer than two have a figure, or one of these has no interval.
        """
        found = {
            row: self.interval(model)
            for row, model in enumerate(models)
            if self.value(model) is not None
        }
        # Turned so that more is better, [low, high].
        turned = {
            row: bounds if self.is_higher_better else (-bounds[1], -bounds[0])
            for row, bounds in found.items()
            if bounds is not None
        }
        if len(turned) < max(2, len(found)):
            return set()
        best = max(turned, key=lambda row: turned[row][0])
        is_clear = all(high < turned[best][0] for row, (_, high) in turned.items() if row != best)
        return {best} if is_clear else set()


RAW_TOP_100 = Column(
    "raw top-100",
    ("metrics", "raw", "top_k_accuracy@100"),
    3,
    is_higher_better=True,
    importance=1,
    meaning="share of test interactions whose item is among the 100 best of all items",
)
FILTERED_TOP_100 = Column(
    "filtered top-100",
    ("metrics", "filtered", "top_k_accuracy@100"),
    3,
    is_higher_better=True,
    importance=4,
    meaning="share of test interactions whose item is among the 100 best the user has not seen",
)
RECALL_100 = Column(
    "recall@100",
    ("metrics", "filtered", "recall@100"),
    3,
    is_higher_better=True,
    importance=3,
    meaning="share of a user's test items among the 100 best, mean over users, filtered",
)
NDCG_10 = Column(
    "ndcg@10",
    ("metrics", "filtered", "ndcg@10"),
    3,
    is_higher_better=True,
    importance=5,
    meaning="test items in the 10 best, discounted by rank, mean over users, filtered",
)
NDCG_100 = Column(
    "ndcg@100",
    ("metrics", "filtered", "ndcg@100"),
    3,
    is_higher_better=True,
    importance=8,
    meaning="test items in the 100 best, discounted by rank, mean over users, filtered",
)
RMSE = Column(
    "RMSE",
    ("metrics", "rmse"),
    3,
    is_higher_better=False,
    importance=2,
    meaning="root of the mean squared error of predicted ratings, in rating points",
)
MAE = Column(
    "MAE",
    ("metrics", "mae"),
    3,
    is_higher_better=False,
    importance=7,
    meaning="mean absolute error of predicted ratings, in rating points",
)
FIT_SECONDS = Column(
    "fit s",
    ("seconds", "fit"),
    2,
    is_higher_better=False,
    importance=6,
    meaning="seconds to train",
)
EVALUATE_SECONDS = Column(
    "evaluate s",
    ("seconds", "evaluate"),
    2,
    is_higher_better=False,
    importance=9,
    meaning="seconds to evaluate on the test part",
)
MEMORY = Column(
    "memory MB",
    ("peak_memory_mb",),
    0,
    is_higher_better=False,
    importance=10,
    meaning="peak memory of the process, in megabytes",
)

COLUMNS = (
    RAW_TOP_100,
    FILTERED_TOP_100,
    RECALL_100,
    NDCG_10,
    NDCG_100,
    RMSE,
    MAE,
    FIT_SECONDS,
    EVALUATE_SECONDS,
    MEMORY,
)


def is_baseline(model: dict[str, Any]) -> bool:
    """Whether a model of the report is one of the baselines."""
    return bool(model.get("kind") == "baseline")


def in_table_order(report: dict[str, Any]) -> list[dict[str, Any]]:
    """The models as the report has them, baselines after the others."""
    return sorted(report["models"], key=is_baseline)


def shown_columns(report: dict[str, Any]) -> list[Column]:
    """The columns that at least one model has a figure for."""
    return [
        column
        for column in COLUMNS
        if any(column.value(model) is not None for model in report["models"])
    ]


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else None
