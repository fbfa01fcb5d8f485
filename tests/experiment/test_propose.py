"""Which tasks are proposed for a log, on logs whose goal is plain to see."""

import polars as pl
import pytest

from maxella.experiment.propose import FEWEST, choose_options, propose_tasks


def log_of(counts, **columns):
    """A log with so many rows of each event, each of a pair of its own."""
    rows = [(f"u{n % 50}", f"i{n // 50}", e) for e, count in counts.items() for n in range(count)]
    frame = pl.DataFrame(rows, schema=["user_id", "item_id", "event"], orient="row")
    return frame.with_columns(**columns)


def proposed(log, flags=()):
    tasks, left_out = propose_tasks(log, flags, 8)
    return [task.options for task in tasks], left_out


def test_the_goal_is_the_rarest_choice_and_looks_help():
    tasks, left_out = proposed(log_of({"view": 900, "addToCart": 200, "purchase": 50}))
    assert [(t["name"], t["rows"], t["weight"]) for t in tasks] == [
        ("purchase", "purchase", 1.0),
        ("addtocart", "addToCart", 0.5),
        ("view", "view", 0.2),
    ]
    assert all(t["kind"] == "retrieval" and t["loss"] == "leave_one_out_softmax" for t in tasks)
    assert left_out == []


def test_a_choice_too_rare_to_learn_from_is_no_goal():
    tasks, left_out = proposed(log_of({"view": 900, "cart": 200, "purchase": FEWEST - 1}))
    assert [task["name"] for task in tasks] == ["cart", "view"]
    assert left_out == ["purchase: 19 rows are too few for a task of their own"]


def test_few_choices_are_enough():
    counts = {"buy": 40, "cart": 50, "like": 60, "share": 70, "click": 100, "view": 200, "wave": 30}
    tasks, left_out = proposed(log_of(counts))
    assert [(task["name"], task["rows"]) for task in tasks] == [
        ("buy", "buy"),
        ("cart", "cart"),
        ("view", ["click", "view"]),
    ]
    assert [why.split(":")[0] for why in left_out] == ["like", "share", "wave"]


def test_where_nobody_chose_looks_are_the_goal():
    tasks, _ = proposed(log_of({"view": 90, "detail": 60}))
    assert [(t["name"], t["rows"], t["weight"]) for t in tasks] == [
        ("view", ["detail", "view"], 1.0)
    ]


def test_names_that_tell_nothing_are_one_task():
    tasks, _ = proposed(log_of({"1": 90, "2": 60}))
    assert [(t["name"], t["rows"]) for t in tasks] == [("retrieval", ["2", "1"])]


def test_a_log_without_events_learns_all_rows():
    (task,), left_out = proposed(log_of({"x": 90}).drop("event"))
    assert (task["name"], task["weight"], "rows" in task, left_out) == ("retrieval", 1.0, False, [])


@pytest.mark.parametrize(
    ("refusal", "choice"),
    [
        ("return", "purchase"),
        ("refunded", "order"),
        ("remove_from_cart", "cart"),
        ("dislike", "like"),
        ("skip", "play"),
    ],
)
def test_a_refusal_is_asked_among_what_it_turns_down(refusal, choice):
    tasks, _ = proposed(log_of({choice: 100, refusal: 30, "view": 300}))
    task = tasks[-1]
    assert (task["kind"], task["rows"], task["among"]) == ("binary", refusal, [choice])
    assert tasks[0]["every"] == 8


@pytest.mark.parametrize(
    ("counts", "why"),
    [
        ({"purchase": 100, "return": 3}, "return: 3 yes and 100 no are too few"),
        ({"purchase": 100, "skip": 50}, "skip: there is no event that it turns down"),
    ],
)
def test_a_refusal_without_labels_enough_is_no_task(counts, why):
    tasks, left_out = proposed(log_of(counts))
    assert len(tasks) == 1
    assert left_out == [why]


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        (pl.int_range(pl.len()) % 3 // 2, "liked == 1"),
        (pl.int_range(pl.len()) % 3 == 0, "liked == true"),
        (
            pl.when(pl.int_range(pl.len()) % 3 == 0)
            .then(pl.lit("True"))
            .otherwise(pl.lit("False")),
            "liked == True",
        ),
    ],
)
def test_a_column_of_yes_and_no_is_a_binary_task(values, rows):
    tasks, _ = proposed(log_of({"x": 90}, liked=values).drop("event"), ["liked"])
    assert [(task["name"], task["kind"]) for task in tasks] == [
        ("retrieval", "retrieval"),
        ("liked", "binary"),
    ]
    assert tasks[1]["rows"] == rows
    assert tasks[1]["shapes_encoders"] is False


