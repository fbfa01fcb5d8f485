"""Raw ids in, raw ids out: recommendations, predictions and similar items."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, cast

import numpy as np
import polars as pl
import torch
from torch.nn import functional
from typing_extensions import TypeVar

from maxella.data.contexts import read_contexts
from maxella.data.entity_features import EntityFeatures, Features
from maxella.errors import ConfigError, DataError, unknown_name
from maxella.features.id import UNKNOWN_ROW, Vocabulary
from maxella.index.exact import ExactIndex
from maxella.recommend.engine import Engine
from maxella.recommend.lists import source_names
from maxella.recommend.newcomers import newcomers_log
from maxella.recommend.shown import as_html, as_text
from maxella.sources.frames import column_names, kind_of, of_kind, to_polars, with_added
from maxella.sources.own_names import IDS, TIMESTAMP, OwnNames
from maxella.tasks.task import Task

if TYPE_CHECKING:
    from narwhals.typing import IntoDataFrameT

_PAIRS = 2**16  # answered at once
Frame = TypeVar("Frame", default=pl.DataFrame)  # the kind of frame that answers come as


class Recommender(Generic[Frame]):
    """Answers for the users and items of one trained model.

    A user of whom nothing is known gets the items most picked in training; `source` says of
    each answer whether it is the "model" or "popularity" that speaks. A pair has the same score
    and source in `recommend` and in `predict`.

    Frames go in from pandas, Polars or Arrow. Answers are frames of the kind that came in: of the
    log that it was fitted to, of a history or of pairs; of a loaded one, of Polars or as asked for.
    `report` is what the run found, as in `report.json`; None of a bundle alone.
    """

    def __init__(
        self,
        engine: Engine,
        users: Vocabulary,
        items: Vocabulary,
        tasks: Sequence[Task],
        features: Features,
        names: OwnNames | None = None,
        report: Mapping[str, Any] | None = None,
        frames: str = "polars",
    ) -> None:
        """`tasks`: all that the model was declared with; those of weight 0 it has not learnt.

        `names`: what the log that trained it calls its columns. `frames`: the kind that answers
        come as, of `maxella.sources.frames.KINDS`.
        """
        self.report = report
        self._frames = frames
        of_kind(pl.DataFrame({"user_id": [""]}), frames)  # raises where there is no such kind
        self.users = users
        self._names = names or OwnNames()
        self.items = items
        self._engine = engine
        self._tasks = tasks
        self._features = features
        learnt = [task.name for task in tasks if task.weight > 0]
        self._ranked = [task for task in learnt if engine.ranks(task)]
        self._answered = [task for task in learnt if not engine.ranks(task)]

    def __repr__(self) -> str:
        return as_text(self._counts(), self.report)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return as_html(self._counts(), self.report)

    def _counts(self) -> tuple[int, int, Sequence[str]]:
        return len(self.users), len(self.items), [*self._ranked, *self._answered]

    def for_newcomers(
        self,
        history: "IntoDataFrameT | None" = None,
        users: "IntoDataFrameT | None" = None,
        names: OwnNames | None = None,
    ) -> "Recommender[IntoDataFrameT]":
        """A recommender for the users of these tables, read from what they say and nothing else.

        `history`: user_id, item_id and, where the model's tasks look at them, event, rating,
        timestamp (seconds) and further columns, of interactions that training need not have had.
        Items that the model does not know say nothing. An id that training had is taken for
        somebody new too. Columns may be called as in the log that trained the model, with times
        as there; or as `names` says.

        `users`: user_id and the columns of the model's features of users. Whoever has no history
        is read from these. Raises ConfigError where the model has no such features.
        """
        frames, names = self._frames, names or self._names
        for given, what in ((users, "users"), (history, "the history")):
            frames = frames if given is None else kind_of(given, what)
        read = pl.DataFrame(schema={"user_id": pl.String, "item_id": pl.String})
        if history is not None:
            read = to_polars(history, "the history")
        told = names.ours(read, IDS, ("rating", TIMESTAMP, "event"))
        if TIMESTAMP in told.columns:
            told = told.with_columns(names.seconds(read, told[TIMESTAMP]).alias(TIMESTAMP))
        table, named = None, told["user_id"]
        if users is not None:
            table = names.ours(to_polars(users, "users"), ("user_id",))
            named = pl.concat([named, table["user_id"]])
        ids = Vocabulary.fit(named)
        known = newcomers_log(told, ids, self.items, self._tasks, self._engine.known)
        features = None if table is None else self._features_of(table, ids)
        engine = self._engine.of_newcomers(known, features)
        return Recommender(
            engine, ids, self.items, self._tasks, self._features, self._names, self.report, frames
        )

    def _features_of(self, users: pl.DataFrame, ids: Vocabulary) -> EntityFeatures:
        if self._features.users is None:
            raise ConfigError(
                "Wanted a model with features of users; this one knows users by their ids and "
                "histories alone. Declare [features.user] and train again."
            )
        table = users.unique("user_id", keep="last", maintain_order=True)
        return self._features.users.of_others(table, "user_id", ids)

    def recommend(
        self,
        users: Iterable[str | int],
        k: int = 10,
        *,
        task: str | None = None,
        blend: Mapping[str, float] | None = None,
        include_seen: bool = False,
        exclude_visited: bool = False,
        allow: Iterable[str | int] | None = None,
        deny: Iterable[str | int] | None = None,
        context: Mapping[str, Any] | None = None,
    ) -> Frame:
        """The k best items of each user for a task, the first that ranks if none is named.

        Columns: user_id, rank (from 1), item_id, score, predicted_TASK for each other task that
        answers pairs, source. A user has fewer than k rows only where fewer candidates are left.
        For source "popularity" the score is how often training picked the item.

        Left out are the items that are the user's labels of the task, unless `include_seen`; with
        `exclude_visited` all that any event of theirs names. Of the items of `allow` alone, if
        given, and never of `deny`; ids that the model does not know say nothing.

        `blend`: {task: weight}, in place of a task: the best of the tasks that rank are ordered by
        the weighted sum of all, as `Engine.recommend` says; the score is that sum.

        `context`: what is known when they are asked for, by columns of the model's features of
        contexts: {"timestamp": 978300000, "device": "phone"}. Raises ConfigError for a column
        that is not read, for a task not learnt, and of a model that has not learnt to retrieve.
        """
        _check_length(k)
        asked = _asked("user_id", users)
        goal = self._goal(task, blend)
        if include_seen and exclude_visited:
            raise ConfigError("Give include_seen or exclude_visited; got both.")
        rows = torch.from_numpy(self.users.rows_of(asked))
        engine, at = self._engine, None
        if context:
            engine, at = self._in_context(_row_of(context), refuse_others=True)
        lists = engine.recommend(
            goal,
            rows,
            k,
            contexts=None if at is None else at.expand(len(rows)),
            exclude=None if include_seen else "visited" if exclude_visited else "labels",
            allow=self._item_rows(allow),
            deny=self._item_rows(deny),
        )
        of_users = rows[lists.positions]
        columns = {
            "user_id": asked.gather(lists.positions.numpy()),
            "rank": lists.ranks.numpy(),
            "item_id": self.items.ids_of(lists.items.numpy()),
            "score": lists.scores.numpy(),
        }
        for name in self._answered:
            contexts = None if at is None else at.expand(len(of_users))
            answers = engine.answers(name).predict(of_users, lists.items, contexts=contexts)
            columns[f"predicted_{name}"] = answers.numpy()
        source = pl.Series("source", source_names(lists.is_known), dtype=pl.String)
        return self._answer(pl.DataFrame(columns).with_columns(source))

    def predict(
        self, pairs: "IntoDataFrameT", *, intervals: float | None = None
    ) -> "IntoDataFrameT":
        """Pairs with user_id and item_id → the same rows with answers added.

        Added are predicted_TASK for each task that answers pairs, score for the first task
        that ranks (score_TASK for the others), and source. `intervals`, a probability such as .8,
        adds TASK_low and TASK_high where a task has a distribution over more than two levels: the
        smallest run of levels that leaves at most half of the rest below it and half above
        it, so the label lies in it with at least that probability.

        With a model that follows how users rate over time, a column timestamp (seconds) says when
        the rating would be given; without one it is after all that is known. With a model that
        reads contexts the columns of their features say in which one each pair is asked about;
        one that is absent is missing.

        An item that is not known has no score, and a prediction of what is known of the user.
        Ids and times may be called as in the log that trained the model, with times as there.
        Columns of those names are replaced. Raises ConfigError where intervals are asked of a
        model that has no distribution.
        """
        with_levels = self._with_levels(intervals)
        features, present = self._features.context, column_names(pairs, "pairs")
        wanted = self._names.found(present, (*IDS, TIMESTAMP)).values()
        read = to_polars(pairs, "pairs", {*wanted, *(features.columns if features else ())})
        table = self._names.ours(read, IDS, (TIMESTAMP,))
        users = torch.from_numpy(self.users.rows_of(table["user_id"]))
        items = torch.from_numpy(self.items.rows_of(table["item_id"]))
        reads_times = features is not None and TIMESTAMP in features.columns
        reads_times |= any(self._engine.answers(task).rates_by_time for task in self._answered)
        times = None
        if TIMESTAMP in table.columns and reads_times:
            seconds = self._names.seconds(read, table[TIMESTAMP]).alias(TIMESTAMP)
            table, times = table.with_columns(seconds), seconds.to_numpy()
        engine, contexts = self._in_context(table)
        answers = {task: engine.answers(task) for task in [*self._answered, *self._ranked]}
        asked = users, items, times, contexts
        found = {
            f"predicted_{task}": _in_blocks(answers[task].predict, *asked)
            for task in self._answered
        }
        for task in with_levels:
            ends = partial(answers[task].interval, probability=intervals or 0)
            found[f"{task}_low"], found[f"{task}_high"] = _in_blocks(ends, *asked).T
        columns = [pl.Series(name, values.numpy()) for name, values in found.items()]
        has_none = pl.Series(items.numpy() == UNKNOWN_ROW)
        for task in self._ranked:
            name = "score" if task == self._ranked[0] else f"score_{task}"
            scores = _in_blocks(answers[task].score_pairs, users, items, contexts)
            columns.append(pl.Series(name, scores.numpy()).set(has_none, None))
        source = pl.Series("source", source_names(engine.knows[users]), dtype=pl.String)
        added = pl.DataFrame([*columns, source])
        return cast("IntoDataFrameT", with_added(pairs, added, "pairs"))

    def similar(self, items: Iterable[str | int], k: int = 10) -> Frame:
        """The k items nearest to each item by the cosine of their embeddings, biases left out.

        Columns: item_id, rank (from 1), similar_item_id, similarity. Raises DataError for an
        item that is not known, ConfigError of a model that has not learnt to retrieve.
        """
        self._goal()  # raises where there is none
        _check_length(k)
        asked = _asked("item_id", items)
        rows = self.items.rows_of(asked)
        if (rows == UNKNOWN_ROW).any():
            unknown = asked.filter(pl.Series(rows == UNKNOWN_ROW)).to_list()
            raise DataError(
                f"Wanted items that the model knows; no item is called "
                f"{', '.join(map(repr, unknown[:5]))}. Give the ids as the data write them."
            )
        known = functional.normalize(self._engine.items[UNKNOWN_ROW + 1 :], dim=1)
        queries = torch.from_numpy(rows) - 1  # positions in `known`
        # One more than asked for, as an item is nearest to itself.
        values, positions = ExactIndex(known).search(known[queries], k + 1)
        other = positions != queries.unsqueeze(1)
        other &= other.cumsum(dim=1) <= k
        ranks = other.cumsum(dim=1)
        nearest = pl.DataFrame(
            {
                "item_id": asked.gather(other.nonzero()[:, 0].numpy()),
                "rank": ranks[other].numpy(),
                "similar_item_id": self.items.ids_of(positions[other].numpy() + 1),
                "similarity": values[other].numpy(),
            }
        )
        return self._answer(nearest)

    def _answer(self, frame: pl.DataFrame) -> Frame:
        return cast("Frame", of_kind(frame, self._frames))

    def _goal(
        self, task: str | None = None, blend: Mapping[str, float] | None = None
    ) -> str | Mapping[str, float]:
        """What to order items by: a blend, the task named, or the first that ranks."""
        if not self._ranked:
            raise ConfigError(
                "Wanted a model that has learnt to retrieve; this one has not: its scores would "
                "mean nothing. Train with a task of kind 'retrieval' whose weight is above 0."
            )
        if blend and task is not None:
            raise ConfigError(f"Give a task or a blend; got '{task}' and {dict(blend)}.")
        if not blend and task in self._answered:
            raise ConfigError(
                f"Task '{task}' answers pairs and ranks nothing. Ask for "
                f"{' or '.join(repr(name) for name in self._ranked)}, or for a blend with it."
            )
        learnt = [*self._ranked, *self._answered] if blend else self._ranked
        unlearnt = [name for name in blend or [task or self._ranked[0]] if name not in learnt]
        if unlearnt and any(one.name == unlearnt[0] for one in self._tasks):
            raise ConfigError(
                f"This model has not learnt task '{unlearnt[0]}': its weight was 0. Learnt: "
                f"{', '.join(learnt)}. Train with a weight above 0."
            )
        if unlearnt:
            raise ConfigError(unknown_name("task", unlearnt[0], learnt))
        return blend or task or self._ranked[0]

    def _with_levels(self, intervals: float | None) -> list[str]:
        """The tasks that intervals can be given of; none where none are asked for."""
        if intervals is None:
            return []
        if not 0 < intervals < 1:
            raise DataError(f"Wanted intervals of a probability between 0 and 1; got {intervals}.")
        found = [task for task in self._answered if len(self._engine.answers(task).levels) > 2]
        if not found:
            raise ConfigError(
                "Wanted intervals; this model has no distribution of any label. Train a rating "
                "task with head = 'ordinal'."
            )
        return found

    def _item_rows(self, ids: Iterable[str | int] | None) -> torch.Tensor | None:
        if ids is None:
            return None
        return torch.from_numpy(self.items.rows_of(_asked("item_id", ids)))

    def _in_context(
        self, table: pl.DataFrame, *, refuse_others: bool = False
    ) -> tuple[Engine, torch.Tensor | None]:
        """The engine for the contexts of a table, and (n,) the row of each, if it says any."""
        features = self._features.context
        columns = [] if features is None else features.columns
        others = [name for name in table.columns if name not in columns]
        if refuse_others and others:
            raise ConfigError(
                f"Wanted columns of the features of contexts ({', '.join(columns) or 'none'}: "
                f"[features.context] of the config); got {', '.join(others)}. Leave it out."
            )
        if features is None or not set(columns) & set(table.columns):
            return self._engine, None
        contexts = read_contexts(features, table)
        return self._engine.in_contexts(contexts), torch.arange(1, len(table) + 1)


def _in_blocks(
    ask: Callable[..., torch.Tensor], *columns: torch.Tensor | np.ndarray | None
) -> torch.Tensor:
    """(n, ...) what is found of columns of n rows, some absent, a block of rows at a time."""
    n = len(columns[0])  # type: ignore[arg-type]
    return torch.cat(
        [
            ask(*(None if one is None else one[start : start + _PAIRS] for one in columns))
            for start in range(0, max(1, n), _PAIRS)
        ]
    )


def _check_length(k: int) -> None:
    if k < 1:
        raise DataError(f"Wanted k of 1 or more; got {k}.")


def _row_of(context: Mapping[str, Any]) -> pl.DataFrame:
    try:
        return pl.DataFrame({name: [value] for name, value in context.items()})
    except (AttributeError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise DataError(
            "Wanted a context as a dict from columns to values, such as {'device': 'phone'}; got "
            f"{context!r:.100}."
        ) from error


def _asked(name: str, ids: Iterable[str | int]) -> pl.Series:
    """Ids that are text or whole numbers, of a list, an array or a column of any library."""
    message = f"Wanted a list of ids as text, such as ['42']; got {ids!r:.100}."
    if isinstance(ids, str):
        raise DataError(message)
    try:
        asked = pl.Series(name, list(ids))
    except TypeError as error:
        raise DataError(message) from error
    if not (asked.dtype.is_integer() or asked.dtype in (pl.String, pl.Null)):
        raise DataError(message)
    return asked.cast(pl.String)
