"""The slices of a test part that a config names."""

import numpy as np
import polars as pl

from maxella.data.dataset import Dataset
from maxella.errors import ConfigError, unknown_name
from maxella.evaluation.slices import Side, Slice, by_activity, by_column, by_popularity
from maxella.experiment.build import feature_specs
from maxella.experiment.config import Config, FeaturesOfSide
from maxella.features.id import Vocabulary
from maxella.features.labels import SEPARATOR, as_labels
from maxella.sources.tables import Tables


def build_slices(config: Config, tables: Tables, dataset: Dataset) -> list[Slice]:
    """Those of each way to slice, in their order. ConfigError: an unknown way.

    A text that is declared as a feature of several labels is cut into these.
    """
    sides: dict[Side, tuple[Vocabulary, pl.DataFrame, FeaturesOfSide]] = {
        "user": (dataset.users, tables.users, config.features.user),
        "item": (dataset.items, tables.items, config.features.item),
    }
    columns = {
        f"{side}.{column}": (side, column)
        for side, (_, table, _) in sides.items()
        for column in table.columns
        if column != f"{side}_id"
    }
    known = ["activity", "popularity", *columns]
    ways = dict.fromkeys(config.evaluation.slices)
    unknown = [name for name in ways if name not in known]
    if unknown:
        raise ConfigError(unknown_name("slice", unknown[0], known))
    if not len(dataset.test):
        return []
    test, n_users, n_items = dataset.test.rows, dataset.users.n_rows, dataset.items.n_rows
    tests = {"user": _counts(test.users, n_users), "item": _counts(test.items, n_items)}
    found: list[Slice] = []
    for name in ways:
        if name == "activity":
            informed = dataset.known_in_validation.rows.users
            found += by_activity(_counts(informed, n_users), tests["user"])
        elif name == "popularity":
            found += by_popularity(_counts(dataset.train.rows.items, n_items), tests["item"])
        else:
            side, column = columns[name]
            ids, table, declared = sides[side]
            values = _in_rows(table, f"{side}_id", ids, column)
            for spec in feature_specs(declared):
                if spec.column == column and spec.kind == "labels":
                    values = as_labels(values, spec.options.get("separator", SEPARATOR))
            found += by_column(name, side, values, tests[side])
    return found


def _counts(rows: np.ndarray, n_rows: int) -> np.ndarray:
    return np.bincount(rows, minlength=n_rows)


def _in_rows(table: pl.DataFrame, key: str, ids: Vocabulary, column: str) -> pl.Series:
    """(rows,) a column in the order of rows; missing for the unknown row."""
    wanted = ids.ids_of(np.arange(ids.n_rows)).alias(key).to_frame()
    return wanted.join(table.select(key, column), on=key, how="left", maintain_order="left")[column]
