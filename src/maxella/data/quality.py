"""What to know of a data set before training on it: findings, and pictures of what it holds."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from maxella.data.check_leaks import leaking_columns
from maxella.data.check_ratings import ratings_alone
from maxella.data.check_split import cold, older_than_training, visited_in_training
from maxella.data.check_tables import (
    constant_columns,
    empty_columns,
    reading,
    repeated_names,
    unknown,
    without_interactions,
)
from maxella.data.check_users import fast_users, one_rating_users
from maxella.data.explore import explore
from maxella.data.finding import Finding
from maxella.data.indexed_log import IndexedLog, index_log
from maxella.data.split import Split
from maxella.sources.tables import Tables, require_interactions

FORMAT = 1


def check_data(tables: Tables, split: Split) -> dict[str, Any]:
    """The findings of every check that the tables have the columns for, and what the data hold.

    Plain values, for JSON; findings are in the order of `CHECKS`, each with its name.
    DataError: there is no interaction.
    """
    require_interactions(tables)
    log = index_log(tables, split)
    findings = {name: check(log) for name, check in CHECKS.items()}
    return {
        "format": FORMAT,
        "name": tables.name,
        "n_interactions": len(log.users),
        "n_users": len(log.user_table),  # with an interaction
        "n_items": len(log.item_table),  # with an interaction
        "n_train": len(split.train),
        "n_validation": len(split.validation),
        "n_test": len(split.test),
        "findings": [{"name": name, **asdict(one)} for name, one in findings.items() if one],
        "notes": list(tables.notes),  # what reading changed
        "exploration": explore(log),
    }


# Name → check; None where the data lack what the check looks at.
CHECKS: dict[str, Callable[[IndexedLog], Finding | None]] = {
    "reading": reading,
    "repeated_names": repeated_names,
    "users_without_interactions": partial(without_interactions, things="users"),
    "items_without_interactions": partial(without_interactions, things="items"),
    "unknown_users": partial(unknown, things="users"),
    "unknown_items": partial(unknown, things="items"),
    "empty_columns": empty_columns,
    "constant_columns": constant_columns,
    "leaking_columns": leaking_columns,
    "older_than_training": older_than_training,
    "visited_in_training": visited_in_training,
    "cold_users": partial(cold, things="users"),
    "cold_items": partial(cold, things="items"),
    "fast_users": fast_users,
    "one_rating_users": one_rating_users,
    "ratings_alone": ratings_alone,
}
