"""Pages: templates whose texts are all escaped, one file each that loads nothing from anywhere."""

import re
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from maxella.report.columns import MISSING
from maxella.report.quality import words


def render(template: str, **values: Any) -> str:
    """The page of a template; the same values give the same bytes."""
    return _environment().get_template(f"{template}.html.jinja").render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("maxella.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = words
    environment.filters["anchor"] = lambda title: re.sub(r"\W+", "-", title.lower())
    environment.filters["dash"] = lambda text: "—" if text == MISSING else text
    return environment
