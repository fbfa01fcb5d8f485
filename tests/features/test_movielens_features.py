"""The tables of MovieLens 1M as features, against figures counted from its files line by line."""

import re
import statistics
import zipfile
from collections import Counter
from datetime import UTC, datetime

import numpy as np
import pytest

from maxella.features.feature_set import FeatureSet, FeatureSpec
from maxella.sources.load import load_source

pytestmark = pytest.mark.slow

ITEMS = [
    FeatureSpec("genres", "labels"),
    FeatureSpec("director", "category", {"min_count": 2}),
    FeatureSpec("release_date", "time"),
    FeatureSpec("title", "text"),
]
USERS = [FeatureSpec("age", "number"), FeatureSpec("occupation", "category")]


@pytest.fixture(scope="module")
def tables(shared_data):
    people = shared_data / "ml-1m-people.csv"
    return load_source("movielens", shared_data / "ml-1m.zip", people=people)


@pytest.fixture(scope="module")
def lines(shared_data):
    """The fields of each line of a file of the zip."""

    def read(name):
        with zipfile.ZipFile(shared_data / "ml-1m.zip") as archive:
            (path,) = [path for path in archive.namelist() if path.endswith(f"/{name}")]
            text = archive.read(path).decode("iso-8859-1")
        return [line.split("::") for line in text.splitlines()]

    return read


def counts_of(features, table):
    """How many values have each column, by its name, and all bags."""
    bags = features.encode(table)
    counts = np.bincount(bags.columns, minlength=features.n_columns).tolist()
    return dict(zip(features.column_names, counts, strict=True)), bags


def test_items(tables, lines, shared_data):
    movies = lines("movies.dat")
    text = (shared_data / "ml-1m-people.csv").read_text(encoding="utf-8")
    assert '"' not in text
    people = [line.split(",") for line in text.splitlines()[1:]]

    everyone = np.ones(tables.items.height, dtype=bool)
    features = FeatureSet.fit(tables.items, ITEMS, everyone)
    found, bags = counts_of(features, tables.items)

    genres = Counter(genre for _, _, listed in movies for genre in listed.split("|"))
    assert len(genres) == 18
    assert {name: found[f"genres={name}"] for name in genres} == genres
    directors = Counter(director for _, director, _, _ in people if director)
    often = {name: count for name, count in directors.items() if count > 1}
    block = features.column_names[features.blocks["director"]]
    assert {name.removeprefix("director=") for name in block} - {"missing"} == set(often)
    assert all(found[f"director={name}"] == count for name, count in often.items())
    dates = [datetime.fromtimestamp(int(date), UTC) for *_, date in people if date]
    years = Counter(date.year for date in dates)
    assert {year: found[f"release_date={year}"] for year in years} == years
    assert found["release_date=July"] == sum(date.month == 7 for date in dates)
    assert found["release_date=1990s"] == sum(1990 <= date.year < 2000 for date in dates)
    assert found["release_date=missing"] == len(movies) - len(dates)
    # No word of the test carries an accent, so upper and lower case are all that differs.
    wars = sum("war" in re.findall(r"[a-z0-9]+", title.lower()) for _, title, _ in movies)
    assert found["title=war"] == wars

    squares = np.zeros((len(bags), len(features.features)))
    rows = np.repeat(np.arange(len(bags)), bags.counts)
    for position, block in enumerate(features.blocks.values()):
        is_in = (bags.columns >= block.start) & (bags.columns < block.stop)
        weights = bags.weights[is_in].astype(np.float64)
        squares[:, position] = np.bincount(rows[is_in], weights**2, minlength=len(bags))
    np.testing.assert_allclose(squares[:, 0], 1, rtol=1e-6)
    np.testing.assert_allclose(squares[:, 3], squares[:, 3] > 0, rtol=1e-6)
    assert set(squares[:, 2]) == {1, 3}


def test_users(tables, lines):
    users = lines("users.dat")
    everyone = np.ones(tables.users.height, dtype=bool)
    features = FeatureSet.fit(tables.users, USERS, everyone)
    found, bags = counts_of(features, tables.users)

    ages = [int(age) for _, _, age, _, _ in users]
    (scale,) = [one.encoder for one in features.features if one.name == "age"]
    assert scale.mean == pytest.approx(statistics.fmean(ages))
    assert scale.deviation == pytest.approx(statistics.pstdev(ages))
    buckets = [name for name in features.column_names if name.startswith(("age=≤", "age=>"))]
    assert sum(found[name] for name in buckets) == found["age=scaled"] == len(users)
    # Ages have seven codes, and the tenths of the users fall on these.
    assert found["age=≤ 18.0"] == sum(age <= 18 for age in ages)
    codes = Counter(code for *_, code, _ in users)
    occupations = {name: count for name, count in found.items() if name.startswith("occupation=")}
    assert sorted(occupations.values()) == sorted(codes.values())
    assert found["occupation=programmer"] == codes["12"]
    assert found["occupation=farmer"] == codes["8"]
    assert (bags.counts == 3).all()
