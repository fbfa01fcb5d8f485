"""The page of a data set: what to see to before training, and what the data hold."""

from itertools import groupby
from typing import Any

from maxella.report.pages import render
from maxella.report.quality import headline, in_order, split_sentence
from maxella.report.quality_plots import draw_quality


def quality_page(quality: dict[str, Any]) -> str:
    """The page of `maxella.data.quality.check_data`, with its split."""
    by_severity = groupby(in_order(quality), key=lambda finding: finding["severity"])
    return render(
        "quality",
        title=f"Data check: {quality['name']}",
        eyebrow=["Maxella data check"],
        heading=quality["name"],
        answer=headline(quality),
        points=[*quality["notes"], split_sentence(quality)],
        by_severity=[list(group) for _, group in by_severity],
        sections=draw_quality(quality["exploration"]),
    )
