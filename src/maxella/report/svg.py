"""A matplotlib figure as a fragment of SVG that stands inside an HTML page.

The page sets the colours and the font: colours become CSS variables, so that one
drawing serves light and dark, and text stays text. No size, no date, no address.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

_SVG = "{http://www.w3.org/2000/svg}"
_LINK = "{http://www.w3.org/1999/xlink}href"
# Stand-ins that are drawn with; the page's CSS variables take their place.
INK, MUTED, GRID, PAPER, BASELINE = "#010101", "#010102", "#010103", "#010104", "#010105"
SERIES = tuple(f"#0102{number:02x}" for number in range(1, 7))
CSS_VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    PAPER: "--paper",
    BASELINE: "--baseline",
    **{colour: f"--series-{number}" for number, colour in enumerate(SERIES, start=1)},
}
_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "maxella",
    "text.parse_math": False,  # a model may be called `$x$`
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same measures everywhere
    "font.size": 12,
    "text.color": INK,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 1,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "legend.frameon": False,
    "legend.fontsize": 11,
}


@contextmanager
def drawing() -> Iterator[None]:
    """The settings to draw with, whatever those around are."""
    defaults: dict[Any, Any] = {
        key: value for key, value in mpl.rcParamsDefault.items() if key != "backend"
    }
    with mpl.rc_context(defaults | _STYLE), warnings.catch_warnings():
        # The page's own fonts show the letters that the font measured with lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure; width and height in pixels of the page (72 to the inch)."""
    return Figure(figsize=(width / 72, height / 72), dpi=72, layout="constrained")


def to_svg(figure: Figure, name: str, alt: str) -> Markup:
    """The figure as an `<svg>` element; `name` keeps its ids apart from other drawings."""
    buffer = io.BytesIO()
    # No metadata: it would hold the time and the address of a vocabulary.
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", dpi=72, metadata=nothing)
    root = ET.fromstring(buffer.getvalue())  # noqa: S314 - matplotlib wrote it just now
    for element in list(root.iter()):
        for child in element.findall(f"{_SVG}metadata") + element.findall(f"{_SVG}style"):
            element.remove(child)
        element.tag = element.tag.removeprefix(_SVG)
        element.attrib = {
            key.replace(_LINK, "href"): _page_value(key, value, name)
            for key, value in element.attrib.items()
            if key != "id" or element.tag != "g"
        }
    for size in ("width", "height", "version"):
        root.attrib.pop(size, None)
    root.attrib |= {"role": "img", "aria-label": alt}
    # The serialiser has escaped all text: this is markup, not text to escape.
    return Markup(ET.tostring(root, encoding="unicode", short_empty_elements=False))  # noqa: S704


def _page_value(key: str, value: str, name: str) -> str:
    if key == "id":
        return f"{name}-{value}"
    if key == _LINK:
        return value.replace("#", f"#{name}-", 1)
    value = value.replace("url(#", f"url(#{name}-")
    return re.sub(
        r"#01010\d|#0102\d\d", lambda found: f"var({CSS_VARIABLES[found.group()]})", value
    )
