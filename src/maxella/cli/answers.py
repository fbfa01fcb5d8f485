"""`maxella recommend`, `predict`, `similar`: answers of a saved model."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import polars as pl

    from maxella.recommend.bundle import Bundle

RunPath = Annotated[Path, typer.Argument(help="A run or bundle folder.", show_default=False)]
Length = Annotated[int, typer.Option("-k", min=1, help="How many items.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def recommend(
    run: RunPath,
    user: Annotated[list[str] | None, typer.Option(help="A user id; may be given again.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every user of the model.")] = False,
    k: Length = 10,
    include_seen: Annotated[
        bool, typer.Option("--include-seen", help="Items seen in training may come again.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="A Parquet or CSV file to write.")] = None,
    as_json: AsJson = False,
) -> None:
    """The best items for users, with their scores and predicted ratings."""
    from maxella.errors import ConfigError
    from maxella.recommend.bundle import load_bundle

    if bool(user) == everyone:
        raise ConfigError("Give either --user ID (once or more) or --all.")
    if everyone and out is None:
        raise ConfigError("--all wants --out FILE.parquet (or .csv).")
    bundle = load_bundle(run)
    users = bundle.users.ids.to_list() if everyone else list(user or [])
    lists = bundle.recommender().recommend(users, k, include_seen=include_seen)
    unknown = lists.filter(lists["source"] == "popularity")["user_id"].unique(maintain_order=True)
    for one in unknown:
        typer.echo(f"User '{one}' is not known: these are the items most picked.", err=True)
    if out:
        _write(lists, out)
    else:
        _print(_with_titles(lists, "item_id", bundle), as_json)


def predict(
    run: RunPath,
    pairs: Annotated[
        Path,
        typer.Argument(help="A CSV or Parquet with user_id and item_id.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="A Parquet or CSV file.", show_default=False)],
) -> None:
    """Predicted rating and retrieval score of given pairs, in the same order."""
    from maxella.recommend.bundle import load

    _write(load(run).predict(_read_pairs(pairs)), out)


def similar(
    run: RunPath,
    item: Annotated[str, typer.Argument(help="An item id.", show_default=False)],
    k: Length = 10,
    as_json: AsJson = False,
) -> None:
    """The items nearest to an item."""
    from maxella.recommend.bundle import load_bundle

    bundle = load_bundle(run)
    nearest = bundle.recommender().similar([item], k)
    _print(_with_titles(nearest, "similar_item_id", bundle), as_json)


def _read_pairs(path: Path) -> "pl.DataFrame":
    import polars as pl

    from maxella.errors import DataError

    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        return pl.read_csv(path, infer_schema=False)  # ids stay as written
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path} can't be read as CSV or Parquet: {error}.") from error


def _write(frame: "pl.DataFrame", path: Path) -> None:
    from maxella.errors import ConfigError

    if path.suffix not in {".parquet", ".csv"}:
        raise ConfigError(f"--out wants a name that ends in .parquet or .csv; got {path}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path)
    typer.echo(f"{len(frame):,} rows: {path}")


def _with_titles(frame: "pl.DataFrame", key: str, bundle: "Bundle") -> "pl.DataFrame":
    if "title" not in bundle.item_table.columns:
        return frame
    titles = bundle.item_table.select(key_id := "item_id", "title").rename({key_id: key})
    return frame.join(titles, on=key, how="left", maintain_order="left")


def _print(frame: "pl.DataFrame", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(frame.to_dicts()))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(*frame.columns)
    for row in frame.iter_rows():
        table.add_row(*[f"{v:.3f}" if isinstance(v, float) else str(v) for v in row])
    Console().print(table)
