"""Logs as shops keep them: several events, times of any unit, facts beside the interaction."""

import pytest

from maxella.errors import DataError
from maxella.sources.load import load_source
from maxella.sources.mapping import guess_columns

LOG = """\
user_id,item_id,event,when,brand,sizes
u1,a,view,2020-01-01 00:00:00 UTC,x,"[1, 2]"
u1,a,purchase,2020-01-01 00:00:05 UTC,x,"[1, 2]"
u1,b,cart,2020-01-01 00:00:07 UTC,y,
u2,a,cart,2020-01-02 00:00:00 UTC,z,"[1, 2]"
u2,a,purchase,2020-01-02 00:00:01 UTC,x,"[1, 2]"
u2,c,view,2020-01-02 00:00:02 UTC,,[3]
"""
START = 1577836800  # 2020-01-01
COLUMNS = {"timestamp": "when"}


def read(folder, text=LOG, **options):
    (folder / "log.csv").write_text(text)
    return load_source("delimited", folder / "log.csv", columns=COLUMNS, **options)


def test_every_event_is_kept_under_our_name(tmp_path):
    log = read(tmp_path).interactions
    assert log.select("user_id", "item_id", "timestamp", "event").rows() == [
        ("u1", "a", START, "view"),
        ("u1", "a", START + 5, "purchase"),
        ("u1", "b", START + 7, "cart"),
        ("u2", "a", START + 86_400, "cart"),
        ("u2", "a", START + 86_401, "purchase"),
        ("u2", "c", START + 86_402, "view"),
    ]


def test_events_are_mapped_guessed_or_declared_to_be_none(tmp_path):
    named = LOG.replace("event", "what", 1)
    columns = COLUMNS | {"event": "what"}
    (tmp_path / "log.csv").write_text(named)
    log = load_source("delimited", tmp_path / "log.csv", columns=columns).interactions
    assert log["event"].n_unique() == 3
    (tmp_path / "log.csv").write_text(LOG)
    columns = COLUMNS | {"event": ""}
    log = load_source("delimited", tmp_path / "log.csv", columns=columns).interactions
    assert "event" not in log.columns
    assert log["count"].to_list() == [2, 1, 2, 1]  # u1 a and u2 a have two events each
    assert guess_columns(["behavior_type"]) == {"event": "behavior_type"}


def test_codes_of_events_are_text(tmp_path):
    log = read(tmp_path, "user_id,item_id,event,when\nu,i,1,5\nu,i,2,6\n").interactions
    assert log["event"].to_list() == ["1", "2"]


def test_an_item_may_be_called_event(tmp_path):
    (tmp_path / "log.csv").write_text("member,event\n1,concert\n1,concert\n")
    columns = {"user_id": "member", "item_id": "event"}
    log = load_source("delimited", tmp_path / "log.csv", columns=columns).interactions
    assert log.rows() == [("1", "concert", 2)]


def test_facts_of_items_move_to_the_items(tmp_path):
    tables = read(tmp_path, item_columns=["brand", "sizes"])
    assert tables.interactions.columns == ["user_id", "item_id", "timestamp", "event"]
    assert tables.items.rows() == [("a", "x", ["1", "2"]), ("b", "y", None), ("c", None, ["3"])]
    assert "1 of 3 item_ids have more than one brand; the first is kept." in tables.notes


def test_facts_join_a_file_of_items(tmp_path):
    (tmp_path / "items.csv").write_text("id,made\nb,2020-02-01\nunsold,2020-03-01\n")
    tables = read(tmp_path, item_columns=["brand"], items=tmp_path / "items.csv")
    assert tables.items["item_id"].to_list() == ["b", "unsold", "a", "c"]
    assert tables.items["brand"].to_list() == ["y", None, "x", None]
    assert tables.items["made"].dt.epoch("s").to_list() == [1580515200, 1583020800, None, None]


def test_a_fact_that_is_there_already(tmp_path):
    (tmp_path / "items.csv").write_text("item_id,brand\na,q\n")
    with pytest.raises(DataError, match=r"'brand' in .*log.csv is in both"):
        read(tmp_path, item_columns=["brand"], items=tmp_path / "items.csv")


def test_an_id_is_no_fact(tmp_path):
    with pytest.raises(DataError, match=r"'item_id' in .*log.csv is an id"):
        read(tmp_path, user_columns=["item_id"])


@pytest.mark.parametrize(("unit", "many"), [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
def test_times_of_any_unit(tmp_path, unit, many):
    text = f"user_id,item_id,when\nu,a,{START * many}\nu,b,{(START + 2) * many - 1}\n"
    log = read(tmp_path, text, time_unit=unit).interactions
    assert log["timestamp"].to_list() == [START, START + 1]


def test_a_lone_quote_is_a_letter(tmp_path):
    text = 'user_id,item_id,note,when\n1,5" wide,x,1\n2,b,y,2\n3,"7"" wide",z,3\n'
    log = read(tmp_path, text).interactions
    assert log["item_id"].to_list() == ['5" wide', "b", '7" wide']


def test_numbers_of_more_digits_than_a_number_holds_stay_text(tmp_path):
    numbers = "8999999999999999999,9999999999999999999,1234567890123456.5"
    text = f"user_id,item_id,when,a,b,c\nu,i,1,{numbers}\n"
    log = read(tmp_path, text).interactions
    assert log.select("a", "b", "c").rows() == [
        (8999999999999999999, "9999999999999999999", "1234567890123456.5")
    ]
