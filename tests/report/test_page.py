import json
import re
import shutil
import subprocess

import pytest

from maxella.report.against import HEADS
from maxella.report.columns import shown_columns
from maxella.report.findings import findings
from maxella.report.tasks import in_table_order


def rows_of(page, head):
    """The table whose first cell is `head`: the name of each row → its cells."""
    table = next(rows for rows in page.tables if rows[0][0] == head)
    return {row[0]: row[1:] for row in table}


def test_the_page_opens_with_the_answer(report, read, page_of):
    text = read(page_of(report)).text
    places = [text.index(line) for line in findings(report)]
    assert places == sorted(places)
    assert places[-1] < text.index("Comparison Best of each column")


def test_every_figure_stands_in_the_comparison_under_its_task(report, read, page_of):
    page = read(page_of(report))
    table = next(rows for rows in page.tables if rows[0][0] == "model")
    assert table[0] == ["model", "purchase", "stars", "liked", ""]
    spans = [int(attrs["colspan"]) for _, attrs in page.tags if attrs.get("scope") == "colgroup"]
    assert spans == [3, 2, 2, 2]
    columns = shown_columns(report)
    assert table[1] == [column.label for column in columns]
    for model, row in zip(in_table_order(report), table[2:], strict=False):
        assert row[0] == model["name"]
        for column, cell in zip(columns, row[1:], strict=True):
            assert cell.lstrip("*") == column.cell(model).replace("-", "—")
    assert table[-1][:4] == ["ceiling", "0.871", "1.000", "0.871"]


def test_each_model_stands_against_the_best_baseline(report, read, page_of):
    table = next(rows for rows in read(page_of(report)).tables if rows[0][-1] == "so it is")
    assert table[1][0] == "purchase"
    rows = {tuple(row[:2]): row[2:] for row in table if len(row) == len(HEADS)}
    assert rows["joint", "filtered top-100"] == [
        "0.262",
        "EASE 0.257",
        "+0.0050",
        "+0.0010 to +0.0090",
        "ahead",
    ]
    # Unpaired in this report: their own intervals, .161 ± .008 and .19 ± .008, lie apart.
    assert rows["joint", "raw top-100"][2:] == ["-0.0290", "-", "behind"]
    assert rows["joint", "AUC"][2:] == ["+0.0200", "-0.0100 to +0.0500", "level"]
    assert ("purchase-only", "RMSE") not in rows  # not learnt
    report["candidates"] = 100
    page = read(page_of(report))
    table = next(rows for rows in page.tables if rows[0][-1] == "so it is")
    assert not any("top-100" in cell for row in table for cell in row)


def test_every_part_can_be_gone_to(report, read, page_of):
    page = read(page_of(report))
    ids = [attrs["id"] for tag, attrs in page.tags if tag == "section"]
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert links == [f"#{name}" for name in ids]
    assert {"comparison", "by-slice", "all-figures"} - {*ids} == {"by-slice"}  # it has no slice


def test_the_page_ends_with_the_next_command(report, read, page_of):
    report["models"][1] |= {"folder": "models/joint"}  # the best at the first ranking
    told = "What next maxella recommend RUN/models/joint --user ID RUN is the folder"
    assert told in read(page_of(report)).text
    report["tasks"] = report["tasks"][1:]  # ratings and likes alone
    del report["models"][1]["folder"]
    assert "What next maxella predict RUN PAIRS.csv RUN is" in read(page_of(report)).text


def test_best_is_only_what_counts(report, read, page_of):
    cells = rows_of(read(page_of(report)), "model")
    assert cells["joint"][3] == "*0.874 ±0.008"
    # Had the specialist guessed stars better, it would still not have learnt them.
    report["models"][0]["metrics"]["stars"]["rmse"] = 0.1
    cells = rows_of(read(page_of(report)), "model")
    assert cells["joint"][3] == "*0.874 ±0.008"
    assert cells["purchase-only"][3] == "0.100 ±0.008"


