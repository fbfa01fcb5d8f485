"""The page of a data set: what to see to before training, and what the data hold."""

from itertools import groupby
from typing import Any

from maxella.report.pages import render
from maxella.report.quality import headline, in_order, split_sentence
from maxella.report.quality_plots import draw_quality


def quality_page(quality: dict[str, Any]) -> str:
    """The page of `maxella.data.quality.check_data`, with its split."""
    exploration = quality["exploration"]
    by_severity = groupby(in_order(quality), key=lambda finding: finding["severity"])
    return render(
        "quality",
        title=f"Data check: {quality['name']}",
        eyebrow=["Maxella data check"],
        heading=quality["name"],
        answer=headline(quality),
        points=[*quality["notes"], split_sentence(quality)],
        by_severity=[list(group) for _, group in by_severity],
        sections=draw_quality(exploration),
        exploration=exploration,
        favourites_caption=_caption(exploration),
    )


def _caption(exploration: dict[str, Any]) -> str:
    caption = "Items with the most interactions of each group"
    if exploration["mean_rating"] is not None:
        caption += (
            f", and those with the best mean rating, damped by {exploration['damping']:g} ratings "
            f"at the mean of all, {exploration['mean_rating']:.2f}; of how many interactions"
        )
    return f"{caption}."