def test_ratings_are_a_task_of_their_own_name():
    log = log_of({"rating": 90, "view": 200}, rating=pl.int_range(pl.len()) % 5)
    tasks, _ = proposed(log)
    assert [task["name"] for task in tasks] == ["rating", "view", "rating_rating"]


def test_repeats_count_where_they_are_many():
    counted = log_of(
        {"view": 300, "buy": 90},
        count=pl.when(pl.col("event") == "view").then(1 + pl.int_range(pl.len()) % 3).otherwise(1),
    )
    tasks, _ = proposed(counted)
    assert [(task["name"], task.get("count")) for task in tasks] == [("buy", None), ("view", "log")]


def test_an_event_that_would_read_as_a_condition_is_a_list():
    tasks, _ = proposed(log_of({"buy and pay": 90, "view > 3 s": 200}))
    assert [(task["name"], task["rows"]) for task in tasks] == [
        ("buy_and_pay", ["buy and pay"]),
        ("view_3_s", ["view > 3 s"]),
    ]


def test_the_split_asks_for_the_goal():
    # Each view is of a new user, purchases are not.
    log = log_of({"purchase": 100, "view": 300})
    log = log.with_columns(timestamp=pl.int_range(pl.len()) * 7 % 400)
    log = log.with_columns(
        user_id=pl.when(pl.col("event") == "view")
        .then(pl.format("v{}", "timestamp"))
        .otherwise("user_id")
    )
    assert choose_options(log).options["split"]["kind"] == "temporal"
    assert choose_options(log.drop("event")).options["split"]["kind"] == "leave_last_out"


YES_WHERE = pl.int_range(pl.len()) % 3 == 0


@pytest.mark.parametrize(
    ("flags", "rows", "part"),
    [
        ({"liked": YES_WHERE}, "liked == true", "30 rows are choices, as liked says; the other 60"),
        ({"skipped": YES_WHERE}, "skipped == false", "30 rows are no choices, as skipped turns"),
        (
            {"clicked": ~YES_WHERE, "purchased": YES_WHERE.cast(pl.Int8)},
            "purchased == 1",
            "as purchased says",
        ),
        ({"liked": ~YES_WHERE, "bought": YES_WHERE}, "bought == true", "as bought says"),
        ({"liked": pl.int_range(pl.len()) < 5}, None, "liked says yes too seldom to go by"),
        (
            {"liked": pl.when(YES_WHERE).then(pl.lit("Yes")).otherwise(pl.lit("No"))},
            "liked == Yes",
            "as liked says",
        ),
    ],
)
def test_rows_that_say_no_are_no_choices(flags, rows, part):
    log = log_of({"x": 90}, **flags).drop("event")
    (goal, *_), _ = propose_tasks(log, [*flags], 8)
    assert goal.options.get("rows") == rows
    assert part in goal.reason
    assert choose_options(log, flags=[*flags]).options["split"]["kind"] == "random"


def test_a_refusal_turns_no_event_into_a_condition():
    tasks, _ = proposed(log_of({"buy": 90}, liked=YES_WHERE), ["liked"])
    assert tasks[0]["rows"] == "buy"


@pytest.mark.parametrize(
    ("count", "is_counted"),
    [(pl.lit(4.0), False), (215.5 + pl.int_range(pl.len()) % 50, True), (pl.lit(-1), False)],
)
def test_what_differs_in_its_count_counts(count, is_counted):
    (task,), _ = proposed(log_of({"x": 90}, count=count).drop("event"))
    assert task.get("count") == ("log" if is_counted else None)


@pytest.mark.parametrize(("n", "epochs", "every"), [(30, 120, 32), (600, 64, 17), (9000, 30, 8)])
def test_a_head_has_steps_enough_in_a_small_log(n, epochs, every):
    log = pl.DataFrame({"user_id": range(n), "item_id": [i % 40 for i in range(n)]})
    log = log.with_columns(rating=pl.col("item_id") % 5 + 1.0)
    choices = choose_options(log.cast({"user_id": pl.String, "item_id": pl.String}))
    assert choices.options["training"]["epochs"] == epochs
    assert choices.tasks[0].options["every"] == every
