"""A sheet of Excel as text: what is said of text then holds for it too."""

import csv
import io
import re
import zipfile

from maxella.errors import DataError
from maxella.sources.bounded import grows, most_bytes, refuse_vast

NAMES_OF_LOGS = ("interactions", "ratings", "events")
_CELL = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')


def text_of_sheet(book: bytes, file: str) -> tuple[bytes, list[str]]:
    """The bytes of an .xlsx → CSV in UTF-8, a line for each row of the sheet, and notes.

    Of several sheets it is the one that is called as logs are, else the first with rows.
    Raises DataError where the extra is missing, and for what is no workbook.
    """
    try:
        import fastexcel  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise DataError(
            f"Reading {file} wants the extra 'excel'. Install it: pip install 'maxella[excel]'. "
            "Or save the sheet as CSV."
        ) from error
    try:
        _refuse_trap(book, file)
        opened = fastexcel.read_excel(book)
        sheets = [
            opened.load_sheet(
                name, header_row=None, skip_rows=0, dtypes="string", skip_whitespace_tail_rows=True
            )
            for name in opened.sheet_names
        ]
    except (fastexcel.FastExcelError, zipfile.BadZipFile, EOFError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"Cannot read {file} as Excel: {reason}. Save it anew.") from error
    filled = sorted(
        (sheet for sheet in sheets if sheet.height),
        key=lambda sheet: sheet.name.lower() not in NAMES_OF_LOGS,
    )
    if not filled:
        raise DataError(f"Wanted rows of data; {file} is empty. Save it anew.")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(filled[0].to_polars().iter_rows())
    others = ", ".join(sheet.name for sheet in filled[1:])
    notes = [f"Of the sheets of {file} '{filled[0].name}' is read, not {others}."] if others else []
    return text.getvalue().encode(), notes


def _refuse_trap(book: bytes, file: str) -> None:
    """Raises DataError for what grows beyond reason, in bytes or by one cell far out."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        for member in archive.infolist():
            if member.file_size > most_bytes(member.compress_size):
                raise grows(file, member.compress_size, f"{member.file_size:,} bytes")
            if re.fullmatch(r"xl/worksheets/[^/]+\.xml", member.filename):
                _refuse_far_cell(archive.read(member), len(book), file)


def _refuse_far_cell(sheet: bytes, n_packed: int, file: str) -> None:
    """Cells are held as one rectangle."""
    n_rows = n_columns = 0
    for letters, digits in _CELL.findall(sheet):
        n_rows = max(n_rows, int(digits))
        column = 0
        for letter in letters:
            column = 26 * column + letter - 64
        n_columns = max(n_columns, column)
    refuse_vast(n_rows, n_columns, n_packed, file)
