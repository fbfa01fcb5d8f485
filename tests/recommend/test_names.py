import polars as pl
import pytest

from maxella.errors import DataError
from maxella.recommend.names import ItemNames

ITEMS = pl.DataFrame(
    {
        "item_id": ["7", "8", "9", "10"],
        "title": ["Coldplay", "Cold War Kids", "Blur", None],
        "label": ["Parlophone", "Downtown", "Food", "Food"],
    }
)


def names(column=None, items=ITEMS):
    return ItemNames.of(items["item_id"], items, column)


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("7", "7"),
        ("Coldplay", "7"),
        ("coldPLAY ", "7"),
        ("war", "8"),
        ("blu", "9"),
        ("10", "10"),  # without a name
    ],
)
def test_an_item_is_found_by_id_by_name_or_by_a_part_of_it(text, item):
    assert names().find(text) == item


def test_an_id_goes_before_a_name():
    items = pl.DataFrame({"item_id": ["1", "2"], "name": ["2", "other"]})
    assert names(items=items).find("2") == "2"


def test_several_are_listed_and_asked_for():
    with pytest.raises(DataError) as raised:
        names().find("cold")
    assert str(raised.value).splitlines() == [
        "'cold' fits 2 items. Give the id of one:",
        "  7  Coldplay",
        "  8  Cold War Kids",
    ]
    many = pl.DataFrame({"item_id": [str(n) for n in range(30)], "name": ["Same"] * 30})
    with pytest.raises(DataError, match=r"fits 30 items(.|\n)*  and 20 more"):
        names(items=many).find("same")


def test_none_is_said_with_the_nearest_name():
    with pytest.raises(DataError, match=r"none is called 'Coldpaly'\. Did you mean 'Coldplay'"):
        names().find("Coldpaly")
    with pytest.raises(DataError, match=r"none is called 'xyz'\. Give an id"):
        names().find("xyz")


def test_ids_are_names_where_there_are_no_others():
    items = pl.DataFrame({"item_id": ["Coldplay", "Blur"]})
    assert names(items=items).find("cold") == "Coldplay"
    frame = pl.DataFrame({"item_id": ["Blur"], "score": [1.0]})
    assert names(items=items).beside(frame).equals(frame)


def test_names_stand_behind_their_ids():
    frame = pl.DataFrame(
        {"user": ["a", "b", "c"], "item_id": ["8", "10", "none"], "score": [1, 2, 3]}
    )
    assert names().beside(frame).to_dict(as_series=False) == {
        "user": ["a", "b", "c"],
        "item_id": ["8", "10", "none"],
        "item_name": ["Cold War Kids", None, None],
        "score": [1, 2, 3],
    }
    assert names("label").beside(frame)["item_name"].to_list() == ["Downtown", "Food", None]
    assert names().beside(frame.rename({"item_id": "movie"}), "movie").columns[1:3] == [
        "movie",
        "item_name",
    ]
