"""The contexts at which items were picked or are asked for, as far as features tell them apart."""

import numpy as np
import polars as pl

from maxella.features.bags import WeightedBags
from maxella.features.feature_set import FeatureSet

# A bag of the features' columns for each context. The first is the unknown one's, which is empty.
Contexts = WeightedBags


def read_contexts(features: FeatureSet, table: pl.DataFrame) -> Contexts:
    """A table of contexts → one context for each row, behind the unknown one.

    A column that the table lacks is missing in every row.
    """
    lacking = [pl.lit(None).alias(c) for c in features.columns if c not in table.columns]
    return features.encode(table.with_columns(lacking)).with_unknown()


def distinct_contexts(features: FeatureSet, log: pl.DataFrame) -> tuple[Contexts, np.ndarray]:
    """The distinct contexts of a log, and (n,) the row that each interaction has among them.

    They are in the order of their columns and weights, a shorter bag before the longer ones that
    begin with it.
    """
    bags = features.encode(log)
    counts = bags.counts
    rows = np.repeat(np.arange(len(bags)), counts)
    places = np.arange(len(rows)) - bags.begins[rows]
    cells = np.zeros((2 * int(counts.max(initial=0)), len(bags)))  # 0: the bag ends before
    cells[2 * places, rows] = bags.columns + 1
    cells[2 * places + 1, rows] = bags.weights
    order = np.lexsort(cells[::-1]) if len(cells) else np.arange(len(bags))
    in_order = cells[:, order]
    is_new = np.ones(len(bags), dtype=bool)
    is_new[1:] = (in_order[:, 1:] != in_order[:, :-1]).any(axis=0)
    of_rows = np.empty(len(bags), dtype=np.int64)
    of_rows[order] = is_new.cumsum()  # from 1 on: row 0 is the unknown context
    return bags.take(order[is_new]).with_unknown(), of_rows
