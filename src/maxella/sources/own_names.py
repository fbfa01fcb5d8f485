"""Tables that call their columns as a known log does, or as we do."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from maxella.errors import DataError
from maxella.sources.dates import ISO_START, as_moments
from maxella.sources.mapping import map_columns, rename
from maxella.sources.text import Sheet

TIME_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}  # how many make a second
IDS = ("user_id", "item_id")
TIMESTAMP = "timestamp"  # the column of a log that says when, in seconds since 1970
_UNITS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds", "ns": "nanoseconds"}


@dataclass(frozen=True)
class OwnNames:
    """What a log calls its columns, and what its numbers as times count."""

    columns: Mapping[str, str] = field(default_factory=dict)  # our names → its own; "": it has none
    time_unit: str = "s"  # of TIME_UNITS
    time_format: str | None = None  # of its texts as times, where not ISO 8601

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "OwnNames":
        """As the section [data] of a config declares them."""
        unit, form = data.get("time_unit") or "s", data.get("time_format")
        return cls(data.get("columns") or {}, unit, form)

    def within(self, present: Sequence[str]) -> dict[str, str]:
        """Those of the columns that a table with these has; the others may be there as ours."""
        return {o: its for o, its in self.columns.items() if not its or its in present}

    def found(self, present: Sequence[str], required: Sequence[str]) -> dict[str, str]:
        """Our names → those of a table with these columns; without what it lacks."""
        return map_columns(present, self.within(present), required)

    def unit_of(self, present: Sequence[str]) -> str:
        """What numbers as times count in a table with these columns.

        As in the log; seconds in a column called as ours, where the log calls it otherwise.
        """
        own = self.columns.get(TIMESTAMP, TIMESTAMP)
        return "s" if own not in {TIMESTAMP, *present} else self.time_unit

    def form_of(self, present: Sequence[str]) -> str | None:
        """The form of texts as times in a table with these columns, as for the unit."""
        own = self.columns.get(TIMESTAMP, TIMESTAMP)
        return None if own not in {TIMESTAMP, *present} else self.time_format

    def require(
        self, present: Sequence[str], required: Sequence[str], where: str = "the table"
    ) -> None:
        """Raises DataError, with the names looked for, where an id is under neither."""
        found = self.found(present, required)
        for ours in required:
            if ours in found:
                continue
            own = self.columns.get(ours) or ours
            wanted = f"'{own}'" + f" (or '{ours}')" * (own != ours)
            near = difflib.get_close_matches(own, present, n=1, cutoff=0.5)
            hint = f" Is it '{near[0]}'?" if near else ""
            raise DataError(
                f"Wanted a column {wanted} in {where}; it has {', '.join(present)}.{hint} Rename "
                "the column that holds it."
            )

    def ours(
        self, table: pl.DataFrame, required: Sequence[str], optional: Sequence[str] = ()
    ) -> pl.DataFrame:
        """The table under our names, ids as text; DataError where one is missing or no id."""
        self.require(table.columns, required)
        sheet = Sheet(table, "the table", "row {}".format)
        return rename(sheet, self.within(table.columns), required, optional).frame

    def seconds(self, table: pl.DataFrame, times: pl.Series) -> pl.Series:
        """(n,) times, the column `timestamp` of `ours(table)`, as whole seconds since 1970.

        Raises DataError for what is missing or no time.
        """
        unit, found = self.unit_of(table.columns), times
        form = self.form_of(table.columns)
        if times.dtype == pl.String and (form or times.str.contains(ISO_START).any()):
            found = as_moments(times, form)
        if found.dtype in (pl.Date, pl.Datetime):
            found = found.dt.epoch("s").cast(pl.Int64)
        elif found.dtype.is_temporal() or found.dtype.is_nested():
            found = pl.Series([None] * len(found), dtype=pl.Int64)
        else:
            found = found.cast(pl.Int64, strict=False) // TIME_UNITS[unit]
        if found.null_count():
            raise DataError(
                f"Wanted timestamps as dates or in {_UNITS[unit]} since 1970; got "
                f"{times.filter(found.is_null())[0]!r} in column timestamp. Convert the column, or "
                "leave it out."
            )
        return found
