"""The command table: `maxella --help` lists what follows here.

Nothing heavy is imported at the top: help must come at once, and a command pays only
for what it uses.
"""

import sys

import typer

from maxella import __version__
from maxella.cli import answers, data, experiments
from maxella.cli.init import init
from maxella.errors import EXIT_CODE, MaxellaError
from maxella.printed import lines, one_line

app = typer.Typer(
    name="maxella",
    help="One model for many tasks: what users pick, how they rate it, whether they like it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(data.app, name="data")
app.command("init")(init)
app.command("train")(experiments.train)
app.command("compare")(experiments.compare)
app.command("evaluate")(experiments.evaluate)
app.command("importance")(experiments.importance)
app.command("recommend")(answers.recommend)
app.command("predict")(answers.predict)
app.command("similar")(answers.similar)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", help="Print the version.", callback=_version, is_eager=True
    ),
) -> None:
    del version


def main() -> None:
    """Run a command; an error that a user can mend is one message and exit code 2."""
    try:
        app()
    except MaxellaError as error:
        typer.secho(f"Error: {lines(str(error))}", fg="red", err=True)
        sys.exit(EXIT_CODE)
    except OSError as error:  # a full disk, a folder that may not be written
        reason = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        typer.secho(f"Error: the system refused: {one_line(reason)}.", fg="red", err=True)
        sys.exit(EXIT_CODE)
