"""What the figures say, in sentences computed from them.

A model counts at a task only if it has learnt it, a baseline if it answers it. "Ahead" and
"behind" are said where the interval of the paired difference excludes 0 or, where there is no
paired one, where the two intervals do not overlap; else the two are "level". Without intervals no
sentence is sure, and says so.
"""

from dataclasses import dataclass
from typing import Any

from maxella.report.against import judges
from maxella.report.columns import Column, headline_columns
from maxella.report.tasks import in_table_order, is_baseline, learnt, tasks_of
from maxella.report.verdict import compare, paired_difference

_Model = dict[str, Any]
_NO_FIGURE = "No model of this report has a figure to judge it by."
_USES_OF_TIME = {
    "ratings": "a held-out rating is predicted from the user's others around it, those given after "
    "it among them",
    "past_ratings": "a held-out rating is predicted from those that the user gave before it",
    "retrieval": "its lists are for after the last known interaction of a user",
    "context": "it is told when each held-out item was asked for, which data split at random may "
    "give away",
}


@dataclass(frozen=True)
class _Field:
    """Who is judged by a headline metric of a task, best first."""

    column: Column
    all: list[_Model]

    @property
    def models(self) -> list[_Model]:
        return [model for model in self.all if not is_baseline(model)]

    @property
    def baselines(self) -> list[_Model]:
        return [model for model in self.all if is_baseline(model)]

    @property
    def place(self) -> str:
        return f"at {self.column.task}"

    def ahead(self, one: _Model, others: list[_Model]) -> list[_Model]:
        """Which others it is ahead of."""
        return [other for other in others if compare(self.column, one, other).order > 0]

    def level(self, one: _Model, others: list[_Model]) -> list[_Model]:
        """Which others it is level with."""
        return [other for other in others if compare(self.column, one, other).order == 0]

    def figure(self, model: _Model) -> str:
        return f"{self.column.label} {self.text(model)}"

    def text(self, model: _Model) -> str:
        return self.column.text(self.column.value(model))

    def is_sure(self, one: _Model, other: _Model) -> bool:
        """Whether intervals tell the two apart, or say that nothing does."""
        return compare(self.column, one, other).is_sure

    def led_by(self, first: _Model) -> str:
        """Its figure and, of a model, how far it is from the best baseline, if that is known."""
        best = next((one for one in self.baselines if not is_baseline(first)), None)
        paired = best and paired_difference(self.column, first, best)
        if not best or not paired or not paired.interval:
            return self.figure(first)
        return f"{self.figure(first)} against {self.text(best)} of {best['name']}: {paired.told}"


def findings(report: dict[str, Any]) -> list[str]:
    """The headline, then what stands behind it task by task, then what to mind."""
    lines = [headline(report)]
    for task in tasks_of(report):
        fields = _fields(report, task)
        lines += _against_baselines(fields)
        lines += _transfer(fields)
        lines += _long_lists(report, task)
        lines += _visited(task)
    lines += _not_sure([_fields(report, task) for task in tasks_of(report)])
    lines += uses_of_time(report) + _not_learnt(report) + trained_on_cuda(report)
    reads = report.get("test_reads") or 0
    if reads > 1:
        lines.append(
            f"The test part was read {reads} times: figures chosen by looking at it are too good."
        )
    return lines


def headline(report: dict[str, Any]) -> str:
    """The answer in one sentence: the best of each task, and who is behind a baseline."""
    tasks = tasks_of(report)
    by_task = [fields for task in tasks if (fields := _fields(report, task))]
    if not by_task:
        return _NO_FIGURE
    firsts = [fields[0] for fields in by_task]
    answer = capital(", ".join(map(_leader, firsts)))
    clear = [_clear_leader(field) for field in firsts]
    if clear[0] and len(tasks) == len(firsts) > 1 and all(one == clear[0] for one in clear):
        figures = "; ".join(
            f"{field.column.task}: {field.led_by(field.all[0])}" for field in firsts
        )
        number = "both tasks" if len(tasks) == 2 else "every task"
        answer = f"At {number} {clear[0]} is best ({figures})"
    return f"{answer}; {_behind_baselines(report, by_task)}."


def uses_of_time(report: dict[str, Any]) -> list[str]:
    """Which models look at the order in which their users did things, and at what."""
    return [
        f"{model['name']} uses time: {_USES_OF_TIME[use]}{_of_past(model, use)}."
        for model in report["models"]
        for use in model.get("uses_time") or []
        if use in _USES_OF_TIME
    ]


