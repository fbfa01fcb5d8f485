import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from maxella.features.id import UNKNOWN_ROW, Vocabulary

IDS = st.text(st.characters(codec="utf-8"), max_size=4)


@given(st.lists(IDS, unique=True), st.lists(IDS | st.none(), max_size=20))
def test_few_ids_and_many_have_the_same_rows(held, asked):
    ids = Vocabulary.fit(pl.Series("id", held, dtype=pl.String))
    by_hand = [held.index(one) + 1 if one in held else UNKNOWN_ROW for one in asked]
    assert ids.rows_of(asked).tolist() == by_hand
    assert ids.rows_of(asked * 40).tolist() == by_hand * 40


@given(st.lists(IDS, unique=True, min_size=1), st.data())
def test_rows_and_ids_are_one_another_s_inverse(held, data):
    ids = Vocabulary.fit(pl.Series("id", held, dtype=pl.String))
    rows = np.array(data.draw(st.lists(st.integers(0, len(held)), max_size=50)), dtype=np.int64)
    found = ids.ids_of(rows)
    assert found.null_count() == (rows == UNKNOWN_ROW).sum()
    assert ids.rows_of(found).tolist() == rows.tolist()
