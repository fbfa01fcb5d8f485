"""What holds for whatever a source reads; a source added to the table is tested at once."""

import shutil
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from maxella.errors import ConfigError
from maxella.sources.load import SOURCES, detect, load_source
from maxella.sources.tables import Tables

SAMPLES = Path(__file__).parents[1] / "samples"
CASES = [
    ("movielens", "ml-100k", {}, (1, 5)),
    ("movielens", "ml-1m", {"people": SAMPLES / "people.csv"}, (1, 5)),
    ("movielens", "ml-10m", {}, (0.5, 5)),
    ("movielens", "ml-latest-small", {}, (0.5, 5)),
    ("notebook", "notebook", {}, (1, 5)),
    ("atomic", "atomic", {}, (1, 5)),
    (
        "delimited",
        "delimited",
        {"columns": {"user_id": "customer", "item_id": "product", "timestamp": "when"}},
        (1, 5),
    ),
    ("behaviours", "behaviours", {}, None),
    ("synthetic", None, {"n_users": 30, "n_items": 20, "n_interactions": 200}, (1, 5)),
]
OURS = {  # our names, in their order
    "user_id": pl.String,
    "item_id": pl.String,
    "rating": pl.Float32,
    "timestamp": pl.Int64,
    "event": pl.String,
}
WITH_FILES = [case for case in CASES if case[1]]
NAMES = [f"{kind}-{sample}" for kind, sample, *_ in CASES]
NAMES_WITH_FILES = [f"{kind}-{sample}" for kind, sample, *_ in WITH_FILES]


def read(kind, sample, options):
    return load_source(kind, sample and SAMPLES / sample, **options)


def assert_tables_equal(one: Tables, other: Tables) -> None:
    assert_frame_equal(one.interactions, other.interactions)
    assert_frame_equal(one.users, other.users)
    assert_frame_equal(one.items, other.items)


def test_every_source_has_a_sample():
    assert {kind for kind, *_ in CASES} == set(SOURCES)


@pytest.mark.parametrize(("kind", "sample", "options", "rating_range"), CASES, ids=NAMES)
def test_tables_keep_their_promise(kind, sample, options, rating_range):
    tables = read(kind, sample, options)
    log = tables.interactions
    ours = [name for name in OURS if name in log.columns]
    assert log.columns[: len(ours)] == ours
    assert [log.schema[name] for name in ours] == [OURS[name] for name in ours]
    assert log[ours].null_count().sum_horizontal()[0] == 0
    assert ("rating" in ours) == (rating_range is not None)
    assert rating_range is None or log["rating"].is_between(*rating_range).all()
    assert not log.select(set(ours) & {"user_id", "item_id", "event"}).is_duplicated().any()
    for table, key in ((tables.users, "user_id"), (tables.items, "item_id")):
        assert table.columns[0] == key
        assert table[key].dtype == pl.String
        assert table[key].null_count() == 0
        assert table[key].n_unique() == table.height
        assert set(log[key]) <= set(table[key])


@pytest.mark.parametrize(("kind", "sample", "options", "_range"), CASES, ids=NAMES)
def test_reading_twice_gives_equal_tables(kind, sample, options, _range):
    assert_tables_equal(read(kind, sample, options), read(kind, sample, options))


@pytest.mark.parametrize(("kind", "sample", "options", "_range"), WITH_FILES, ids=NAMES_WITH_FILES)
def test_a_zip_a_folder_and_the_folder_above_give_the_same(kind, sample, options, _range, tmp_path):
    above = tmp_path / "above"
    shutil.copytree(SAMPLES / sample, above / sample)
    packed = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", above, sample))
    flat = Path(shutil.make_archive(str(tmp_path / "flat"), "zip", above / sample))
    expected = read(kind, sample, options)
    for path in (above, packed, flat):
        assert detect(path) == kind
        assert_tables_equal(load_source(None, path, **options), expected)
    assert load_source(None, packed, **options).name == expected.name


@pytest.mark.parametrize("kind", SOURCES)
def test_an_unknown_option_is_refused_with_the_nearest_name(kind):
    option = {"synthetic": "n_user"}.get(kind, "rating_rang")
    hint = "Known: ." if kind == "behaviours" else ".*Did you mean"  # which has no option
    with pytest.raises(ConfigError, match=f"No option .*'{option}'.*{hint}"):
        load_source(kind, SAMPLES, **{option: 1})


def test_an_unknown_kind_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="Did you mean 'movielens'"):
        load_source("movilens", SAMPLES)


@pytest.mark.parametrize("kind", [None, "movielens"])
def test_a_path_is_needed(kind):
    with pytest.raises(ConfigError, match="a path"):
        load_source(kind)
