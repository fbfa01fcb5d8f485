"""`maxella recommend`, `predict`, `similar`: answers of a saved model."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maxella.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from maxella.recommend.bundle import Bundle
    from maxella.recommend.recommender import Recommender

RunPath = Annotated[Path, typer.Argument(help="A run or bundle folder.", show_default=False)]
Length = Annotated[int, typer.Option("-k", min=1, help="How many items.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
History = Annotated[
    Path | None,
    typer.Option(
        help="A zip, folder or file of interactions: answer for its users, from it alone."
    ),
]
NewUsers = Annotated[
    Path | None,
    typer.Option(
        "--new-users",
        help="A table of users and the model's features of them: answer for these, from "
        "--history where they are in it, else from their features.",
    ),
]
NewItems = Annotated[
    Path | None,
    typer.Option(
        "--new-items",
        help="A table of items and the model's features of them, which may be recommended too.",
    ),
]


def recommend(
    run: RunPath,
    user: Annotated[list[str] | None, typer.Option(help="A user id; may be given again.")] = None,
    everyone: Annotated[
        bool,
        typer.Option("--all", help="Every user of the model, or of --history and --new-users."),
    ] = False,
    k: Length = 10,
    task: Annotated[
        str | None, typer.Option(help="The task to rank for; the first retrieval task, if absent.")
    ] = None,
    include_seen: Annotated[
        bool,
        typer.Option("--include-seen", help="List items that the user has already picked, too."),
    ] = False,
    exclude_visited: Annotated[
        bool, typer.Option("--exclude-visited", help="Leave out items of any event of the user.")
    ] = False,
    allow: Annotated[
        Path | None, typer.Option(help="A table with a column item_id: list only these.")
    ] = None,
    deny: Annotated[
        Path | None, typer.Option(help="A table with a column item_id: list none of these.")
    ] = None,
    history: History = None,
    new_users: NewUsers = None,
    new_items: NewItems = None,
    at: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%dT%H:%M", "%Y-%m-%d"],
            help="When the lists are for, in UTC; for a model that reads the time.",
        ),
    ] = None,
    context: Annotated[
        list[str] | None,
        typer.Option(help="Another column of the context: device=phone; may be given again."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="A Parquet or CSV file to write.")] = None,
    as_json: AsJson = False,
) -> None:
    """The best items for users, with their scores and the predictions of the other tasks.

    With --history or --new-users, for users whom training need not have had.
    """
    if bool(user) == everyone:
        raise ConfigError("Give either --user ID (once or more) or --all.")
    if everyone and out is None:
        raise ConfigError("--all wants --out FILE.parquet (or .csv).")
    _check_out(out)
    bundle, recommender = _open(run, history, new_users, new_items)
    users = recommender.users.ids.to_list() if everyone else list(user or [])
    lists = recommender.recommend(
        users,
        k,
        task=task,
        include_seen=include_seen,
        exclude_visited=exclude_visited,
        allow=None if allow is None else _read(allow, "item_id")["item_id"].to_list(),
        deny=None if deny is None else _read(deny, "item_id")["item_id"].to_list(),
        context=_context(at, context or []),
    )
    _say_what_is_amiss(lists, users, k, len(bundle.items))
    if out:
        _write(lists, out)
    else:
        _print(_with_titles(lists, "item_id", bundle), as_json)


def predict(
    run: RunPath,
    pairs: Annotated[
        Path,
        typer.Argument(help="A CSV, TSV or Parquet with user_id and item_id.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="A Parquet or CSV file.", show_default=False)],
    history: History = None,
    new_users: NewUsers = None,
    new_items: NewItems = None,
    interval: Annotated[
        float | None,
        typer.Option(help="Add TASK_low and TASK_high, which hold the label so often: 0.8."),
    ] = None,
) -> None:
    """Predictions and scores of given pairs by every task, in the same order."""
    from maxella.sources.delimited import read_pairs

    _check_out(out)
    bundle, recommender = _open(run, history, new_users, new_items)
    predicted = recommender.predict(read_pairs(pairs), intervals=interval)
    is_unknown = (predicted["source"] == "popularity") | ~predicted["item_id"].is_in(
        bundle.items.ids.implode()
    )
    if is_unknown.any():
        _say(
            f"{is_unknown.sum():,} of {len(predicted):,} pairs name a user or an item that the "
            "model does not know: what they get comes from the other alone."
        )
    _write(predicted, out)


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


def _open(
    run: Path, history: Path | None, new_users: Path | None, new_items: Path | None
) -> "tuple[Bundle, Recommender]":
    """A model, and answers for its users or, with a history or a table, for those of it."""
    from maxella.recommend.bundle import load_bundle
    from maxella.recommend.new_items import with_items
    from maxella.sources.load import load_source

    bundle = load_bundle(run)
    for task in bundle.config["tasks"]:
        if task["name"] not in bundle.tasks:
            _say(f"This model was trained without the task {task['name']}: it does not answer it.")
    if new_items is not None:
        bundle = with_items(bundle, _read(new_items, "item_id"))
    recommender = bundle.recommender()
    users = None if new_users is None else _read(new_users, "user_id")
    if history is None:
        return bundle, recommender if users is None else recommender.for_newcomers(users=users)
    tables = load_source(None, history)
    for note in tables.notes:
        _say(note)
    unknown = (~tables.interactions["item_id"].is_in(bundle.items.ids.implode())).sum()
    if unknown:
        _say(
            f"{unknown:,} of the {len(tables.interactions):,} interactions in {history} name an "
            "item that the model does not know: they are left out."
        )
    return bundle, recommender.for_newcomers(tables.interactions, users)


def _read(table: Path, key: str) -> "pl.DataFrame":
    """A table of users or items, as their key says."""
    from maxella.sources.delimited import read_side

    return read_side(table, key)


def _context(at: datetime | None, known: list[str]) -> dict[str, Any]:
    """What --at and --context say, by column."""
    context: dict[str, Any] = {}
    if at is not None:
        context["timestamp"] = int(at.replace(tzinfo=UTC).timestamp())
    for one in known:
        column, equals, value = one.partition("=")
        if not equals:
            raise ConfigError(f"--context wants column=value, such as device=phone; got '{one}'.")
        context[column] = value
    return context


def _say_what_is_amiss(lists: "pl.DataFrame", users: list[str], k: int, n_items: int) -> None:
    """Unknown users and short lists, on standard error."""
    unknown = lists.filter(lists["source"] == "popularity")["user_id"].unique(maintain_order=True)
    for one in unknown:
        _say(f"User '{one}' is not known: these are the items most picked.")
    if len(lists) < k * len(users):
        n_full = lists.filter(lists["rank"] == k)["user_id"].n_unique()
        _say(
            f"{len(set(users)) - n_full:,} of {len(set(users)):,} users get fewer than {k:,} items:"
            f" the model knows {n_items:,}, and some are left out (--include-seen brings "
            "back those that the user has picked)."
        )


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _check_out(path: Path | None) -> None:
    if path is not None and path.suffix not in {".parquet", ".csv"}:
        raise ConfigError(f"--out wants a name that ends in .parquet or .csv; got {path}.")


def _write(frame: "pl.DataFrame", path: Path) -> None:
    from maxella.writing import new_file

    try:
        with new_file(path) as file:
            if path.suffix == ".parquet":
                frame.write_parquet(file)
            else:
                frame.write_csv(file)
    except OSError as error:
        raise ConfigError(
            f"Wanted to write {path}; the system says: {error.strerror}. Choose another --out."
        ) from error
    typer.echo(f"{len(frame):,} rows: {path}")


def _with_titles(frame: "pl.DataFrame", key: str, bundle: "Bundle") -> "pl.DataFrame":
    if "title" not in bundle.item_table.columns:
        return frame
    titles = bundle.item_table.select("item_id", "title").rename({"item_id": key})
    return frame.join(titles, on=key, how="left", maintain_order="left")


def _print(frame: "pl.DataFrame", as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(frame.to_dicts()))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for name in frame.columns:
        table.add_column(name.replace("_", " "), overflow="fold")  # headings wrap at words
    for row in frame.iter_rows():
        table.add_row(*map(_cell, row))
    Console().print(table)


def _cell(value: Any) -> Any:
    """As plain text: ids and titles such as "[REC]" are no markup."""
    from rich.text import Text

    if value is None:
        return ""
    return Text(f"{value:.3f}" if isinstance(value, float) else str(value))
