"""A moment, such as a release date: its year, its month and the like, a column for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from maxella.errors import ConfigError, unknown_name
from maxella.features.bags import NO_COLUMN, WeightedBags, side_by_side
from maxella.features.encoder import Encoder
from maxella.features.values import as_times

# For a release date: the decade is the era, which every film of the fit helps to learn; the
# year tells the few years with many films apart; the month tells summer films from autumn's.
# The season would say the month again, dates have no hour, and most films open on Fridays.
RELEASE_DATE = ("decade", "year", "month")

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
SEASONS = ("winter", "spring", "summer", "autumn")  # of the northern half: from December, …


@dataclass(frozen=True)
class Part:
    """One way to look at times: a whole number of each, and what the number is called."""

    number: Callable[[pl.Series], pl.Series]  # (n,) Datetime → (n,)
    name: Callable[[int], str]


@dataclass(frozen=True)
class Time(Encoder):
    """For each part of a time a column for each of its values in the fit, all in UTC.

    A part that the fit never saw adds nothing, while the others do.

    >>> release = Time.fit(pl.Series([0, 86400 * 365]), parts=["year", "season"])
    >>> release.column_names
    ('1970', '1971', 'winter')
    >>> bags = release.encode(pl.Series([86400 * 400, 86400 * 200]))  # winter 1971, summer 1970
    >>> bags.begins.tolist(), bags.columns.tolist()
    ([0, 2], [1, 2, 0])
    """

    seen: dict[str, tuple[int, ...]]  # part → its numbers in the fit, ascending

    @classmethod
    def fit(cls, values: pl.Series, *, parts: Sequence[str] = RELEASE_DATE) -> Self:
        """The values of each part, which are names in `PARTS`."""
        _check(parts)
        times = as_times(values)
        numbers = {part: PARTS[part].number(times).drop_nulls().unique().sort() for part in parts}
        seen = {part: tuple(found) for part, found in numbers.items()}
        return cls(times.has_nulls(), seen)

    @property
    def names(self) -> tuple[str, ...]:
        """The values by name, part after part."""
        return tuple(
            PARTS[part].name(number) for part, seen in self.seen.items() for number in seen
        )

    def read(self, values: pl.Series) -> tuple[WeightedBags, np.ndarray]:
        """A column for each part, with weight 1."""
        times = as_times(values)
        bags = side_by_side(
            [_one_hot(PARTS[part].number(times), seen) for part, seen in self.seen.items()],
            [len(seen) for seen in self.seen.values()],
        )
        return bags, times.is_null().to_numpy()


def _check(parts: Sequence[str]) -> None:
    if not isinstance(parts, list | tuple) or not parts:
        raise ConfigError(f"parts wants a list of names out of {', '.join(PARTS)}; got {parts!r}.")
    for position, part in enumerate(parts):
        if str(part) not in PARTS:
            raise ConfigError(unknown_name("part of a time", str(part), PARTS))
        if part in parts[:position]:
            raise ConfigError(f"parts wants each name once; '{part}' repeats. Remove it.")


def _one_hot(numbers: pl.Series, seen: tuple[int, ...]) -> WeightedBags:
    if not seen:
        return WeightedBags.empty(len(numbers))
    found = numbers.cast(pl.Int64).fill_null(seen[0] - 1).to_numpy()  # null: one not seen
    columns = np.searchsorted(seen, found).clip(max=len(seen) - 1)
    return WeightedBags.one_hot(np.where(np.array(seen)[columns] == found, columns, NO_COLUMN))


PARTS: dict[str, Part] = {
    "hour": Part(lambda times: times.dt.hour(), lambda hour: f"{hour:02}:00"),
    "weekday": Part(lambda times: times.dt.weekday(), lambda day: WEEKDAYS[day - 1]),
    "month": Part(lambda times: times.dt.month(), lambda month: MONTHS[month - 1]),
    "season": Part(lambda times: times.dt.month() % 12 // 3, lambda season: SEASONS[season]),
    "year": Part(lambda times: times.dt.year(), str),
    "decade": Part(lambda times: times.dt.year() // 10 * 10, lambda decade: f"{decade}s"),
}
