import polars as pl
import pytest

import maxella
from maxella.errors import ConfigError
from maxella.experiment.build import build_data, label, load_tables, split_table, with_tasks
from maxella.experiment.read_config import parse_config
from maxella.experiment.reevaluate import reevaluate
from maxella.experiment.run import compare


@pytest.fixture
def options(options):
    options["compare"] = {"baselines": ["popularity", "bias"]}
    options["training"] = {"batch_size": 32, "epochs": 1}
    return options


def by_slice(model):
    found = {}
    for one in model["slices"]:
        found.setdefault(one["slice"], {})[one["value"]] = one
    return found


def test_every_model_and_baseline_is_sliced_alike(options):
    report = compare(parse_config(options, where="the test"))
    for model in report["models"]:
        found = by_slice(model)
        assert list(found) == ["activity", "popularity"]
        for parts in found.values():
            total = sum(one["interactions"] for one in parts.values())
            assert total == report["dataset"]["test"]
        assert len(found["activity"]) == 4
        assert {"head", "middle", "tail"} <= found["popularity"].keys()
    popular = next(one for one in report["models"] if one["name"] == "popularity")
    head, tail = (by_slice(popular)["popularity"][value] for value in ("head", "tail"))
    name = "top_k_accuracy@10"
    assert (
        head["metrics"]["retrieval"]["filtered"][name]
        > tail["metrics"]["retrieval"]["filtered"][name]
    )


def test_no_slices_where_none_are_asked_for(options):
    options["evaluation"] = {"slices": [], "resamples": 0}
    assert all(model["slices"] == [] for model in maxella.run(options)["models"])


def test_a_saved_run_is_sliced_again_alike(options, tmp_path):
    first = maxella.run(options, tmp_path / "run")
    again = reevaluate(tmp_path / "run")
    assert [one["slices"] for one in again["models"]] == [one["slices"] for one in first["models"]]


@pytest.mark.parametrize(
    ("name", "nearest"), [("activty", "activity"), ("item.genre", "item.genres")]
)
def test_a_misspelt_slice_is_refused_before_anything_is_replaced(
    options, tmp_path, write_films, name, nearest
):
    options["data"] = write_films(tmp_path)
    maxella.run(options, tmp_path / "run")
    options["evaluation"] = {"slices": [name], "resamples": 0}
    with pytest.raises(ConfigError, match=f"No slice is called '{name}'.*Did you mean '{nearest}'"):
        maxella.run(options, tmp_path / "run", overwrite=True)
    assert (tmp_path / "run" / "report.json").is_file()


@pytest.fixture
def write_films():
    def write(folder):
        """60 users who took 4 of 12 items each; items 0 to 5 are War, odd ones Drama too."""
        log = [
            (f"u{u}", f"i{(u + step * step) % 12}", 1 + u % 5)
            for u in range(60)
            for step in range(4)
        ]
        columns = ["user_id", "item_id", "rating"]
        pl.DataFrame(log, schema=columns, orient="row").write_csv(folder / "log.csv")
        genres = [[*["War"] * (i < 6), *["Drama"] * (i % 2)] for i in range(12)]
        items = {"item_id": [f"i{i}" for i in range(12)], "genres": genres}
        pl.DataFrame(items).write_parquet(folder / "items.parquet")
        return {"path": str(folder / "log.csv"), "items": str(folder / "items.parquet")}

    return write


@pytest.mark.parametrize("is_text", [False, True])
def test_columns_reach_their_rows(options, tmp_path, write_films, is_text):
    options["data"] = write_films(tmp_path)
    if is_text:
        films = pl.read_parquet(tmp_path / "items.parquet")
        joined = films.with_columns(pl.col("genres").list.join("; "))
        joined.write_parquet(tmp_path / "items.parquet")
        options["features"] = {"item": {"genres": {"kind": "labels", "separator": "; "}}}
    options["evaluation"] = {"slices": ["item.genres", "item.genres"], "resamples": 0}
    config = parse_config(options, where="the test")
    tables = load_tables(config.data)
    dataset = build_data(with_tasks(config, tables), tables)
    numbers = dataset.items.ids_of(dataset.test.rows.items).str.strip_prefix("i").cast(int)
    found = by_slice(maxella.run(options)["models"][0])["item.genres"]
    assert {value: one["interactions"] for value, one in found.items()} == {
        "War": (numbers < 6).sum(),
        "Drama": (numbers % 2 == 1).sum(),
        "missing": ((numbers >= 6) & (numbers % 2 == 0)).sum(),
    }


def test_items_held_out_whole_are_all_cold(options):
    options["split"] = {"kind": "cold_item", "test": 0.2}
    report = maxella.run(options)
    for model in report["models"]:
        (cold,) = by_slice(model)["popularity"].values()
        assert cold["value"] == "cold"
        assert cold["interactions"] == report["dataset"]["test"]
        of_lists = {"coverage@10", "coverage@100", "distinct_lists@10"}
        for task, metrics in model["metrics"].items():
            for key, figures in metrics.items():
                expected = figures
                if isinstance(figures, dict):
                    expected = {name: of for name, of in figures.items() if name not in of_lists}
                assert cold["metrics"][task][key] == expected


def test_activity_of_users_held_out_whole_is_what_they_are_given(options):
    options["split"] = {"kind": "cold_user", "test": 0.3}
    found = by_slice(maxella.run(options)["models"][0])["activity"]
    assert len(found) > 1
    assert "0" not in found


@pytest.mark.slow
def test_genders_of_movielens_100k(shared_data):
    options = {
        "data": {"path": str(shared_data / "ml-100k.zip")},
        "split": {"kind": "random"},
        "model": {"dim": 16},
        "training": {"epochs": 1},
        "evaluation": {"slices": ["user.gender"], "resamples": 100},
        "compare": {"baselines": ["popularity", "bias"]},
    }
    config = parse_config(options, where="the test")
    tables = load_tables(config.data)
    config = with_tasks(config, tables)
    test = tables.interactions[split_table(config, tables, label(config, tables)).test]
    counted = test.join(tables.users, on="user_id").group_by("gender")
    expected = {
        gender: {"users": users, "interactions": interactions}
        for gender, users, interactions in counted.agg(
            pl.col("user_id").n_unique(), pl.len()
        ).iter_rows()
    }
    assert expected.keys() == {"F", "M"}
    for model in maxella.run(config)["models"]:
        found = by_slice(model)["user.gender"]
        assert {
            value: {key: one[key] for key in ("users", "interactions")}
            for value, one in found.items()
        } == expected
        if "retrieval" in model["metrics"]:
            name = "top_k_accuracy@100"
            hits = sum(
                one["interactions"] * one["metrics"]["retrieval"]["filtered"][name]
                for one in found.values()
            )
            assert hits / len(test) == pytest.approx(
                model["metrics"]["retrieval"]["filtered"][name]
            )
            assert all(one["intervals"]["retrieval"]["filtered"][name] for one in found.values())
