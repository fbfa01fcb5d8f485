"""Files nobody has described yet → what their columns are, and options that train on them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from maxella.data.check_ratings import lone_ratings
from maxella.data.feature_kinds import MOST_ROWS, Kind, infer_kind, infer_names
from maxella.data.roles import LEFT_OUT, MOST_LOG_ROWS, OURS, Role, infer_roles
from maxella.errors import ConfigError
from maxella.experiment.propose import Choices, choose_options
from maxella.sources.delimited import Sheets, arrange, open_sheets
from maxella.sources.formats import Layout
from maxella.sources.load import detect, find_folder, find_source, load_source
from maxella.sources.mapping import guess_columns
from maxella.sources.tables import Tables

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Finding:
    """What a column was taken for, and why."""

    table: str  # interactions, users or items
    column: str
    role: str  # one of OURS, split, label, a kind of feature, "column of …", or "left out"
    reason: str


@dataclass(frozen=True)
class Suggestion:
    """All that a config wants to hold, section by section, and all that there is to say of it."""

    findings: tuple[Finding, ...]
    options: Mapping[str, Any]  # title, data and features of a config
    choices: Choices  # the rest of it
    notes: tuple[str, ...]
    contexts: Mapping[str, str]  # column of the log → the kind it has as a feature of the context


def suggest(
    path: Path,
    *,
    users: Path | None = None,
    items: Path | None = None,
    kind: str | None = None,
    columns: Mapping[str, str] | None = None,
    layout: Mapping[str, Any] = NOTHING,
) -> Suggestion:
    """Look at a file, folder or zip of interactions, and files of users and items if there are any.

    A layout that a source knows is read by it; of any other log the roles of the columns are
    inferred, but for `columns`, as `suggest_for_sheets` has them. `kind` is a source of `SOURCES`,
    found out if absent; `layout` is what is known of files of text: `encoding`, `separator`,
    `header`. Raises DataError for what is wrong with the files, as reading them does.
    """
    kind = kind or detect(path)
    known = {name: value for name, value in layout.items() if value is not None}
    if kind == "delimited":
        return _of_delimited(path, users, items, known, columns)
    wanted = find_source(kind).wanted
    for option, file in (("users", users), ("items", items)):
        places = (path.resolve(), path.resolve().parent)
        if file is not None and file.resolve().parent not in places:
            raise ConfigError(
                f"--{option}: {path} is laid out as {wanted}, which reads users and "
                f"items from files beside it. Put {file} there, or leave --{option} out."
            )
    for option in known:
        raise ConfigError(
            f"--{option}: {path} is laid out as {wanted}, whose {option} is known. Leave it "
            "out, or add --kind delimited."
        )
    tables = load_source(kind, path)
    ours = {name: name for name in OURS} | {"part": "split"}
    not_read = Role(LEFT_OUT, "the model reads no such columns")
    roles = {
        name: Role(ours[name], f"by the layout, {kind}") if name in ours else not_read
        for name in tables.interactions.columns
    }
    return _suggestion(tables, {"path": path, "kind": kind}, roles, tables.notes)


def _of_delimited(
    path: Path,
    users: Path | None,
    items: Path | None,
    layout: dict[str, Any],
    columns: Mapping[str, str] | None,
) -> Suggestion:
    folder = find_folder("delimited", path)
    sheets = open_sheets(folder, users=users, items=items, columns=columns, layout=Layout(**layout))
    data = {"path": path, "kind": "delimited", "users": users, "items": items, **layout}
    if not sheets.log.has_header:
        data["header"] = False
    return suggest_for_sheets(sheets, data, columns)


def suggest_for_sheets(
    sheets: Sheets, data: Mapping[str, Any], columns: Mapping[str, str] | None = None
) -> Suggestion:
    """Look at tables under their own names of columns, from files or from memory.

    `data` are the options that say where they are; `columns` maps our names to columns that are
    known already, and "" says that there is no such column.
    Raises DataError as `maxella.sources.delimited.arrange` does.
    """
    log = sheets.log.frame
    given = dict(columns or {})
    spelled = guess_columns(log.columns) | {o: given[o] for o in OURS if o in given}
    roles = infer_roles(log, {ours: theirs for ours, theirs in spelled.items() if theirs})
    taken = {role.name: name for name, role in roles.columns.items() if role.name in OURS}
    # "" where reading would take a column for one that it isn't.
    mapping = {ours: taken.get(ours, "") for ours in OURS if ours in taken or ours in spelled}
    # What the table of users or items says itself, the log need not say again.
    user_facts, item_facts = (
        [
            name
            for name in roles.named(f"column of {side}")
            if sheet is None or name not in sheet.frame.columns
        ]
        for side, sheet in (("users", sheets.users), ("items", sheets.items))
    )
    how_to_read: dict[str, Any] = {"columns": mapping | given, "time_unit": roles.time_unit}
    how_to_read["time_format"] = roles.time_format
    how_to_read |= {"user_columns": user_facts, "item_columns": item_facts}
    tables = arrange(sheets, **how_to_read)
    if roles.time_unit == "s":
        del how_to_read["time_unit"]
    notes = list(tables.notes)
    if log.height > MOST_LOG_ROWS:
        notes.insert(0, f"Roles are inferred from {MOST_LOG_ROWS:,} of {log.height:,} rows.")
    in_order = {name: roles.columns[name] for name in log.columns}
    return _suggestion(tables, {**data, **how_to_read}, in_order, notes)


def _suggestion(
    tables: Tables,
    data: dict[str, Any],
    roles: Mapping[str, Role],
    notes: Sequence[str],
) -> Suggestion:
    features: dict[str, dict[str, Any]] = {}
    findings = [Finding("interactions", name, of.name, of.reason) for name, of in roles.items()]
    for table, side, frame in (("users", "user", tables.users), ("items", "item", tables.items)):
        features[side] = {}
        for name, kind in _kinds(frame.drop(f"{side}_id")).items():
            findings.append(Finding(table, name, kind.name or LEFT_OUT, kind.reason))
            if kind.name is not None:
                how = {"kind": kind.name, **kind.options}
                features[side][name] = how if kind.options else kind.name
        if frame.height > MOST_ROWS:
            notes = [*notes, f"Kinds of {table} are inferred from {MOST_ROWS:,} rows at most."]
    naming = infer_names(tables.items.drop("item_id"))
    if naming is not None:
        data = {**data, "name_column": naming}
        notes = [*notes, f"Answers show {naming} as the items' names."]
    options = {
        "title": tables.name,
        "data": {key: value for key, value in data.items() if value not in (None, [], {})},
        "features": features,
    }
    by_role: dict[str, list[str]] = {}
    for name, role in roles.items():
        by_role.setdefault(role.name, []).append(name)
    log = tables.interactions
    (part,) = by_role.get("split", [None])
    if "rating" in log.columns:
        notes = [*notes, *(told for *_, told in lone_ratings(log["rating"]))]
    choices = choose_options(log, part=part, flags=by_role.get("label", []))
    changing = {n: infer_kind(log[n]).name for n in by_role.get(LEFT_OUT, []) if n in log.columns}
    contexts = {name: kind for name, kind in changing.items() if kind in ("category", "labels")}
    return Suggestion(tuple(findings), options, choices, tuple(notes), contexts)


def _kinds(frame: pl.DataFrame) -> dict[str, Kind]:
    """The kind of every column; of two categories that say the same, the first alone."""
    kinds = {values.name: infer_kind(values) for values in frame}
    categories = [name for name, kind in kinds.items() if kind.name == "category"]
    for position, name in enumerate(categories):
        for other in categories[:position]:
            sizes = [frame[name].n_unique(), frame[other].n_unique()]
            same = frame.select(name, other).n_unique()
            if kinds[other].name and sizes == [same, same]:
                reason = f"says the same as {other}"
                kinds[name] = replace(kinds[name], name=None, reason=reason, options={})
    return kinds
