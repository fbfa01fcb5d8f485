"""The page of a data set: what to see to before training, and what the data hold."""

from html import escape
from typing import Any

from maxella.report.html import document, figures, section, table
from maxella.report.quality import headline, in_order, split_sentence, words
from maxella.report.quality_plots import draw_quality

_Dict = dict[str, Any]


def quality_page(quality: _Dict) -> str:
    """The page of `maxella.data.quality.Quality.to_dict` with its split; all texts are escaped."""
    exploration = quality["exploration"]
    sections = [_findings(quality)]
    for title, plots in draw_quality(exploration).items():
        sections.append(section(title, figures(plots)))
        if title == "Favourites":
            sections += _favourites_by_group(exploration)
    footer = (
        "Made by <code>maxella data check</code>. With <code>--json</code> it prints the figures."
    )
    return document(f"Data check: {quality['name']}", _opening(quality), sections, footer)


def _opening(quality: _Dict) -> str:
    points = [*quality["notes"], split_sentence(quality)]
    lines = "".join(f"<li>{escape(point)}</li>\n" for point in points)
    return f"""<header>
<p class="eyebrow">Maxella data check</p>
<h1>{escape(quality["name"])}</h1>
<p class="answer">{escape(headline(quality))}</p>
<ul class="findings">{lines}</ul>
</header>"""


def _findings(quality: _Dict) -> str:
    bodies: dict[str, list[str]] = {}
    for finding in in_order(quality):
        examples = "".join(f"<li>{escape(example)}</li>" for example in finding["examples"])
        shown = f"<ul>{examples}</ul>" if examples else ""
        advice = f"<p>{escape(finding['advice'])}</p>" if finding["advice"] else ""
        bodies.setdefault(finding["severity"], []).append(
            f'<tr><th scope="row">{escape(words(finding["name"]))}</th>'
            f"<td>{_badge(finding['severity'])}</td>"
            f"<td>{escape(finding['message'])}{shown}{advice}</td></tr>\n"
        )
    heads = "".join(
        f'<th scope="col">{text}</th>' for text in ("check", "verdict", "what was found")
    )
    caption = "Warnings first. Below what was found, examples and what to do."
    return section("Findings", table(caption, f"<tr>{heads}</tr>", bodies.values(), "left prose"))


def _badge(severity: str) -> str:
    return f'<span class="severity {escape(severity)}">{escape(severity)}</span>'


def _favourites_by_group(exploration: _Dict) -> list[str]:
    """A section for each column of users that makes groups: what each group takes and loves."""
    return [
        section(f"Favourites by {words(breakdown['column'])}", _table_of(breakdown, exploration))
        for breakdown in exploration["by_user"]
    ]


def _table_of(breakdown: _Dict, exploration: _Dict) -> str:
    has_ratings = exploration["mean_rating"] is not None
    rows = []
    for group, favourites in zip(breakdown["groups"], breakdown["favourites"], strict=True):
        taken = [(item["name"], f"{item['count']:,}") for item in favourites["most_rated"]]
        loved = [
            (item["name"], f"{item['damped_mean']:.2f} of {item['count']:,}")
            for item in favourites["best_loved"]
        ]
        rows.append(
            f'<tr><th scope="row">{escape(group["name"])}</th>{_cell(taken)}'
            f"{_cell(loved) if has_ratings else ''}</tr>\n"
        )
    heads = [words(breakdown["column"]), "most interactions", *(["best loved"] * has_ratings)]
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    caption = "Items with the most interactions of each group"
    if has_ratings:
        caption += (
            f", and those with the best mean rating, damped by {exploration['damping']:g} ratings "
            f"at the mean of all, {exploration['mean_rating']:.2f}; of how many interactions"
        )
    return table(f"{caption}.", f"<tr>{head}</tr>", [rows], "left prose")


def _cell(items: list[tuple[str, str]]) -> str:
    lines = "".join(
        f'<li>{escape(name)} <span class="half">{escape(note)}</span></li>' for name, note in items
    )
    return f"<td><ol>{lines}</ol></td>"
