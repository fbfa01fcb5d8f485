import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maxella.data.split import SPLITS, split_interactions
from maxella.errors import ConfigError, DataError


def log_of(users, times=None):
    columns = {"user_id": [str(user) for user in users]}
    columns["part"] = ["train" if row % 3 else "test" for row in range(len(users))]
    columns["item_id"] = [str(row % 4) for row in range(len(columns["user_id"]))]
    if times is not None:
        columns["timestamp"] = times
    return pl.DataFrame(columns)


@pytest.mark.parametrize("kind", SPLITS)
@given(
    users=st.lists(st.integers(0, 5), min_size=6, max_size=60),
    seed=st.integers(0, 9),
    shares=st.sampled_from([(0.25, 0.0), (0.25, 0.2), (0.0, 0.0)]),
)
def test_every_row_falls_on_one_side(kind, users, seed, shares):
    test, validation = shares
    log = log_of(users, times=[(7 * user + 3) % 11 for user in users])
    try:
        split = split_interactions(
            log, kind=kind, test=test, validation=validation, seed=seed, column="part"
        )
    except DataError:  # all rows of one moment: nothing left to train on
        assert kind == "temporal"
        return
    parts = [split.train, split.validation, split.test, split.given]
    assert sorted(np.concatenate(parts)) == list(range(len(users)))
    assert all((np.diff(part) > 0).all() for part in parts)
    assert bool(len(split.validation)) <= bool(validation)


def test_a_random_split_has_the_notebook_s_sizes():
    # int(0.75 · 1,000,209) is 750,156.
    split = split_interactions(
        log_of(range(1_000_209)), kind="random", test=0.25, validation=0.0, seed=42
    )
    assert (len(split.train), len(split.test)) == (750_156, 250_053)


def test_validation_is_taken_out_of_training_and_leaves_the_test_alone():
    log = log_of(range(100))
    plain = split_interactions(log, kind="random", test=0.25, validation=0.0, seed=1)
    three = split_interactions(log, kind="random", test=0.25, validation=0.2, seed=1)
    assert three.test.tolist() == plain.test.tolist()
    assert len(three.validation) == 15  # a fifth of 75
    assert set(three.validation) < set(plain.train)


