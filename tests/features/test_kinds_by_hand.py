"""What each kind makes of a few values, worked out by hand."""

from datetime import UTC, date, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from maxella.errors import ConfigError, DataError
from maxella.features.category import Category
from maxella.features.labels import Labels
from maxella.features.number import Number
from maxella.features.text import Text
from maxella.features.time import PARTS, Time


def test_rare_categories_are_unknown(dense):
    directors = Category.fit(pl.Series(["b", "a", "b", "c", "c", None]), min_count=2)
    assert directors.column_names == ("b", "c", "missing")
    found = dense(directors.encode(pl.Series(["a", "b", "c", None, "d"])), 3)
    assert found.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0]]


def test_numbers_and_booleans_are_categories_by_their_text():
    whole = Category.fit(pl.Series([10, 9, -1]))
    assert whole.column_names == ("-1", "10", "9")
    for same in (pl.Series([9.0, -0.0]), pl.Series(["9", "0"]), pl.Series([9, 0], dtype=pl.Int8)):
        assert whole.encode(same).columns.tolist() == [2]
    assert Category.fit(pl.Series([0.5, -0.0, 0.0])).column_names == ("0", "0.5")
    assert Category.fit(pl.Series([True, None])).column_names == ("true", "missing")
    assert Category.fit(pl.Series([date(2000, 1, 2)])).column_names == ("2000-01-02",)
    assert Category.fit(pl.Series(["b", "a"], dtype=pl.Categorical)).known == ("a", "b")


def test_the_separator_of_labels_and_the_white_space_around_them():
    cast = Labels.fit(pl.Series(["Hanks, Ryan", " Ryan ,", "|"]), separator=", ".strip())
    assert cast.column_names == ("Hanks", "Ryan", "|")
    assert Labels.fit(pl.Series([[1, 2], [2.5, None]], strict=False)).known == ("1", "2", "2.5")


def test_labels_count_in_how_many_values_they_occur(dense):
    genres = Labels.fit(pl.Series([["a", "a"], ["b"], ["b", "c"], []]), min_count=2)
    assert genres.column_names == ("b", "missing")
    # The known label alone: c is too rare to share the weight.
    assert dense(genres.encode(pl.Series([["b", "c"], ["c"], None])), 2).tolist() == [
        [1, 0],
        [0, 0],
        [0, 1],
    ]


def test_a_separator_is_a_text():
    for wrong in ("", 1):
        with pytest.raises(ConfigError, match="separator wants"):
            Labels.fit(pl.Series(["a"]), separator=wrong)


def test_a_number_is_scaled_and_clipped(dense):
    # Mean 2, deviation 1.
    ages = Number.fit(pl.Series([1, 3, 1, 3]), buckets=0)
    assert ages.column_names == ("scaled",)
    found = dense(ages.encode(pl.Series([1.0, 2.0, 4.5, 1e300, -7.0])), 1)
    assert found.ravel().tolist() == [-1, 0, 2.5, 3, -3]


def test_buckets_are_quantiles_with_equal_edges_merged():
    tenths = Number.fit(pl.Series(range(1, 101)))
    assert tenths.edges == (10, 20, 30, 40, 50, 60, 70, 80, 90)
    # One bucket up to each edge, that included, and an open one.
    bags = tenths.encode(pl.Series([-5, 10, 10.5, 90, 91, 1000], strict=False))
    assert bags.columns[bags.columns > 0].tolist() == [1, 1, 2, 9, 10, 10]
    # Of 90 zeros and ten others, the ninth quantile is 0 too.
    assert Number.fit(pl.Series([0] * 90 + list(range(1, 11)))).edges == (0,)
    # An edge at the largest value would leave the bucket above it empty.
    assert Number.fit(pl.Series([0] + [1] * 99)).column_names == ("scaled",)


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_the_largest_and_the_smallest_floats_are_numbers_too(values):
    encoder = Number.fit(pl.Series(values, dtype=pl.Float64))
    bags = encoder.encode(pl.Series([*values, 1.7e308, -1.7e308, 5e-324]))
    assert np.isfinite(bags.weights).all()
    assert (np.abs(bags.weights) <= 3).all()


