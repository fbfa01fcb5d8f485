"""What the figures say, in sentences computed from them.

A model counts at a task only if it has learnt it, a baseline if it answers it. "Ahead" and
"behind" are said where the interval of the paired difference excludes 0 or, where there is no
paired one, where the two intervals do not overlap; else the two are "level".
"""

from dataclasses import dataclass
from typing import Any

from maxella.report.columns import Column, headline_columns
from maxella.report.tasks import in_table_order, is_baseline, learnt, tasks_of
from maxella.report.verdict import compare

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

    def against(self, model: _Model, other: _Model) -> str:
        """The metric, both figures and what the verdict rests on."""
        why = compare(self.column, model, other).why
        figures = f"{self.text(model)}; {other['name']} has {self.text(other)}: {why}"
        return f"{self.column.label} ({figures})"


def findings(report: dict[str, Any]) -> list[str]:
    """The headline, then what stands behind it task by task, then what to mind."""
    lines = [headline(report)]
    for task in tasks_of(report):
        fields = _fields(report, task)
        lines += _against_baselines(fields)
        lines += _transfer(fields)
        lines += _long_lists(report, task)
        lines += _visited(task)
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
        figures = ", ".join(
            f"{field.column.task}: {field.figure(field.all[0])}" for field in firsts
        )
        number = "both tasks" if len(tasks) == 2 else "every task"
        answer = f"At {number} {clear[0]} is best ({figures})"
    return f"{answer}; {_behind_baselines(report, by_task)}."


def transfers(report: dict[str, Any]) -> list[str]:
    """At each task the best model of several tasks against the best of this task alone."""
    return [line for task in tasks_of(report) for line in _transfer(_fields(report, task))]


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
        if known and not _holds_all(report, column):
            fields.append(_Field(column, known))
    return fields


def _holds_all(report: dict[str, Any], column: Column) -> bool:
    """Whether the k best are all candidates: then the metric is no test of a ranking."""
    candidates, k = report.get("candidates"), column.list_length
    return isinstance(candidates, int) and k is not None and candidates <= k


def _leader(field: _Field) -> str:
    """The clause of one task: who is best there, or who comes first and is level with whom."""
    known = field.all
    first = f"{known[0]['name']} ({field.figure(known[0])})"
    if len(known) == 1:
        return f"{field.place} only {first} has a figure"
    if _clear_leader(field):
        return f"{field.place} {first} is best"
    level = field.level(known[0], known[1:])
    return f"{field.place} {first} comes first" + (f", level with {_names(level)}" if level else "")


def _clear_leader(field: _Field) -> str | None:
    """The name of the one that is ahead of all others, None where none is."""
    first, *others = field.all
    is_ahead = bool(others) and field.ahead(first, others) == others
    return str(first["name"]) if is_ahead else None


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
    if not clauses and not alone:
        return "no baseline is ahead of a model at a task it has learnt"
    if not clauses:
        clauses.append(f"no baseline is ahead {_join(compared)}")
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
            is_same = bool(clauses) and clauses[-1].startswith(f"{baseline['name']} is ahead")
            who = "of" if is_same else f"{baseline['name']} is ahead of"
            where = "" if is_all or is_same else f" {field.place}"
            clauses.append(f"{who} {names}{where}{f' by {field.column.label}' if place else ''}")
    return clauses


def _against_baselines(fields: list[_Field]) -> list[str]:
    """Each model at a task against all baselines, by every headline metric.

    The figures are those of the best of the baselines that a clause names.
    """
    lines = []
    for model in fields[0].models if fields else []:
        clauses: dict[str, dict[str, list[str]]] = {"behind": {}, "level with": {}, "ahead of": {}}
        for field in fields:
            if model not in field.models or not field.baselines:
                continue
            behind = [one for one in field.baselines if field.ahead(one, [model])]
            level = field.level(model, field.baselines)
            for word, whom in (("behind", behind), ("level with", level)):
                if whom:
                    text = field.against(model, whom[0])
                    clauses[word].setdefault(_names(whom), []).append(text)
            if not behind and not level:
                text = field.against(model, field.baselines[0])
                clauses["ahead of"].setdefault("every baseline", []).append(text)
        told = [
            f"{word} {whom} by {_join(texts)}"
            for word, by_whom in clauses.items()
            for whom, texts in by_whom.items()
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
            figures = f"{field.text(joint)} against {field.text(alone)}; {found.why}"
            by_order.setdefault(found.order, []).append(f"{field.column.label} ({figures})")
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
    long = [column.label for column in headline_columns(report, task) if _holds_all(report, column)]
    if not long:
        return []
    why = f"there are {report['candidates']:,} candidates, and such a list holds them all"
    return [f"At {task['name']} no sentence rests on {_join(long)}: {why}."]


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
