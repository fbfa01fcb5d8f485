"""`maxella init`: from files that nobody has described to a config that trains."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from maxella.cli.show import say, say_next
from maxella.errors import ConfigError


def init(
    ratings: Annotated[
        Path,
        typer.Argument(
            help="A file of interactions (text of any separator, Parquet, Feather, JSON lines, "
            "Excel; .gz too), or a zip or folder with one.",
            show_default=False,
        ),
    ],
    users: Annotated[Path | None, typer.Option(help="A file with one row a user.")] = None,
    items: Annotated[Path | None, typer.Option(help="A file with one row an item.")] = None,
    encoding: Annotated[
        str | None, typer.Option(help="Of the files, where not UTF-8, such as iso-8859-1.")
    ] = None,
    separator: Annotated[
        str | None,
        typer.Option(help="What parts the fields, if it is found out wrongly, such as ';' or ' '."),
    ] = None,
    header: Annotated[
        bool | None,
        typer.Option("--header/--no-header", help="Whether the first line names the columns."),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(help="How to read it, such as movielens or delimited; found out if absent."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where to write the config.")] = Path("maxella.toml"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at your files, say what each column is taken for, and write a config that trains."""
    from maxella.experiment.suggest import suggest
    from maxella.experiment.write_config import write_config
    from maxella.writing import write_text

    if out.exists():
        raise ConfigError(
            f"Wanted a place for a new config; {out} is there already. Remove it, or give "
            "another --out."
        )
    layout = {
        "encoding": encoding,
        "separator": separator and separator.replace("\\t", "\t"),
        "header": header,
    }
    suggestion = suggest(ratings, users=users, items=items, kind=kind, layout=layout)
    write_text(write_config(suggestion, out), out)
    findings = [asdict(finding) for finding in suggestion.findings]
    if as_json:
        typer.echo(json.dumps({"path": str(out), "columns": findings, "notes": suggestion.notes}))
        return
    from rich.console import Console

    from maxella.report.console import print_roles

    print_roles(findings, suggestion.notes, Console())
    say(f"Wrote {out}: read it, and change what is not so.")
    say_next("train", out, "--out", "runs/first")