def test_figures_that_were_not_learnt_are_grey(report, page_of):
    page = page_of(report)
    assert re.search(r'<td class="unlearnt">3\.676', page)
    assert not re.search(r'<td class="unlearnt">0\.874', page)


def test_of_one_task_the_table_has_one_row_of_heads(report, read, page_of):
    report["tasks"] = report["tasks"][1:2]
    page = read(page_of(report))
    table = next(rows for rows in page.tables if rows[0][0] == "model")
    assert table[0] == ["model", "RMSE", "MAE", "fit s", "evaluate s"]


def test_all_figures_with_their_intervals_by_task_and_protocol(report, read, page_of):
    rows = rows_of(read(page_of(report)), "metric")
    assert {"purchase raw", "purchase new", "purchase visited", "stars", "liked"} <= rows.keys()
    # .231 / 2 of purchase-only, ± .008
    assert rows["recall@20"][0] == "0.1155 [0.1075, 0.1235]"
    assert rows["coverage_80"][:2] == ["—", "0.7900 [0.7820, 0.7980]"]


def test_what_training_did_in_order(report, read, page_of):
    table = next(rows for rows in read(page_of(report)).tables if rows[0][0] == "stage")
    assert table[1:] == [
        ["joint", ""],
        ["closed form", "1.20", "dimensions 32"],
        ["gradient steps", "4.40", ""],
    ]
    del report["models"][1]["stages"]
    assert "What training did" not in page_of(report)


def test_tasks_data_and_models_are_told(report, read, page_of):
    page = read(page_of(report))
    assert rows_of(page, "task")["liked"] == [
        "binary",
        "rating >= 4 among view, cart",
        "700,000",
        "230,000",
    ]
    table = next(rows for rows in page.tables if rows[0][-1] == "SHA-256")
    assert table[2] == [
        "joint",
        "purchase 1, stars 0.5, liked 0.25",
        "12 trials",
        "2 of 3",
        "ef56" * 16,
    ]
    assert table[3][:2] == ["popularity", "purchase"]
    for told in (
        "1,000,209",
        "view events 900,000",
        report["command"],
        "random (seed 42, test 0.25, validation 0.0). Test interactions were drawn at random.",
        "Test Read once.",
        "2.13.0",
        "New Only items that the user met in no event before",
    ):
        assert told in page.text


def test_a_protocol_that_no_task_has_is_not_explained(report, read, page_of):
    report["metrics"]["purchase"] = {
        key: told
        for key, told in report["metrics"]["purchase"].items()
        if not key.startswith(("new.", "visited."))
    }
    text = read(page_of(report)).text
    assert "Filtered Items the user has" in text
    assert "in no event before" not in text


