"""The table of kinds, and the one door to them."""

import inspect
from typing import Any

import polars as pl

from maxella.errors import ConfigError, unknown_name
from maxella.features.category import Category
from maxella.features.encoder import Encoder
from maxella.features.labels import Labels
from maxella.features.number import Number
from maxella.features.text import Text
from maxella.features.time import Time


def fit_encoder(kind: str, values: pl.Series, **options: Any) -> Encoder:
    """The encoder of a kind, a name in `FEATURE_KINDS`; its options are those of its `fit`.

    Raises ConfigError for an unknown kind, an unknown option or a wrong value of one.
    """
    fit = find_kind(kind).fit
    parameters = inspect.signature(fit).parameters.values()
    known = [p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            raise ConfigError(unknown_name(f"option of the kind '{kind}'", name, known))
    return fit(values, **options)


def find_kind(name: str) -> type[Encoder]:
    """The kind of that name; raises ConfigError with the nearest where there is none."""
    if name not in FEATURE_KINDS:
        raise ConfigError(unknown_name("kind of feature", name, FEATURE_KINDS))
    return FEATURE_KINDS[name]


FEATURE_KINDS: dict[str, type[Encoder]] = {
    "category": Category,
    "labels": Labels,
    "number": Number,
    "time": Time,
    "text": Text,
}
