"""`maxella recommend`, `predict`, `similar`: answers of a saved model."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maxella.cli.show import say, say_next, show_frame, show_json_lines
from maxella.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

    from maxella.recommend.bundle import Bundle
    from maxella.recommend.recommender import Recommender

_USERS = 512  # whose lists are found, and streamed, at once

RunPath = Annotated[Path, typer.Argument(help="A run or bundle folder.", show_default=False)]
Length = Annotated[int, typer.Option("-k", min=1, max=10**9, help="How many items.")]
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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON; with --all an object a line.")
    ] = False,
) -> None:
    """The best items for users, with their scores and the predictions of the other tasks.

    With --history or --new-users, for users whom training need not have had: if these are of one
    user, --user need not be given.
    """
    which = "Give either --user ID (once or more) or --all"
    if (user and everyone) or not (user or everyone or history or new_users):
        raise ConfigError(f"{which}.")
    if everyone and (out is None) != as_json:
        raise ConfigError("--all wants either --out FILE.parquet (or .csv) or --json.")
    _check_out(out)
    bundle, recommender = _open(run, history, new_users, new_items)
    known = recommender.users.ids.to_list()
    users = user or known
    if not everyone and not user and len(known) != 1:
        raise ConfigError(f"{which}: there are {len(known):,} users.")
    ask = partial(
        recommender.recommend,
        k=k,
        task=task,
        include_seen=include_seen,
        exclude_visited=exclude_visited,
        allow=_items(allow, bundle),
        deny=_items(deny, bundle),
        context=_context(at, context or []),
    )
    if everyone and as_json:
        for start in range(0, len(users), _USERS):
            show_json_lines(bundle.names.beside(ask(users[start : start + _USERS])))
        return
    lists = ask(users)
    _say_what_is_amiss(lists, users, k, len(bundle.items))
    if out:
        _write(lists, out)
    else:
        show_frame(bundle.names.beside(lists), as_json)
    if len(lists) and not as_json:
        say_next("similar", run, lists["item_id"][0])
    elif not (as_json or include_seen):
        say_next("recommend", run, "--user", users[0], "--include-seen")


def predict(
    run: RunPath,
    pairs: Annotated[
        Path,
        typer.Argument(
            help="A file with user_id and item_id, or called as in the log; - reads text from "
            "standard input.",
            show_default=False,
        ),
    ],
    out: Annotated[Path | None, typer.Option(help="A Parquet or CSV file to write.")] = None,
    history: History = None,
    new_users: NewUsers = None,
    new_items: NewItems = None,
    interval: Annotated[
        float | None,
        typer.Option(help="Add TASK_low and TASK_high, which hold the label so often: 0.8."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")] = False,
) -> None:
    """Predictions and scores of given pairs by every task, in the same order."""
    import polars as pl

    from maxella.sources.delimited import read_pairs
    from maxella.sources.own_names import IDS

    _check_out(out)
    bundle, recommender = _open(run, history, new_users, new_items)
    asked = read_pairs(pairs, bundle.own_names)
    predicted = recommender.predict(asked, intervals=interval)
    key = bundle.own_names.found(asked.columns, IDS)["item_id"]
    is_new = ~asked[key].cast(pl.String).is_in(bundle.items.ids.implode())
    is_unknown = (predicted["source"] == "popularity") | is_new
    if is_unknown.any():
        say(
            f"{is_unknown.sum():,} of {len(predicted):,} pairs name a user or an item that the "
            "model does not know: what they get comes from the other alone."
        )
    if out:
        _write(predicted, out)
    elif as_json:
        show_json_lines(bundle.names.beside(predicted, key))
    else:
        show_frame(bundle.names.beside(predicted, key))
    if not as_json:
        say_next("recommend", run, "--all", "--out", "lists.parquet")


def similar(
    run: RunPath,
    item: Annotated[
        str,
        typer.Argument(help="An item's id, its name, or a part of its name.", show_default=False),
    ],
    k: Length = 10,
    as_json: AsJson = False,
) -> None:
    """The items nearest to an item."""
    from maxella.recommend.bundle import load_bundle

    bundle = load_bundle(run)
    names = bundle.names
    found = names.find(item)
    nearest = bundle.recommender().similar([found], k)
    nearest = names.beside(nearest, "similar_item_id", "similar_item_name")
    show_frame(names.beside(nearest), as_json)
    if not as_json:
        say_next("recommend", run, "--user", bundle.users.ids[0])


def _open(
    run: Path, history: Path | None, new_users: Path | None, new_items: Path | None
) -> "tuple[Bundle, Recommender]":
    """A model, and answers for its users or, with a history or a table, for those of it."""
    from maxella.recommend.bundle import load_bundle
    from maxella.recommend.new_items import with_items
    from maxella.sources.load import load_alike
    from maxella.sources.own_names import OwnNames

    bundle = load_bundle(run)
    for task in bundle.config["tasks"]:
        if task["name"] not in bundle.tasks:
            say(f"This model was trained without the task {task['name']}: it does not answer it.")
    items, users = _read(new_items, "item_id", bundle), _read(new_users, "user_id", bundle)
    if items is not None:
        bundle = with_items(bundle, items)
    recommender = bundle.recommender()
    if history is None:
        return bundle, recommender if users is None else recommender.for_newcomers(users=users)
    tables = load_alike(history, bundle.config["data"])
    for note in tables.notes:
        say(note)
    unknown = (~tables.interactions["item_id"].is_in(bundle.items.ids.implode())).sum()
    if unknown:
        say(
            f"{unknown:,} of the {len(tables.interactions):,} interactions in {history} name an "
            "item that the model does not know: they are left out."
        )
    return bundle, recommender.for_newcomers(tables.interactions, users, OwnNames())


def _read(table: Path | None, key: str, bundle: "Bundle") -> "pl.DataFrame | None":
    """A table of users or items, as their key says."""
    from maxella.sources.delimited import read_side

    return None if table is None else read_side(table, key, bundle.own_names)


def _items(table: Path | None, bundle: "Bundle") -> list[str] | None:
    found = _read(table, "item_id", bundle)
    return None if found is None else found["item_id"].to_list()


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
        say(f"User '{one}' is not known: these are the items most picked.")
    if len(lists) < k * len(users):
        n_full = lists.filter(lists["rank"] == k)["user_id"].n_unique()
        say(
            f"{len(set(users)) - n_full:,} of {len(set(users)):,} users get fewer than {k:,} items:"
            f" the model knows {n_items:,}, and some are left out (--include-seen brings "
            "back those that the user has picked)."
        )


def _check_out(path: Path | None) -> None:
    if path is not None and path.suffix not in {".parquet", ".csv"}:
        raise ConfigError(f"--out wants a name that ends in .parquet or .csv; got {path}.")


def _write(frame: "pl.DataFrame", path: Path) -> None:
    from maxella.cli.spreadsheet import formulas, without_formulas
    from maxella.recommend.bundle import parquet_bytes
    from maxella.writing import new_file

    if path.suffix == ".csv":
        for one in formulas(frame):
            say(
                f"The id '{one}' and those alike are formulas to a spreadsheet: read {path} there "
                "as text, or write Parquet."
            )
        frame = without_formulas(frame)
    try:
        with new_file(path) as file:
            if path.suffix == ".parquet":
                file.write(parquet_bytes(frame))
            else:
                frame.write_csv(file)
    except OSError as error:
        raise ConfigError(
            f"Wanted to write {path}; the system says: {error.strerror}. Choose another --out."
        ) from error
    say(f"{len(frame):,} rows: {path}")
