"""From tables in memory, or a file, to answers, without a config: what `init` and `train` do."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack, overload

import polars as pl

from maxella.errors import ConfigError, DataError
from maxella.experiment.config import IN_MEMORY
from maxella.experiment.judge import Experiment
from maxella.experiment.read_config import parse_config
from maxella.experiment.run import learn
from maxella.experiment.run_folder import new_run
from maxella.experiment.stages import OnStep, silent
from maxella.experiment.suggest import Suggestion, suggest, suggest_for_sheets
from maxella.recommend.recommender import Recommender
from maxella.sources.delimited import Sheets, typed
from maxella.sources.frames import kind_of, to_polars
from maxella.sources.text import Sheet
from maxella.training.device import find_device

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrame, IntoDataFrameT

Options = Mapping[str, Any]


class Sections(TypedDict, total=False):
    """Of a config; a section that is None is as if it were not given."""

    title: str | None
    data: Options | None
    split: Options | None
    features: Options | None
    model: Options | None
    tasks: Sequence[Options] | None
    training: Options | None
    evaluation: Options | None
    compare: Options | None


@overload
def fit(
    interactions: str | Path,
    users: str | Path | None = None,
    items: str | Path | None = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    on_step: OnStep = silent,
    **options: Unpack[Sections],
) -> Recommender[pl.DataFrame]: ...
@overload
def fit(
    interactions: "IntoDataFrameT",
    users: "IntoDataFrame | None" = None,
    items: "IntoDataFrame | None" = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    on_step: OnStep = silent,
    **options: Unpack[Sections],
) -> "Recommender[IntoDataFrameT]": ...
def fit(
    interactions: Any,
    users: Any = None,
    items: Any = None,
    *,
    out: str | Path | None = None,
    overwrite: bool = False,
    on_step: OnStep = silent,
    **options: Unpack[Sections],
) -> Recommender[Any]:
    """Train on a table of interactions; gives the recommender, its `report` with it.

    `interactions`, `users`, `items`: frames of pandas, Polars or Arrow; or paths, as
    `maxella init` takes them. What the columns are and what to learn is found out as there.

    `title`, `data`, `split`, ...: the sections of a config, which change what was found out:
    `training={"epochs": 4}`, `data={"columns": {"user_id": "customer"}}`; each key on its own,
    but for `tasks` and a `split` with a kind, which are taken whole. `maxella options` lists all.
    A part is held out for the test, unless split={"kind": "none"}; compare={"baselines": []}
    trains no baselines beside the model. `out` and `overwrite`: as `maxella.run`.

    Raises DataError, naming the column, and ConfigError, naming the option.
    """
    given: dict[str, Any] = {name: of for name, of in options.items() if of is not None}
    how = given["data"] if isinstance(given.get("data"), Mapping) else {}
    columns = how.get("columns")
    tables = [interactions, users, items]
    are_paths = [isinstance(one, str | Path) for one in tables if one is not None]
    if all(are_paths):
        paths = [None if one is None else Path(one) for one in tables]
        found, sheets, frames = _of_paths(paths, how), None, "polars"
    elif any(are_paths):
        raise ConfigError("Wanted interactions, users and items all as frames or all as paths.")
    else:
        log, of_users, of_items = (
            None if one is None else _sheet(one, what, columns or {})
            for one, what in zip(tables, ("interactions", "users", "items"), strict=True)
        )
        sheets = Sheets("interactions", log, of_users, of_items)  # type: ignore[arg-type]
        frames = kind_of(interactions, "interactions")
        found = suggest_for_sheets(sheets, {"kind": IN_MEMORY}, columns)
    config = parse_config(_merged(found, given), where="the options given to fit")
    find_device(config.training.device)  # raises before anything is read
    with new_run(out, overwrite=overwrite) as folder:
        report, bundle = learn(Experiment.of(config, sheets), folder, on_step)
    return bundle.recommender(report, frames)


def _of_paths(paths: Sequence[Path | None], data: Options) -> Suggestion:
    log, users, items = paths
    return suggest(
        log,  # type: ignore[arg-type]  # the first is there
        users=users,
        items=items,
        kind=data.get("kind"),
        columns=data.get("columns"),
        layout={name: data.get(name) for name in ("encoding", "separator", "header")},
    )


def _sheet(frame: Any, what: str, columns: Mapping[str, str]) -> Sheet:
    """A frame as a file would be read."""
    table = to_polars(frame, what)
    if table.is_empty():
        raise DataError(
            f"Wanted rows in {what}; the frame has none, of {', '.join(table.columns)}."
        )
    return typed(Sheet(table, what, lambda row: f"{what}, row {row} from 0"), columns)


def _merged(found: Suggestion, given: Options) -> dict[str, Any]:
    """What was found out, with what is given in its place."""
    options: dict[str, Any] = {**found.options, **found.choices.options}
    options["tasks"] = [task.options for task in found.choices.tasks]
    for name, change in given.items():
        is_whole = not isinstance(change, Mapping) or (name == "split" and "kind" in change)
        options[name] = change if is_whole else {**options.get(name, {}), **change}
    if isinstance(options["data"], Mapping) and "columns" in found.options["data"]:
        # Those given are among them.
        options["data"] = {**options["data"], "columns": found.options["data"]["columns"]}
    return options
