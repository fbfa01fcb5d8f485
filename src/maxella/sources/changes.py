"""What a step of preparation changed: counts, and examples before and after."""

from dataclasses import dataclass, field

import polars as pl

MOST_EXAMPLES = 10


@dataclass(frozen=True)
class Change:
    """What one step did to the tables."""

    counts: dict[str, int] = field(default_factory=dict)  # what is counted → how many
    examples: tuple[tuple[str, str], ...] = ()  # (before, after), at most `MOST_EXAMPLES`
    note: str = ""  # why a step did nothing, or only a part


def changed_pairs(before: pl.Series, after: pl.Series) -> tuple[tuple[str, str], ...]:
    """The first distinct changes of a column of text; a missing value is "none"."""
    pairs = pl.DataFrame({"before": before, "after": after})
    changed = pairs.filter(pl.col("before").ne_missing(pl.col("after"))).fill_null("none")
    rows = changed.unique(maintain_order=True).head(MOST_EXAMPLES)
    return tuple((was, now) for was, now in rows.iter_rows())
