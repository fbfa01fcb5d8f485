"""What holds for every kind of feature; a kind added to the table is tested at once."""

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maxella.errors import ConfigError, DataError
from maxella.features.kinds import FEATURE_KINDS, find_kind, fit_encoder


@dataclass(frozen=True)
class Case:
    """Values of a kind: some to fit on, others that say something else, and wrong ones."""

    values: list[Any]
    unknown: list[Any]  # of which a fit on `values` knows nothing
    missing: list[Any]
    wrong: pl.Series
    dtype: Any
    strategy: st.SearchStrategy[Any]


TEXTS = st.text(st.sampled_from("ab |é'1"), max_size=6)
NUMBERS = st.floats(allow_nan=True, allow_infinity=True)
CASES = {
    "category": Case(
        ["b", "a", "b"], ["c", "A"], [None, "", " "], pl.Series("x", [["a"]]), pl.String, TEXTS
    ),
    "labels": Case(
        [["b", "a"], ["b", "b"]],
        [["c"], ["ab", "A"]],
        [None, [], [""], [None]],
        pl.Series("x", [1, 2]),
        pl.List(pl.String),
        st.lists(TEXTS | st.none(), max_size=4),
    ),
    "number": Case(
        [1.0, 4.0, 2.5, 2.5],
        [],
        [None, math.nan, math.inf, -math.inf],
        pl.Series("x", ["7", "tall"]),
        pl.Float64,
        NUMBERS,
    ),
    "time": Case(
        [0, 86_400 * 300, 1.5e9],
        [1e11],  # March 5138
        [None, math.nan, math.inf],
        pl.Series("x", ["7", "1995-01-01"]),
        pl.Float64,
        st.floats(-6e10, 2.5e11) | st.just(math.nan),
    ),
    "text": Case(
        ["The war", "war", "the"],
        ["peace", "théâtre"],
        [None, "", "?!", "\u0301"],
        pl.Series("x", [1, 2]),
        pl.String,
        TEXTS,
    ),
}
KINDS = list(FEATURE_KINDS)
few = settings(max_examples=15, deadline=None)
over_kinds = pytest.mark.parametrize("kind", KINDS)


def series(kind, values):
    return pl.Series("x", values, dtype=CASES[kind].dtype, strict=False)


def drawn(data, kind, **sizes):
    return series(kind, data.draw(st.lists(CASES[kind].strategy | st.none(), **sizes)))


def assert_bags_equal(one, other):
    np.testing.assert_array_equal(one.begins, other.begins)
    np.testing.assert_array_equal(one.columns, other.columns)
    np.testing.assert_array_equal(one.weights, other.weights)


def test_every_kind_has_a_case():
    assert list(CASES) == KINDS


@over_kinds
@few
@given(data=st.data())
def test_bags_hold_finite_weights_of_columns_there_are(kind, data):
    encoder = fit_encoder(kind, drawn(data, kind))
    values = drawn(data, kind)
    bags = encoder.encode(values)
    assert len(bags) == len(values)
    assert len(encoder.column_names) == encoder.n_columns
    assert all(isinstance(name, str) and name for name in encoder.column_names)
    assert (bags.begins.dtype, bags.columns.dtype, bags.weights.dtype) == (
        np.int64,
        np.int64,
        np.float32,
    )
    assert ((bags.columns >= 0) & (bags.columns < encoder.n_columns)).all()
    assert np.isfinite(bags.weights).all()
    assert bags.counts.sum() == len(bags.columns)
    for begin, count in zip(bags.begins, bags.counts, strict=True):
        assert (np.diff(bags.columns[begin : begin + count]) > 0).all()


@over_kinds
@few
@given(data=st.data())
def test_json_gives_the_same_encoder_again(kind, data):
    encoder = fit_encoder(kind, drawn(data, kind))
    facts = encoder.to_dict()
    written = json.loads(json.dumps(facts, allow_nan=False))
    assert written == facts
    again = find_kind(kind).from_dict(written)
    assert again == encoder
    assert again.column_names == encoder.column_names
    values = drawn(data, kind)
    assert_bags_equal(again.encode(values), encoder.encode(values))


