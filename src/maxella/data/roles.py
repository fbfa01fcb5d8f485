"""What the columns of a log are: ids, rating, time, event, facts of users or of items.

By name first, by values where names do not tell, and never by a name that the values belie.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from maxella.data import words
from maxella.data.feature_kinds import extent, rows_throughout
from maxella.data.split import PARTS
from maxella.data.words import has_word, words_of
from maxella.errors import DataError
from maxella.sources.delimited import TIME_UNITS
from maxella.sources.plain import DATE

MOST_ROWS = 200_000  # of a log that are looked at
MOST_LEVELS = 101  # distinct ratings: whole numbers from 0 to 100
MOST_EVENTS = 50
FEWEST_REPEATS = 3  # rows that repeat an id, from which on a column is said to go with the id
YEARS = (631_152_000, 4_102_444_800)  # 1990 to 2100, in seconds: when logs are written


@dataclass(frozen=True)
class Roles:
    """The columns of a log by what they are; `reasons` has a sentence for every column."""

    user_id: str
    item_id: str
    rating: str | None
    timestamp: str | None
    time_unit: str  # of TIME_UNITS; for numbers as timestamp
    event: str | None
    split: str | None  # says train, validation or test
    flags: tuple[str, ...]  # true or false of a row, named for what people like or turn down
    user_facts: tuple[str, ...]
    item_facts: tuple[str, ...]
    reasons: Mapping[str, str]
    n_sampled: int  # rows that were looked at


@dataclass
class _Search:
    """The columns that have no role yet, and what has been found out."""

    log: pl.DataFrame  # all rows
    sample: pl.DataFrame
    spelled: Mapping[str, str]  # our names → columns
    reasons: dict[str, str] = field(default_factory=dict)

    def free(self) -> list[str]:
        return [name for name in self.log.columns if name not in self.reasons]

    def named(self, ours: str, its_words: frozenset[str]) -> list[str]:
        """Free columns that are spelled or named so, the spelled one first."""
        spelled = self.spelled.get(ours)
        named = [name for name in self.free() if name == spelled or words_of(name) & its_words]
        return sorted(named, key=lambda name: name != spelled)

    def take(self, name: str, reason: str) -> str:
        self.reasons[name] = reason
        return name


def infer_roles(log: pl.DataFrame, spelled: Mapping[str, str]) -> Roles:
    """The roles of a log's columns.

    `spelled` maps our five names to columns that are spelled so. Of a long log `MOST_ROWS` rows
    are looked at; events are counted in all.
    Raises DataError where a column of users or of items cannot be told.
    """
    search = _Search(log, rows_throughout(log, MOST_ROWS), spelled)
    for name in log.columns:
        if search.sample[name].null_count() == len(search.sample):
            search.take(name, "left out: no row has a value")
    user_id = _find_id(search, "user_id", words.USER)
    item_id = _find_id(search, "item_id", words.ITEM)
    if "count" in search.free() and search.sample["count"].dtype.is_integer():
        search.take("count", "how many rows one stands for, by its name")
    split = _find_split(search)
    event = _find_event(search)
    rating = _find_rating(search, item_id)
    timestamp, unit = _find_time(search, user_id, item_id)
    facts = _find_facts(search, user_id, item_id)
    flags = _find_flags(search)
    for name in search.free():
        n_values = _n_distinct(search.sample[name])
        differs = "it changes within users and within items: of the moment, or of the pick"
        search.take(name, f"left out: {'one value in all rows' if n_values == 1 else differs}")
    return Roles(
        user_id,
        item_id,
        rating,
        timestamp,
        unit,
        event,
        split,
        flags,
        tuple(facts["user"]),
        tuple(facts["item"]),
        {name: search.reasons[name] for name in log.columns},
        len(search.sample),
    )


def _find_id(search: _Search, ours: str, its_words: frozenset[str]) -> str:
    spelled, what = search.spelled, ours.removesuffix("_id")
    if spelled.get(ours) in search.free():
        return search.take(spelled[ours], f"the {what}'s id, by its name")
    others = set(spelled.values())
    candidates = [
        name for name in search.free() if name not in others and _may_be_ids(search.sample[name])
    ]
    named = [c for c in candidates if has_word(c, its_words)]
    named.sort(key=lambda name: not words_of(name) & words.ID)  # stable: the first of equals
    if named:
        return search.take(named[0], f"the {what}'s id, by a word in its name")
    # Users come before items in nearly every log, so the first of the two columns with most
    # values is theirs; where users are known, the one with most is the items'.
    n_wanted = 1 if ours == "item_id" or spelled.get("item_id") in candidates else 2
    n_rows = len(search.sample)
    n_values = {c: _n_distinct(search.sample[c]) for c in candidates}
    repeating = [c for c in candidates if 1 < n_values[c] < n_rows]
    most = sorted(repeating, key=lambda name: -n_values[name])[:n_wanted]
    if len(most) < n_wanted:
        raise DataError(
            f"Cannot tell which column holds the {what}s' ids; there are "
            f"{', '.join(search.log.columns)}. Name it {ours} in the file's first line"
            f"{_hint_of_header(search.log.columns)}."
        )
    first = min(most, key=search.log.columns.index)
    reason = f"the {what}'s id, by its {n_values[first]:,} values that repeat; look whether it is"
    return search.take(first, reason)


def _hint_of_header(columns: Sequence[str]) -> str:
    is_data = any(name.replace(".", "").isdigit() for name in columns)
    return " (it looks like data: add a line with the names of the columns)" if is_data else ""


def _may_be_ids(values: pl.Series) -> bool:
    return (values.dtype == pl.String or values.dtype.is_integer()) and _n_distinct(values) > 1


def _find_split(search: _Search) -> str | None:
    for name in search.free():
        if search.sample[name].dtype == pl.String:
            values = set(search.log[name].unique())
            if {"train", "test"} <= values <= set(PARTS):
                return search.take(name, "which part of the split a row belongs to")
    return None


def _find_event(search: _Search) -> str | None:
    spelled = search.spelled.get("event")
    for name in sorted(search.free(), key=lambda name: name != spelled):
        values = search.sample[name]
        is_text = values.dtype == pl.String
        if not (is_text or values.dtype.is_integer()):
            continue
        names = values.drop_nulls().unique()
        if not 1 < len(names) <= MOST_EVENTS:
            continue
        known = sum(is_text and words.meaning_of(one) is not None for one in names)
        by_name = known and words_of(name) & words.EVENT
        if name == spelled or by_name or known > len(names) / 2:
            counted = search.log[name].cast(pl.String).drop_nulls().value_counts()
            counted = counted.sort("count", name, descending=[True, False])
            shown = ", ".join(f"{event} {n:,}" for event, n in counted.iter_rows())
            return search.take(name, f"what happened; rows of each: {shown}")
    return None


def _find_flags(search: _Search) -> tuple[str, ...]:
    flags = []
    for name in search.free():
        values = search.sample[name].drop_nulls()
        is_flag = values.dtype == pl.Boolean
        if values.dtype.is_integer() or values.dtype == pl.String:
            pair = {str(value).lower() for value in values.unique()}
            is_flag = pair in ({"0", "1"}, {"false", "true"})
        if is_flag and words.tells(name, words.LIKE | words.REFUSAL):
            flags.append(search.take(name, "true or false of a row, and its name says of what"))
    return tuple(flags)


def _find_rating(search: _Search, item_id: str) -> str | None:
    for name in search.named("rating", words.RATING):
        values = search.sample[name].drop_nulls()
        is_other = words_of(name) & words.NO_RATING and name != search.spelled.get("rating")
        if is_other or not values.dtype.is_numeric():
            continue
        n_levels = values.n_unique()
        low, high = extent(values)
        if n_levels == 1:
            search.take(name, f"left out: all ratings are {low:g}, so they tell nothing")
        elif n_levels > MOST_LEVELS or low < -100 or high > 1000:
            search.take(
                name,
                f"left out: {n_levels:,} numbers from {low:g} to {high:g} are no ratings",
            )
        elif not _goes_with(search.log, item_id, name):
            return search.take(
                name, f"the rating, by its name and its {n_levels} levels from {low:g} to {high:g}"
            )
    return None


def _find_time(search: _Search, user_id: str, item_id: str) -> tuple[str | None, str]:
    named = search.named("timestamp", words.TIME)
    for name in [*named, *(other for other in search.free() if other not in named)]:
        form = _form_of_time(
            search.sample[name].drop_nulls(), is_spelled=name == search.spelled.get("timestamp")
        )
        if form is None or any(_goes_with(search.log, key, name) for key in (item_id, user_id)):
            continue
        n_missing = search.log[name].null_count()
        if n_missing:
            search.take(name, f"left out: {n_missing:,} rows have no time, and all would need one")
            continue
        unit, what = form
        by_name = "" if name in named else ", though its name does not say so"
        return search.take(name, f"the time, {what}{by_name}"), unit
    return None, "s"


def _form_of_time(present: pl.Series, *, is_spelled: bool) -> tuple[str, str] | None:
    """The unit and a description, of times in 1990 to 2100, or of whatever is spelled as a time."""
    if present.dtype in (pl.Date, pl.Datetime):
        return "s", "as dates"
    if present.dtype == pl.String:
        return ("s", "as ISO dates") if present.str.contains(DATE).all() else None
    if not present.dtype.is_numeric() or present.n_unique() < 2:
        return None
    low, high = extent(present)
    for unit, many in TIME_UNITS.items():
        if YEARS[0] * many <= low and high <= YEARS[1] * many:
            return unit, f"in {'seconds' if unit == 's' else unit} since 1970 by its range"
    what = "by its name; its numbers are no dates of our time and tell the order alone"
    return ("s", what) if is_spelled else None


def _find_facts(search: _Search, user_id: str, item_id: str) -> dict[str, list[str]]:
    facts: dict[str, list[str]] = {"user": [], "item": []}
    for name in search.free():
        if _n_distinct(search.sample[name]) == 1:
            continue
        goes_with = {
            side: _goes_with(search.log, key, name)
            for side, key in (("user", user_id), ("item", item_id))
        }
        side = max(goes_with, key=lambda side: (goes_with[side], has_word(name, words.ITEM)))
        if goes_with[side]:
            facts[side].append(search.take(name, f"a fact of the {side}: one value for each"))
    return facts


def _goes_with(log: pl.DataFrame, key: str, name: str) -> int:
    """How many rows repeat an id with the value it has elsewhere; 0 unless nearly all do.

    All rows of some ids are looked at. Nearly all: of the rows that repeat an id, a twentieth
    as many differ from its first value as rows of the log differ from each other.
    """
    pairs = log.select(key=pl.col(key), value=pl.col(name))
    if pairs.schema["value"].is_nested():
        return 0
    if pairs.height > MOST_ROWS:
        share = -(-pairs.height // MOST_ROWS)
        pairs = pairs.filter(pl.col("key").hash(0) % share == 0)
    pairs = pairs.drop_nulls()
    if pairs.is_empty():
        return 0
    counts = pairs["value"].value_counts()["count"].cast(pl.Float64) / pairs.height
    differ = 1 - float((counts**2).sum())  # the share of pairs of rows that differ
    first = pl.col("value").first().over("key")
    n_repeats = pairs.height - pairs["key"].n_unique()
    n_differing = int(pairs.select((pl.col("value") != first).sum()).item())
    is_fact = n_repeats >= FEWEST_REPEATS and n_differing <= 0.05 * differ * n_repeats
    return n_repeats - n_differing if is_fact else 0


def _n_distinct(values: pl.Series) -> int:
    present = values.drop_nulls()
    return 2 if present.dtype.is_nested() else present.n_unique()
