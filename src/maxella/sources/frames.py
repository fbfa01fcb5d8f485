"""Frames of any kind at the edges: pandas, Polars, Arrow and whatever else narwhals reads.

Inside all are of Polars. narwhals is imported where a frame of another kind comes in or goes out.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import polars as pl

from maxella.errors import ConfigError, DataError, unknown_name

if TYPE_CHECKING:
    import narwhals as nw

KINDS = ("polars", "pandas", "pyarrow", "modin", "cudf")  # as narwhals spells them
_PLAIN = (pl.String, pl.Boolean, pl.Date, pl.Datetime, pl.Duration, pl.Time, pl.Null)


def to_polars(frame: Any, what: str, wanted: Collection[str] | None = None) -> pl.DataFrame:
    """A frame in memory → Polars with plain types: text for categories, floats for decimals.

    `what` it holds, for messages. Columns that are not `wanted`, where these are given, are there,
    but empty. Raises DataError, naming the column, for values that have no one type.
    """
    source, names = _opened(frame, what), column_names(frame, what)
    return pl.DataFrame(
        [
            _column(source.get_column(named), name, what)
            if wanted is None or name in wanted
            else pl.Series(name, [None] * len(source))
            for named, name in zip(source.columns, names, strict=True)
        ]
    )


def column_names(frame: Any, what: str) -> list[str]:
    """The names of its columns; DataError where two of them read the same."""
    names = [str(name) for name in _opened(frame, what).columns]
    if len(set(names)) < len(names):
        raise DataError(f"Wanted a name of its own for each column of {what}; got {names}.")
    return names


def kind_of(frame: Any, what: str) -> str:
    """The kind of a frame in memory, of KINDS."""
    return (
        "polars" if isinstance(frame, pl.DataFrame) else _opened(frame, what).implementation.value
    )


def of_kind(frame: pl.DataFrame, kind: str) -> Any:
    """The same table as a frame of a kind.

    Raises ConfigError for a kind that is not known or not installed.
    """
    if kind == "polars":
        return frame
    if kind not in KINDS:
        raise ConfigError(unknown_name("kind of frame", kind, KINDS))
    try:
        first, *others = _series(frame, kind)
        return first.to_frame().with_columns(*others).to_native()
    except ImportError as error:
        raise ConfigError(
            f"Wanted answers as frames of {kind}, which is not installed. Install it, or ask for "
            "another kind."
        ) from error


def with_added(frame: Any, added: pl.DataFrame, what: str) -> Any:
    """A frame of any kind with these columns beside or in the place of its own."""
    if isinstance(frame, pl.DataFrame):
        return frame.with_columns(added)
    source = _opened(frame, what)
    return source.with_columns(*_series(added, source.implementation)).to_native()


def _opened(frame: Any, what: str) -> "nw.DataFrame[Any]":
    import narwhals as nw

    try:
        return nw.from_native(frame, eager_only=True)
    except (TypeError, nw.exceptions.NarwhalsError) as error:
        reason = str(error).splitlines()[0].rstrip(".:")
        if isinstance(frame, pl.LazyFrame):
            reason = "collect it first"
        raise DataError(
            f"Wanted {what} as a frame of pandas, Polars or Arrow; got {type(frame).__name__}: "
            f"{reason}."
        ) from error


def _column(values: "nw.Series[Any]", name: str, what: str) -> pl.Series:
    try:
        try:
            column = values.to_polars()
        except ImportError:  # pandas without pyarrow: value by value
            pairs = zip(values.to_list(), values.is_null().to_list(), strict=True)
            column = pl.Series([None if is_missing else value for value, is_missing in pairs])
        column = column.alias(name)
        kind = column.dtype
        if kind in (pl.Categorical, pl.Enum):
            return column.cast(pl.String)
        if kind.is_decimal():
            return column.cast(pl.Float64)
        if kind.is_float() and column.null_count():  # whole numbers beside missing ones, in pandas
            whole = column.cast(pl.Int64, strict=False)
            return whole if (whole == column).all() else column
        if kind.is_numeric() or kind.is_nested() or kind in _PLAIN:
            return column
        reason = f"its type is {values.dtype}"
    # Arrow and Polars raise errors of their own where Python raises TypeError and ValueError.
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
    raise DataError(
        f"Wanted values of one plain type in column '{name}' of {what}; {reason}. Write the column "
        "as text or as numbers, or leave it out."
    )


def _series(frame: pl.DataFrame, backend: Any) -> "list[nw.Series[Any]]":
    """Its columns by another library, as this one keeps missing values."""
    import narwhals as nw

    types = nw.from_native(frame).schema
    return [
        nw.new_series(
            column.name,
            column.to_numpy()
            if column.dtype.is_numeric() and not column.null_count()
            else column.to_list(),
            None if column.dtype.is_nested() else types[column.name],
            backend=backend,
        )
        for column in frame
    ]
