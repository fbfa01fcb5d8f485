import io

import pytest
from rich.console import Console

from maxella.report.changes import print_changes

REPORT = {
    "steps": [
        {
            "name": "titles",
            "does": "Puts the article in front.",
            "counts": {"titles changed": 1234},
            "examples": [(f"[red]Film {n}\x1b, The", f"The Film {n}") for n in range(5)],
            "note": "",
        },
        {
            "name": "people",
            "does": "Joins.",
            "counts": {},
            "examples": [],
            "note": "Nothing to do.",
        },
    ],
    "rows": {"interactions": 1000, "users": 10, "items": 20},
    "notes": ["Something was left out."],
}


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_console_shows_counts_examples_and_notes(width):
    console = Console(file=io.StringIO(), width=width)
    print_changes(REPORT, console)
    shown = console.file.getvalue()
    assert all(len(line) <= width for line in shown.splitlines())
    words = " ".join(shown.split())
    assert "1,234" in words
    assert "\x1b" not in words
    if width == 200:
        assert "titles changed 1,234" in words
        assert "titles [red]Film 0 , The The Film 0" in words
        assert "Film 2" in words
        assert "Film 3" not in words  # three of a step; changes.json has more
        assert "Nothing to do." in words
        assert "Written: 1,000 interactions, 10 users, 20 items." in words
        assert "Note: Something was left out." in words


def test_a_report_without_examples_has_no_table_of_them():
    console = Console(file=io.StringIO(), width=80)
    print_changes(REPORT | {"steps": REPORT["steps"][1:]}, console)
    assert "examples" not in console.file.getvalue()
