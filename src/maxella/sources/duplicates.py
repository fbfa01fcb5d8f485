"""One film under several ids: found by title and year, and what to do about it."""

from collections.abc import Callable
from dataclasses import replace

import polars as pl

from maxella.errors import ConfigError, unknown_name
from maxella.sources.changes import MOST_EXAMPLES, Change
from maxella.sources.repeats import one_row_each
from maxella.sources.tables import Tables

_FILM = ("title", "year")


def resolve_duplicates(tables: Tables, policy: str) -> tuple[Tables, Change]:
    """Items of the same title and year are one film; `policy` is a name in `POLICIES`.

    A film keeps the id with most interactions, of equal ones the first in the table of
    items. A title without a year is no duplicate of another.
    """
    if policy not in POLICIES:
        raise ConfigError(unknown_name("policy for duplicates", policy, POLICIES))
    if not set(_FILM) <= set(tables.items.columns):
        return tables, Change(note="Nothing to do: the items have no title with a year.")
    ids = _ids_of_films(tables)
    extra = ids.filter(pl.col("item_id") != pl.col("kept"))
    counts = {
        "films under several ids": ids["kept"].n_unique(),
        "ids beyond the first": extra.height,
        "interactions of these ids": int(extra["interactions"].sum()),
    }
    resolved, more, outcome = POLICIES[policy](tables, extra)
    return resolved, Change(counts | more, _examples(ids, outcome))


def _ids_of_films(tables: Tables) -> pl.DataFrame:
    """item_id, title, year, interactions and kept, for each id of a film with several."""
    counts = tables.interactions.group_by("item_id").agg(interactions=pl.len())
    items = tables.items.select("item_id", *_FILM).drop_nulls()
    several = items.filter(pl.struct(_FILM).is_duplicated())
    ids = several.join(counts, on="item_id", how="left", maintain_order="left")
    ids = ids.with_columns(pl.col("interactions").fill_null(0).cast(pl.Int64))
    best = pl.col("item_id").get(pl.col("interactions").arg_max())
    return ids.with_columns(kept=best.over(_FILM))


_Outcome = tuple[Tables, dict[str, int], str]  # tables, counts, words for the examples


def _keep(tables: Tables, extra: pl.DataFrame) -> _Outcome:
    del extra
    return tables, {}, "left alone"


def _merge(tables: Tables, extra: pl.DataFrame) -> _Outcome:
    kept = pl.col("item_id").replace(extra["item_id"], extra["kept"])
    log, repeats = one_row_each(tables.interactions.with_columns(kept))
    merged = replace(tables, interactions=log, items=_without(tables.items, extra))
    counts = {"repeated pairs united": repeats, "items removed": extra.height}
    return merged, counts, "all under {kept}"


def _drop(tables: Tables, extra: pl.DataFrame) -> _Outcome:
    log = _without(tables.interactions, extra)
    counts = {
        "interactions dropped": tables.interactions.height - log.height,
        "items removed": extra.height,
        "users left without interactions": (
            tables.interactions["user_id"].n_unique() - log["user_id"].n_unique()
        ),
    }
    dropped = replace(tables, interactions=log, items=_without(tables.items, extra))
    return dropped, counts, "{kept} alone"


def _without(table: pl.DataFrame, extra: pl.DataFrame) -> pl.DataFrame:
    return table.join(extra, on="item_id", how="anti", maintain_order="left")


def _examples(ids: pl.DataFrame, outcome: str) -> tuple[tuple[str, str], ...]:
    one = pl.format("{} ({})", "item_id", "interactions")
    films = ids.group_by("kept", *_FILM, maintain_order=True).agg(one.alias("ids"))
    return tuple(
        (f"{film['title']} ({film['year']}): {', '.join(film['ids'])}", outcome.format(**film))
        for film in films.head(MOST_EXAMPLES).iter_rows(named=True)
    )


POLICIES: dict[str, Callable[[Tables, pl.DataFrame], _Outcome]] = {
    "keep": _keep,
    "merge": _merge,
    "drop": _drop,
}
