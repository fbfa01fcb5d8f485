"""Is a model ahead of another, behind it, or level with it? By one metric, as far as is known."""

from dataclasses import dataclass
from typing import Any

from maxella.report.columns import Column, at

_Model = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """Which of two is ahead, and what says so."""

    order: int  # 1: the first is ahead, -1: it is behind, 0: level
    why: str  # such as "+0.0220, 95 % +0.0101 to +0.0339"


def compare(column: Column, model: _Model, other: _Model) -> Verdict:
    """The verdict on two models that both have a figure.

    By the interval of their paired difference (the same resampled users) where the report has
    one: level where it holds 0. Else by their two intervals: level where these overlap, a
    cautious rule. Else by the figures as shown.
    """
    paired = _paired(column, model, other)
    if paired is not None:
        digits = column.digits + 1
        difference, low, high = (round(end, digits) for end in paired)  # as the text has them
        sign = 1 if column.direction == "higher" else -1
        why = f"{difference:+.{digits}f}, 95 % {low:+.{digits}f} to {high:+.{digits}f}"
        return Verdict(sign * ((low > 0) - (high < 0)), why)
    mine, its = column.losses(model), column.losses(other)
    if mine is not None and its is not None:
        order = (mine[1] < its[0]) - (its[1] < mine[0])
        return Verdict(order, "intervals apart" if order else "intervals overlap")
    first, second = (round(column.loss_of(one), column.digits) for one in (model, other))
    return Verdict((first < second) - (second < first), "no intervals")


def _paired(column: Column, model: _Model, other: _Model) -> tuple[float, float, float] | None:
    """(difference, low, high) of the first minus the second."""
    # Of a target, a difference of figures does not say which is nearer.
    if column.task is None or column.direction == "target":
        return None
    for one, against, sign in ((model, other, 1), (other, model, -1)):
        found = at(one, ("paired", column.task, column.key))
        if not found or found["against"] != against["name"]:
            found = at(one, ("paired_models", column.task, column.key, against["name"]))
        if found:
            low, high = sorted(sign * found[end] for end in ("low", "high"))
            return sign * found["difference"], low, high
    return None
