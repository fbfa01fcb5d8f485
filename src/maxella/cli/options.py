"""`maxella options`: the reference page of a config's options."""

from typing import Annotated

import typer


def options(
    section: Annotated[
        str | None, typer.Argument(help="One section, such as training.", show_default=False)
    ] = None,
) -> None:
    """Every option of a config with its default and what it does, as Markdown."""
    from maxella.experiment.options_page import options_page

    typer.echo(options_page(section).rstrip("\n"))
