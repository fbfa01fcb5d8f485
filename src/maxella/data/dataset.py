"""A data set ready for a model: ids ↔ rows, and the parts of the log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from maxella.data.contexts import Contexts, distinct_contexts
from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.data.rows import EVENT
from maxella.data.split import Split
from maxella.features.feature_set import FeatureSet, FeatureSpec
from maxella.features.id import Vocabulary
from maxella.seeds import numpy_generator


@dataclass(frozen=True)
class TaskLabels:
    """What a task learns of the rows of a log."""

    labels: np.ndarray  # (n,) float32 by row of the log, NaN where the row is none of its own
    keep: str = "last"  # of a pair's labels: the last in time, or the largest
    kept_share: float = 1.0  # of its training labels; the others are withheld, at random


@dataclass(frozen=True)
class Dataset:
    """Vocabularies over all ids of the log, and its parts as rows.

    The candidates of retrieval are the items of `items`: all that occur in the log,
    on whichever side of the split.
    """

    users: Vocabulary
    items: Vocabulary
    train: Log  # of a pair's labels of one task only the one that counts is left
    validation: Log
    test: Log
    given: Log  # of users held out wholly: known when they are served, not trained on
    contexts: Contexts | None = None  # those of the log, where features tell them apart
    context_features: FeatureSet | None = None

    @property
    def known(self) -> Log:
        """All that is known before the test: training, validation and what is given."""
        return self.known_in_validation.join(self.validation.rows)

    @property
    def known_in_validation(self) -> Log:
        """All that is known before the validation: training and what is given."""
        return self.train.join(self.given.rows)

    @property
    def settled(self) -> "Dataset":
        """The same with the validation part in training: there is nothing left to choose by."""
        rows = self.train.join(self.validation.rows).rows.with_one_label_a_pair(self.train.keeps)
        nothing = self.validation.of(self.validation.rows.take(np.empty(0, dtype=np.int64)))
        return replace(self, train=self.train.of(rows), validation=nothing)

    @property
    def tests_the_future(self) -> bool:
        """Whether no test row comes, in time, before what is known of its user."""
        known, test = self.known.rows, self.test.rows
        if known.timestamps is None or test.timestamps is None:
            return False
        latest = np.full(self.users.n_rows, np.iinfo(np.int64).min)
        np.maximum.at(latest, known.users, known.timestamps)
        return bool((test.timestamps >= latest[test.users]).all())


def build_dataset(
    table: pl.DataFrame,
    split: Split,
    tasks: Mapping[str, TaskLabels],
    context_specs: Sequence[FeatureSpec] = (),
    *,
    seed: int = 0,
) -> Dataset:
    """An interactions table (of `sources.tables.Tables`), its split and its tasks' labels → rows.

    Features of the context, if there are any, are fitted on training rows. `seed` draws the
    labels that are withheld.
    """
    users = Vocabulary.fit(table["user_id"])
    items = Vocabulary.fit(table["item_id"])
    rows = replace(
        encode(table, users, items), labels={name: of.labels for name, of in tasks.items()}
    )
    events: tuple[str, ...] = ()
    if EVENT in table.columns:
        events = tuple(table[EVENT].unique(maintain_order=True).to_list())
        codes = table[EVENT].replace_strict(list(events), range(len(events)))
        rows = replace(rows, events=codes.to_numpy().astype(np.int64))
    contexts = features = None
    if context_specs:
        features = FeatureSet.fit(table, context_specs, split.train)
        contexts, context_rows = distinct_contexts(features, table)
        rows = replace(rows, contexts=context_rows)
    keeps = {name: of.keep for name, of in tasks.items()}
    train = rows.take(split.train).with_one_label_a_pair(keeps)
    log = Log(train, users.n_rows, items.n_rows, events, keeps)
    return Dataset(
        users,
        items,
        log.of(replace(train, labels=_thinned(train.labels, tasks, seed))),
        log.of(rows.take(split.validation)),
        log.of(rows.take(split.test)),
        log.of(rows.take(split.given)),
        contexts,
        features,
    )


def encode(log: pl.DataFrame, users: Vocabulary, items: Vocabulary) -> Interactions:
    """Raw ids → rows, with times where the log has them."""
    has_times = "timestamp" in log.columns and log["timestamp"].null_count() < log.height
    return Interactions(
        users.rows_of(log["user_id"]),
        items.rows_of(log["item_id"]),
        timestamps=log["timestamp"].to_numpy() if has_times else None,
    )


def _thinned(
    labels: Mapping[str, np.ndarray], tasks: Mapping[str, TaskLabels], seed: int
) -> dict[str, np.ndarray]:
    """The labels of a training part, without those that are withheld."""
    found = dict(labels)
    for name, of in tasks.items():
        if of.kept_share == 1.0:
            continue
        labelled = (~np.isnan(labels[name])).nonzero()[0]
        n_withheld = len(labelled) - round(of.kept_share * len(labelled))
        withheld = numpy_generator(seed, "unrated").permutation(labelled)[:n_withheld]
        found[name] = labels[name].copy()
        found[name][withheld] = np.nan
    return found
