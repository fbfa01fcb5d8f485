"""`maxella data`: get a data set, look at one."""

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Get a data set, or look at one.", no_args_is_help=True)


@app.command("get")
def get(
    name: Annotated[
        str,
        typer.Argument(
            help="ml-100k, ml-1m, ml-10m, ml-20m, ml-25m, ml-32m or ml-latest-small.",
            show_default=False,
        ),
    ],
    origin: Annotated[
        str | None,
        typer.Option("--from", help="A zip, a folder or a URL to take it from, not GroupLens."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Download a MovieLens data set once, check its hash, and say where it lies."""
    from maxella.sources.download import get as get_data

    fetched = get_data(name, mirror=origin, show_progress=not as_json)
    if as_json:
        facts = {"name": name, "path": str(fetched.path), "origin": fetched.origin}
        typer.echo(json.dumps({**facts, "notes": fetched.notes}))
        return
    typer.echo(f"{name} from {fetched.origin}: {fetched.path}")
    for note in fetched.notes:
        typer.echo(f"  {note}")


@app.command("describe")
def describe(
    source: Annotated[
        Path,
        typer.Argument(help="A config (.toml), or a zip, folder or file.", show_default=False),
    ],
    data: Annotated[
        Path | None, typer.Option(help="With a config: local files to read instead.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Columns, types, missing values, ratings, activity and popularity of a data set."""
    from maxella.data.describe import describe as describe_tables
    from maxella.experiment.build import load_tables
    from maxella.experiment.config import DataOptions
    from maxella.experiment.read_config import load_config

    if source.suffix == ".toml":
        options = load_config(source, data=data).data
    else:
        options = DataOptions(path=source)
    description = describe_tables(load_tables(options)).to_dict()
    if as_json:
        typer.echo(json.dumps(description))
        return
    from rich.console import Console

    from maxella.report.description import print_description

    print_description(description, Console())