def test_texts_that_are_all_numbers_are_numbers(dense):
    prices = Number.fit(pl.Series(["1", " 3.0", "", None, "inf"]), buckets=0)
    assert prices.column_names == ("scaled", "missing")
    assert prices == Number.fit(pl.Series([1, 3, None]), buckets=0)
    with pytest.raises(DataError, match="it holds '3,5'"):
        prices.encode(pl.Series(["3", "3,5"]))
    flags = Number.fit(pl.Series([True, False]), buckets=0)
    assert dense(flags.encode(pl.Series([1, 0])), 1).ravel().tolist() == [1, -1]


def test_a_time_in_all_its_parts():
    moment = datetime(1994, 12, 25, 23, 59, 59, tzinfo=UTC)
    times = Time.fit(pl.Series([int(moment.timestamp())]), parts=list(PARTS))
    assert times.column_names == ("23:00", "Sunday", "December", "winter", "1994", "1990s")


@settings(deadline=None)
@given(st.lists(st.datetimes(), min_size=1))
def test_parts_are_those_of_the_calendar(moments):
    names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
    encoder = Time.fit(pl.Series(moments), parts=["hour", "weekday", "month", "year"])
    bags = encoder.encode(pl.Series(moments))
    found = np.array(encoder.column_names)[bags.columns].reshape(-1, 4).tolist()
    assert found == [
        [f"{m.hour:02}:00", names[m.weekday()], f"{m.replace(year=2000):%B}", str(m.year)]
        for m in moments
    ]


def test_seconds_dates_and_datetimes_say_the_same():
    moment = datetime(1969, 12, 31, 23, 30, tzinfo=UTC)
    east = moment.astimezone(timezone(timedelta(hours=2)))
    parts = ["hour", "weekday", "year"]
    expected = Time.fit(pl.Series([-1800]), parts=parts)
    assert expected.column_names == ("23:00", "Wednesday", "1969")
    naive = pl.Series([moment.replace(tzinfo=None)])
    for same in (
        pl.Series([-1800.5]),
        pl.Series(["-1800"]),
        naive,
        naive.cast(pl.Datetime("ns")),
        pl.Series([east]).dt.convert_time_zone("Asia/Tokyo"),
    ):
        assert Time.fit(same, parts=parts) == expected
    midnight = Time.fit(pl.Series([date(1969, 12, 31)]), parts=parts)
    assert midnight.column_names == ("00:00", "Wednesday", "1969")
    assert Time.fit(pl.Series([-1e-7]), parts=["year"]).column_names == ("1969",)


def test_a_part_that_was_never_seen_leaves_the_others(dense):
    release = Time.fit(pl.Series([date(1994, 7, 1), date(1995, 7, 1)]))
    assert release.column_names == ("1990s", "1994", "1995", "July")
    found = dense(release.encode(pl.Series([date(1995, 7, 9), date(1996, 8, 1)])), 4)
    assert found.tolist() == [[1, 0, 1, 1], [1, 0, 0, 0]]


def test_milliseconds_are_not_taken_for_seconds():
    with pytest.raises(DataError, match="Divide milliseconds by 1000"):
        Time.fit(pl.Series([978_300_760_000]))


@pytest.mark.parametrize("parts", ["year", [], ["year", "year"], ["years"], [["year"]]])
def test_parts_are_a_list_of_names(parts):
    with pytest.raises(ConfigError, match="year"):
        Time.fit(pl.Series([0]), parts=parts)


def test_words_of_titles():
    titles = ["Amélie's ÉTÉ", "Cafe\u0301 9½-Tage", "Straße", "हिन्दी か\u3099", "İstanbul ﬁlm"]
    words = Text.fit(pl.Series(titles), min_count=1).known
    european = ["91\u20442", "amelie", "cafe", "ete", "film", "istanbul", "s", "straße", "tage"]
    assert words == (*european, "हिन्दी", "が")


def test_tf_idf_is_that_of_scikit_learn(dense):
    titles = ["the war of the worlds", "war and peace", "the the", "peace in war", "alone"]
    others = ["the end of the war", "peace the peace", "unseen"]
    theirs = TfidfVectorizer(min_df=2).fit(titles)
    ours = Text.fit(pl.Series(titles))
    assert list(ours.known) == theirs.get_feature_names_out().tolist()
    for texts in (titles, others):
        expected = theirs.transform(texts).toarray()
        found = dense(ours.encode(pl.Series(texts)), ours.n_columns)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
