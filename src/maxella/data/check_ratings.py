"""Ratings that stand alone at an end of the scale: are they ratings at all?"""

from itertools import pairwise

import polars as pl

from maxella.data.finding import Finding, found
from maxella.data.indexed_log import IndexedLog

_FEWEST = 3  # levels that make a scale, beside the one that stands alone
_MOST = 12  # of a scale whose ends are given often enough to tell
_RARE, _OF_NEXT = 0.005, 0.05  # share of the ratings, and of those one level on
_OFTEN = 5.0  # times as often as one level on


def lone_ratings(ratings: pl.Series) -> list[tuple[float, int, str]]:
    """Levels at an end of the scale that may be no ratings: how often each is given, in words.

    One stands alone where it is far rarer than the next, where the step to the next is wider than
    any other, or where it is a 0 that is given far more often than the next.

    >>> lone_ratings(pl.Series([0.0] + 300 * [1.0, 2.0, 3.0]))
    [(0.0, 1, '1 rating of 0 in a log of 1 to 3: does 0 mean not rated?')]
    """
    counts = ratings.drop_nulls().value_counts(name="n").sort(ratings.name)
    levels, numbers = counts[ratings.name].to_list(), counts["n"].to_list()
    alone = []
    for end, others in ((0, slice(1, None)), (-1, slice(None, -1))):
        rest, its = levels[others], numbers[others]
        if len(rest) < _FEWEST:
            continue
        level, n = levels[end], numbers[end]
        nearest = 0 if end == 0 else -1
        widest = max(b - a for a, b in pairwise(rest))
        is_rare = n < min(_RARE * sum(numbers), _OF_NEXT * its[nearest]) and len(levels) <= _MOST
        is_far = abs(level - rest[nearest]) > 2 * widest
        if is_rare or is_far or (level == 0 and n > _OFTEN * its[nearest]):
            told = (
                f"{n:,} rating{'s' * (n > 1)} of {level:g} in a log of {rest[0]:g} to {rest[-1]:g}"
            )
            alone.append((level, n, f"{told}: does {level:g} mean not rated?"))
    return alone


def ratings_alone(log: IndexedLog) -> Finding | None:
    """Ratings below or above all others; None without ratings."""
    ratings = pl.Series("rating", log.ratings).fill_nan(None).drop_nulls()
    if not len(ratings):
        return None
    alone = lone_ratings(ratings)
    return found(
        sum(n for _, n, _ in alone),
        len(ratings),
        "ratings",
        "stand alone at an end of the scale",
        severity="warning",
        examples=(told for *_, told in alone),
        advice="If they are no ratings, make them empty in the file; else all is well.",
    )
