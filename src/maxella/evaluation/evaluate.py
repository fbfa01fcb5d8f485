"""A model's figures on held-out interactions, with intervals and the ceiling."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from maxella.data.interactions import Interactions
from maxella.errors import ConfigError, DataError, TrainingError, unknown_name
from maxella.evaluation.bootstrap import RESAMPLES, intervals
from maxella.evaluation.distribution import DISTRIBUTION_METRICS, Forecasts
from maxella.evaluation.lists import LIST_METRICS
from maxella.evaluation.names import DEFAULT_METRICS, PROTOCOLS, parse_metric
from maxella.evaluation.pairs import Pairs
from maxella.evaluation.protocols import Forecaster, Ranker, Rater, TimedRater
from maxella.evaluation.ranking import RANKING_METRICS, UserRanks
from maxella.evaluation.ranks import catalogue_ranks
from maxella.evaluation.rating import RATING_METRICS
from maxella.evaluation.sums import UserSums
from maxella.seeds import numpy_generator

PREDICTIONS = 2**12  # pairs rated at once: what a rating head keeps fits the cache


@dataclass(frozen=True)
class Report:
    """What an evaluation found.

    `metrics` is nested: `raw` and `filtered` hold the ranking metrics by name, the rating
    metrics stand beside them. `intervals` and `ceiling` have the same shape, but hold no
    metric of whole lists (coverage, distinct_lists), and `ceiling` no rating metric.
    """

    metrics: dict[str, Any]
    intervals: dict[str, Any]  # [low, high] for each metric; empty without resamples
    ceiling: dict[str, Any]  # what a perfect ranking reaches
    counts: dict[str, int]
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        return {
            "metrics": self.metrics,
            "intervals": self.intervals,
            "ceiling": self.ceiling,
            "counts": self.counts,
            "seconds": self.seconds,
        }

    def flat_metrics(self) -> dict[str, float]:
        """The metrics on one level, such as `filtered.ndcg@10` and `rmse`."""
        flat: dict[str, float] = {}
        for name, value in self.metrics.items():
            if isinstance(value, dict):
                flat |= {f"{name}.{metric}": figure for metric, figure in value.items()}
            else:
                flat[name] = value
        return flat


def evaluate(
    ranker: Ranker | None,
    rater: Rater | None,
    test: Interactions,
    *,
    seen: Interactions,
    n_item_rows: int,
    seed: int,
    metrics: Sequence[str] = DEFAULT_METRICS,
    protocols: Sequence[str] = PROTOCOLS,
    resamples: int = RESAMPLES,
    raw_ranker: Ranker | None = None,
) -> Report:
    """Rank every held-out item among all candidates, and predict every held-out rating.

    `seen` is all that was known before (training, and validation when this is the test):
    the `filtered` protocol takes it out of the candidates. `protocols` may leave one out.
    `seed` sets the intervals' resamples; 0 resamples leave the intervals out. Definitions:
    docs/metrics.md. A `raw_ranker` scores for the raw protocol in the ranker's place.

    Raises DataError where there is nothing to evaluate, TrainingError where a score is NaN or
    a predicted rating not finite, ConfigError for an unknown metric or protocol.
    """
    started = time.perf_counter()
    if not len(test):
        raise DataError(
            "An evaluation wants held-out interactions; the test part has none. "
            "Give the split a test share above 0, or skip the evaluation."
        )
    for protocol in protocols:
        if protocol not in PROTOCOLS:
            raise ConfigError(unknown_name("protocol", protocol, PROTOCOLS))
    if "filtered" not in protocols:
        seen = seen.take(np.empty(0, dtype=np.int64))
    pairs = Pairs.of(test, seen, n_item_rows)
    sums: dict[str, UserSums] = {}
    values: dict[str, float] = {}
    ceiling: dict[str, Any] = {}
    if ranker is not None:
        sums, values, ceiling = _rank(ranker, raw_ranker or ranker, pairs, metrics, protocols)
    if rater is not None:
        sums |= _rate(rater, test, pairs)
    values |= {name: metric.value() for name, metric in sums.items()}
    bounds = {}
    if resamples and sums:
        bounds = intervals(sums, resamples, numpy_generator(seed, "intervals"))
    return Report(
        _nested(values),
        _nested(bounds),
        ceiling,
        _counts(test, pairs),
        time.perf_counter() - started,
    )


def _rank(
    ranker: Ranker,
    raw_ranker: Ranker,
    pairs: Pairs,
    names: Sequence[str],
    protocols: Sequence[str],
) -> tuple[dict[str, UserSums], dict[str, float], dict[str, Any]]:
    """Ranking metrics as sums, list metrics as values, and the ceiling of the former."""
    parsed = {name: parse_metric(name) for name in names}
    ranking = {name: of for name, of in parsed.items() if of[0] in RANKING_METRICS}
    lists = {name: (key, int(k)) for name, (key, k) in parsed.items() if key in LIST_METRICS}
    longest = max((k for _, k in lists.values()), default=0)
    if raw_ranker is ranker:  # each user scored once for both protocols
        found = catalogue_ranks(ranker, pairs, longest, protocols=protocols)
    else:
        rankers = {"raw": raw_ranker, "filtered": ranker}
        found = {}
        for protocol in protocols:
            found |= catalogue_ranks(rankers[protocol], pairs, longest, protocols=[protocol])

    def measure(held_out: UserRanks) -> dict[str, UserSums]:
        return {name: RANKING_METRICS[key](held_out, k) for name, (key, k) in ranking.items()}

    sums: dict[str, UserSums] = {}
    values: dict[str, float] = {}
    for protocol in protocols:
        by_name = measure(found[protocol].by_user(pairs))
        sums |= {f"{protocol}.{name}": metric for name, metric in by_name.items()}
        for name, (key, k) in lists.items():
            best = found[protocol].lists[:, :k]
            values[f"{protocol}.{name}"] = LIST_METRICS[key](best, pairs.n_item_rows - 1)
    perfect = measure(_perfect_ranks(pairs))
    ceiling = {name: metric.value() for name, metric in perfect.items()}
    return sums, values, {protocol: dict(ceiling) for protocol in protocols}


def _perfect_ranks(pairs: Pairs) -> UserRanks:
    """A user's m known held-out items at ranks 1 to m, the unknown ones nowhere."""
    users, is_known = pairs.held_out_users, pairs.held_out_is_known
    # All of them tie at the top, where their mean rank is (1 + m) / 2.
    mean_rank = (1 + np.bincount(users, weights=is_known)) / 2
    return UserRanks.of(users, np.where(is_known, mean_rank[users], np.inf))


