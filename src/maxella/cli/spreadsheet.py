"""CSV that a spreadsheet may open: names of items are no formulas there.

Excel and its like run a cell that begins with one of `=+-@` (of any width), a tab or a carriage
return. An apostrophe before it makes it text, and another text. Names are for reading, so they get
one. Ids are for joining, so they stay as they are, and `formulas` says where that is a danger.
Parquet is for whoever wants every column to the letter.
"""

import polars as pl

EXACT = ("user_id", "item_id", "similar_item_id")
_STARTS = r"^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]"


def without_formulas(frame: pl.DataFrame, exact: tuple[str, ...] = EXACT) -> pl.DataFrame:
    """With an apostrophe before texts, but for `exact` columns, that a spreadsheet would run.

    Texts that are numbers, such as -3.2, stay.
    """
    texts = pl.col(pl.String).exclude(exact)
    marked = texts.str.replace(_STARTS, "'$0")
    return frame.with_columns(pl.when(_runs(texts)).then(marked).otherwise(texts))


def formulas(frame: pl.DataFrame, exact: tuple[str, ...] = EXACT) -> list[str]:
    """Ids, one of each column at most, that a spreadsheet would run."""
    texts = [name for name in exact if frame.schema.get(name) == pl.String]
    found = [frame[name].filter(frame.select(_runs(pl.col(name))).to_series()) for name in texts]
    return [values[0] for values in found if len(values)]


def _runs(texts: pl.Expr) -> pl.Expr:
    is_number = texts.cast(pl.Float64, strict=False).is_not_null()
    return texts.str.contains(_STARTS) & ~is_number
