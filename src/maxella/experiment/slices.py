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
    tests: dict[Side, np.ndarray] = {
        "user": np.bincount(dataset.test.rows.users, minlength=dataset.users.n_rows),
        "item": np.bincount(dataset.test.rows.items, minlength=dataset.items.n_rows),
    }
    found: list[Slice] = []
    for name in ways:
        if name == "activity":
            informed = dataset.known_in_validation.rows.users
            counts = np.bincount(informed, minlength=dataset.users.n_rows)
            found += by_activity(counts, tests["user"])
        elif name == "popularity":
            counts = np.bincount(dataset.train.rows.items, minlength=dataset.items.n_rows)
            found += by_popularity(counts, tests["item"])
        else:
            side, column = columns[name]
            ids, table, declared = sides[side]
            values = _in_rows(table, f"{side}_id", ids, column)
            for spec in feature_specs(declared):
                if spec.column == column and spec.kind == "labels":
                    values = as_labels(values, spec.options.get("separator", SEPARATOR))
            found += by_column(name, side, values, tests[side])
    return found


def _in_rows(table: pl.DataFrame, key: str, ids: Vocabulary, column: str) -> pl.Series:
    """(rows,) a column in the order of rows; missing for the unknown row."""
    wanted = ids.ids_of(np.arange(ids.n_rows)).alias(key).to_frame()
    return wanted.join(table.select(key, column), on=key, how="left", maintain_order="left")[column]