def _of_past(model: _Model, use: str) -> str:
    """What its figures are without what came later."""
    if use != "ratings":
        return ""
    figures = {
        task: (found["rmse"], found["past"]["rmse"])
        for task, found in (model.get("metrics") or {}).items()
        if "rmse" in (found.get("past") or {})
    }
    return "".join(
        f"; {task}: RMSE {both:.4f}, and {past:.4f} from earlier ones alone"
        for task, (both, past) in figures.items()
    )


def trained_on_cuda(report: dict[str, Any]) -> list[str]:
    """Which models a GPU trained: their seconds do not compare with those of the CPU."""
    models = [model for model in report["models"] if model.get("device") == "cuda"]
    gpu = (report.get("machine") or {}).get("gpu", "a CUDA device")
    return [f"Trained on {gpu}: {_names(models)}."] if models else []


def _fields(report: dict[str, Any], task: dict[str, Any]) -> list[_Field]:
    """The field of each headline metric that can be judged by, the deciding one first."""
    fields = []
    for column in headline_columns(report, task):
        known = sorted(filter(column.counts, in_table_order(report)), key=column.loss_of)
        if known and judges(report, column):
            fields.append(_Field(column, known))
    return fields


def _leader(field: _Field) -> str:
    """The clause of one task: who is best there, or who comes first and is level with whom."""
    first, *others = field.all
    named = f"{first['name']} ({field.led_by(first)})"
    if not others:
        return f"{field.place} only {named} has a figure"
    if _clear_leader(field):
        return f"{field.place} {named} is best"
    if not all(field.is_sure(first, other) for other in others):
        return f"{field.place} {named} has the best figure"
    level = field.level(first, others)
    return f"{field.place} {named} comes first" + (f", level with {_names(level)}" if level else "")


def _clear_leader(field: _Field) -> str | None:
    """The name of the one that is ahead of all others, None where none is."""
    first, *others = field.all
    is_ahead = bool(others) and field.ahead(first, others) == others
    is_clear = is_ahead and all(field.is_sure(first, other) for other in others)
    return str(first["name"]) if is_clear else None


def _behind_baselines(report: dict[str, Any], by_task: list[list[_Field]]) -> str:
    """The clause that says which models a baseline leaves behind, by any headline metric."""
    if not any(is_baseline(model) for model in report["models"]):
        return "no baseline stands beside the models"
    judged = [fields for fields in by_task if fields[0].models]
    compared = [fields[0].place for fields in judged if fields[0].baselines]
    alone = [fields[0].place for fields in judged if not fields[0].baselines]
    clauses = [clause for fields in judged for clause in _behind(fields)]
    if not compared:
        return "no baseline has a figure to compare a trained model with"
    is_sure = all(
        field.is_sure(one, model)
        for fields in judged
        for field in fields
        for one in field.baselines
        for model in field.models
    )
    is_ahead = "is ahead of" if is_sure else "has a better figure than"
    if not clauses and not alone:
        return f"no baseline {is_ahead} a model at a task it has learnt"
    if not clauses:
        clauses.append(f"no baseline {is_ahead} a model {_join(compared)}")
    return _join(clauses + [f"no baseline was compared {place}" for place in alone])


def _behind(fields: list[_Field]) -> list[str]:
    """Of each model at a task the first metric by which a baseline is ahead, as clauses."""
    clauses: list[str] = []
    told: list[_Model] = []
    for place, field in enumerate(fields):
        models = [model for model in field.models if model not in told]
        pairs = [(one, whom) for one in field.baselines if (whom := field.ahead(one, models))]
        if pairs:
            # Popularity knows nothing of the user: to be behind it says the most.
            popular = (pair for pair in pairs if "popular" in str(pair[0]["name"]).lower())
            baseline, whom = next(popular, pairs[0])
            told += whom
            is_all = len(whom) == len(field.models) > 1
            names = f"every model that learnt {field.column.task}" if is_all else _names(whom)
            is_sure = all(field.is_sure(baseline, one) for one in whom)
            is_ahead = "is ahead" if is_sure else "has better figures"
            link = "of" if is_sure else "than"
            is_same = bool(clauses) and clauses[-1].startswith(f"{baseline['name']} {is_ahead}")
            who = link if is_same else f"{baseline['name']} {is_ahead} {link}"
            where = "" if is_all or is_same else f" {field.place}"
            clauses.append(f"{who} {names}{where}{f' by {field.column.label}' if place else ''}")
    return clauses


