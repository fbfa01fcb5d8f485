"""What items are called: names beside ids, and ids found by names."""

import difflib
from dataclasses import dataclass

import polars as pl

from maxella.data.indexed_log import NAME_COLUMNS
from maxella.errors import DataError

_SHOWN = 10  # of the items that a name fits
_TRIED = 10_000  # items, up to which the nearest name is looked for


@dataclass(frozen=True)
class ItemNames:
    """The name of each item that has one."""

    ids: pl.Series  # of all items that the model knows
    named: pl.DataFrame  # item_id, item_name; without rows where nothing names items

    @classmethod
    def of(cls, ids: pl.Series, items: pl.DataFrame, column: str | None) -> "ItemNames":
        """By a column of a table with item_id; one of NAME_COLUMNS, if none is given."""
        wanted = NAME_COLUMNS if column is None else (column,)
        found = next((name for name in wanted if name in items.columns), None)
        name = pl.lit(None, pl.String) if found is None else pl.col(found).cast(pl.String)
        return cls(ids, items.select("item_id", item_name=name).drop_nulls())

    def beside(
        self, frame: pl.DataFrame, key: str = "item_id", name: str = "item_name"
    ) -> pl.DataFrame:
        """The frame with names behind its column of ids; as it is where no item has one."""
        if self.named.is_empty():
            return frame
        others = [column for column in frame.columns if column != name]
        place = others.index(key) + 1
        ids = self.named.rename({"item_id": "its id", "item_name": "name"})
        names = frame.select(pl.col(key).cast(pl.String).alias("its id"))
        names = names.join(ids, on="its id", how="left", maintain_order="left")
        return frame.select(others).insert_column(place, names["name"].alias(name))

    def find(self, text: str) -> str:
        """The id that a text is, or of the one item that it names: in full, else in part.

        Small and capital letters are one. Raises DataError where it fits no item or several.
        """
        if (self.ids == text).any():
            return text
        sought = text.strip().lower()
        ids = pl.DataFrame({"item_id": self.ids, "item_name": self.ids})
        in_part = ids if self.named.is_empty() else self.named
        for known in (pl.concat([self.named, ids]), in_part):
            names = known["item_name"].str.to_lowercase()
            fits = names.str.contains(sought, literal=True) if known is in_part else names == sought
            found = known.filter(fits).unique("item_id", keep="first", maintain_order=True)
            if len(found) == 1:
                return str(found["item_id"][0])
            if len(found):
                raise DataError(_several(text, found))
        near = difflib.get_close_matches(sought, names, n=3) if len(names) <= _TRIED else []
        shown = in_part.filter(names.is_in(near))["item_name"].unique(maintain_order=True)
        mean = f"Did you mean {' or '.join(map(repr, shown))}?" if near else ""
        raise DataError(
            f"Wanted an item that the model knows; none is called '{text}'. "
            f"{mean or 'Give an id as the data write it, a name, or a part of one.'}"
        )


def _several(text: str, found: pl.DataFrame) -> str:
    lines = [f"'{text}' fits {len(found):,} items. Give the id of one:"]
    lines += [f"  {i}" + f"  {name}" * (name != i) for i, name in found.head(_SHOWN).iter_rows()]
    if len(found) > _SHOWN:
        lines.append(f"  and {len(found) - _SHOWN:,} more: give a longer part of the name.")
    return "\n".join(lines)