@over_kinds
@few
@given(data=st.data())
def test_neither_order_nor_chunks_matter(kind, data):
    values = drawn(data, kind, min_size=2)
    order = np.array(data.draw(st.permutations(range(len(values)))))
    shuffled = values[order]
    encoder = fit_encoder(kind, values)
    chunked = pl.concat([shuffled[:1], shuffled[1:]], rechunk=False)
    assert fit_encoder(kind, shuffled) == fit_encoder(kind, chunked) == encoder
    assert_bags_equal(encoder.encode(chunked), encoder.encode(values).take(order))
    assert_bags_equal(encoder.encode(shuffled[:1]), encoder.encode(values).take(order[:1]))


@over_kinds
def test_every_known_value_says_something(kind):
    case = CASES[kind]
    values = series(kind, case.values)
    assert (fit_encoder(kind, values).encode(values).counts > 0).all()


@over_kinds
def test_what_the_fit_did_not_know_adds_nothing(kind):
    case = CASES[kind]
    encoder = fit_encoder(kind, series(kind, [*case.values, None]))
    assert not encoder.encode(series(kind, case.unknown)).counts.any()


@over_kinds
def test_a_missing_value_has_a_column_if_the_fit_saw_one(kind):
    case = CASES[kind]
    without = fit_encoder(kind, series(kind, case.values))
    assert "missing" not in without.column_names
    assert not without.encode(series(kind, case.missing)).counts.any()
    for missing in case.missing:
        encoder = fit_encoder(kind, series(kind, [*case.values, missing]))
        assert encoder.column_names == (*without.column_names, "missing")
        bags = encoder.encode(series(kind, case.missing))
        assert bags.columns.tolist() == [without.n_columns] * len(case.missing)
        assert bags.weights.tolist() == [1] * len(case.missing)
        values = series(kind, case.values)
        assert_bags_equal(encoder.encode(values), without.encode(values))


@over_kinds
@pytest.mark.parametrize("has_type", [False, True])
def test_a_column_without_values_is_harmless(kind, has_type):
    case = CASES[kind]
    missing = series(kind, [None, None]) if has_type else pl.Series("x", [None, None])
    encoder = fit_encoder(kind, missing)
    assert encoder.column_names == ("missing",)
    assert encoder.encode(missing).columns.tolist() == [0, 0]
    assert not encoder.encode(series(kind, case.values)).counts.any()
    nothing = fit_encoder(kind, missing[:0])
    assert nothing.n_columns == 0
    assert not nothing.encode(series(kind, [*case.values, None])).counts.any()
    assert len(nothing.encode(missing[:0])) == 0


@over_kinds
def test_a_constant_column_is_harmless(kind):
    case = CASES[kind]
    constant = series(kind, case.values[:1] * 3)
    encoder = fit_encoder(kind, constant)
    assert np.isfinite(encoder.encode(series(kind, case.values)).weights).all()
    bags = encoder.encode(constant)
    assert_bags_equal(bags, bags.take(np.zeros(3, dtype=np.int64)))


@over_kinds
def test_a_value_of_the_wrong_type_is_named(kind):
    case = CASES[kind]
    encoder = fit_encoder(kind, series(kind, case.values))
    first = {"number": "'tall'", "time": "'1995-01-01'"}.get(kind, "holds")
    for ask in (lambda: fit_encoder(kind, case.wrong), lambda: encoder.encode(case.wrong)):
        with pytest.raises(DataError, match=f"^Wanted .* in column 'x'; it .*{first}"):
            ask()


@over_kinds
def test_lists_of_lists_dicts_and_bytes_are_refused(kind):
    for wrong in ([[["a"]]], [{"a": 1}], [b"a"]):
        with pytest.raises(DataError, match="in column 'x'"):
            fit_encoder(kind, pl.Series("x", wrong))


@over_kinds
def test_an_unknown_option_is_refused_with_the_nearest_name(kind):
    option = {"number": "bucket", "time": "part"}.get(kind, "min_coun")
    with pytest.raises(ConfigError, match=f"No option .*'{option}'.*Did you mean"):
        fit_encoder(kind, series(kind, []), **{option: 1})


@over_kinds
@pytest.mark.parametrize("value", [-1, 1.5, True, "3", None])
def test_a_wrong_value_of_an_option_is_refused(kind, value):
    option = {"number": "buckets", "time": "parts"}.get(kind, "min_count")
    value = [str(value)] if kind == "time" else value
    with pytest.raises(ConfigError, match=r"wants|Known"):
        fit_encoder(kind, series(kind, []), **{option: value})


def test_an_unknown_kind_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="Did you mean 'labels'"):
        fit_encoder("label", pl.Series(["a"]))
