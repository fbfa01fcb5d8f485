"""The slices of a test part that a config names."""

import numpy as np
import polars as pl

from maxella.data.dataset import Dataset
from maxella.errors import ConfigError, unknown_name
from maxella.evaluation.slice_by import by_activity, by_column, by_popularity
from maxella.evaluation.slices import Side, Slice
from maxella.experiment.config import EvaluationOptions
from maxella.features.id import Vocabulary
from maxella.sources.tables import Tables


def build_slices(options: EvaluationOptions, tables: Tables, dataset: Dataset) -> list[Slice]:
    """Those of each way to slice, in their order. ConfigError: an unknown way."""
    sides: dict[Side, tuple[pl.DataFrame, str, Vocabulary]] = {
        "user": (tables.users, "user_id", dataset.users),
        "item": (tables.items, "item_id", dataset.items),
    }
    columns = {
        f"{side}.{column}": (side, column)
        for side, (table, key, _) in sides.items()
        for column in table.columns
        if column != key
    }
    known = ["activity", "popularity", *columns]
    unknown = [name for name in options.slices if name not in known]
    if unknown:
        raise ConfigError(unknown_name("slice", unknown[0], known))
    tests: dict[Side, np.ndarray] = {
        "user": np.bincount(dataset.test.users, minlength=dataset.users.n_rows),
        "item": np.bincount(dataset.test.items, minlength=dataset.items.n_rows),
    }
    found: list[Slice] = []
    for name in dict.fromkeys(options.slices if len(dataset.test) else ()):
        if name == "activity":
            informed = dataset.known_in_validation.users
            counts = np.bincount(informed, minlength=dataset.users.n_rows)
            found += by_activity(counts, tests["user"])
        elif name == "popularity":
            counts = np.bincount(dataset.train.items, minlength=dataset.items.n_rows)
            found += by_popularity(counts, tests["item"])
        else:
            side, column = columns[name]
            found += by_column(name, side, _in_rows(*sides[side], column), tests[side])
    return found


def _in_rows(table: pl.DataFrame, key: str, ids: Vocabulary, column: str) -> pl.Series:
    """(rows,) a column in the order of rows; missing for the unknown row."""
    wanted = ids.ids_of(np.arange(ids.n_rows)).alias(key).to_frame()
    return wanted.join(table.select(key, column), on=key, how="left", maintain_order="left")[column]
