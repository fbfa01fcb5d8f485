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
    is_sure: bool = True  # whether intervals say so, not the figures alone


def compare(column: Column, model: _Model, other: _Model) -> Verdict:
    """The verdict on two models that both have a figure.

    By the interval of their paired difference (the same resampled users) where the report has
    one: level where it holds 0. Else by their two intervals: level where these overlap, a
    cautious rule. Else by the figures as shown.
    """
    paired = paired_difference(column, model, other)
    if paired is not None and paired.low is not None and paired.high is not None:
        sign = 1 if column.direction == "higher" else -1
        return Verdict(sign * ((paired.low > 0) - (paired.high < 0)), paired.told)
    mine, its = column.losses(model), column.losses(other)
    if mine is not None and its is not None:
        order = (mine[1] < its[0]) - (its[1] < mine[0])
        return Verdict(order, "intervals apart" if order else "intervals overlap")
    first, second = (round(column.loss_of(one), column.digits) for one in (model, other))
    return Verdict((first < second) - (second < first), "no intervals", is_sure=False)


@dataclass(frozen=True)
class Paired:
    """A paired difference, the first less the second; its ends None where it has no interval."""

    digits: int
    difference: float
    low: float | None = None
    high: float | None = None

    @property
    def text(self) -> str:
        """The difference, such as `+0.0220`."""
        return f"{self.difference:+.{self.digits}f}"

    @property
    def interval(self) -> str:
        """`+0.0101 to +0.0339`, empty where there is none."""
        has_none = self.low is None or self.high is None
        return "" if has_none else f"{self.low:+.{self.digits}f} to {self.high:+.{self.digits}f}"

    @property
    def told(self) -> str:
        """`+0.0220, 95 % +0.0101 to +0.0339`."""
        return f"{self.text}, 95 % {self.interval}" if self.interval else self.text


def paired_difference(column: Column, model: _Model, other: _Model) -> Paired | None:
    """What a report says of two models by one metric, rounded as its texts have it."""
    # Of a target, a difference of figures does not say which is nearer.
    if column.task is None or column.direction == "target":
        return None
    digits = column.digits + 1
    for one, against, sign in ((model, other, 1), (other, model, -1)):
        found = at(one, ("paired", column.task, column.key))
        if not found or found["against"] != against["name"]:
            found = at(one, ("paired_models", column.task, column.key, against["name"]))
        if found:
            ends = sorted(
                round(sign * found[end], digits) for end in ("low", "high") if end in found
            )
            return Paired(digits, round(sign * found["difference"], digits), *ends)
    return None
