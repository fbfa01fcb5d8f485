import re
from html.parser import HTMLParser

from maxella.report.columns import COLUMNS, in_table_order
from maxella.report.findings import findings, headline
from maxella.report.page import html_page

_VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """The elements of a page; fails where a tag is closed that is not the open one."""

    def __init__(self, text):
        super().__init__()
        self.open = []
        self.tags = []
        self.words = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)


def test_the_page_opens_with_the_answer(report):
    text = Page(html_page(report)).text
    answer = headline(report)
    assert "popularity beats every model trained for retrieval" in answer
    assert text.index(answer) < text.index("Comparison Best of each column")
    for line in findings(report):
        assert line in text


def test_every_name_and_figure_stands_in_the_page(report):
    page = html_page(report)
    text = Page(page).text
    for model in in_table_order(report):
        assert model["name"] in text
        assert model.get("checkpoint", "") in text
        row = re.search(rf'<th scope="row"><span[^>]*></span>{model["name"]}</th>(.*)</tr>', page)
        cells = re.findall(r"<td>(?:<strong>)?([^<]+)", row[1])
        assert cells == [column.text(column.value(model)).replace("-", "—") for column in COLUMNS]
    assert "0.1100 [0.1020, 0.1180]" in text  # recall@20 of retrieval-specialised: .22 / 2
    assert "1,000,209" in text
    assert report["command"] in text
    assert "random (seed 42, test 0.25, validation 0.0)" in text
    assert "Test Read once." in text
    assert "2.13.0" in text


def test_nothing_is_loaded_from_anywhere(report):
    page = html_page(report)
    assert "http:" not in page
    assert "https:" not in page
    assert "@import" not in page
    parsed = Page(page)
    assert parsed.count("script") == parsed.count("iframe") == parsed.count("img") == 0
    links = [attrs[key] for _, attrs in parsed.tags for key in ("src", "href") if key in attrs]
    assert all(link.startswith(("#", "data:,")) for link in links)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))
    policy = next(attrs["content"] for _, attrs in parsed.tags if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none'")


def test_hostile_text_is_harmless(report):
    evil = "<script>alert('x')</script><img src=x onerror=y>\"'&amp;"
    report |= {"title": evil, "command": evil, "created": evil, "maxella": evil}
    report["machine"] = {evil: evil}
    report["split"]["kind"] = evil
    report["split"][evil] = evil
    report["dataset"] |= {"name": evil, "notes": [evil]}
    for model in report["models"]:
        model |= {"name": evil, "checkpoint": evil}
    report["models"][0]["kind"] = evil
    for group in ("metrics", "intervals"):
        report["models"][0][group]["raw"][evil] = 0.5 if group == "metrics" else [0.4, 0.6]
    page = html_page(report)
    parsed = Page(page)
    assert parsed.count("script") == parsed.count("img") == 0
    assert not any(key.startswith("on") for _, attrs in parsed.tags for key in attrs)
    assert evil in parsed.text
    assert "<script" not in page


def test_the_same_report_gives_the_same_bytes(report):
    assert html_page(report) == html_page(report)


def test_tables_and_drawings_can_be_read_aloud(report):
    parsed = Page(html_page(report))
    assert parsed.count("table") == parsed.count("caption") == 3
    assert parsed.count("h1") == 1
    assert all(attrs.get("scope") for tag, attrs in parsed.tags if tag == "th")
    drawings = [attrs for tag, attrs in parsed.tags if tag == "svg"]
    assert len(drawings) == parsed.count("figcaption") == 7
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in drawings)
    assert parsed.tags[0] == ("html", {"lang": "en"})


def test_light_and_dark_have_the_same_variables_and_enough_contrast(report):
    page = html_page(report)
    light, dark = (
        dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", block))
        for block in re.findall(r":root \{(.*?)\}", page, re.DOTALL)[:2]
    )
    assert light.keys() == dark.keys()
    for colours in (light, dark):
        for text in ("--ink", "--muted"):
            assert contrast(colours[text], colours["--paper"]) >= 4.5
        for mark in [name for name in colours if name.startswith(("--series", "--baseline"))]:
            assert contrast(colours[mark], colours["--paper"]) >= 3
    assert set(re.findall(r"var\((--[\w-]+)\)", page)) - {"--colour"} <= light.keys()


def contrast(first, second):
    """The contrast ratio of WCAG 2: (lighter + .05) / (darker + .05)."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour):
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_a_report_of_the_bare_minimum():
    text = Page(html_page({"format": 1, "models": []})).text
    assert "No model of this report has a figure yet." in text
    assert "Checkpoints" not in text


def test_one_side_missing_everywhere(report):
    report["models"] = [model for model in report["models"] if model["name"] == "bias"]
    text = Page(html_page(report)).text
    assert "At rating bias is best (RMSE 0.905)" in text
    assert "raw top-100" not in text


def test_a_test_part_read_again_is_owned_up_to(report):
    report["test_reads"] = 3
    assert "Test Read 3 times." in Page(html_page(report)).text
