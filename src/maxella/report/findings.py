"""What the figures say, in sentences computed from them.

A model counts at a task only if it was trained for it. "Beats", "better" and
"worse" are said where the two intervals do not overlap, "ahead" and "behind" where
they do or where there are none.
"""

from dataclasses import dataclass
from typing import Any

from maxella.report.columns import (
    FILTERED_TOP_100,
    NDCG_10,
    NDCG_100,
    RAW_TOP_100,
    RECALL_100,
    RMSE,
    Column,
    is_baseline,
)

_Model = dict[str, Any]


@dataclass(frozen=True)
class _Task:
    kind: str  # of a model trained for this task alone
    place: str  # "at retrieval"
    columns: tuple[Column, ...]  # the first that any model has a figure for decides

    def column(self, report: dict[str, Any]) -> Column | None:
        return next(
            (
                column
                for column in self.columns
                if any(column.value(model) is not None for model in report["models"])
            ),
            None,
        )

    def trains(self, model: _Model) -> bool:
        return model.get("kind") in {self.kind, "joint"}


RETRIEVAL = _Task("retrieval", "at retrieval", (FILTERED_TOP_100, RAW_TOP_100, RECALL_100))
RATING = _Task("rating", "at rating", (RMSE,))
_TASKS = (RETRIEVAL, RATING)
_USES_OF_TIME = {
    "ratings": "a held-out rating is predicted knowing when among the user's others it was given",
    "retrieval": "its lists are for after the last known interaction of a user",
    "requests": "it is told when each held-out item was asked for, which data split at random may "
    "give away",
}
_RANKING = (RAW_TOP_100, FILTERED_TOP_100, RECALL_100, NDCG_10, NDCG_100)


def headline(report: dict[str, Any]) -> str:
    """The answer in one sentence: the best of each task, and who is beaten by a baseline."""
    best = [
        (task, column, _best(report, column))
        for task in _TASKS
        if (column := task.column(report)) is not None
    ]
    if not best:
        return "No model of this report has a figure yet."
    if len(best) == 2 and best[0][2] == best[1][2]:
        figures = ", ".join(_figure(column, models[0]) for _, column, models in best)
        answer = f"At both tasks {_names(best[0][2])} {_is(best[0][2])} best ({figures})"
    else:
        clauses = [
            f"{task.place} {_names(models)} {_is(models)} best ({_figure(column, models[0])})"
            for task, column, models in best
        ]
        answer = _capital(", ".join(clauses))
    return f"{answer}; {_against_baselines(report)}."


def findings(report: dict[str, Any]) -> list[str]:
    """Further sentences: baselines ahead of models, joint against specialised, what to mind."""
    lines = []
    for task in _TASKS:
        column = task.column(report)
        if column is not None:
            lines += _baselines_ahead(report, task, column)
            lines += _joint_against_specialised(report, task, column)
    lines += _popularity_by_measure(report)
    lines += uses_of_time(report)
    lines += _not_trained(report)
    lines += trained_on_cuda(report)
    reads = report.get("test_reads")
    if isinstance(reads, int) and reads > 1:
        lines.append(
            f"The test part was read {reads} times: figures chosen by looking at it are too good."
        )
    return lines


def uses_of_time(report: dict[str, Any]) -> list[str]:
    """Which models look at the order in which their users did things, and at what."""
    return [
        f"{model['name']} uses time: {_USES_OF_TIME[use]}."
        for model in report["models"]
        for use in model.get("uses_time", [])
        if use in _USES_OF_TIME
    ]


def _not_trained(report: dict[str, Any]) -> list[str]:
    """Which models show figures of a task that they did not learn."""
    return [
        f"{model['name']} did not learn {what}: {figures} mean nothing."
        for model in report["models"]
        for kind, what, figures, column in (
            ("retrieval", "ratings", "its figures of ratings", RMSE),
            ("rating", "retrieval", "its figures of rankings", FILTERED_TOP_100),
        )
        if model.get("kind") == kind and column.value(model) is not None
    ]


def trained_on_cuda(report: dict[str, Any]) -> list[str]:
    """Which models a GPU trained: their seconds do not compare with those of the CPU."""
    models = [model for model in report["models"] if model.get("device") == "cuda"]
    gpu = (report.get("machine") or {}).get("gpu", "a CUDA device")
    return [f"Trained on {gpu}: {_names(models)}."] if models else []


def _against_baselines(report: dict[str, Any]) -> str:
    """The clause that says which trained models a baseline leaves behind."""
    if not any(is_baseline(model) for model in report["models"]):
        return "no baseline stands beside the models"
    clauses: list[str] = []
    compared: list[str] = []
    alone: list[str] = []
    for task in _TASKS:
        column = task.column(report)
        trained, baselines = _sides(report, task, column)
        if column is None or not trained:
            continue
        (compared if baselines else alone).append(task.place)
        behind = [(one, _behind(column, one, trained)) for one in baselines]
        behind = [(one, models) for one, models in behind if models]
        if behind:
            # Popularity knows nothing of the user: losing to it says the most.
            popular = (pair for pair in behind if _is_popularity(pair[0]))
            clauses.append(_beats(task, column, *next(popular, behind[0]), trained))
    if not compared:
        return "no baseline has a figure to compare a trained model with"
    if not clauses and not alone:
        return "no baseline is ahead of a model at a task it was trained for"
    if not clauses:
        clauses.append(f"no baseline is ahead {_join(compared)}")
    return " and ".join(clauses + [f"no baseline was compared {place}" for place in alone])


