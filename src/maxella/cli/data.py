"""`maxella data`: get a data set, look at one, check one before training."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maxella.cli.show import command, is_quiet, say, say_next, show

if TYPE_CHECKING:  # heavy imports happen inside commands
    from maxella.experiment.config import Config

Source = Annotated[
    Path, typer.Argument(help="A config (.toml), or a zip, folder or file.", show_default=False)
]
LocalData = Annotated[Path | None, typer.Option(help="With a config: local files to read instead.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


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
    as_json: AsJson = False,
) -> None:
    """Download a MovieLens data set once, check its hash, and say where it lies."""
    from maxella.sources.download import get as get_data

    fetched = get_data(name, mirror=origin, show_progress=not (as_json or is_quiet()))
    if as_json:
        facts = {"name": name, "path": str(fetched.path), "origin": fetched.origin}
        typer.echo(json.dumps({**facts, "notes": fetched.notes}))
        return
    say(f"{name} from {fetched.origin}")
    for note in fetched.notes:
        say(f"  {note}")
    typer.echo(fetched.path)
    say_next("data", "describe", fetched.path)


def describe(
    source: Source,
    data: LocalData = None,
    as_json: AsJson = False,
) -> None:
    """Columns, types, missing values, ratings, activity and popularity of a data set."""
    from maxella.data.describe import describe as describe_tables
    from maxella.experiment.build import load_tables
    from maxella.report.description import print_description

    tables = load_tables(_config(source, data).data)
    show(describe_tables(tables), as_json, print_description)
    if not as_json:
        say_next("data", "check", source, *_with(data))


def check(
    source: Source,
    data: LocalData = None,
    html: Annotated[
        Path | None, typer.Option(help="A page to write, with pictures of the data.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What to see to before training: repeats, leaks, cold ids, bots; with a page of pictures."""
    from maxella.data.quality import check_data
    from maxella.experiment.build import label, load_tables, split_table, with_tasks
    from maxella.report.quality import print_quality

    config = _config(source, data)
    tables = load_tables(config.data)
    if source.suffix != ".toml" and "timestamp" not in tables.interactions.columns:
        split = config.split.model_copy(update={"kind": "random"})  # nobody asked for one in time
        config = config.model_copy(update={"split": split})
    config = with_tasks(config, tables)
    split_rows = split_table(config, tables, label(config, tables))
    quality = check_data(tables, split_rows)
    quality["split"] = config.split.model_dump()
    if html is not None:
        from maxella.report.quality_page import quality_page
        from maxella.writing import write_text

        write_text(quality_page(quality), html)
    show(quality, as_json, print_quality)
    if as_json:
        return
    if html is not None:
        say(f"The page: {html}")
    if source.suffix == ".toml":
        say_next("train", source, *_with(data), "--out", "runs/first")
    else:
        say_next("init", source)


def _with(data: Path | None) -> list[object]:
    return [] if data is None else ["--data", data]


def _config(source: Path, data: Path | None) -> "Config":
    """That of a file; of a bare source, what `maxella init` finds of it and the default split."""
    from maxella.experiment.config import Config, DataOptions
    from maxella.experiment.read_config import load_config
    from maxella.experiment.suggest import suggest
    from maxella.sources.load import detect

    if source.suffix == ".toml":
        return load_config(source, data=data)
    if detect(source) != "delimited":  # a layout says itself what its columns are
        return Config(data=DataOptions(path=source))
    found = suggest(source).options["data"]
    ours = {theirs: ours for ours, theirs in found["columns"].items() if theirs not in ("", ours)}
    if ours:
        say(f"Taken: {', '.join(f'{theirs} as {of}' for theirs, of in ours.items())}.")
    return Config(data=DataOptions(**found))


app = typer.Typer(help="Get a data set, look at one, or check one.", no_args_is_help=True)
for _carry_out in (get, describe, check):
    app.command()(command(_carry_out))
