"""A data set ready for a model: ids ↔ rows, and three parts of the log."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from maxella.data.interactions import Interactions
from maxella.data.requests import Requests, read_log, split_specs
from maxella.data.split import Split
from maxella.features.feature_set import FeatureSet, FeatureSpec
from maxella.features.id import Vocabulary


@dataclass(frozen=True)
class Dataset:
    """Vocabularies over all ids of the log, and its parts as rows.

    The candidates of retrieval are the items of `items`: all that occur in the log,
    on whichever side of the split.
    """

    users: Vocabulary
    items: Vocabulary
    train: Interactions
    validation: Interactions
    test: Interactions
    given: Interactions  # of users held out wholly: known when they are served, not trained on
    requests: Requests | None = None  # the moments of the log, where features tell them apart
    request_features: FeatureSet | None = None  # those of the moment alone

    @property
    def known(self) -> Interactions:
        """All that is known before the test: training, validation and what is given."""
        return self.known_in_validation.join(self.validation)

    @property
    def known_in_validation(self) -> Interactions:
        """All that is known before the validation: training and what is given."""
        return self.train.join(self.given)

    @property
    def rating_range(self) -> tuple[float, float] | None:
        """Lowest and highest training rating; nothing where there are no ratings."""
        ratings = self.train.rated.ratings
        if ratings is None or not len(ratings):
            return None
        return float(ratings.min()), float(ratings.max())


def build_dataset(
    interactions: pl.DataFrame,
    split: Split,
    request_specs: Sequence[FeatureSpec] = (),
) -> Dataset:
    """An interactions table and its split → rows.

    Features of requests, if there are any, are fitted on training rows. Raises ConfigError where
    the age of items is among them and the table lacks times.
    """
    users = Vocabulary.fit(interactions["user_id"])
    items = Vocabulary.fit(interactions["item_id"])
    log = encode(interactions, users, items)
    requests = features = None
    if request_specs:
        of_moment, of_age = split_specs(request_specs)
        features = FeatureSet.fit(interactions, of_moment, split.train)
        requests, rows = read_log(interactions, features, has_ages=of_age is not None)
        log = replace(log, requests=rows)
    train = log.take(split.train)
    if train.ratings is not None:
        train.ratings[np.isin(split.train, split.unrated)] = np.nan  # a copy, made by take
    return Dataset(
        users,
        items,
        train,
        log.take(split.validation),
        log.take(split.test),
        log.take(split.given),
        requests,
        features,
    )


def encode(interactions: pl.DataFrame, users: Vocabulary, items: Vocabulary) -> Interactions:
    """Raw ids → rows, with ratings and times where the table has them."""
    columns = [
        name for name in interactions.columns if interactions[name].null_count() < len(interactions)
    ]
    return Interactions(
        users.rows_of(interactions["user_id"]),
        items.rows_of(interactions["item_id"]),
        interactions["rating"].to_numpy().astype(np.float32) if "rating" in columns else None,
        interactions["timestamp"].to_numpy() if "timestamp" in columns else None,
    )
