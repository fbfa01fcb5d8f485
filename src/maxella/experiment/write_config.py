"""A suggestion as a TOML file that says of each choice why it was made."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from maxella.experiment.suggest import Finding, Suggestion
from maxella.printed import one_line

HEAD = """\
# Written by `maxella init`, which looked at the files: read it, mend it, then
#     maxella train {name} --out runs/first
# Every option and its default: maxella options"""
# Why a section or an option is as it is; {…} are filled in.
WHY = {
    "temporal": "What comes last in time is the test, as it will be in use.",
    "leave_last_out": "The last interaction of each user is the test: a split at one moment would "
    "leave few users known on both sides.",
    "random": "There are no times, so random rows are the test.",
    "column": "The files, or a column of them, say what trains and what tests.",
    "closed_form": "The encoders start from two closed forms, iALS and low-rank EDLAE.",
}
CONTEXTS = """\
# These change from row to row. One that is known before somebody chooses may tell what they
# choose: take away its # and that of the section.
# [features.context]"""


def write_config(suggestion: Suggestion, path: Path) -> str:
    """The text of a config that lies at `path`; paths below its folder are written from there."""
    choices, contexts = suggestion.choices, suggestion.contexts
    split, model, training = (choices.options[name] for name in ("split", "model", "training"))
    parts = [
        [HEAD.format(name=one_line(path.name))],
        [_pair("title", suggestion.options["title"])],
        ["[data]", *_data(suggestion, path.absolute().parent)],
        ["[split]", _comment(WHY[split["kind"]]), *_pairs(split)],
        *(_features(side, suggestion) for side in ("user", "item")),
        [CONTEXTS, *(f"# {pair}" for pair in _pairs(contexts))] if contexts else [],
        *(["[[tasks]]", _comment(task.reason), *_pairs(task.options)] for task in choices.tasks),
        [_comment(f"No task: {why}.") for why in choices.left_out],
        ["[model]", _comment(WHY["closed_form"]), *_pairs(model)],
        ["[training]", *_pairs(training)],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts if lines) + "\n"


def _data(suggestion: Suggestion, folder: Path) -> list[str]:
    lines: list[str] = []
    of_log = [one for one in suggestion.findings if one.table == "interactions"]
    reasons = {one.column: one.reason for one in of_log}
    for key, value in suggestion.options["data"].items():
        if key == "columns":
            lines += [_comment(f"{ours}: {reasons[c]}") for ours, c in value.items() if c]
        if key == "name_column":
            lines.append(_comment("Stands beside the ids of items in answers."))
        lines.append(_pair(key, _from(value, folder) if isinstance(value, Path) else value))
    lines += [_comment(f"{one.column}: {one.reason}") for one in of_log if one.role == "label"]
    lines += [_not_used(one) for one in of_log if one.role == "left out"]
    return lines + [_comment(f"Note: {note}") for note in suggestion.notes]


def _from(path: Path, folder: Path) -> str:
    path = path.absolute()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def _features(side: str, suggestion: Suggestion) -> list[str]:
    chosen = suggestion.options["features"][side]
    lines = [
        f"{_pair(one.column, chosen[one.column])}  {_comment(one.reason)}"
        if one.column in chosen
        else _not_used(one)
        for one in suggestion.findings
        if one.table == f"{side}s"
    ]
    return [f"[features.{side}]", *lines] if lines else []


def _not_used(finding: Finding) -> str:
    return _comment(f"Not used: {finding.column}: {finding.reason}")


def _pairs(options: Mapping[str, Any]) -> list[str]:
    return [_pair(key, value) for key, value in options.items()]


def _pair(key: str, value: Any) -> str:
    """`key = value` on one line, with tables as inline tables."""
    name = tomli_w.dumps({key: 0}).removesuffix(" = 0\n")
    return f"{name} = {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_pairs(value)) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return tomli_w.dumps({"v": value}).removeprefix("v = ").rstrip("\n")


def _comment(text: str) -> str:
    return f"# {one_line(text)}"
