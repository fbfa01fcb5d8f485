"""What to know of a data set before training on it: findings, and pictures of what it holds."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from maxella.data.check_leaks import leaking_columns, rating_averages
from maxella.data.check_split import (
    cold_items,
    cold_users,
    older_than_training,
    visited_in_training,
)
from maxella.data.check_tables import (
    constant_columns,
    empty_columns,
    items_without_interactions,
    reading,
    repeated_ids,
    repeated_names,
    repeated_pairs,
    repeated_rows,
    unknown_items,
    unknown_users,
    users_without_interactions,
)
from maxella.data.check_users import fast_users, one_rating_users
from maxella.data.explore import Exploration, explore
from maxella.data.finding import Finding
from maxella.data.indexed_log import IndexedLog, index_log
from maxella.data.split import Split
from maxella.errors import DataError
from maxella.sources.tables import Tables

FORMAT = 1


@dataclass(frozen=True)
class Quality:
    """All findings on a data set and its split, and what it holds."""

    name: str
    n_interactions: int
    n_users: int  # with an interaction
    n_items: int  # with an interaction
    n_train: int
    n_validation: int
    n_test: int
    findings: dict[str, Finding]  # by the names of `CHECKS`, in their order
    notes: tuple[str, ...]  # what reading changed
    exploration: Exploration

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON; findings are a list, each with its name."""
        findings = [{"name": name, **asdict(one)} for name, one in self.findings.items()]
        return {"format": FORMAT, **asdict(self), "findings": findings}


def check_data(tables: Tables, split: Split) -> Quality:
    """The findings of every check that the tables have the columns for.

    DataError: there is no interaction.
    """
    if tables.interactions.is_empty():
        raise DataError(f"Wanted interactions in {tables.name}; there are none. Add some.")
    log = index_log(tables, split)
    results = {name: check(log) for name, check in CHECKS.items()}
    return Quality(
        name=tables.name,
        n_interactions=len(log.users),
        n_users=len(log.user_table),
        n_items=len(log.item_table),
        n_train=len(split.train),
        n_validation=len(split.validation),
        n_test=len(split.test),
        findings={name: one for name, one in results.items() if one is not None},
        notes=tables.notes,
        exploration=explore(log),
    )


# Name → check; None where the data lack what the check looks at.
CHECKS: dict[str, Callable[[IndexedLog], Finding | None]] = {
    "reading": reading,
    "repeated_pairs": repeated_pairs,
    "repeated_rows": repeated_rows,
    "repeated_ids": repeated_ids,
    "repeated_names": repeated_names,
    "users_without_interactions": users_without_interactions,
    "items_without_interactions": items_without_interactions,
    "unknown_users": unknown_users,
    "unknown_items": unknown_items,
    "empty_columns": empty_columns,
    "constant_columns": constant_columns,
    "leaking_columns": leaking_columns,
    "rating_averages": rating_averages,
    "older_than_training": older_than_training,
    "visited_in_training": visited_in_training,
    "cold_users": cold_users,
    "cold_items": cold_items,
    "fast_users": fast_users,
    "one_rating_users": one_rating_users,
}
