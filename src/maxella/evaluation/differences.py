"""How far two models differ, on the same resampled users: what they have in common falls out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from maxella.evaluation.bootstrap import RESAMPLES, percentiles, resampled, with_enough_users
from maxella.evaluation.evaluate import Report
from maxella.evaluation.metric import Group, Metric
from maxella.seeds import numpy_generator

Drawn = Mapping[str, np.ndarray]  # flat key → a metric's value, and its value in each resample


def best_of(task: str, reports: Sequence[Report]) -> dict[str, int]:
    """Flat key → the place of the report that has the best value of this metric."""
    best: dict[str, tuple[float, int]] = {}
    for place, report in enumerate(reports):
        for key, value in report.values[task].items():
            turned = report.table[task][key].turned(value)
            if key not in best or turned > best[key][0]:
                best[key] = turned, place
    return {key: place for key, (_, place) in best.items()}


def drawn_together(
    task: str,
    reports: Sequence[Report],
    keys: Sequence[Collection[str]],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> list[Drawn]:
    """Some metrics of each of several reports of one exam, all on the same users.

    The resamples are those of `evaluate` with this seed. What fewer than 50 users count for is
    left out; so are metrics of lists, which belong to no user. ValueError: of other users.
    """
    users = reports[0].user_rows[task]
    if not all(np.array_equal(of.user_rows[task], users) for of in reports):
        raise ValueError(f"paired differences want the same users of task '{task}' in all reports")
    groups = []
    for report, wanted in zip(reports, keys, strict=True):
        known = report.groups[task].statistics
        some = {key: known[key] for key in wanted if key in known}
        groups.append(with_enough_users(replace(report.groups[task], statistics=some)))
    return _drawn(groups, len(users), resamples, numpy_generator(seed, "intervals"))


def difference(one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """One's value minus the other's, and its 95 % interval; both as in `Drawn`."""
    low, high = percentiles(one[1:] - other[1:])
    return {"difference": float(one[0] - other[0]), "low": low, "high": high}


def losses(before: Report, afters: Sequence[Report], *, seed: int) -> dict[str, dict[str, Any]]:
    """As in `Report.flat`: the mean loss over several tries of one change, from the same exams."""
    found: dict[str, dict[str, Any]] = {}
    for task, of_before in before.groups.items():
        of_afters = [after.groups[task] for after in afters]
        rng = numpy_generator(seed, "losses")
        of_task = losses_of_task(before.table[task], of_before, of_afters, rng)
        found |= {f"{task}.{key}": loss for key, loss in of_task.items()}
    return found


def losses_of_task(
    metrics: Mapping[str, Metric], before: Group, afters: Sequence[Group], rng: np.random.Generator
) -> dict[str, dict[str, Any]]:
    """How much worse each metric got, on the mean of several tries of one change.

    `value` is positive where the change did harm, whatever the metric; `interval` is the 95 %
    one, over users and tries. A resample draws users with replacement, the same on both sides:
    what these have in common falls out. The tries are draws too, and what stands is one more of
    them where the change has no effect: then it differs from the mean of n tries by √(1 + 1/n) of
    their spread. Users say nothing of that part, as an item's luck is the same for all of them;
    so a resample adds the deviation of one try, widened to that spread. (A single try has none.)
    """
    n_tries = len(afters)
    drawn = _drawn([before, *afters], len(before.positions), RESAMPLES, rng)
    widened = ((n_tries + 1) / max(1, n_tries - 1)) ** 0.5
    chosen = rng.integers(n_tries, size=RESAMPLES)
    found = {}
    for name in before.statistics:
        if name not in metrics:  # it had nothing to measure
            continue
        values = np.stack([of[name] for of in drawn], axis=1)  # (1 + resamples, 1 + tries)
        values = metrics[name].turned(values)
        means = values[:, 1:].mean(axis=1)
        worse = values[:, 0] - means
        others = means[1:] - values[1:, 1:][np.arange(RESAMPLES), chosen]
        interval = percentiles(worse[1:] + widened * others)
        found[name] = {"value": float(worse[0]), "interval": list(interval)}
    return found


def _drawn(
    groups: Sequence[Group], n_users: int, resamples: int, rng: np.random.Generator
) -> list[Drawn]:
    """The metrics of each group over everyone, then in each resample."""
    found = resampled(groups, n_users, resamples, rng)
    return [
        {key: np.insert(values, 0, group.statistics[key].value()) for key, values in of.items()}
        for group, of in zip(groups, found, strict=True)
    ]
