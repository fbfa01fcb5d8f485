"""How far two models differ, on the same resampled users: what they have in common falls out."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from maxella.evaluation import bootstrap
from maxella.evaluation.bootstrap import RESAMPLES, are_enough, percentiles, resampled
from maxella.evaluation.evaluate import Report
from maxella.evaluation.metric import Group, Metric
from maxella.seeds import numpy_generator


@dataclass(frozen=True)
class Drawn:
    """A figure, what it is in each resample of the users, and how each of them moves it."""

    value: float
    values: np.ndarray  # (resamples,)
    effects: np.ndarray  # (users,)
    n_users: int  # that count for it


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
) -> list[dict[str, Drawn]]:
    """Some metrics of each of several reports of one exam, all on the same users, by flat key.

    The resamples are those of `evaluate` with this seed. Metrics of lists are left out, as they
    belong to no user; so is what has no value. ValueError: of other users.
    """
    users = reports[0].user_rows[task]
    if not all(np.array_equal(of.user_rows[task], users) for of in reports):
        raise ValueError(f"paired differences want the same users of task '{task}' in all reports")
    groups = []
    for report, wanted in zip(reports, keys, strict=True):
        known = report.groups[task].statistics
        some = {key: known[key] for key in wanted if key in known}
        groups.append(replace(report.groups[task], statistics=some))
    found = _drawn(groups, len(users), resamples, numpy_generator(seed, "intervals"))
    return [{key: of for key, of in one.items() if not np.isnan(of.value)} for one in found]


def difference(one: Drawn, other: Drawn) -> dict[str, float]:
    """One's value minus the other's, and its 95 % interval where enough users tell it."""
    found = {"difference": one.value - other.value}
    effects = one.effects - other.effects
    if len(one.values) and are_enough(min(one.n_users, other.n_users), effects):
        low, high = percentiles(one.values - other.values, effects)
        found |= {"low": low, "high": high}
    return found


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
    one, over users and tries, None where fewer than 50 users count. A resample draws users with
    replacement, the same on both sides: what these have in common falls out. The tries are
    draws too, and what stands is one more of them where the change has no effect: then it differs
    from the mean of n tries by √(1 + 1/n) of their spread. Users say nothing of that part, as an
    item's luck is the same for all of them; so a resample adds the deviation of one try, widened to
    that spread. (A single try has none.)
    """
    n_tries = len(afters)
    drawn = _drawn([before, *afters], len(before.positions), RESAMPLES, rng)
    widened = ((n_tries + 1) / max(1, n_tries - 1)) ** 0.5
    chosen = rng.integers(n_tries, size=RESAMPLES)
    found = {}
    for name, of_name in before.statistics.items():
        if name not in metrics:  # it had nothing to measure
            continue
        figures = [of[name] for of in drawn]
        start, *ends = (metrics[name].turned(of.value) for of in figures)
        loss: dict[str, Any] = {"value": float(start - np.mean(ends)), "interval": None}
        if of_name.counts.sum() >= bootstrap.FEWEST_USERS:
            values = np.stack([metrics[name].turned(of.values) for of in figures], axis=1)
            means = values[:, 1:].mean(axis=1)
            others = means - values[:, 1:][np.arange(RESAMPLES), chosen]
            effects = np.mean([of.effects for of in figures[1:]], axis=0) - figures[0].effects
            worse = values[:, 0] - means + widened * others
            loss["interval"] = list(percentiles(worse, effects))
        found[name] = loss
    return found


def _drawn(
    groups: Sequence[Group], n_users: int, resamples: int, rng: np.random.Generator
) -> list[dict[str, Drawn]]:
    """The metrics of each group over everyone and in each resample."""
    if resamples:
        found = resampled(groups, n_users, resamples, rng)
    else:
        found = [dict.fromkeys(group.statistics, np.empty(0)) for group in groups]
    return [
        {
            key: Drawn(known.value(), of[key], known.effects(), int(known.counts.sum()))
            for key, known in group.statistics.items()
        }
        for group, of in zip(groups, found, strict=True)
    ]