def _against_baselines(fields: list[_Field]) -> list[str]:
    """Each model at a task against all baselines, by every headline metric."""
    lines = []
    for model in fields[0].models if fields else []:
        clauses: dict[str, dict[str, list[str]]] = {"behind": {}, "level with": {}, "ahead of": {}}
        order = [one["name"] for one in fields[0].all]  # one of all metrics, that names may meet
        for field in fields:
            if model not in field.models or not field.baselines:
                continue
            baselines = sorted(field.baselines, key=lambda one: order.index(one["name"]))
            behind = [one for one in baselines if field.ahead(one, [model])]
            level = field.level(model, baselines)
            for word, whom in (("behind", behind), ("level with", level)):
                if whom:
                    clauses[word].setdefault(_names(whom), []).append(field.column.label)
            if not behind and not level:
                clauses["ahead of"].setdefault("every baseline", []).append(field.column.label)
        told = [
            f"{word} {whom} by {_join(labels)}"
            for word, by_whom in clauses.items()
            for whom, labels in by_whom.items()
        ]
        if told:
            lines.append(f"{capital(fields[0].place)}, {model['name']} is {'; '.join(told)}.")
    return lines


def _transfer(fields: list[_Field]) -> list[str]:
    """The best model of several tasks against the best that learnt this task alone."""
    models = fields[0].models if fields else []
    joint = next((model for model in models if _n_learnt(model) > 1), None)
    alone = next((model for model in models if _n_learnt(model) == 1), None)
    if joint is None or alone is None:
        return []
    by_order: dict[int, list[str]] = {}
    for field in fields:
        if joint in field.models and alone in field.models:
            found = compare(field.column, joint, alone)
            by_order.setdefault(found.order, []).append(f"{field.column.label} ({found.why})")
    words = {1: "better than", 0: "level with", -1: "behind"}
    (first, labels), *others = by_order.items()
    clauses = [f"{words[first]} {alone['name']}, which learnt this task alone, by {_join(labels)}"]
    clauses += [f"{words[order]} it by {_join(labels)}" for order, labels in others]
    who = f"{joint['name']}, which learnt {_n_learnt(joint)} tasks,"
    return [f"{capital(fields[0].place)}, {who} is {' and '.join(clauses)}."]


def _n_learnt(model: _Model) -> int:
    return sum(learnt(model, task) for task in model.get("tasks") or {})


def _long_lists(report: dict[str, Any], task: dict[str, Any]) -> list[str]:
    """Which headline metrics say nothing, as their list holds all candidates."""
    long = [one.label for one in headline_columns(report, task) if not judges(report, one)]
    if not long:
        return []
    why = f"there are {report['candidates']:,} candidates, and such a list holds them all"
    return [f"At {task['name']} no sentence rests on {_join(long)}: {why}."]


def _not_sure(by_task: list[list[_Field]]) -> list[str]:
    """That figures alone were compared, where there are no intervals."""
    unsure = {
        field.column.full_label: None
        for fields in by_task
        for field in fields
        for one in field.all
        for other in field.all
        if one is not other and not field.is_sure(one, other)
    }
    if not unsure:
        return []
    names = _join([*unsure])
    line = (
        f"No interval says how surely models differ by {names}: too few users count, or all alike, "
        "or evaluation.resamples is 0. There figures alone are compared: it may be chance."
    )
    return [line]


def _visited(task: dict[str, Any]) -> list[str]:
    """How much of the test a user had met before in another event."""
    visited, test = task.get("visited"), task.get("test")
    if not visited or not test:
        return []
    met = (
        f"the user had met {100 * visited / test:.0f} % of the test items before, in another event"
    )
    return [f"At {task['name']}, {met}; for discovery look at the figures of new items."]


def _not_learnt(report: dict[str, Any]) -> list[str]:
    """Which models show figures of a task that they did not learn."""
    return [
        f"{model['name']} did not learn {task['name']}: its figures there mean nothing."
        for model in report["models"]
        for task in tasks_of(report)
        if (model.get("metrics") or {}).get(task["name"]) and not learnt(model, task["name"])
    ]


def _names(models: list[_Model]) -> str:
    return _join([str(model["name"]) for model in models])


def _join(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def capital(text: str) -> str:
    """The text with a capital first letter, the others as they are."""
    return text[:1].upper() + text[1:]
