"""The contexts at which items were picked or are asked for, as far as features tell them apart."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from maxella.errors import ConfigError, unknown_name
from maxella.features.age import Age
from maxella.features.bags import WeightedBags
from maxella.features.feature_set import FeatureSet, FeatureSpec
from maxella.features.id import UNKNOWN_ROW, Vocabulary
from maxella.features.kinds import refuse_unknown_options
from maxella.features.values import as_times

TIMESTAMP = "timestamp"  # the column of a log that says when, in seconds since 1970
AGE = "age"  # the kind that looks at the item, too; all others are of `FEATURE_KINDS`
_DAY = 86_400


@dataclass(frozen=True)
class Contexts:
    """Distinct contexts. Of the first, the unknown one, nothing is known: an empty bag, no day."""

    bags: WeightedBags  # (rows,)
    days: np.ndarray  # (rows,) float64 whole days since 1970; NaN: not known, or nobody asks

    def take(self, rows: np.ndarray) -> "Contexts":
        """(n,) rows, in any order and repeated at will → these contexts, from row 1 on."""
        rows = np.insert(rows, 0, UNKNOWN_ROW)
        return Contexts(self.bags.take(rows), self.days[rows])

    def permuted(self, block: slice | None, rng: np.random.Generator) -> "Contexts":
        """One feature, a block of columns, permuted among all but the unknown; no block: days."""
        givers = np.insert(1 + rng.permutation(len(self.bags) - 1), 0, UNKNOWN_ROW)
        if block is None:
            return replace(self, days=self.days[givers])
        return replace(self, bags=self.bags.with_block_of(block, givers))


@dataclass(frozen=True)
class ItemAges:
    """A feature that is one of the context and the item: how old the item is then."""

    name: str
    column: str  # of the items: their dates
    encoder: Age
    days: np.ndarray  # (item rows,) float64 days since 1970; NaN where not known

    def of_others(self, table: pl.DataFrame) -> "ItemAges":
        """The same for further items, behind those that are here, in the order of the table."""
        days = _days_of(table, self.name, self.column)
        return replace(self, days=np.concatenate([self.days, days]))


@dataclass(frozen=True)
class ContextFeatures:
    """How a context is read."""

    features: FeatureSet  # of the context alone, from columns of the log
    ages: ItemAges | None = None

    @property
    def names(self) -> list[str]:
        """Those of all features."""
        return [*self.features.blocks, *([] if self.ages is None else [self.ages.name])]

    @property
    def columns(self) -> list[str]:
        """The columns of a table of contexts that are read."""
        read = dict.fromkeys(feature.column for feature in self.features.features)
        return [*read, *([TIMESTAMP] if self.ages and TIMESTAMP not in read else [])]

    @property
    def read_time(self) -> list[str]:
        """The names of features that look at when something is asked for."""
        timed = [one.name for one in self.features.features if one.column == TIMESTAMP]
        return [*timed, *([] if self.ages is None else [self.ages.name])]

    def read(self, table: pl.DataFrame) -> Contexts:
        """A table of contexts → one context for each row, behind the unknown one.

        A column that the table lacks is missing in every row.
        """
        lacking = [pl.lit(None).alias(c) for c in self.columns if c not in table.columns]
        table = table.with_columns(lacking)
        return _read(table, self.features, has_ages=self.ages is not None)


def read_log(
    log: pl.DataFrame, features: FeatureSet, *, has_ages: bool
) -> tuple[Contexts, np.ndarray]:
    """The distinct contexts of a log, and (n,) the row that each interaction has among them."""
    if has_ages and TIMESTAMP not in log.columns:
        raise ConfigError(
            f"A feature of the kind '{AGE}' wants a timestamp in every interaction; this source "
            "has none. Name its column in data.columns, or leave the feature out."
        )
    return _distinct(_read(log, features, has_ages=has_ages))


def _read(table: pl.DataFrame, features: FeatureSet, *, has_ages: bool) -> Contexts:
    days = _days(table[TIMESTAMP]) if has_ages else np.full(len(table), np.nan)
    return Contexts(features.encode(table).with_unknown(), np.insert(days, 0, np.nan))


def _distinct(contexts: Contexts) -> tuple[Contexts, np.ndarray]:
    """The same contexts, each once, and (n,) the row of each one but the unknown."""
    bags = contexts.bags
    codes = np.zeros(len(bags), dtype=np.int64)
    _, weights = np.unique(bags.weights, return_inverse=True)
    counts = bags.counts
    for place in range(int(counts.max(initial=0))):
        has_any = np.flatnonzero(counts > place)
        at = bags.begins[has_any] + place
        for values in (bags.columns[at], weights[at]):
            found = np.zeros(len(codes), dtype=np.int64)
            found[has_any] = values + 1
            codes = _joined(codes, found)
    if not np.isnan(contexts.days).all():
        codes = _joined(codes, np.unique(contexts.days, return_inverse=True)[1])
    _, firsts, rows = np.unique(codes[1:], return_index=True, return_inverse=True)
    return contexts.take(firsts + 1), rows + 1


def fit_ages(
    spec: FeatureSpec,
    items: pl.DataFrame,
    ids: Vocabulary,
    picked: np.ndarray,
    times: np.ndarray,
) -> ItemAges:
    """The age of items, with buckets from (n,) item rows picked and (n,) times, in seconds.

    Raises ConfigError where the items lack the column of their dates, DataError where it
    holds none.
    """
    in_order = (
        ids.ids.alias("item_id")
        .to_frame()
        .join(items, on="item_id", how="left", maintain_order="left")
    )
    days = np.insert(_days_of(in_order, spec.name or AGE, spec.column), 0, np.nan)
    refuse_unknown_options(AGE, Age.fit, spec.options)
    encoder = Age.fit(times // _DAY - days[picked], **spec.options)
    return ItemAges(spec.name or AGE, spec.column, encoder, days)


def split_specs(specs: Sequence[FeatureSpec]) -> tuple[list[FeatureSpec], FeatureSpec | None]:
    """Those of the context alone, and that of the item's age; ConfigError for several of these."""
    ages = [spec for spec in specs if spec.kind == AGE]
    if len(ages) > 1:
        raise ConfigError(
            f"Wanted one feature of the kind '{AGE}'; got "
            f"{', '.join(repr(spec.name) for spec in ages)}. Keep one."
        )
    return [spec for spec in specs if spec.kind != AGE], ages[0] if ages else None


def _joined(codes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Codes of pairs, counted from 0, so that products stay small."""
    pairs = codes * (int(others.max(initial=0)) + 1) + others
    found: np.ndarray = np.unique(pairs, return_inverse=True)[1]
    return found


def _days_of(items: pl.DataFrame, name: str, column: str) -> np.ndarray:
    if column not in items.columns:
        raise ConfigError(
            f"Feature '{name}': {unknown_name('column of the items', column, items.columns)}"
        )
    return _days(items[column])


def _days(times: pl.Series) -> np.ndarray:
    seconds = as_times(times).dt.epoch("s").cast(pl.Float64).fill_null(np.nan)
    found: np.ndarray = np.floor(seconds.to_numpy() / _DAY)
    return found
