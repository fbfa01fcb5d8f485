"""What a change of a model costs, as paired differences: the same users stand on both sides."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from maxella.data.interactions import Interactions
from maxella.evaluation.bootstrap import LEVEL, RESAMPLES, draws
from maxella.evaluation.evaluate import predict
from maxella.evaluation.names import parse_metric
from maxella.evaluation.pairs import Pairs
from maxella.evaluation.protocols import Ranker, Rater
from maxella.evaluation.ranking import RANKING_METRICS
from maxella.evaluation.ranks import catalogue_ranks
from maxella.evaluation.rating import rmse
from maxella.evaluation.sums import UserSums


@dataclass(frozen=True)
class Loss:
    """How much worse a figure got: positive where the change did harm, whatever the metric."""

    value: float
    interval: tuple[float, float]  # 95 %, over users and tries

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"interval": list(self.interval)}


def user_sums(
    ranker: Ranker | None,
    rater: Rater | None,
    test: Interactions,
    *,
    seen: Interactions,
    n_item_rows: int,
    metrics: Sequence[str],
) -> dict[str, UserSums]:
    """`filtered` ranking metrics and RMSE by user, always in the same order of the users."""
    pairs = Pairs.of(test, seen, n_item_rows)
    sums: dict[str, UserSums] = {}
    if ranker is not None:
        found = catalogue_ranks(ranker, pairs, 0, protocols=["filtered"])["filtered"]
        ranks, n_users = found.by_query(pairs), len(pairs.users)
        for name in metrics:
            key, k = parse_metric(name)
            of_queries = RANKING_METRICS[key](ranks, k)
            sums[f"filtered.{name}"] = of_queries.of_users(pairs.query_users, n_users)
    rated = test.rated
    if rater is not None and rated.ratings is not None and len(rated):
        errors = predict(rater, rated).numpy() - rated.ratings
        of_rated = rmse(pairs.positions_of(rated.users), errors)
        sums["rmse"] = of_rated.padded(len(pairs.users))
    return sums


def losses(
    before: Mapping[str, UserSums],
    afters: Sequence[Mapping[str, UserSums]],
    rng: np.random.Generator,
) -> dict[str, Loss]:
    """The mean loss of each metric over several tries of one change.

    A resample draws users with replacement, the same on both sides: what these have in common
    falls out. The tries are draws too, and what stands is one more of them where the change has
    no effect: then it differs from the mean of n tries by √(1 + 1/n) of their spread. Users say
    nothing of that part, as an item's luck is the same for all of them; so a resample adds the
    deviation of one try, widened to that spread. (A single try has none.)
    """
    n_users = len(next(iter(before.values())).numerators)
    metrics = [sums[name] for name in before for sums in (before, *afters)]
    by_user = np.stack([of.numerators for of in metrics] + [of.denominators for of in metrics], 1)
    drawn = [weights @ by_user for weights in draws(n_users, RESAMPLES, rng)]
    everyone_once = by_user.sum(axis=0, keepdims=True)
    of_draws = np.concatenate([everyone_once, *drawn])  # (1 + resamples, 2 · metrics)
    with np.errstate(invalid="ignore"):  # a resample may hold no one who counts for a metric
        values = of_draws[:, : len(metrics)] / of_draws[:, len(metrics) :]
    values = values.reshape(len(values), len(before), 1 + len(afters))
    n_tries = len(afters)
    widened = ((n_tries + 1) / max(1, n_tries - 1)) ** 0.5
    chosen = rng.integers(n_tries, size=len(values) - 1)
    found = {}
    for j, (name, of_before) in enumerate(before.items()):
        of_metric = np.sqrt(values[:, j]) if of_before.is_root else values[:, j]
        means = of_metric[:, 1:].mean(axis=1)
        worse = means - of_metric[:, 0]
        others = of_metric[1:, 1:][np.arange(len(chosen)), chosen] - means[1:]
        spread = worse[1:] + widened * others
        if not of_before.is_root:  # all but RMSE are better when higher
            worse, spread = -worse, -spread
        low, high = np.nanquantile(spread, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        found[name] = Loss(float(worse[0]), (float(low), float(high)))
    return found
