"""What a command prints: what it found on standard output, words on standard error."""

import functools
import inspect
import json
import os
import shlex
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maxella.printed import lines, one_line

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

INTERRUPTED = 130  # as shells have it: 128 and the number of the signal
MOST_ROWS = 1000  # of a table on the console

_is_quiet: ContextVar[bool] = ContextVar("is_quiet", default=False)


def command(carry_out: Callable[..., None]) -> Callable[..., None]:
    """A function as a command that takes --quiet, and that says so where it is interrupted."""

    @functools.wraps(carry_out)
    def run(*, quiet: bool, **arguments: Any) -> None:
        token = _is_quiet.set(quiet)
        try:
            carry_out(**arguments)
        except KeyboardInterrupt:
            say("Interrupted.")
            raise typer.Exit(INTERRUPTED) from None
        finally:
            _is_quiet.reset(token)

    option = typer.Option("--quiet", "-q", help="Print what is found and errors, no other word.")
    quiet = inspect.Parameter(
        "quiet",
        inspect.Parameter.KEYWORD_ONLY,
        default=False,
        annotation=Annotated[bool, option],
    )
    signature = inspect.signature(carry_out)
    parameters = [*signature.parameters.values(), quiet]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = carry_out.__annotations__ | {"quiet": quiet.annotation}
    return run


def is_quiet() -> bool:
    """Whether words are unwanted."""
    return _is_quiet.get()


def say(line: str) -> None:
    """Words beside what was found."""
    if not is_quiet():
        sys.stderr.write(
            f"{lines(line)}\n"
        )  # not by typer.echo, which goes past bars and tears them


def say_next(*words: object) -> None:
    """The command that most people want after this one."""
    say(f"Next: maxella {shlex.join(map(str, words))}")


def say_error(message: str) -> None:
    """What went wrong, in red where colours are wanted (https://no-color.org)."""
    is_plain = bool(os.environ.get("NO_COLOR"))
    typer.secho(f"Error: {lines(message)}", fg=None if is_plain else "red", err=True)


def show(found: Any, as_json: bool, print_found: "Callable[[Any, Console], None]") -> None:
    """As JSON, or as a function of `maxella.report` prints it."""
    if as_json:
        typer.echo(json.dumps(found))
        return
    from rich.console import Console

    print_found(found, Console())


def show_frame(frame: "pl.DataFrame", as_json: bool = False) -> None:
    """As an array of JSON objects, or as a table of its first rows."""
    if as_json:
        typer.echo(json.dumps(frame.to_dicts()))
        return
    from rich.console import Console

    from maxella.report.console import plain_or_ruled_table

    console = Console()
    kinds = frame.schema
    heads = (">" * kinds[name].is_numeric() + name.replace("_", " ") for name in frame.columns)
    table = plain_or_ruled_table(console, *heads)
    for row in frame.head(MOST_ROWS).iter_rows():
        table.add_row(*map(_cell, row))
    console.print(table)
    if len(frame) > MOST_ROWS:
        say(f"The first {MOST_ROWS:,} of {len(frame):,} rows; --json gives all.")


def show_json_lines(frame: "pl.DataFrame") -> None:
    """A JSON object a row, a row a line."""
    for part in frame.iter_slices(MOST_ROWS):
        if len(part):
            typer.echo("\n".join(map(json.dumps, part.iter_rows(named=True))))


def _cell(value: Any) -> Any:
    """As plain text: ids and titles such as "[REC]" are no markup."""
    from rich.text import Text

    if value is None:
        return ""
    return Text(f"{value:.3f}" if isinstance(value, float) else one_line(str(value)))
