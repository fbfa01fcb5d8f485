"""How far two models differ, on the same resampled users: what they have in common falls out."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from maxella.evaluation.bootstrap import RESAMPLES, has_enough, percentiles, resampled
from maxella.evaluation.evaluate import Report
from maxella.evaluation.metric import Metric
from maxella.evaluation.sums import Group
from maxella.seeds import numpy_generator


@dataclass(frozen=True)
class Difference:
    """One's value minus the other's; 95 % interval, None where fewer than 50 users count."""

    difference: float
    low: float | None
    high: float | None


def paired(
    task: str, one: Report, others: Mapping[str, Report], *, seed: int, resamples: int = RESAMPLES
) -> dict[str, Difference]:
    """Flat key → the difference to the report that it names there, where both have the metric.

    Both are of one exam; ValueError where their users differ. The resamples are those of
    `evaluate` with this seed. Metrics of lists belong to no user: they have no difference.
    """
    mine = one.groups[task].statistics
    theirs = {
        key: of.groups[task].statistics[key]
        for key, of in others.items()
        if key in mine and task in of.groups and key in of.groups[task].statistics
    }
    users = one.user_rows[task]
    if not all(np.array_equal(others[key].user_rows[task], users) for key in theirs):
        raise ValueError(f"paired differences want the same users of task '{task}' in both reports")
    values = {key: mine[key].value() - of.value() for key, of in theirs.items()}
    enough = [key for key, of in theirs.items() if has_enough(of) and has_enough(mine[key])]
    sides = [Group(np.arange(len(users)), {k: of[k] for k in enough}) for of in (mine, theirs)]
    first, second = resampled(sides, len(users), resamples, numpy_generator(seed, "intervals"))
    low, high = percentiles(first - second).tolist()
    ends = {key: bounds for key, *bounds in zip(enough, low, high, strict=True)}
    return {key: Difference(value, *ends.get(key, (None, None))) for key, value in values.items()}


@dataclass(frozen=True)
class Loss:
    """How much worse a figure got: positive where the change did harm, whatever the metric."""

    value: float
    interval: tuple[float, float]  # 95 %, over users and tries

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"interval": list(self.interval)}


def losses(before: Report, afters: Sequence[Report], *, seed: int) -> dict[str, dict[str, Loss]]:
    """Task → flat key → the mean loss over several tries of one change, from the same exams."""
    found = {}
    for task, of_before in before.groups.items():
        of_afters = [after.groups[task] for after in afters]
        rng = numpy_generator(seed, "losses")
        found[task] = losses_of_task(before.table[task], of_before, of_afters, rng)
    return found


def losses_of_task(
    metrics: Mapping[str, Metric], before: Group, afters: Sequence[Group], rng: np.random.Generator
) -> dict[str, Loss]:
    """The mean loss of each metric over several tries of one change.

    A resample draws users with replacement, the same on both sides: what these have in common
    falls out. The tries are draws too, and what stands is one more of them where the change has
    no effect: then it differs from the mean of n tries by √(1 + 1/n) of their spread. Users say
    nothing of that part, as an item's luck is the same for all of them; so a resample adds the
    deviation of one try, widened to that spread. (A single try has none.)
    """
    n_tries, n_users = len(afters), len(before.positions)
    drawn = resampled([before, *afters], n_users, RESAMPLES, rng)
    widened = ((n_tries + 1) / max(1, n_tries - 1)) ** 0.5
    chosen = rng.integers(n_tries, size=RESAMPLES)
    found = {}
    for j, name in enumerate(before.statistics):
        if name not in metrics:  # it had nothing to measure
            continue
        once = [side.statistics[name].value() for side in (before, *afters)]
        values = np.stack([of[:, j] for of in drawn], axis=1)  # (resamples, 1 + tries)
        values = metrics[name].turned(np.concatenate([[once], values]))
        means = values[:, 1:].mean(axis=1)
        worse = values[:, 0] - means
        others = means[1:] - values[1:, 1:][np.arange(RESAMPLES), chosen]
        low, high = percentiles(worse[1:] + widened * others).tolist()
        found[name] = Loss(float(worse[0]), (low, high))
    return found
