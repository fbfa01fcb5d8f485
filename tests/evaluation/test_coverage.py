"""Do 95 % intervals hold the truth 95 % of the time? In a world where the truth is known.

Users differ as those of real logs do: some have hundreds of interactions, most few; some are easy
to predict, others not; most have no hit. Two models are judged on the same users.
"""

import numpy as np
import pytest

from maxella.evaluation import bootstrap
from maxella.evaluation.differences import Drawn, difference
from maxella.evaluation.metric import Group, UserSums


def draw(n, rng):
    """Statistics of two models over n users: {metric: (one model's, the other's)}."""
    counts = np.clip(np.round(np.exp(rng.normal(2.8, 1.1, n))), 1, 500)
    hits = rng.binomial(counts.astype(int), rng.beta(1.2, 6, n))
    others = hits - rng.binomial(hits, 0.15) + rng.binomial((counts - hits).astype(int), 0.02)
    hit, again = rng.random(n) < 0.15, rng.random(n) < 0.25
    gain = rng.beta(0.5, 3, n) * (rng.random(n) < 0.4)
    near = np.clip(gain + rng.normal(0, 0.05, n) * (gain > 0), 0, 1)
    spread = np.exp(rng.normal(-0.2, 0.45, n))
    errors = spread * rng.chisquare(counts)
    wider = errors * (1 + rng.normal(0.01, 0.02, n)) + 0.02 * spread * rng.chisquare(counts)
    mean = UserSums.mean_over_users
    return {
        "top-k": (UserSums.ratio(hits, counts), UserSums.ratio(others, counts)),
        "hit rate": (mean(hit), mean(np.where(rng.random(n) < 0.4, again, hit))),
        "ndcg": (mean(gain), mean(near)),
        "rmse": (UserSums.ratio(errors, counts).root, UserSums.ratio(wider, counts).root),
    }


def coverage(n, rounds, seed=1):
    """{(metric, "own" | "paired"): the share of intervals that hold the truth, those there are}."""
    rng = np.random.default_rng(seed)
    truth = {key: [of.value() for of in pair] for key, pair in draw(2_000_000, rng).items()}
    held = {}
    for _ in range(rounds):
        drawn = draw(n, rng)
        groups = [
            Group(np.arange(n), {key: of[side] for key, of in drawn.items()}) for side in (0, 1)
        ]
        own = bootstrap.intervals(groups[:1], n, 500, rng)[0]
        values = bootstrap.resampled(groups, n, 500, rng)
        for key, pair in drawn.items():
            one, other = (
                Drawn(of.value(), values[side][key], of.effects(), n)
                for side, of in enumerate(pair)
            )
            apart = difference(one, other)
            if key in own:
                low, high = own[key]
                held.setdefault((key, "own"), []).append(low <= truth[key][0] <= high)
            if "low" in apart:
                between = apart["low"] <= truth[key][0] - truth[key][1] <= apart["high"]
                held.setdefault((key, "paired"), []).append(between)
    return {key: float(np.mean(of)) for key, of in held.items()}


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 100, 400])
def test_intervals_hold_the_truth_as_often_as_they_say(n):
    found = coverage(n, 1000)
    assert len(found) == 8
    # A share of 1,000 rounds is right to ± .014; percentiles as they are have a mean of .92.
    assert all(0.92 <= share <= 0.98 for share in found.values()), found
    assert 0.93 <= np.mean(list(found.values())) <= 0.97, found
