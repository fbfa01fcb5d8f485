"""The words of a short text, such as a title: a column for each word."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import polars as pl

from maxella.features.bags import WeightedBags
from maxella.features.encoder import KnownValues
from maxella.features.tokens import Tokens
from maxella.features.values import as_texts, require_whole_number


@dataclass(frozen=True)
class Text(KnownValues):
    """A column for each word of the fit, weighted by tf-idf and scaled to norm 1.

    A word is a run of letters and digits, in lower case and without accents. Its weight is
    how often it occurs in the value, times 1 + ln((1 + n) / (1 + n_w)) where n_w of the fit's
    n texts have it: the smoothed form of scikit-learn. A text without a word is missing.

    >>> titles = Text.fit(pl.Series(["Amélie", "Amelie's War", "War & Peace (1956)"]))
    >>> titles.column_names
    ('amelie', 'war')
    >>> bags = titles.encode(pl.Series(["WAR, war, Amelie", "Peace"]))
    >>> bags.begins.tolist(), bags.columns.tolist()
    ([0, 2], [0, 1])
    >>> (bags.weights ** 2).round(3).tolist()  # once and twice: 1/5 and 4/5
    [0.20000000298023224, 0.800000011920929]
    """

    counts: tuple[int, ...]  # in how many texts of the fit each known word occurs
    n_texts: int  # of the fit, missing ones not counted

    @classmethod
    def fit(cls, values: pl.Series, *, min_count: int = 2) -> Self:
        """The words that occur in at least `min_count` values."""
        require_whole_number("min_count", min_count, 1)
        tokens = _words(values)
        spread = tokens.spread(min_count)
        n_missing = int(tokens.is_missing.sum())
        n_texts = len(values) - n_missing
        return cls(n_missing > 0, tuple(spread["token"]), tuple(spread["count"]), n_texts)

    def read(self, values: pl.Series) -> tuple[WeightedBags, np.ndarray]:
        """The columns of the known words."""
        tokens = _words(values)
        rows, columns, times = tokens.counted(self.known)
        rarity = 1 + np.log((1 + self.n_texts) / (1 + np.array(self.counts, dtype=np.int64)))
        weights = times * rarity[columns]
        squares = np.bincount(rows, weights**2, minlength=len(values))
        bags = WeightedBags.of(rows, columns, weights / np.sqrt(squares[rows]), len(values))
        return bags, tokens.is_missing


def _words(values: pl.Series) -> Tokens:
    return Tokens.of(as_texts(values).str.extract_all(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*"), _fold)


def _fold(words: pl.Series) -> pl.Series:
    # Only the accents of European scripts go: other scripts spell vowels with marks (\p{M}).
    plain = words.str.normalize("NFKD").str.replace_all("[\u0300-\u036f]", "")
    return plain.str.normalize("NFC").str.to_lowercase()
