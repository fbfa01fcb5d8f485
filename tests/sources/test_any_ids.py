"""Ids come back as they were written, or the file is refused: whatever the ids hold."""

import csv
import io
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from maxella.errors import DataError
from maxella.sources.load import load_source

# All that UTF-8 can hold, and more often what CSV trips over.
LETTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from('",;|\t\r\n\\ 0\ufeff\0')
IDS = (
    st.text(LETTERS, max_size=12)
    | st.from_regex(r"\A[ 0]{0,3}-?[0-9]{1,20}(\.[0-9]{1,3})?(e[0-9])?\Z")
    | st.builds(lambda text, n: text * n, st.text(LETTERS, min_size=1, max_size=3), st.just(400))
)
ROWS = st.lists(st.tuples(IDS, IDS, IDS), min_size=1, max_size=8, unique_by=lambda row: row[:2])


def written(rows, separator, end_of_line, quoting):
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator=end_of_line, quoting=quoting)
    writer.writerows([("user_id", "item_id", "shelf_id"), *rows])
    return buffer.getvalue().encode()


def read(data, name="log.csv"):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(data)
        return load_source("delimited", Path(folder) / name).interactions


@given(
    rows=ROWS,
    separator=st.sampled_from(",;|\t"),
    form=st.sampled_from(
        [
            ("\r\n", csv.QUOTE_ALL),
            ("\r\n", csv.QUOTE_MINIMAL),
            ("\n", csv.QUOTE_ALL),  # with the least quoting, Python leaves a lone "\r" bare
            ("\r", csv.QUOTE_ALL),
        ]
    ),
    mark=st.sampled_from([b"", b"\xef\xbb\xbf"]),
)
@example([("a\n\nb", "1\r\n2", "c")], ",", ("\r\n", csv.QUOTE_MINIMAL), b"")
@example([("a\rb", "c", "d")], ",", ("\r", csv.QUOTE_ALL), b"")
@settings(deadline=None, max_examples=150)  # it reads and writes files
def test_a_csv(rows, separator, form, mark):
    try:
        log = read(mark + written(rows, separator, *form))
    except DataError as error:
        has_none = any("" in row[:2] for row in rows)  # a row without an id is refused
        is_binary = any("\0" in text for row in rows for text in row)
        is_mixed = form[0] == "\r" and any("\n" in text for row in rows for text in row)
        assert has_none or is_binary or is_mixed, error  # noqa: PT017  # all others can be read
    else:
        assert log.fill_null("").rows() == [row for row in rows if any(row)]  # blank lines are none
