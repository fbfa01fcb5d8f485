"""What the columns of a log are: ids, rating, time, event, facts of users or of items.

By name first, by values where names do not tell, and never by a name that the values belie.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from maxella.data import words
from maxella.data.feature_kinds import extent, rows_throughout
from maxella.data.split import PARTS
from maxella.data.words import has_word, words_of
from maxella.errors import DataError
from maxella.sources.dates import find_form, may_be_dates
from maxella.sources.own_names import TIME_UNITS
from maxella.sources.ratings import as_ratings

MOST_LOG_ROWS = 200_000  # of a log that are looked at
MOST_LEVELS = 101  # distinct ratings: whole numbers from 0 to 100
MOST_EVENTS = 50
FEWEST_REPEATS = 3  # rows that repeat an id, from which on a column is said to go with the id
OURS = ("user_id", "item_id", "rating", "timestamp", "event", "count")
BY_PLACE = r"(?:column_)?\d+"  # names of columns that nobody named
LEFT_OUT = "left out"
YEARS = (631_152_000, 4_102_444_800)  # 1990 to 2100, in seconds: when logs are written


@dataclass(frozen=True)
class Role:
    """What a column is taken for, and why in a sentence."""

    name: str  # one of OURS, split, label, "column of users" or of items, or "left out"
    reason: str


@dataclass
class Roles:
    """The columns of a log by what they are, in the order in which they are found out."""

    log: pl.DataFrame  # all rows
    sample: pl.DataFrame  # those that are looked at
    spelled: Mapping[str, str]  # our names → columns
    columns: dict[str, Role] = field(default_factory=dict)
    time_unit: str = "s"  # of TIME_UNITS; for numbers as timestamp
    time_format: str | None = None  # of texts as timestamp, where not ISO 8601

    @property
    def is_named(self) -> bool:
        """Whether somebody named the columns."""
        return not all(re.fullmatch(BY_PLACE, name) for name in self.log.columns)

    def named(self, role: str) -> list[str]:
        """The columns of a role."""
        return [name for name, of in self.columns.items() if of.name == role]

    def free(self) -> list[str]:
        """The columns that have no role yet."""
        return [name for name in self.log.columns if name not in self.columns]

    def candidates(self, ours: str, its_words: frozenset[str]) -> list[str]:
        """Free columns that are spelled or named so, the spelled one first."""
        spelled = self.spelled.get(ours)
        named = [name for name in self.free() if name == spelled or words_of(name) & its_words]
        return sorted(named, key=lambda name: name != spelled)

    def take(self, name: str, role: str, reason: str) -> str:
        """Give a column a role."""
        self.columns[name] = Role(role, reason)
        return name


def infer_roles(log: pl.DataFrame, spelled: Mapping[str, str]) -> Roles:
    """The roles of a log's columns.

    `spelled` maps our names to columns that are spelled so. Of a long log `MOST_LOG_ROWS` rows
    are looked at; events are counted in all.
    Raises DataError where a column of users or of items cannot be told.
    """
    if log.width < 2:
        raise DataError(
            f"Wanted a log of at least two columns, of users and of items; there is "
            f"{', '.join(log.columns)} alone. Give another file, or say what parts the fields "
            "(--separator)."
        )
    roles = Roles(log, rows_throughout(log, MOST_LOG_ROWS), spelled)
    for name in log.columns:
        if roles.sample[name].null_count() == len(roles.sample):
            roles.take(name, LEFT_OUT, "no row has a value")
    user_id = _find_id(roles, "user_id", words.USER)
    item_id = _find_id(roles, "item_id", words.ITEM)
    _find_split(roles)
    _find_event(roles)
    _find_rating(roles, item_id)
    _find_time(roles, user_id, item_id)
    _find_facts(roles, user_id, item_id)
    _find_flags(roles)
    _find_count(roles)
    for name in roles.free():
        roles.take(name, LEFT_OUT, _why_left_out(roles, name))
    return roles


def _why_left_out(roles: Roles, name: str) -> str:
    values = roles.sample[name]
    if _n_distinct(values) == 1:
        return "one value in all rows" + " that have any" * bool(values.null_count())
    if not roles.named("rating") and _look_like_ratings(values.drop_nulls()):
        low, high = extent(values)
        levels = f"{_n_distinct(values)} levels from {low:g} to {high:g}"
        return f'its {levels} may be ratings: if they are, add rating = "{name}" to data.columns'
    return "it changes within users and within items: of the moment, or of the pick"


def _find_id(roles: Roles, ours: str, its_words: frozenset[str]) -> str:
    spelled, what = roles.spelled, ours.removesuffix("_id")
    if spelled.get(ours) in roles.free():
        return roles.take(spelled[ours], ours, f"the {what}'s id, by its name")
    others = set(spelled.values())
    candidates = [
        name for name in roles.free() if name not in others and _may_be_ids(roles.sample[name])
    ]
    named = [c for c in candidates if has_word(c, its_words)]
    named.sort(key=lambda name: not words_of(name) & words.ID)  # stable: the first of equals
    if named:
        return roles.take(named[0], ours, f"the {what}'s id, by a word in its name")
    # Users come before items in nearly every log, so the first of the two columns with most
    # values is theirs; where users are known, the one with most is the items'. Columns without
    # names are as often what somebody counted, so there the first two are.
    n_wanted = 1 if ours == "item_id" or spelled.get("item_id") in candidates else 2
    n_rows = len(roles.sample)
    n_values = {c: _n_distinct(roles.sample[c]) for c in candidates}
    repeating = [c for c in candidates if 1 < n_values[c] < n_rows]
    likely = [c for c in repeating if not _is_other_than_ids(roles.sample[c])]
    likely = likely if len(likely) >= n_wanted else repeating
    most = sorted(likely, key=lambda name: -n_values[name] if roles.is_named else 0)[:n_wanted]
    if len(most) < n_wanted:
        remedy = f"Name it {ours}."
        if not roles.is_named:
            remedy = f"Add a first line with the names of the columns, {ours} among them."
        raise DataError(
            f"Cannot tell which column holds the {what}s' ids; there are "
            f"{', '.join(roles.log.columns)}. {remedy}"
        )
    first = min(most, key=roles.log.columns.index)
    if roles.is_named:
        why = f"by its {n_values[first]:,} values that repeat"
    else:
        why = f"by its place and its {n_values[first]:,} values"
    return roles.take(first, ours, f"the {what}'s id, {why}; look whether it is")


def _may_be_ids(values: pl.Series) -> bool:
    return (values.dtype == pl.String or values.dtype.is_integer()) and _n_distinct(values) > 1


def _is_other_than_ids(values: pl.Series) -> bool:
    """Whether values look like times or ratings."""
    return _form_of_time(values, is_spelled=False) is not None or _look_like_ratings(values)


def _find_split(roles: Roles) -> None:
    for name in roles.free():
        if roles.sample[name].dtype == pl.String:
            values = set(roles.log[name].unique())
            if {"train", "test"} <= values <= set(PARTS):
                roles.take(name, "split", "which part of the split a row belongs to")
                return


def _find_event(roles: Roles) -> None:
    spelled = roles.spelled.get("event")
    for name in sorted(roles.free(), key=lambda name: name != spelled):
        values = roles.sample[name]
        is_text = values.dtype == pl.String
        if not (is_text or values.dtype.is_integer()):
            continue
        names = values.drop_nulls().unique()
        if not 1 < len(names) <= MOST_EVENTS:
            continue
        known = sum(is_text and words.meaning_of(one) is not None for one in names)
        by_name = known and words_of(name) & words.EVENT
        if name == spelled or by_name or known > len(names) / 2:
            counted = roles.log[name].cast(pl.String).drop_nulls().value_counts()
            counted = counted.sort("count", name, descending=[True, False])
            shown = ", ".join(f"{event} {n:,}" for event, n in counted.iter_rows())
            roles.take(name, "event", f"what happened; rows of each: {shown}")
            return


def _find_flags(roles: Roles) -> None:
    for name in roles.free():
        values = roles.sample[name].drop_nulls()
        is_flag = values.dtype == pl.Boolean
        if values.dtype.is_numeric() or values.dtype == pl.String:
            is_flag = {str(value).lower() for value in values.unique()} in words.YES_AND_NO
        if not is_flag:
            continue
        if words.tells(name, words.FLAG):
            roles.take(name, "label", "yes or no of a row, and its name says of what")
        elif not roles.is_named:
            roles.take(name, "label", "yes or no of a row, by its values; look whether it is")


def _find_rating(roles: Roles, item_id: str) -> None:
    named = roles.candidates("rating", words.RATING)
    for name in [*named, *(other for other in roles.free() if other not in named)]:
        is_spelled = name == roles.spelled.get("rating")
        if words_of(name) & words.NO_RATING and not is_spelled:
            continue
        # Without a name that says so, values must look like ratings.
        may_be = not roles.is_named or bool(words_of(name) & words.ANY_NUMBER)
        values, how = _numbers(roles.sample[name].drop_nulls(), may_be_text=name in named)
        if values.is_empty() and is_spelled:
            why = "its values are no numbers: if they are ratings, write them as numbers"
            roles.take(name, LEFT_OUT, why)
        if values.is_empty() or (name not in named and not (may_be and _look_like_ratings(values))):
            continue
        n_levels = values.n_unique()
        low, high = extent(values)
        if n_levels == 1:
            roles.take(name, LEFT_OUT, f"all ratings are {low:g}, so they tell nothing")
        elif n_levels > MOST_LEVELS or low < -100 or high > 1000:
            why = f"{n_levels:,} numbers from {low:g} to {high:g} are no ratings"
            roles.take(name, LEFT_OUT, why)
        elif not _goes_with(roles.log, item_id, name):
            levels = f"its {n_levels} levels from {low:g} to {high:g}{how}"
            by_name = f"the rating, by its name and {levels}"
            by_values = f"the rating, by {levels}; look whether it is"
            roles.take(name, "rating", by_name if name in named else by_values)
            return


def _numbers(values: pl.Series, *, may_be_text: bool) -> tuple[pl.Series, str]:
    """Ratings as numbers, and how they are written; none of what is no ratings."""
    if values.dtype.is_numeric():
        return values, ""
    if values.dtype == pl.String and may_be_text:
        numbers, is_given = as_ratings(values)
        numbers = numbers.drop_nulls()
        if 2 * len(numbers) > is_given.sum():
            return numbers, ", written as text"
    return values.clear(), ""


def _look_like_ratings(values: pl.Series) -> bool:
    """Whether numbers are a few levels, whole or half, from 0 to 10 at most.

    Of counts, which may be such, the least is the commonest.
    """
    if not values.dtype.is_numeric() or values.is_empty():
        return False
    low, high = extent(values)
    if low < 0 or high > 10 or not 3 <= values.n_unique() <= 21:
        return False
    is_half = ((2 * values) % 1 == 0).all()
    commonest = values.value_counts().sort("count", values.name, descending=[True, False])
    return bool(is_half) and commonest[values.name][0] != low


def _find_count(roles: Roles) -> None:
    """How much a row counts: plays, a quantity, a time spent."""
    spelled = roles.spelled.get("count")
    for name in sorted(roles.free(), key=lambda name: name != spelled):
        values = roles.sample[name]
        is_named = name == spelled or words_of(name) & (words.AMOUNT | words.ANY_NUMBER)
        if not (is_named or not roles.is_named) or not values.dtype.is_numeric():
            continue
        if words_of(name) & words.RATING or _n_distinct(values) == 1:
            continue
        n_missing = roles.log[name].null_count()
        if n_missing:
            why = f"{n_missing:,} rows do not say how much they count, and all would need to"
            roles.take(name, LEFT_OUT, why)
            continue
        low, high = extent(values)
        by = "name" if is_named else "values; look whether it is"
        n_none = int((values <= 0).sum())
        none = f"; {n_none:,} rows of 0 or less are no picks" if n_none else ""
        why = f"how much a row counts, {low:g} to {high:g}, by its {by}"
        roles.take(name, "count", f"{why}: the rows of a pair add up, and say how sure it is{none}")
        return


def _find_time(roles: Roles, user_id: str, item_id: str) -> None:
    named = roles.candidates("timestamp", words.TIME)
    for name in [*named, *(other for other in roles.free() if other not in named)]:
        present = roles.sample[name].drop_nulls()
        form = _form_of_time(present, is_spelled=name == roles.spelled.get("timestamp"))
        if form is None and name in named:
            _say_why_no_time(roles, name)
        if form is None or any(_goes_with(roles.log, key, name) for key in (item_id, user_id)):
            continue
        n_missing = roles.log[name].null_count()
        if n_missing:
            roles.take(name, LEFT_OUT, f"{n_missing:,} rows have no time, and all would need one")
            continue
        roles.time_unit, roles.time_format = form.unit, form.format
        by_name = "" if name in named else ", though its name does not say so"
        roles.take(name, "timestamp", f"the time, {form.reason}{by_name}")
        return


def _say_why_no_time(roles: Roles, name: str) -> None:
    """Of texts that are dates but for few."""
    present = roles.sample[name].drop_nulls()
    if present.dtype != pl.String or may_be_dates(present).mean() < 0.9:  # type: ignore[operator]
        return
    odd = present.filter(~may_be_dates(present))
    what = f"'{str(odd[0])[:30]}' is no date" if len(odd) else "its dates are of no one form"
    roles.take(name, LEFT_OUT, f"{what}, and all rows would need one")


@dataclass(frozen=True)
class _Time:
    """How a column tells the time."""

    reason: str
    unit: str = "s"
    format: str | None = None


def _form_of_time(present: pl.Series, *, is_spelled: bool) -> _Time | None:
    """That of times in 1990 to 2100, of texts that are dates, or of what is spelled as a time."""
    present = present.drop_nulls()
    if present.dtype in (pl.Date, pl.Datetime):
        return _Time("as dates")
    if present.dtype == pl.String:
        form = find_form(present)
        return None if form is None else _Time(form.reason, format=form.format)
    if not present.dtype.is_numeric() or present.n_unique() < 2:
        return None
    low, high = extent(present)
    for unit, many in TIME_UNITS.items():
        if YEARS[0] * many <= low and high <= YEARS[1] * many:
            return _Time(f"in {'seconds' if unit == 's' else unit} since 1970 by its range", unit)
    order = "by its name; its numbers are no dates of our time and tell the order alone"
    return _Time(order) if is_spelled else None


def _find_facts(roles: Roles, user_id: str, item_id: str) -> None:
    for name in roles.free():
        if _n_distinct(roles.sample[name]) == 1:
            continue
        of_user, of_item = (_goes_with(roles.log, key, name) for key in (user_id, item_id))
        if of_user or of_item:
            side = "user" if of_user >= of_item else "item"
            roles.take(name, f"column of {side}s", f"a fact of the {side}: one value for each")


def _goes_with(log: pl.DataFrame, key: str, name: str) -> int:
    """How many rows repeat an id with the value it has elsewhere; 0 unless nearly all do.

    All rows of some ids are looked at. Nearly all: of the rows that repeat an id, a twentieth
    as many differ from its first value as rows of the log differ from each other.
    """
    pairs = log.select(key=pl.col(key), value=pl.col(name))
    if pairs.schema["value"].is_nested():
        return 0
    if pairs.height > MOST_LOG_ROWS:
        share = -(-pairs.height // MOST_LOG_ROWS)
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
