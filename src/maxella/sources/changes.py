"""What a step of preparation changed: counts, and examples before and after."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

MOST_EXAMPLES = 10


@dataclass(frozen=True)
class Change:
    """What one step did to the tables."""

    counts: dict[str, int] = field(default_factory=dict)  # what is counted → how many
    examples: tuple[tuple[str, str], ...] = ()  # (before, after), at most `MOST_EXAMPLES`
    note: str = ""  # why a step did nothing, or only a part


def first_examples(pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The first distinct pairs, as many as a report shows.

    >>> first_examples([("a", "b"), ("a", "b"), ("c", "d")])
    (('a', 'b'), ('c', 'd'))
    """
    return tuple(dict.fromkeys(pairs))[:MOST_EXAMPLES]


def changed_pairs(before: pl.Series, after: pl.Series) -> tuple[tuple[str, str], ...]:
    """Examples from two columns of text, row by row the same; a missing value is "none"."""
    pairs = pl.DataFrame({"before": before, "after": after})
    rows = pairs.filter(pl.col("before").ne_missing(pl.col("after"))).fill_null("none")
    return first_examples(rows.unique(maintain_order=True).head(MOST_EXAMPLES).iter_rows())
