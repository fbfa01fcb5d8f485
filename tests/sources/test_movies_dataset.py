import shutil
from pathlib import Path

import polars as pl
import pytest

from maxella.errors import DataError
from maxella.sources.load import load_source
from maxella.sources.movies_dataset import join_movies_dataset, read_movies_dataset

SAMPLES = Path(__file__).parents[1] / "samples"
FILES = SAMPLES / "movies-dataset"
COLUMNS = ("director", "star", "cast", "cast_size", "crew_size", "imdb_id", "release_date")
DAY = 86400
PAPER_MOONS = ("Director One", "Star One", ["Star One", 'Second "Bee" O\'Hara'], 2, 3, "tt0114709")


def join(sample, path=FILES):
    tables = load_source("movielens", SAMPLES / sample)
    joined, change = join_movies_dataset(tables, read_movies_dataset(path))
    return joined.items, change


def test_what_is_wrong_with_the_files_is_counted():
    movies = read_movies_dataset(FILES)
    assert movies.films["tmdb_id"].is_unique().all()
    assert movies.links.rows() == [
        ("1", 8844),
        ("2", 862),
        ("10", 862),
        ("20", 8844),
        ("60", 424242),
    ]
    # Three rows torn in two give three dates for ids; and three halves without a release date.
    assert list(movies.faults.values()) == [3, 1, 1, 1, 4, 2]


def test_films_are_found_by_id_then_by_title_and_year():
    items, change = join("ml-1m")
    # 1995-10-30 is day 9433 since 1970, 1962-02-14 day -2878, 2000-03-04 day 11020.
    assert items.select(COLUMNS).rows() == [
        (*PAPER_MOONS, 9433 * DAY),
        # Its cast is cut off: missing, not empty. Its crew is an empty list.
        (None, None, None, None, 0, "tt0113497", -2878 * DAY),
        # Without a link. Its crew is a call, which is never run.
        (None, None, [], 0, None, None, 11020 * DAY),
        # Two films have this title and year.
        (None, None, None, None, None, None, None),
    ]
    counts = list(change.counts.items())
    assert counts[:7] == [
        ("movies", 4),
        ("found by id", 2),
        ("found by title and year", 1),
        ("left out, several films of that title and year", 1),
        ("not found", 0),
        ("cast that cannot be read", 1),
        ("crew that cannot be read", 1),
    ]
    assert change.counts["release_date filled"] == 3
    assert change.examples[0][1] == "Paper Moons (1995); Director One; Star One; tt0114709"


def test_ids_of_another_release_are_not_used():
    items, change = join("ml-100k")  # whose 1 and 2 are other films than links.csv says
    assert change.note.startswith("The ids are not used: of 2 movies found by id only 0 have")
    assert items.select(COLUMNS).row(0)[:6] == PAPER_MOONS
    # The release dates of the source stay.
    assert items["release_date"].to_list() == [9131 * DAY, -2878 * DAY, None, 399 * DAY]
    assert change.counts["found by title and year"] == 2


def test_the_sources_own_ids_are_used_and_imdb_ids_get_their_form(tmp_path):
    for file in FILES.glob("m*.csv"):
        shutil.copy(file, tmp_path)
    shutil.copy(FILES / "credits.csv", tmp_path)  # there is no links.csv
    items, change = join("ml-latest-small", tmp_path)
    assert change.counts["found by id"] == 1
    assert items["imdb_id"].to_list() == ["tt0114709", "tt0113497", "tt0000042"]
    assert items["director"].to_list() == ["Director One", None, None]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 5000,
        "[{'order': 1}]",
        "[{'name': None}]",
        "['name']",
        "{'name': 'A'}",
        "[{[]: 'A'}]",
        "print('run')",
        "'\\d'",
        "",
    ],
)
def test_lists_that_are_none_are_counted_and_left_empty(tmp_path, text):
    for file in FILES.iterdir():
        shutil.copy(file, tmp_path)
    credit = pl.DataFrame({"cast": [text], "crew": ["[]"], "id": ["862"]})
    credit.write_csv(tmp_path / "credits.csv", quote_style="always")
    items, change = join("ml-1m", tmp_path)
    assert items.select("cast", "cast_size", "crew_size").row(0) == (None, None, 0)
    assert change.counts["cast that cannot be read"] == 1


def test_it_is_found_in_a_zip_and_missed_by_name(tmp_path):
    packed = shutil.make_archive(str(tmp_path / "archive"), "zip", FILES)
    assert read_movies_dataset(packed).films.equals(read_movies_dataset(FILES).films)
    with pytest.raises(DataError, match=r"Wanted The Movies Dataset .* at .*ml-1m"):
        read_movies_dataset(SAMPLES / "ml-1m")


def test_a_missing_column_is_named(tmp_path):
    for file in FILES.iterdir():
        (tmp_path / file.name).write_text(file.read_text().replace("imdb_id", "imdb", 1))
    with pytest.raises(DataError, match=r"'imdb_id' in .*Did you mean 'imdb'"):
        read_movies_dataset(tmp_path)