def test_nothing_is_loaded_from_anywhere(report, read, page_of):
    page = page_of(report)
    assert "http:" not in page
    assert "https:" not in page
    assert "@import" not in page
    parsed = read(page)
    assert parsed.count("script") == parsed.count("iframe") == parsed.count("img") == 0
    links = [attrs[key] for _, attrs in parsed.tags for key in ("src", "href") if key in attrs]
    assert all(link.startswith(("#", "data:,")) for link in links)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))
    policy = next(attrs["content"] for _, attrs in parsed.tags if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'")


EVIL = "<script>alert('x')</script><img src=x onerror=y>\"'&amp;"


def renamed(value, old):
    """The same report with EVIL for every key and value that is `old`."""
    if isinstance(value, dict):
        return {EVIL if key == old else key: renamed(one, old) for key, one in value.items()}
    if isinstance(value, list):
        return [renamed(one, old) for one in value]
    return EVIL if value == old else value


@pytest.mark.parametrize(
    "old",
    [
        "joint",
        "EASE",
        "purchase",
        "stars",
        "liked",
        "view",
        "filtered top-100",
        "what RMSE means",
        "rating >= 4",
        "binary",
        "filtered.ndcg@10",
        "closed form",
        "dimensions",
        "toy-shop",
        "No duplicate pairs.",
        "random",
        "seed",
        "3",
        "shop",
        "maxella compare configs/shop.toml --out run",
        "cores",
        "2.13.0",
        "0.1.0",
        "2026-11-24T04:09:11+00:00",
        "ef56" * 16,
    ],
)
def test_hostile_text_is_harmless(report, read, old, page_of):
    hostile = renamed(report, old)
    if old == "liked":  # a task's loss is named after it
        for entry in hostile["models"][1]["history"]:
            entry[f"{EVIL}_loss"] = entry.pop("liked_loss")
    page = page_of(hostile)
    parsed = read(page)
    assert parsed.count("script") == parsed.count("img") == 0
    assert not any(key.startswith("on") for _, attrs in parsed.tags for key in attrs)
    assert "<script" not in page
    assert "alert(" in parsed.text


def test_a_name_that_is_a_method_of_a_dict_is_a_name(report, read, page_of):
    text = json.dumps(report).replace('"liked"', '"items"').replace('"stars"', '"values"')
    page = read(page_of(json.loads(text)))
    assert rows_of(page, "task")["items"][0] == "binary"


def test_the_same_report_gives_the_same_bytes(report, page_of):
    assert page_of(report) == page_of(report)


def test_tables_and_drawings_can_be_read_aloud(report, read, page_of):
    parsed = read(page_of(report))
    assert parsed.count("table") == parsed.count("caption") == 8
    assert parsed.count("h1") == 1
    assert all(attrs.get("scope") for tag, attrs in parsed.tags if tag == "th")
    drawings = [attrs for tag, attrs in parsed.tags if tag == "svg"]
    assert len(drawings) == parsed.count("figcaption") == 13
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in drawings)
    assert parsed.tags[0] == ("html", {"lang": "en"})


def test_light_and_dark_have_the_same_variables_and_enough_contrast(report, page_of):
    page = page_of(report)
    light, dark = (
        dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", page, re.DOTALL)[:2]
    )
    assert light.keys() == dark.keys()
    for colours in (light, dark):
        for text in ("--ink", "--muted"):
            assert contrast(colours[text], colours["--paper"]) >= 4.5
        marks = ("--series", "--baseline", "--faint")
        for mark in [name for name in colours if name.startswith(marks)]:
            assert contrast(colours[mark], colours["--paper"]) >= 3
    used = set(re.findall(r"var\((--[\w-]+)\)", page)) - {"--colour", "--shade"}
    assert used <= light.keys()


def contrast(first, second):
    """The contrast ratio of WCAG 2: (lighter + .05) / (darker + .05)."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_report_of_the_bare_minimum(read, page_of):
    text = read(page_of({"format": 2, "models": []})).text
    assert "No model of this report has a figure to judge it by." in text
    assert "Checkpoints" not in text


def test_a_test_part_read_again_is_owned_up_to(report, read, page_of):
    report["test_reads"] = 3
    assert "Test Read 3 times." in read(page_of(report)).text


OVERHANGS = """<script>
const overhang = (one) =>
  one.getBoundingClientRect().right - one.closest(".scroll").getBoundingClientRect().right;
document.title = JSON.stringify([...document.querySelectorAll("caption span")].map(overhang));
</script>"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("chromium"), reason="wants a browser")
def test_no_caption_is_cut_where_a_table_is_wider_than_the_page(report, page_of, tmp_path):
    text = re.sub("<meta http-equiv.*?>", "", page_of(report))  # which forbids scripts
    (tmp_path / "page.html").write_text(text.replace("</body>", f"{OVERHANGS}</body>"))
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--window-size=600,900"]
    command += [f"--user-data-dir={tmp_path / 'browser'}", "--dump-dom"]
    command.append((tmp_path / "page.html").as_uri())
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    overhangs = json.loads(re.search("<title>(.*?)</title>", done.stdout)[1])
    assert len(overhangs) > 5
    assert max(overhangs) < 1
