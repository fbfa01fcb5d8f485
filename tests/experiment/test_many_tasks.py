"""One log of a shop, one config, any number of tasks."""

import json

import numpy as np
import polars as pl
import pytest
import tomli_w

import maxella
from maxella.errors import ConfigError
from maxella.experiment.build import build_data, load_tables, with_tasks
from maxella.experiment.read_config import parse_config
from maxella.experiment.run import compare

VIEW = {"name": "view", "kind": "retrieval", "rows": "view", "loss": "leave_one_out_softmax"}
BUY = VIEW | {"name": "buy", "rows": "buy"}
BOUGHT = {"name": "bought", "kind": "binary", "rows": "buy", "among": "view"}
STARS = {"name": "stars", "kind": "rating"}
OPTIONS = {
    "split": {"kind": "random", "test": 0.25},
    "model": {"dim": 4, "history_dim": 4},
    "training": {"epochs": 2, "batch_size": 16, "learning_rate": 0.02},
    "evaluation": {"resamples": 100},
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """120 users of two camps and 20 items: 8 views each, 3 purchases of these, with stars.

    And a last view, after all purchases.
    """
    rng = np.random.default_rng(5)
    rows = []
    for user in range(120):
        is_own = np.arange(20) % 2 == user % 2
        chances = np.where(is_own, 5.0, 1.0)
        viewed = rng.choice(20, 8, replace=False, p=chances / chances.sum())
        rows += [(f"u{user}", f"i{i}", "view", None, 100 * t) for t, i in enumerate(viewed)]
        bought = [int(item) for item in viewed if is_own[item]][:3]
        rows += [
            (f"u{user}", f"i{i}", "buy", float(4 + i % 2), 1000 + 100 * t)
            for t, i in enumerate(bought)
        ]
        rows.append((f"u{user}", f"i{min(set(range(20)) - set(viewed))}", "view", None, 5000))
    columns = ["user_id", "item_id", "event", "rating", "timestamp"]
    log = pl.DataFrame(rows, schema=columns, orient="row")
    path = tmp_path_factory.mktemp("shop") / "log.csv"
    log.write_csv(path)
    return path


def options_of(shop, *tasks, **changes):
    return OPTIONS | {"data": {"path": str(shop)}, "tasks": list(tasks)} | changes


@pytest.fixture(scope="module")
def report(shop):
    return maxella.run(options_of(shop, BUY, VIEW, BOUGHT, STARS))


def test_stages_come_in_order_and_the_time_of_each_counts(shop):
    tasks = [task | {"revisits": True, "neighbours": 3} for task in (BUY, VIEW)]
    changes = {"compare": {"baselines": []}, "evaluation": {"resamples": 0}}
    model = maxella.run(options_of(shop, *tasks, **changes))["models"][0]
    # Visited items stand against all that new ones score by, so neighbours come first.
    names = [stage["name"] for stage in model["stages"]]
    assert names == ["gradient steps", *["neighbours"] * 2, *["revisits"] * 2]
    assert model["seconds"]["fit"] == sum(stage["seconds"] for stage in model["stages"])


def test_every_task_of_one_checkpoint_is_reported(report):
    joint = report["models"][0]
    assert joint["tasks"] == {"buy": 1.0, "view": 1.0, "bought": 1.0, "stars": 1.0}
    assert [task["name"] for task in report["tasks"]] == list(joint["metrics"])
    assert joint["metrics"]["buy"].keys() == {"raw", "filtered", "new", "visited"}
    assert {"auc", "log_loss"} <= joint["metrics"]["bought"].keys()
    assert {"rmse", "mae"} <= joint["metrics"]["stars"].keys()
    assert {f"{task}_loss" for task in joint["tasks"]} <= joint["history"][0].keys()
    assert report["dataset"]["events"] == {"view": 1080, "buy": pytest.approx(360, abs=15)}
    for task in report["tasks"]:
        for key in task["headline"]:
            assert key in report["metrics"][task["name"]]
    json.dumps(report, allow_nan=False)


def test_baselines_stand_only_where_they_answer(report):
    tasks = {model["name"]: set(model["metrics"]) for model in report["models"][1:]}
    assert (tasks.pop("bias"), tasks.pop("rates")) == ({"stars"}, {"bought"})
    assert {"popularity", "ease", "ials"} <= tasks.keys()
    assert all(answered == {"buy", "view"} for answered in tasks.values())
    assert all(set(model["tasks"].values()) == {None} for model in report["models"][1:])


def test_what_a_baseline_chose_is_kept_for_each_task(report):
    known = {model["name"]: model for model in report["models"]}
    tuned = known["ease"]["tuned"]
    assert tuned["tasks"].keys() == {"buy", "view"}
    assert all(of["penalty"] > 0 for of in tuned["tasks"].values())
    assert tuned["trials"] == sum(of["trials"] for of in tuned["tasks"].values()) == 10
    assert known["popularity"]["tuned"] is None


def test_differences_to_the_best_baseline_are_paired(report):
    joint, *baselines = report["models"]
    known = {one["name"]: one["metrics"] for one in baselines}
    found = joint["paired"]["view"]["filtered.ndcg@10"]
    values = {name: of["view"]["filtered"]["ndcg@10"] for name, of in known.items() if "view" in of}
    assert found["against"] == max(values, key=values.get)
    own = joint["metrics"]["view"]["filtered"]["ndcg@10"]
    assert found["difference"] == pytest.approx(own - max(values.values()))
    assert found["low"] < found["difference"] < found["high"]
    of_stars = joint["paired"]["stars"]["rmse"]
    assert of_stars["against"] == "bias"
    assert "paired" not in baselines[0]
    assert joint["paired"]["bought"]["auc"]["against"] == "rates"


def test_models_of_one_task_are_paired_by_every_headline_metric(shop):
    names = ["joint", "buy only", "bought only"]
    kept = [{"buy", "bought"}, {"buy"}, {"bought"}]
    models = [
        {"name": name, "tasks": {one: {"weight": 0.0} for one in {"buy", "bought"} - learnt}}
        for name, learnt in zip(names, kept, strict=True)
    ]
    changes = {"compare": {"models": models, "baselines": ["popularity"]}}
    found = compare(options_of(shop, BUY, BOUGHT, **changes))
    joint, buy, bought, popularity = found["models"]
    headlines = {task["name"]: task["headline"] for task in found["tasks"]}
    assert "auc" in headlines["bought"]
    for task, alone in [("buy", buy), ("bought", bought)]:
        assert joint["paired_models"][task].keys() >= set(headlines[task])
        for key in headlines[task]:
            of_joint, of_alone = (of["paired_models"][task][key] for of in (joint, alone))
            baselines = {"popularity"} if task == "buy" else set()
            assert of_joint.keys() == baselines | {alone["name"]}
            assert of_alone.keys() == baselines | {"joint"}
            one, other = of_joint[alone["name"]], of_alone["joint"]
            values = [of["metrics"][task] for of in (joint, alone)]
            for part in key.split(".", 1):
                values = [of[part] for of in values]
            assert one["difference"] == pytest.approx(values[0] - values[1])
            assert one["low"] <= one["difference"] <= one["high"]
            assert [-other["high"], -other["low"]] == pytest.approx([one["low"], one["high"]])
    assert bought["paired_models"]["buy"] == {}  # it has not learnt to
    assert joint["paired"]["buy"]["filtered.ndcg@10"]["against"] == "popularity"
    assert "paired_models" not in popularity
    told = [line for line in found["findings"] if "which learnt 2 tasks" in line]
    assert [line.split(",")[0] for line in told] == ["At buy", "At bought"]
    assert all("95 %" in line for line in told)


def test_the_name_of_a_module_is_no_name_of_a_task(shop):
    for name in ("items", "forward", "a.b"):
        with pytest.raises(ConfigError, match=f"No task can be called '{name}'"):
            maxella.run(options_of(shop, BUY | {"name": name}))


def test_a_task_without_rows_to_learn_from_is_refused(shop):
    with pytest.raises(ConfigError, match=r"tasks\.buy wants rows to learn from.*'rating > 9'"):
        maxella.run(options_of(shop, BUY | {"rows": "rating > 9"}))


def test_without_tasks_a_log_says_what_there_is_to_learn(shop, tmp_path):
    config = parse_config(options_of(shop), where="here")
    tables = load_tables(config.data)
    kinds = [task.kind for task in with_tasks(config, tables).tasks]
    assert kinds == ["retrieval", "rating"]
    pl.read_csv(shop).drop("rating").write_csv(tmp_path / "log.csv")
    config = parse_config(options_of(tmp_path / "log.csv"), where="here")
    assert [task.name for task in with_tasks(config, load_tables(config.data)).tasks] == [
        "retrieval"
    ]


def test_a_comparison_turns_tasks_off_by_their_names(shop):
    models = [{"name": "alone", "tasks": {"view": {"weight": 0.0}}}, {"name": "both"}]
    changes = {"compare": {"models": models, "baselines": ["popularity"]}}
    alone, both, popularity = compare(options_of(shop, BUY, VIEW, **changes))["models"]
    assert (alone["tasks"], both["tasks"]) == ({"buy": 1.0}, {"buy": 1.0, "view": 1.0})
    assert "view_loss" not in alone["history"][0]
    assert popularity["tasks"] == {"buy": None, "view": None}


def dataset(shop, *tasks, **split):
    config = parse_config(options_of(shop, *tasks, split=split), where="here")
    return build_data(config, load_tables(config.data))


def test_leave_last_out_leaves_nothing_later_of_a_user_in_training(shop):
    found = dataset(shop, BUY, VIEW, kind="leave_last_out")
    test, train = found.test.rows, found.train.rows
    goal = test.take(np.isfinite(test.labels["buy"]))  # of the first task
    assert len(goal) == len(np.unique(goal.users)) > 110
    earliest = dict(zip(goal.users.tolist(), goal.timestamps.tolist(), strict=True))
    held_out = np.array([earliest.get(user, 2**40) for user in train.users.tolist()])
    assert (test.timestamps == 5000).sum() > 110  # the views that came after
    assert (train.timestamps < held_out).all()


def test_a_column_says_what_trains(shop, tmp_path):
    log = pl.read_csv(shop)
    parts = pl.Series("part", ["train", "train", "validation", "test"] * len(log))[: len(log)]
    log.with_columns(parts).write_csv(tmp_path / "log.csv")
    found = dataset(tmp_path / "log.csv", BUY, VIEW, kind="column", column="part")
    counts = log.with_columns(parts).filter(event="buy")["part"].value_counts()
    assert len(found.test.pairs("buy")) == dict(counts.iter_rows())["test"]
    with pytest.raises(ConfigError, match="column"):
        dataset(shop, BUY, kind="column")


def test_a_task_more_is_a_change_of_the_config_alone(shop, tmp_path):
    path = tmp_path / "config.toml"
    options = options_of(shop, compare={"baselines": []})
    buy = '[[tasks]]\nname = "buy"\nkind = "retrieval"\nrows = "buy"\n'
    buy += 'loss = "leave_one_out_softmax"\n'
    del options["tasks"]
    path.write_text(buy + tomli_w.dumps(options))
    assert maxella.run(path)["models"][0]["tasks"] == {"buy": 1.0}
    liked = '[[tasks]]\nname = "liked"\nkind = "binary"\nrows = "rating >= 5"\n'
    path.write_text(liked + path.read_text())
    (joint,) = maxella.run(path)["models"]
    assert joint["tasks"] == {"buy": 1.0, "liked": 1.0}
    assert 0 <= joint["metrics"]["liked"]["auc"] <= 1