def test_seeds_differ_and_repeat():
    log = log_of(range(100))
    one, same, other = (
        split_interactions(log, kind="random", test=0.25, validation=0.0, seed=seed).test.tolist()
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


def test_leave_last_out_takes_each_users_last_row_in_time():
    # User a: rows 0 and 2, row 0 is later. User b: row 1 alone stays. User c: rows 3 and 4
    # at one time, so the later in the file goes.
    log = log_of("abacc", times=[9, 5, 1, 7, 7])
    split = split_interactions(log, kind="leave_last_out", test=0.1, validation=0.0, seed=0)
    assert split.test.tolist() == [0, 4]
    three = split_interactions(
        log_of("aaab", times=[1, 2, 3, 4]), kind="leave_last_out", test=0.1, validation=0.1, seed=0
    )
    assert (three.train.tolist(), three.validation.tolist(), three.test.tolist()) == (
        [0, 3],
        [1],
        [2],
    )


def test_a_temporal_split_cuts_at_one_moment():
    # A quarter of eight rows is two; times 6 and 6 and 6 belong together.
    split = split_interactions(
        log_of("abababab", times=[3, 1, 6, 2, 6, 4, 5, 6]),
        kind="temporal",
        test=0.25,
        validation=0.0,
        seed=0,
    )
    assert split.test.tolist() == [2, 4, 7]


def test_a_cold_user_is_held_out_whole_and_told_half():
    # Four users of 1, 2, 3 and 4 rows; two test, one validates, one trains.
    users = np.array(list("dcbadcbdcd"))
    split = split_interactions(log_of(users), kind="cold_user", test=0.5, validation=0.5, seed=3)
    held_out = np.concatenate([split.validation, split.test, split.given])
    assert not set(users[split.train]) & set(users[held_out])
    assert len(set(users[split.train])) == 1
    assert len(split.given)
    for user in set(users[held_out]):
        told = (users[split.given] == user).sum()
        asked = (users[split.test] == user).sum() + (users[split.validation] == user).sum()
        assert told - asked in (0, 1)
    assert not set(users[split.test]) & set(users[split.validation])


@pytest.mark.parametrize(("given", "n_given"), [(0.0, 0), (0.2, 3), (0.5, 6)])
def test_the_share_that_a_cold_user_is_told_is_rounded_up(given, n_given):
    users = np.repeat(["a", "b", "c", "d"], 11)
    options = {"kind": "cold_user", "test": 0.25, "validation": 0.0, "seed": 3}
    split = split_interactions(log_of(users), given=given, **options)
    assert len(split.given) == n_given
    assert len(split.test) == 11 - n_given


def test_cold_items_are_held_out_whole():
    log = log_of(range(40))
    split = split_interactions(log, kind="cold_item", test=0.25, validation=0.0, seed=3)
    (item,) = set(log["item_id"][split.test])
    assert log["item_id"][split.train].n_unique() == 3
    assert item not in set(log["item_id"][split.train])


def test_the_last_of_each_user_in_time():
    log = log_of("aaaabbb", [5, 1, 3, 2, 9, 9, 9])
    split = split_interactions(log, kind="user_temporal", test=0.5, validation=0.0, seed=3)
    assert split.test.tolist() == [0, 2, 6]  # two of four, one of three


@pytest.mark.parametrize("kind", ["leave_last_out", "temporal", "user_temporal"])
@pytest.mark.parametrize("times", [None, [1, None, 3]])
def test_a_split_in_time_wants_times(kind, times):
    with pytest.raises(DataError, match="timestamp"):
        split_interactions(log_of("abc", times), kind=kind, test=0.3, validation=0.0, seed=0)


def test_an_unknown_split_names_the_nearest():
    with pytest.raises(ConfigError, match="Did you mean 'random'"):
        split_interactions(log_of("ab"), kind="randon", test=0.5, validation=0.0, seed=0)


@pytest.mark.parametrize("kind", ["leave_last_out", "user_temporal"])
@given(
    rows=st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=6, max_size=60),
    seed=st.integers(0, 9),
)
def test_the_latest_target_rows_are_held_out_and_all_that_came_with_or_after_them(kind, rows, seed):
    users, is_target = (np.array(column) for column in zip(*rows, strict=True))
    times = np.array([(7 * row + 3) % 64 for row in range(len(users))])
    log = log_of(users, times=times.tolist())
    targets = np.flatnonzero(is_target)
    options = {"kind": kind, "test": 0.3, "seed": seed}
    try:
        alone = split_interactions(log[targets], validation=0.0, **options)
        split = split_interactions(log, validation=0.0, is_target=is_target, **options)
        three = split_interactions(log, validation=0.2, is_target=is_target, **options)
    except DataError:  # nothing left to train on
        return
    held_out = targets[alone.test]
    assert [row for row in split.test if is_target[row]] == held_out.tolist()
    for user in np.unique(users[held_out]):
        first = times[held_out[users[held_out] == user]].min()
        assert all(times[split.train[users[split.train] == user]] < first)
        others = split.test[users[split.test] == user]
        assert all(times[others] >= first)
    assert three.test.tolist() == split.test.tolist()
    for part in (split, three):
        together = np.concatenate([part.train, part.validation, part.test])
        assert sorted(together) == list(range(len(log)))


@pytest.mark.parametrize("kind", ["random", "temporal"])
def test_other_splits_hold_out_rows_of_every_event(kind):
    log = log_of("abcdefgh" * 5, times=list(range(40)))
    options = {"kind": kind, "test": 0.3, "validation": 0.2, "seed": 1}
    masked = split_interactions(log, is_target=np.arange(40) % 3 == 0, **options)
    plain = split_interactions(log, **options)
    assert masked.test.tolist() == plain.test.tolist()
    assert masked.train.tolist() == plain.train.tolist()


def test_a_column_says_where_each_row_belongs():
    log = log_of("abcde").with_columns(
        part=pl.Series(["test", "train", "validation", "train", "test"])
    )
    options = {"kind": "column", "test": 0.5, "validation": 0.5, "seed": 0}
    split = split_interactions(log, column="part", **options)
    assert [part.tolist() for part in (split.train, split.validation, split.test)] == [
        [1, 3],
        [2],
        [0, 4],
    ]


def test_validation_is_drawn_of_training_targets_where_a_column_names_none():
    log = log_of(range(90))  # every third row tests
    is_target = np.arange(90) >= 30
    split = split_interactions(
        log, kind="column", column="part", test=0.0, validation=0.25, seed=0, is_target=is_target
    )
    assert split.test.tolist() == list(range(0, 90, 3))
    assert len(split.validation) == 10  # of 40 training rows from the 30th on
    assert min(split.validation) >= 30


@pytest.mark.parametrize(
    ("column", "parts", "error", "message"),
    [
        ("prt", ["train", "test"], ConfigError, "wants in split.column .* There are user_id, "),
        (None, ["train", "test"], ConfigError, "got None"),
        ("part", ["train", "tset"], DataError, "1 rows have another value, such as tset"),
        ("part", ["train", None], DataError, "such as None"),
    ],
)
def test_a_column_that_gives_no_split(column, parts, error, message):
    log = log_of("ab").with_columns(part=pl.Series(parts))
    with pytest.raises(error, match=message):
        split_interactions(log, kind="column", column=column, test=0.5, validation=0.0, seed=0)
