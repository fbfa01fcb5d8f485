"""Several features of one table, side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from maxella.errors import ConfigError, unknown_name
from maxella.features.bags import WeightedBags, side_by_side
from maxella.features.encoder import Encoder
from maxella.features.kinds import find_kind, fit_encoder


@dataclass(frozen=True)
class FeatureSpec:
    """Which column to read, and how. A feature is called as its column unless it has a name."""

    column: str
    kind: str  # a name in FEATURE_KINDS
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str | None = None


@dataclass(frozen=True)
class Feature:
    """A spec that has met its data."""

    name: str
    column: str
    kind: str
    encoder: Encoder


@dataclass(frozen=True)
class FeatureSet:
    """The features of one table.

    >>> films = pl.DataFrame({"year": [1990, 2000, 2001], "genres": ["War", "Drama", "Western"]})
    >>> specs = [FeatureSpec("genres", "labels"), FeatureSpec("year", "category")]
    >>> features = FeatureSet.fit(films, specs, fit_on=np.array([0, 1]))
    >>> features.column_names
    ('genres=Drama', 'genres=War', 'year=1990', 'year=2000')
    >>> features.blocks["year"]
    slice(2, 4, None)
    >>> bags = features.encode(films)
    >>> bags.begins.tolist(), bags.columns.tolist()
    ([0, 2, 4], [1, 2, 0, 3])
    """

    features: tuple[Feature, ...]

    @classmethod
    def fit(
        cls, table: pl.DataFrame, specs: Sequence[FeatureSpec], fit_on: np.ndarray
    ) -> "FeatureSet":
        """Encoders that have seen the rows `fit_on` alone: row numbers, or (rows,) bool.

        A row named twice counts once. Raises ConfigError for a column that the table lacks, a
        name given twice, and what is wrong with a kind or its options; DataError for values.
        """
        seen = table[np.unique(np.arange(table.height)[fit_on])]
        features: list[Feature] = []
        for spec in specs:
            name = spec.name or spec.column
            if any(name == feature.name for feature in features):
                raise ConfigError(
                    f"Wanted distinct names of features; '{name}' is there twice. "
                    "Give one of them another name."
                )
            features.append(Feature(name, spec.column, spec.kind, _fit(name, spec, seen)))
        return cls(tuple(features))

    @property
    def n_columns(self) -> int:
        """The columns of all features."""
        return sum(feature.encoder.n_columns for feature in self.features)

    @property
    def columns(self) -> list[str]:
        """The columns of a table that are read, each once."""
        return list(dict.fromkeys(feature.column for feature in self.features))

    @property
    def blocks(self) -> dict[str, slice]:
        """Where each feature's columns stand."""
        blocks: dict[str, slice] = {}
        begin = 0
        for feature in self.features:
            end = begin + feature.encoder.n_columns
            blocks[feature.name] = slice(begin, end)
            begin = end
        return blocks

    @property
    def column_names(self) -> tuple[str, ...]:
        """What each column stands for, such as `genres=Comedy`."""
        return tuple(
            f"{feature.name}={name}"
            for feature in self.features
            for name in feature.encoder.column_names
        )

    def encode(self, table: pl.DataFrame) -> WeightedBags:
        """A bag for each row. Raises ConfigError for a column that the table lacks."""
        if not self.features:
            return WeightedBags.empty(table.height)
        bags = [f.encoder.encode(_column(table, f.name, f.column)) for f in self.features]
        return side_by_side(bags, [f.encoder.n_columns for f in self.features])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        features = [{**vars(one), "encoder": one.encoder.to_dict()} for one in self.features]
        return {"features": features}

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> "FeatureSet":
        """What `to_dict` gave; raises ConfigError for a kind that is not there."""
        encoders = [find_kind(one["kind"]).from_dict(one["encoder"]) for one in facts["features"]]
        features = zip(facts["features"], encoders, strict=True)
        return cls(tuple(Feature(**{**one, "encoder": encoder}) for one, encoder in features))


def _fit(name: str, spec: FeatureSpec, seen: pl.DataFrame) -> Encoder:
    values = _column(seen, name, spec.column)
    try:
        return fit_encoder(spec.kind, values, **spec.options)
    except ConfigError as error:
        raise ConfigError(f"Feature '{name}': {error}") from error


def _column(table: pl.DataFrame, feature: str, column: str) -> pl.Series:
    if column not in table.columns:
        raise ConfigError(
            f"Feature '{feature}': {unknown_name('column of the table', column, table.columns)}"
        )
    return table[column]