def _rate(rater: Rater, test: Interactions, pairs: Pairs) -> dict[str, UserSums]:
    """Rating metrics as sums, over the interactions that have a rating.

    Those of the distributions are among them where the rater gives any.
    """
    test = test.rated
    if test.ratings is None or not len(test):
        raise DataError(
            "Rating metrics want a rating for each held-out interaction; the data have none. "
            "Name the rating column of the data, or evaluate the ranking alone."
        )
    users, items = torch.tensor(test.users), torch.tensor(test.items)
    asked: list[Any] = [users, items]
    if isinstance(rater, TimedRater) and rater.rates_by_time:
        asked.append(test.timestamps)
    parts = [slice(start, start + PREDICTIONS) for start in range(0, len(test), PREDICTIONS)]
    blocks = [[column[part] for column in asked] for part in parts]
    predictions = torch.cat([rater.predict(*block) for block in blocks])
    errors = predictions.detach().cpu().double().numpy() - test.ratings
    is_broken = ~np.isfinite(errors)
    if is_broken.any():
        row = int(is_broken.argmax())
        raise TrainingError(
            f"Predicted ratings and ratings must be finite numbers; {is_broken.sum()} of "
            f"{len(test)} test interactions have others, first user row {test.users[row]} and item "
            f"row {test.items[row]} (prediction {predictions[row].item()}, rating "
            f"{test.ratings[row]}). Look for NaN in the model's weights and in the ratings."
        )
    positions = pairs.positions_of(test.users)
    sums = {name: metric(positions, errors) for name, metric in RATING_METRICS.items()}
    if isinstance(rater, Forecaster) and len(rater.rating_levels):
        shares = torch.cat([rater.distribution(*block) for block in blocks])
        forecasts = Forecasts(
            positions,
            shares.detach().cpu().double().numpy(),
            rater.rating_levels.cpu().numpy(),
            test.ratings,
        )
        sums |= {name: metric(forecasts) for name, metric in DISTRIBUTION_METRICS.items()}
    return {name: of_users.padded(len(pairs.users)) for name, of_users in sums.items()}


def _counts(test: Interactions, pairs: Pairs) -> dict[str, int]:
    return {
        "users": len(pairs.users),
        "interactions": len(test),
        "ranked": len(pairs.held_out),
        "candidates": pairs.n_item_rows - 1,
        "unknown_items": int((~pairs.held_out_is_known).sum()),
    }


def _nested(flat: dict[str, Any]) -> dict[str, Any]:
    """`raw.mrr` → `raw`: `mrr`; names without a protocol stay where they are."""
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        protocol, dot, metric = name.partition(".")
        if dot:
            nested.setdefault(protocol, {})[metric] = value
        else:
            nested[name] = value
    return nested
