"""What a command found, on standard output."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


def show(found: Any, as_json: bool, print_found: "Callable[[Any, Console], None]") -> None:
    """As JSON, or as a function of `maxella.report` prints it."""
    if as_json:
        typer.echo(json.dumps(found))
        return
    from rich.console import Console

    print_found(found, Console())
