"""The table of kinds, and the one door to them."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from maxella.errors import ConfigError, unknown_name
from maxella.features.bags import WeightedBags
from maxella.features.category import Category
from maxella.features.labels import Labels
from maxella.features.number import Number
from maxella.features.text import Text
from maxella.features.time import Time


class Encoder(Protocol):
    """One raw column as weighted bags of columns.

    A value that the fit did not know has an empty bag. The column `missing` is there if the
    fit saw a missing value; else a missing value has an empty bag too. Names are for readers:
    two columns may share one, such as a category that is called "missing".
    """

    @property
    def n_columns(self) -> int:
        """Bags hold columns from 0 to n_columns - 1."""

    @property
    def column_names(self) -> tuple[str, ...]:
        """What each column stands for."""

    def encode(self, values: pl.Series) -> WeightedBags:
        """(n,) values → their bags; DataError where they are of another type."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; the kind's `from_dict` gives the same encoder again."""


@dataclass(frozen=True)
class Kind:
    """How an encoder is made: from the values to fit on, or from what it wrote."""

    fit: Callable[..., Encoder]  # (values, **options); DataError, ConfigError
    from_dict: Callable[[dict[str, Any]], Encoder]


def fit_encoder(kind: str, values: pl.Series, **options: Any) -> Encoder:
    """The encoder of a kind, a name in `FEATURE_KINDS`; its options are those of its `fit`.

    Raises ConfigError for an unknown kind, an unknown option or a wrong value of one.
    """
    fit = find_kind(kind).fit
    refuse_unknown_options(kind, fit, options)
    return fit(values, **options)


def refuse_unknown_options(kind: str, fit: Callable[..., Any], options: Iterable[str]) -> None:
    """Raise ConfigError for an option that is no keyword of the kind's `fit`."""
    parameters = inspect.signature(fit).parameters.values()
    known = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            raise ConfigError(unknown_name(f"option of the kind '{kind}'", name, known))


def find_kind(name: str) -> Kind:
    """The kind of that name; raises ConfigError with the nearest where there is none."""
    if name not in FEATURE_KINDS:
        raise ConfigError(unknown_name("kind of feature", name, FEATURE_KINDS))
    return FEATURE_KINDS[name]


FEATURE_KINDS: dict[str, Kind] = {
    "category": Kind(Category.fit, Category.from_dict),
    "labels": Kind(Labels.fit, Labels.from_dict),
    "number": Kind(Number.fit, Number.from_dict),
    "time": Kind(Time.fit, Time.from_dict),
    "text": Kind(Text.fit, Text.from_dict),
}
