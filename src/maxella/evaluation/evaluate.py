"""A model's figures on held-out interactions, with intervals and the ceiling."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from maxella.data.interactions import Interactions
from maxella.errors import ConfigError, DataError, TrainingError, unknown_name
from maxella.evaluation.answers import Answers, Metrics, Ratings
from maxella.evaluation.bootstrap import RESAMPLES, intervals
from maxella.evaluation.distribution import Forecasts
from maxella.evaluation.lists import LIST_METRICS
from maxella.evaluation.names import DEFAULT_METRICS, PROTOCOLS, parse_metric
from maxella.evaluation.pairs import Pairs
from maxella.evaluation.protocols import Forecaster, Ranker, Rater, RequestReader, TimedRater
from maxella.evaluation.ranking import RANKING_METRICS, UserRanks
from maxella.evaluation.ranks import CatalogueRanks, catalogue_ranks
from maxella.evaluation.slices import Slice
from maxella.evaluation.sums import Group
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
    slices: list[dict[str, Any]]  # slice, value, users, interactions, metrics and intervals of each
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values for JSON."""
        return {
            "metrics": self.metrics,
            "intervals": self.intervals,
            "ceiling": self.ceiling,
            "counts": self.counts,
            "slices": self.slices,
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
    slices: Sequence[Slice] = (),
) -> Report:
    """Rank every held-out item among all candidates, and predict every held-out rating.

    `seen` is all that was known before (training, and validation when this is the test):
    the `filtered` protocol takes it out of the candidates. `protocols` may leave one out.
    `seed` sets the intervals' resamples; 0 resamples leave the intervals out. Definitions:
    docs/metrics.md. A `raw_ranker` scores for the raw protocol in the ranker's place. `slices`
    are measured from the same ranks and errors, in their order, but those without a test
    interaction.

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
    parsed = {name: parse_metric(name) for name in metrics}
    found: dict[str, CatalogueRanks] = {}
    if ranker is not None:
        found = _rank(ranker, raw_ranker or ranker, pairs, parsed, protocols)
    answers = Answers.of(pairs, found, None if rater is None else _rate(rater, test, pairs))
    everyone = np.arange(len(pairs.users))
    whole = Group(everyone, answers.sums(parsed), answers.list_values(parsed, everyone))
    parts = [one.part(test, answers, whole, parsed) for one in slices if one.size(test)]
    bounds: list[dict[str, list[float]]] = [{} for _ in [whole, *parts]]
    if resamples:
        groups = [whole, *(part.resampled for part in parts)]
        rng = numpy_generator(seed, "intervals")
        bounds = intervals(groups, len(pairs.users), resamples, rng)
    return Report(
        _nested(whole.values()),
        _nested(bounds[0]),
        _ceiling(pairs, parsed, protocols) if found else {},
        _counts(test, pairs),
        [
            part.facts() | {"metrics": _nested(part.group.values()), "intervals": _nested(of_part)}
            for part, of_part in zip(parts, bounds[1:], strict=True)
        ],
        time.perf_counter() - started,
    )


def _rank(
    ranker: Ranker,
    raw_ranker: Ranker,
    pairs: Pairs,
    metrics: Metrics,
    protocols: Sequence[str],
) -> dict[str, CatalogueRanks]:
    """The ranks by protocol, and lists as long as the metrics want them."""
    longest = max((int(k) for key, k in metrics.values() if key in LIST_METRICS), default=0)
    if raw_ranker is ranker:  # each user scored once for both protocols
        return catalogue_ranks(ranker, pairs, longest, protocols=protocols)
    rankers = {"raw": raw_ranker, "filtered": ranker}
    found: dict[str, CatalogueRanks] = {}
    for protocol in protocols:
        found |= catalogue_ranks(rankers[protocol], pairs, longest, protocols=[protocol])
    return found


def _ceiling(pairs: Pairs, metrics: Metrics, protocols: Sequence[str]) -> dict[str, Any]:
    """What a perfect ranking reaches, the same for each protocol."""
    perfect = _perfect_ranks(pairs)
    values = {
        name: RANKING_METRICS[key](perfect, k).value()
        for name, (key, k) in metrics.items()
        if key in RANKING_METRICS
    }
    return {protocol: dict(values) for protocol in protocols}


def _perfect_ranks(pairs: Pairs) -> UserRanks:
    """A query's m known held-out items at ranks 1 to m, the unknown ones nowhere."""
    queries, is_known = pairs.held_out_queries, pairs.held_out_is_known
    # All of them tie at the top, where their mean rank is (1 + m) / 2.
    mean_rank = (1 + np.bincount(queries, weights=is_known)) / 2
    return UserRanks.of(queries, np.where(is_known, mean_rank[queries], np.inf))


def _rate(rater: Rater, test: Interactions, pairs: Pairs) -> Ratings:
    """What is predicted of the interactions that have a rating, distributions where given."""
    test = test.rated
    if test.ratings is None or not len(test):
        raise DataError(
            "Rating metrics want a rating for each held-out interaction; the data have none. "
            "Name the rating column of the data, or evaluate the ranking alone."
        )
    predictions = predict(rater, test)
    errors = predictions.numpy() - test.ratings
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
    forecasts = None
    if isinstance(rater, Forecaster) and len(rater.rating_levels):
        shares = torch.cat([rater.distribution(**block) for block in _blocks(rater, test)])
        forecasts = Forecasts(
            positions,
            shares.detach().cpu().double().numpy(),
            rater.rating_levels.cpu().numpy(),
            test.ratings,
        )
    return Ratings(positions, test.items, errors, forecasts)


def predict(rater: Rater, test: Interactions) -> torch.Tensor:
    """(n,) float64 predicted ratings of these interactions, which have one or not."""
    found = torch.cat([rater.predict(**block) for block in _blocks(rater, test)])
    return found.detach().cpu().double()


def _blocks(rater: Rater, test: Interactions) -> list[dict[str, Any]]:
    """What a rater is asked, block by block; with times and requests where it looks at them."""
    asked: dict[str, Any] = {"users": torch.tensor(test.users), "items": torch.tensor(test.items)}
    if isinstance(rater, TimedRater) and rater.rates_by_time:
        asked["times"] = test.timestamps
    if isinstance(rater, RequestReader) and rater.reads_requests and test.requests is not None:
        asked["requests"] = torch.tensor(test.requests)
    parts = [slice(start, start + PREDICTIONS) for start in range(0, len(test), PREDICTIONS)]
    return [{name: column[part] for name, column in asked.items()} for part in parts]


def _counts(test: Interactions, pairs: Pairs) -> dict[str, int]:
    return {
        "users": len(pairs.users),
        "queries": len(pairs.query_users),
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
