"""Several values of equal standing, such as a film's genres: a column for each label."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from maxella.errors import ConfigError
from maxella.features.bags import WeightedBags
from maxella.features.encoder import KnownValues
from maxella.features.tokens import Tokens
from maxella.features.values import as_texts, require_whole_number

SEPARATOR = "|"


@dataclass(frozen=True)
class Labels(KnownValues):
    """A column for each label of the fit; the n known ones of a value weigh 1/√n each.

    So every bag has the norm 1, and ten genres say no more than one. A value without a label,
    an empty list or text, is missing.

    >>> genres = Labels.fit(pl.Series(["Comedy|Drama", "War", "Comedy"]))
    >>> genres.column_names
    ('Comedy', 'Drama', 'War')
    >>> bags = genres.encode(pl.Series(["War|Comedy|War", "Western|Drama", "Western"]))
    >>> bags.begins.tolist(), bags.columns.tolist(), bags.weights.round(3).tolist()
    ([0, 2, 3], [0, 2, 1], [0.7070000171661377, 0.7070000171661377, 1.0])
    """

    separator: str

    @classmethod
    def fit(cls, values: pl.Series, *, separator: str = SEPARATOR, min_count: int = 1) -> Self:
        """The labels that at least `min_count` values have.

        `values` are lists, or texts that hold `separator` between labels.
        """
        require_whole_number("min_count", min_count, 1)
        if not isinstance(separator, str) or not separator:
            raise ConfigError(f"separator wants a text such as '|'; got {separator!r}.")
        tokens = Tokens.of(as_labels(values, separator))
        known = tokens.spread(min_count)["token"]
        return cls(bool(tokens.is_missing.any()), tuple(known), separator)

    def read(self, values: pl.Series) -> tuple[WeightedBags, np.ndarray]:
        """The columns of the known labels; a label that repeats counts once."""
        tokens = Tokens.of(as_labels(values, self.separator))
        rows, columns, _ = tokens.counted(self.known)
        sizes = np.bincount(rows, minlength=len(values))
        bags = WeightedBags.of(rows, columns, 1 / np.sqrt(sizes[rows]), len(values))
        return bags, tokens.is_missing


def as_labels(values: pl.Series, separator: str) -> pl.Series:
    """(n,) lists, or texts with a separator → (n,) lists."""
    is_list = isinstance(values.dtype, pl.List)
    return values if is_list else as_texts(values).str.split(separator)
