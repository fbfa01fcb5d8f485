"""A suggestion as a TOML file that says of each choice why it was made."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from maxella.experiment.suggest import Finding, Suggestion
from maxella.report.console import one_line

HEAD = """\
# Written by `maxella init`, which looked at the files: read it, mend it, then
#     maxella train {name} --out runs/first
# Every option and its default: src/maxella/experiment/config.py.
"""
# Why a section or an option is as it is; {…} are filled in.
WHY = {
    "temporal": "What comes last in time is the test, as it will be in use.",
    "leave_last_out": "The last interaction of each user is the test: a split at one moment would "
    "leave few users known on both sides.",
    "random": "There are no times, so random rows are the test.",
    "column": "The files, or a column of them, say what trains and what tests.",
    "closed_form": "The encoders start from two closed forms, iALS and low-rank EDLAE.",
}
CONTEXTS = (
    "These change from row to row. One that is known before somebody chooses may tell what they",
    "choose: take away its # and that of the section.",
)


def write_config(suggestion: Suggestion, path: Path) -> str:
    """The text of a config that lies at `path`; paths below its folder are written from there."""
    options = {**suggestion.options, **suggestion.choices.options}
    lines = [HEAD.format(name=one_line(path.name)), _pair("title", options["title"]), ""]
    lines += ["[data]", *_data(suggestion, path.absolute().parent), ""]
    lines += ["[split]", f"# {WHY[options['split']['kind']]}", *_pairs(options["split"]), ""]
    for side in ("user", "item"):
        lines += _features(side, options["features"][side], suggestion.findings)
    lines += _contexts(suggestion.contexts)
    for task in suggestion.choices.tasks:
        lines += ["[[tasks]]", _comment(task.reason), *_pairs(task.options), ""]
    if suggestion.choices.left_out:
        lines += [*(_comment(f"No task: {why}.") for why in suggestion.choices.left_out), ""]
    lines += ["[model]", f"# {WHY['closed_form']}", *_pairs(options["model"]), ""]
    lines += ["[training]", *_pairs(options["training"])]
    return "\n".join(lines) + "\n"


def _data(suggestion: Suggestion, folder: Path) -> list[str]:
    lines: list[str] = []
    reasons = {(f.table, f.column): f.reason for f in suggestion.findings}
    for key, value in suggestion.options["data"].items():
        if isinstance(value, Path):
            lines.append(_pair(key, _from(value, folder)))
            continue
        if key == "columns":
            known = [(ours, c) for ours, c in value.items() if c]
            lines += [_comment(f"{ours}: {reasons['interactions', c]}") for ours, c in known]
        lines.append(_pair(key, value))
    left_out = [
        f for f in suggestion.findings if f.table == "interactions" and f.role == "left out"
    ]
    return [*lines, *(_comment(f"Not used: {f.column}: {f.reason}") for f in left_out)]


def _from(path: Path, folder: Path) -> str:
    path = path.absolute()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.as_posix()


def _features(side: str, chosen: Mapping[str, Any], findings: tuple[Finding, ...]) -> list[str]:
    lines = [f"[features.{side}]"]
    for finding in findings:
        if finding.table != f"{side}s":
            continue
        if finding.column in chosen:
            lines.append(
                f"{_pair(finding.column, chosen[finding.column])}  {_comment(finding.reason)}"
            )
        else:
            lines.append(_comment(f"Not used: {finding.column}: {finding.reason}"))
    return [*lines, ""] if len(lines) > 1 else []


def _contexts(columns: Mapping[str, str]) -> list[str]:
    """Features of the context as comments: whether a column is known in time, a person must say."""
    if not columns:
        return []
    lines = [_comment(line) for line in CONTEXTS]
    return [*lines, "# [features.context]", *(f"# {_pair(*one)}" for one in columns.items()), ""]


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
