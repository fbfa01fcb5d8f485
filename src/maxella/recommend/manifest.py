"""`manifest.json` of a bundle: what it may say, and what of it must fit the other files."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from maxella.data.log import Log
from maxella.errors import BundleError
from maxella.model.build import USER_ENCODERS, ModelSpec, least_weights
from maxella.model.feature_part import LAYERS
from maxella.model.head import HeadSpec
from maxella.model.heads import HEADS
from maxella.seal import opened, read_json, reason_of, sealed
from maxella.tasks.kinds import KINDS

FORMAT = 7  # as in Manifest
_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)
_REMEDY = "Copy the bundle again from where it was trained, or train again."


class LogFacts(BaseModel):
    """What the codes of the log mean."""

    model_config = _STRICT

    events: tuple[str, ...]
    keeps: Mapping[str, str]  # task → which label of a pair counts


class Manifest(BaseModel):
    """All that a manifest says."""

    model_config = _STRICT

    format: Literal[7] = 7
    model: dict[str, Any]
    log: LogFacts
    sha256: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]  # file → its hash


class TaskFacts(BaseModel):
    """What a bundle asks of a task in the config that it was trained with."""

    model_config = ConfigDict(strict=True, frozen=True)

    name: str
    kind: str
    weight: Annotated[float, Field(ge=0)]
    dim: int
    members: int
    uses_time: str | None = None
    residual_process: bool = False
    head: str | None = None


def manifest_text(manifest: Manifest, key: str | None) -> str:
    """The file, sealed."""
    return json.dumps(sealed(manifest.model_dump(mode="json"), key), indent=2) + "\n"


def read_manifest(folder: Path, key: str | None) -> tuple[Manifest, ModelSpec]:
    """The manifest and the facts of its model; BundleError where it is not one that was written."""
    path = folder / "manifest.json"
    try:
        facts = read_json(path)
    except OSError as error:
        raise BundleError(
            f"Wanted the folder of a run or bundle; {folder} is none ({error.strerror}: "
            "manifest.json). Give the folder that `maxella train --out` wrote; a run that was "
            "cut off has a bundle only after --resume."
        ) from error
    except ValueError as error:
        raise damaged(path, error) from error
    found = facts.get("format") if isinstance(facts, dict) else None
    if found != FORMAT:
        raise BundleError(
            f"{folder} is a bundle of format {found}; this version reads format "
            f"{FORMAT}. Train again, or install the version that wrote it."
        )
    try:
        manifest = Manifest.model_validate_json(json.dumps(opened(facts, key)))
        spec = TypeAdapter(ModelSpec).validate_json(json.dumps(manifest.model), strict=True)
        if json.loads(json.dumps(asdict(spec))) != manifest.model:
            raise ValueError("model: it names facts that no model has, or not all that it has")
    except (ValueError, TypeError) as error:  # a SealError, too
        raise damaged(path, error) from error
    return manifest, spec


def check_facts(
    path: Path, spec: ModelSpec, log: Log, config: Mapping[str, Any], n_weights: int
) -> None:
    """Raise BundleError where the facts of a model do not go together or do not fit the rest.

    `n_weights` is how many the file of weights holds.
    """
    try:
        tasks = {one["name"]: TaskFacts.model_validate(one) for one in config["tasks"]}
    except (KeyError, TypeError, ValueError) as error:
        raise damaged(path.with_name("config.toml"), error) from error
    broken = next(_broken(spec, log, tasks, n_weights), None)
    if broken:
        raise damaged(path, broken)


def damaged(path: Path, reason: Exception | str) -> BundleError:
    """The error for a file of a bundle that cannot be what was written."""
    told = reason if isinstance(reason, str) else reason_of(reason)
    return BundleError(f"{path} is damaged: {told}. {_REMEDY}")


def _broken(
    spec: ModelSpec, log: Log, tasks: Mapping[str, TaskFacts], n_weights: int
) -> Iterator[str]:
    """What is wrong with the facts of a model, one sentence each."""
    yield from (reason for is_wrong, reason in _of_model(spec, log) if is_wrong)
    if [head.task for head in spec.heads] != [*tasks]:
        yield "its heads are not those of the tasks in config.toml"
    for head in spec.heads:
        for is_wrong, reason in _of_head(head, log, tasks[head.task]):
            if is_wrong:
                yield f"the head of {head.task}: {reason}"
    least = least_weights(spec)
    if least > n_weights:
        yield f"its model has {least:,} weights or more, the file {n_weights:,}"


def _of_model(spec: ModelSpec, log: Log) -> Iterator[tuple[bool, str]]:
    """Whether a fact of the encoders is wrong, and how, for each."""
    rows, found = (spec.n_user_rows, spec.n_item_rows), (log.n_user_rows, log.n_item_rows)
    yield rows != found, f"it has rows for {rows} users and items, the files for {found}"
    yield spec.encoder not in USER_ENCODERS, f"it knows no encoder {spec.encoder!r}"
    layers = ("sum", *LAYERS)
    yield spec.feature_layers not in layers, f"it knows no feature_layers {spec.feature_layers!r}"
    dims = (spec.dim, spec.history_dim, spec.seen_penalty_dim)
    yield min(dims) < 0 or not any(dims[:2]), f"its dimensions are {dims}"
    is_no_scale = spec.embedding_scale <= 0 or spec.mean_history < 0
    yield is_no_scale, "embedding_scale is not above 0, or mean_history is below it"
    are_known = len({*spec.events}) == len(spec.events) and {*spec.events} <= {*log.events}
    yield not are_known, f"its events {spec.events} are not those of the log, {log.events}"


def _of_head(head: HeadSpec, log: Log, task: TaskFacts) -> Iterator[tuple[bool, str]]:
    """Whether a fact of a head is wrong, and how, for each."""
    yield task.kind not in KINDS, f"its kind {task.kind!r} is unknown"
    fitting = KINDS[task.kind].heads
    yield head.head not in fitting, f"{head.head!r} is none of {', '.join(fitting)}"
    same: dict[str, Callable[[Any], Any]] = {
        "head": lambda task: task.head or fitting[0],
        "factors": lambda task: task.dim,
        "members": lambda task: task.members,
        "uses_time": lambda task: task.uses_time,
        "residual_process": lambda task: task.residual_process,
    }
    for name, of in same.items():
        got, wanted = getattr(head, name), of(task)
        yield got != wanted, f"{name} is {got!r}, in config.toml {wanted!r}"
    yield min(head.factors, head.members) < 1, "factors or members are below 1"
    parts = (head.neighbours, head.followers, head.order)
    yield min(parts) < 0, "neighbours, followers or order are below 0"
    has_no_times = head.uses_order and log.rows.timestamps is None
    yield has_no_times, "it uses time, and known.parquet has none"
    yield head.unit <= 0, "its unit is not above 0"
    yield any(a >= b for a, b in pairwise(head.levels)), "its levels do not ascend"
    yield HEADS[head.head].few_levels and not head.levels, "it wants levels"
    yield head.range is not None and head.range[0] > head.range[1], "its range is turned"
    yield (
        any(a >= b for a, b in pairwise((0, *head.patterns, 2 ** len(log.events)))),
        "its patterns are no ascending sets of the log's events",
    )
