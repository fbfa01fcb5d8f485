"""Ids, titles, names and paths that a terminal, a page or a spreadsheet would obey."""

import polars as pl
import pytest

import maxella
from maxella.cli.spreadsheet import formulas, without_formulas

# A title of the window, an erased screen, the same in one byte, a turn of the direction of reading,
# a line of its own, markup of rich, and markup of a page.
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202eevil\u2028\x7f[red]"
LIVE = "<script>alert(1)</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A folder with a log, a config and a run in which every name is hostile."""
    folder = tmp_path_factory.mktemp("hostile") / f"at{ESCAPES}"
    folder.mkdir()
    lines = [f"user_id,item_id,rating,timestamp,on{ESCAPES}"]
    for user in range(12):
        lines += [
            f"{ESCAPES}{user},=cmd{ESCAPES}{item},{1 + (user + item) % 5},{user + item},{ESCAPES}"
            for item in range(8)
            if (user + 2 * item) % 5
        ]
    (folder / "log.csv").write_text("\n".join(lines) + "\n")
    titles = [
        f'=cmd{ESCAPES}{item},"=HYPERLINK(""{LIVE}"")",{item % 2}{ESCAPES}' for item in range(8)
    ]
    (folder / "items.csv").write_text("\n".join(["item_id,title,kind", *titles]) + "\n")
    (folder / "config.toml").write_text(
        f"""
        title = {_toml(LIVE + ESCAPES)}
        data = {{ path = "log.csv", items = "items.csv" }}
        model = {{ dim = 4 }}
        training = {{ epochs = 1 }}
        evaluation = {{ resamples = 20 }}
        features = {{ item = {{ {_toml(ESCAPES)} = {{ kind = "category", column = "kind" }} }} }}
        [[tasks]]
        name = {_toml("pick" + LIVE + ESCAPES)}
        kind = "retrieval"
        [[tasks]]
        name = "stars"
        kind = "rating"
        [compare]
        baselines = ["popularity"]
        [[compare.models]]
        name = {_toml("one<script>" + ESCAPES)}
        """
    )
    maxella.run(_config(folder), folder / "run")
    return folder


def _toml(text):
    """A string of TOML, all of whose control characters are escaped."""
    return (
        '"'
        + "".join(c if c.isascii() and c.isprintable() else f"\\u{ord(c):04x}" for c in text)
        + '"'
    )


def _config(folder):
    from maxella.experiment.read_config import load_config

    return load_config(folder / "config.toml")


def refused(text):
    """What a terminal would obey."""
    return {letter for letter in text if not (letter.isprintable() or letter == "\n")}


COMMANDS = {
    "describe": ("data", "describe", "config.toml"),
    "check": ("data", "check", "config.toml", "--html", "check.html"),
    "init": ("init", "log.csv", "--items", "items.csv", "--out", "made.toml"),
    "train": ("train", "config.toml", "--out", "trained"),
    "compare": ("compare", "config.toml", "--out", "compared"),
    "evaluate": ("evaluate", "run"),
    "importance": ("importance", "run", "--repeats", "1"),
    "recommend": ("recommend", "run", "--user", f"{ESCAPES}1", "--user", f"nobody{ESCAPES}"),
    "similar": ("similar", "run", f"=cmd{ESCAPES}1"),
}
ERRORS = {
    "an unknown item": ("similar", "run", f"nothing{ESCAPES}"),
    "an unknown option": ("train", "config.toml", "--out", "x", "--set", f"model.{ESCAPES}=1"),
    "a file that is not there": ("data", "describe", f"{ESCAPES}.csv"),
    "a mapping to no column": ("data", "describe", "mapped.toml"),
    "a row of the log": ("data", "describe", f"short{ESCAPES}.csv"),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_prints_what_a_terminal_obeys(cli, hostile, monkeypatch, name):
    monkeypatch.chdir(hostile)
    done = cli(*COMMANDS[name])
    assert (done.code, refused(done.out + done.err)) == (0, set())
    assert "owned" in done.out or "pick<script>" in done.out


@pytest.mark.parametrize("name", ERRORS)
def test_no_error_prints_what_a_terminal_obeys(cli, hostile, monkeypatch, name):
    monkeypatch.chdir(hostile)
    mapping = f"[data]\npath = 'log.csv'\ncolumns = {{ user_id = {_toml(ESCAPES)} }}\n"
    (hostile / "mapped.toml").write_text(mapping)
    (hostile / f"short{ESCAPES}.csv").write_text(f"user_id,item_id,rating\n1,2,{ESCAPES}\n3,4\n")
    done = cli(*ERRORS[name])
    assert (done.code, refused(done.out + done.err)) == (2, set())
    assert "owned" in done.err


def test_a_line_beyond_reason_is_cut(cli, hostile, monkeypatch):
    monkeypatch.chdir(hostile)
    done = cli("recommend", "run", "--user", "u" * 10**6)
    assert done.code == 0
    assert max(map(len, done.err.splitlines())) <= 4000
    assert len(done.out) < 10**6


def test_pages_and_the_card_hold_no_live_markup(cli, hostile, monkeypatch):
    monkeypatch.chdir(hostile)
    (hostile / "check.html").unlink(missing_ok=True)
    assert cli("data", "check", "config.toml", "--html", "check.html").code == 0
    for page in (hostile / "check.html", hostile / "run" / "report.html"):
        text = page.read_text()
        assert ("<script" in text, "<img" in text) == (False, False)
    card = (hostile / "run" / "bundle" / "MODEL_CARD.md").read_text()
    assert r"\<script\>" in card
    assert "<script" not in card.replace(r"\<", "")
    assert refused(card) == set()


def test_csv_for_a_spreadsheet(cli, hostile, monkeypatch):
    monkeypatch.chdir(hostile)
    done = cli("recommend", "run", "--all", "--out", "lists.csv")
    assert "The id '=cmd" in done.err
    assert "formulas to a spreadsheet" in done.err
    written = pl.read_csv("lists.csv")
    assert written["item_id"].str.starts_with("=cmd\x1b]0;owned").all()  # to the letter
    assert "formula" not in cli("recommend", "run", "--all", "--out", "lists.parquet").err


def test_columns_of_pairs_are_carried_along_as_text(cli, hostile, monkeypatch):
    monkeypatch.chdir(hostile)
    (hostile / "pairs.csv").write_text(f"user_id,item_id,note{ESCAPES}\n1,2,=1+1\n1,3,-4\n")
    printed = cli("predict", "run", "pairs.csv")
    assert (printed.code, refused(printed.out + printed.err)) == (0, set())
    assert cli("predict", "run", "pairs.csv", "--out", "answers.csv").code == 0
    notes = pl.read_csv("answers.csv", infer_schema=False)[f"note{ESCAPES}"]
    assert notes.to_list() == ["'=1+1", "-4"]


def test_names_are_no_formulas_and_ids_and_numbers_are_as_they_were():
    starts = ["=1+2", "+1-cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1"]
    plain = ["-3.2", "+5", "a=b", "'quoted'", "", None, "7"]
    frame = pl.DataFrame({"item_id": starts + plain, "title": starts + plain, "score": -1.5})
    written = without_formulas(frame)
    assert written["title"].to_list() == [f"'{one}" for one in starts] + plain
    assert written.drop("title").equals(frame.drop("title"))
    assert formulas(frame) == ["=1+2"]
    assert formulas(frame.tail(len(plain))) == []