def _beats(
    task: _Task, column: Column, baseline: _Model, models: list[_Model], trained: list[_Model]
) -> str:
    verb = "beats" if all(_clear(column, baseline, model) for model in models) else "is ahead of"
    if len(models) == len(trained) > 1:
        return f"{baseline['name']} {verb} every model trained for {task.kind}"
    return f"{baseline['name']} {verb} {_names(models)} {task.place}"


def _baselines_ahead(report: dict[str, Any], task: _Task, column: Column) -> list[str]:
    trained, baselines = _sides(report, task, column)
    lines = []
    for baseline in baselines:
        behind = _behind(column, baseline, trained)
        if behind:
            whom = _join([_compared(column, baseline, model) for model in behind])
            lines.append(
                f"{_capital(task.place)}, baseline {baseline['name']} "
                f"({_figure(column, baseline)}) is ahead of {whom}."
            )
    if trained and baselines and not lines:
        lines.append(
            f"{_capital(task.place)}, no baseline is ahead of a trained model; the best is "
            f"{baselines[0]['name']} ({_figure(column, baselines[0])})."
        )
    return lines


def _joint_against_specialised(report: dict[str, Any], task: _Task, column: Column) -> list[str]:
    """The best joint model against the best that was trained for this task alone."""
    trained, _ = _sides(report, task, column)
    joint = next((model for model in trained if model.get("kind") == "joint"), None)
    alone = next((model for model in trained if model.get("kind") == task.kind), None)
    if joint is None or alone is None:
        return []
    is_clear = _clear(column, joint, alone)
    word = {
        1: "better than" if is_clear else "ahead of",
        0: "level with",
        -1: "worse than" if is_clear else "behind",
    }[_order(column, joint, alone)]
    sentence = (
        f"{_capital(task.place)}, {joint['name']} ({_figure(column, joint)}) is {word} "
        f"{_compared(column, joint, alone)}, trained for this task alone."
    )
    return [sentence]


def _popularity_by_measure(report: dict[str, Any]) -> list[str]:
    """Popularity against the best model trained for retrieval, where the measures disagree."""
    trained, baselines = _sides(report, RETRIEVAL, RETRIEVAL.column(report))
    popularity = next(filter(_is_popularity, baselines), None)
    if popularity is None or not trained:
        return []
    ahead: list[str] = []
    behind: list[str] = []
    for column in _RANKING:
        order = _order(column, popularity, trained[0])
        if order:
            (ahead if order > 0 else behind).append(column.label)
    if not ahead or not behind:
        return []
    sentence = (
        f"The measures disagree: {popularity['name']} is ahead of {trained[0]['name']} at "
        f"{_join(ahead)}, behind at {_join(behind)}."
    )
    return [sentence]


def _is_popularity(model: _Model) -> bool:
    return is_baseline(model) and "popular" in str(model["name"]).lower()


def _sides(
    report: dict[str, Any], task: _Task, column: Column | None
) -> tuple[list[_Model], list[_Model]]:
    """The models trained for a task and the baselines, those with a figure, best first."""
    if column is None:
        return [], []
    known = [model for model in report["models"] if column.value(model) is not None]
    known.sort(key=lambda model: column.value(model) or 0.0, reverse=column.is_higher_better)
    trained = [model for model in known if task.trains(model)]
    return trained, [model for model in known if is_baseline(model)]


def _best(report: dict[str, Any], column: Column) -> list[_Model]:
    known = [model for model in report["models"] if column.value(model) is not None]
    # Fewer than two figures have no best among them: the only one is.
    rows = column.best(known) or {0}
    return [known[row] for row in sorted(rows)]


def _behind(column: Column, model: _Model, others: list[_Model]) -> list[_Model]:
    return [other for other in others if _order(column, model, other) > 0]


def _order(column: Column, model: _Model, other: _Model) -> int:
    """1 if the first is better, -1 if worse, 0 if both read the same."""
    mine, its = column.value(model), column.value(other)
    if mine is None or its is None or column.text(mine) == column.text(its):
        return 0
    return 1 if (mine > its) == column.is_higher_better else -1


def _clear(column: Column, model: _Model, other: _Model) -> bool:
    """Whether both have intervals and these do not overlap."""
    mine, its = column.interval(model), column.interval(other)
    return mine is not None and its is not None and (mine[0] > its[1] or its[0] > mine[1])


def _compared(column: Column, model: _Model, other: _Model) -> str:
    """The other's name and figure, and whether the difference is within the intervals."""
    text = f"{other['name']} ({column.text(column.value(other))}"
    if column.interval(model) is None or column.interval(other) is None:
        return f"{text}; no intervals)"
    return f"{text})" if _clear(column, model, other) else f"{text}; intervals overlap)"


def _figure(column: Column, model: _Model) -> str:
    return f"{column.label} {column.text(column.value(model))}"


def _names(models: list[_Model]) -> str:
    return _join([str(model["name"]) for model in models])


def _is(models: list[_Model]) -> str:
    return "is" if len(models) == 1 else "are"


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
