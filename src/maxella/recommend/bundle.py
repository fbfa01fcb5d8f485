"""A trained model as a folder of plain files, and back.

`manifest.json` names the format, the model's facts and the SHA-256 of every other file, and is
sealed itself; loading checks them. No pickle anywhere. Loading gives bit-equal answers.
"""

import hashlib
import io
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar, overload

import numpy as np
import polars as pl
import tomli_w
import torch
from safetensors.torch import load_file, save

from maxella.data.contexts import Contexts
from maxella.data.entity_features import EntityFeatures, Features
from maxella.data.interactions import Interactions
from maxella.data.log import Log
from maxella.errors import BundleError
from maxella.features.bags import WeightedBags
from maxella.features.feature_set import FeatureSet
from maxella.features.id import UNKNOWN_ROW, Vocabulary
from maxella.mark import where
from maxella.model.build import ModelSpec, build_model
from maxella.model.model import Model
from maxella.recommend.engine import Engine
from maxella.recommend.manifest import (
    LogFacts,
    Manifest,
    check_facts,
    damaged,
    manifest_text,
    read_manifest,
)
from maxella.recommend.names import ItemNames
from maxella.recommend.recommender import Recommender
from maxella.seal import key_at_hand, opened, read_json
from maxella.sources.own_names import OwnNames
from maxella.tasks.task import Task
from maxella.writing import new_folder

_T = TypeVar("_T")
_FILES = (  # beside the manifest
    "weights.safetensors",
    "users.parquet",
    "items.parquet",
    "known.parquet",
    "features.json",
    "features.safetensors",
    "item_table.parquet",
    "config.toml",
    "MODEL_CARD.md",
)


@dataclass(frozen=True)
class Bundle:
    """What is saved and served."""

    spec: ModelSpec
    model: Model
    features: Features
    users: Vocabulary
    items: Vocabulary
    trained: np.ndarray  # (user rows,) bool: who was there in training
    known: Log  # what the users have done by now
    item_table: pl.DataFrame  # item_id and what is known of each item, to show beside it
    config: dict[str, Any]  # the options it was trained with

    @property
    def tasks(self) -> dict[str, str]:
        """The tasks that the model has learnt, by name, and their kinds. The first is its goal."""
        return {task["name"]: task["kind"] for task in self.config["tasks"] if task["weight"] > 0}

    @property
    def names(self) -> ItemNames:
        """What the items are called."""
        column = self.config["data"].get("name_column")
        return ItemNames.of(self.items.ids, self.item_table, column)

    @property
    def own_names(self) -> OwnNames:
        """What the log that trained it calls its columns."""
        return OwnNames.of(self.config["data"])

    def engine(self, contexts: Contexts | None = None) -> Engine:
        """The model with what its users have done by now; it may be asked in these contexts."""
        return Engine.of(self.model, self.known, torch.from_numpy(self.trained), contexts)

    def recommender(
        self, report: Mapping[str, Any] | None = None, frames: str = "polars"
    ) -> Recommender[Any]:
        """Ready to answer; `report` and `frames` as `Recommender` has them."""
        tasks = [Task.of(task) for task in self.config["tasks"]]
        engine, names = self.engine(), self.own_names
        return Recommender(
            engine, self.users, self.items, tasks, self.features, names, report, frames
        )


def weights_hash(model: Model) -> str:
    """The SHA-256 of the weights, as the manifest of a saved bundle states it."""
    return hashlib.sha256(save(model.state_dict())).hexdigest()


def save_bundle(folder: Path, bundle: Bundle, card: str, key: str | None = None) -> None:
    """Write a new folder; `card` is the text of MODEL_CARD.md.

    With a key (if absent: of the environment variable MAXELLA_BUNDLE_KEY) it is signed, and only
    who has the key can load it. FileExistsError where something is there.
    """
    with new_folder(folder) as unfinished:
        (unfinished / "weights.safetensors").write_bytes(save(bundle.model.state_dict()))
        users = bundle.users.ids.to_frame().with_columns(trained=bundle.trained[UNKNOWN_ROW + 1 :])
        for name, table in (
            ("users", users),
            ("items", bundle.items.ids.to_frame()),
            ("item_table", bundle.item_table),
            ("known", _known_table(bundle)),
        ):
            (unfinished / f"{name}.parquet").write_bytes(parquet_bytes(table))
        _save_features(unfinished, bundle.features)
        (unfinished / "config.toml").write_text(tomli_w.dumps(bundle.config), encoding="utf-8")
        (unfinished / "MODEL_CARD.md").write_text(card, encoding="utf-8")
        manifest = Manifest(
            model=asdict(bundle.spec),
            log=LogFacts(events=bundle.known.events, keeps=bundle.known.keeps),
            sha256={name: _sha256(unfinished / name) for name in _FILES},
        )
        text = manifest_text(manifest, key_at_hand(key))
        (unfinished / "manifest.json").write_text(text, encoding="utf-8")


def load_bundle(folder: Path, key: str | None = None) -> Bundle:
    """Read a bundle folder, or a run folder that holds one; raises BundleError where it can't.

    `key` is that of `save_bundle`.
    """
    while True:
        place = _place(folder)
        try:
            return _load(place, key_at_hand(key))
        except BundleError:
            if _place(folder) == place:  # else a new run has just taken the old one's place
                raise


def _place(folder: Path) -> Path:
    """The bundle of a run, or the folder itself."""
    of_run = where(folder / "bundle")
    if of_run.is_dir():
        return of_run
    several = sorted(where(folder / "models").glob("*/bundle"))
    if several:
        names = ", ".join(str(folder / "models" / bundle.parent.name) for bundle in several)
        raise BundleError(
            f"Wanted one model; {folder} is a comparison. Give a model of it: {names}."
        )
    return where(folder)


def _load(folder: Path, key: str | None) -> Bundle:
    manifest, spec = read_manifest(folder, key)
    _check_hashes(folder, manifest.sha256)

    def read(name: str, how: Callable[[Path], _T]) -> _T:
        """A file, as it was hashed; who can write a hash may still have written nonsense."""
        try:
            return how(folder / name)
        except Exception as error:
            raise damaged(folder / name, error) from error

    config = read("config.toml", lambda path: tomllib.loads(path.read_text(encoding="utf-8")))
    users, trained = read("users.parquet", _users)
    items = read("items.parquet", lambda path: Vocabulary(_table(path)["id"]))
    events, keeps = manifest.log.events, manifest.log.keeps
    sizes = len(users) + 1, len(items) + 1
    known = read(
        "known.parquet", lambda path: Log(_interactions(_table(path)), *sizes, events, keeps)
    )
    read("known.parquet", lambda _: _check_rows(known))
    weights = read("weights.safetensors", _weights)
    manifest_path = folder / "manifest.json"
    check_facts(manifest_path, spec, known, config, sum(one.numel() for one in weights.values()))
    sets = read("features.json", _feature_sets)
    features = read("features.safetensors", lambda path: _features(sets, load_file(path), sizes))
    try:
        model = build_model(spec, 0, features)
    except Exception as error:
        raise damaged(manifest_path, error) from error
    read("weights.safetensors", lambda _: model.load_state_dict(weights))
    model.eval()
    item_table = read("item_table.parquet", _item_table)
    return Bundle(spec, model, features, users, items, trained, known, item_table, config)


def _table(path: Path) -> pl.DataFrame:
    return pl.read_parquet(path, glob=False)


def _users(path: Path) -> tuple[Vocabulary, np.ndarray]:
    """The ids, and (user rows,) who was there in training."""
    table = _table(path)
    if table["trained"].dtype != pl.Boolean or table["trained"].null_count():
        raise ValueError("'trained' is not yes or no throughout")
    return Vocabulary(table["id"]), np.concatenate([[False], table["trained"].to_numpy()])


def _item_table(path: Path) -> pl.DataFrame:
    table = _table(path)
    if table["item_id"].dtype != pl.String or table["item_id"].has_nulls():
        raise ValueError("'item_id' is not text throughout")
    return table


def _weights(path: Path) -> dict[str, torch.Tensor]:
    weights = load_file(path)
    broken = [name for name, one in weights.items() if not one.isfinite().all()]
    if broken:
        raise ValueError(f"{broken[0]} holds a NaN or an infinity")
    return weights


def _check_rows(log: Log) -> None:
    """ValueError where a row names a user, an item or an event that is not there."""
    rows = log.rows
    columns = [("user", rows.users, 1, log.n_user_rows), ("item", rows.items, 1, log.n_item_rows)]
    if rows.events is not None:
        columns.append(("event", rows.events, 0, len(log.events)))
    for name, of, start, stop in columns:
        if of.dtype != np.int64 or (len(of) and not start <= of.min() <= of.max() < stop):
            raise ValueError(f"a row names {name} rows beyond {start} to {stop - 1}")
    if log.events and rows.events is None:
        raise ValueError("it has no column 'event'")
    wrong = [
        task for task, of in rows.labels.items() if of.dtype != np.float32 or np.isinf(of).any()
    ]
    if wrong:
        raise ValueError(f"'label {wrong[0]}' is not of finite numbers")
    if rows.timestamps is not None and rows.timestamps.dtype != np.int64:
        raise ValueError("'timestamp' is not of whole numbers")


def parquet_bytes(table: pl.DataFrame) -> bytes:
    """A table as Parquet. Python writes it: of a full disk polars says that the table is wrong."""
    data = io.BytesIO()
    table.write_parquet(data)
    return data.getvalue()


def _known_table(bundle: Bundle) -> pl.DataFrame:
    """What users did: rows, labels by task, and times and events where they are looked at."""
    rows = bundle.known.rows
    columns = {"user": rows.users, "item": rows.items}
    columns |= {f"label {task}": labels for task, labels in rows.labels.items()}
    if rows.events is not None:
        columns["event"] = rows.events
    if rows.timestamps is not None and any(head.uses_order for head in bundle.spec.heads):
        columns["timestamp"] = rows.timestamps
    return pl.DataFrame(columns)


def _interactions(table: pl.DataFrame) -> Interactions:
    columns = {column.name: column.to_numpy(writable=True) for column in table}
    users, items = columns.pop("user"), columns.pop("item")
    times, events = columns.pop("timestamp", None), columns.pop("event", None)
    labels = {name.removeprefix("label "): column for name, column in columns.items()}
    return Interactions(users, items, labels, times, events)


def _save_features(folder: Path, features: Features) -> None:
    """What the encoders have seen, and the bags of all rows."""
    facts: dict[str, Any] = {}
    columns: dict[str, torch.Tensor] = {}
    for side, known in (("users", features.users), ("items", features.items)):
        if known is not None:
            facts[side] = known.features.to_dict()
            for name, column in vars(known.bags).items():
                columns[f"{side}.{name}"] = torch.from_numpy(column)
    if features.context is not None:
        facts["context"] = features.context.to_dict()
    (folder / "features.json").write_text(json.dumps(facts), encoding="utf-8")
    (folder / "features.safetensors").write_bytes(save(columns))


def _feature_sets(path: Path) -> dict[str, FeatureSet]:
    """What the encoders have seen: of users, items and context, where they have features."""
    return {side: FeatureSet.from_dict(facts) for side, facts in read_json(path).items()}


def _features(
    sets: dict[str, FeatureSet], columns: dict[str, torch.Tensor], sizes: tuple[int, int]
) -> Features:
    sides = {}
    for side, n_rows in zip(("users", "items"), sizes, strict=True):
        if side in sets:
            names = WeightedBags.__dataclass_fields__
            bags = WeightedBags(*(columns[f"{side}.{name}"].numpy() for name in names))
            _check_bags(bags, n_rows, sets[side].n_columns)
            sides[side] = EntityFeatures(sets[side], bags)
    return Features(sides.get("users"), sides.get("items"), sets.get("context"))


def _check_bags(bags: WeightedBags, n_rows: int, n_columns: int) -> None:
    """ValueError where they are not of so many rows and columns."""
    m = len(bags.columns)
    fits = len(bags) == n_rows and len(bags.weights) == m and np.isfinite(bags.weights).all()
    fits = fits and (bags.counts >= 0).all() and (bags.begins[:1] == 0).all()
    if not fits or (m and not 0 <= bags.columns.min() <= bags.columns.max() < n_columns):
        raise ValueError(f"its bags are not those of {n_rows:,} rows and {n_columns:,} columns")


def _check_hashes(folder: Path, hashes: dict[str, str]) -> None:
    for name in _FILES:
        path = folder / name
        if not path.is_file():
            raise damaged(path, "it is missing")
        if _sha256(path) != hashes.get(name):
            raise damaged(path, "it has changed since it was written")


@overload
def load(folder: str | Path, key: str | None = None) -> Recommender: ...
@overload
def load(folder: str | Path, key: str | None = None, *, frames: str) -> Recommender[Any]: ...
def load(folder: str | Path, key: str | None = None, *, frames: str = "polars") -> Recommender[Any]:
    """The recommender of a run or bundle folder.

    `key`: that with which it was signed. `frames`: what answers come as: "polars", "pandas",
    "pyarrow", "modin" or "cudf".
    """
    folder = Path(folder)
    bundle, path = load_bundle(folder, key), where(folder / "report.json")
    try:
        report = opened(read_json(path)) if path.is_file() else None
    except ValueError as error:
        raise damaged(path, error) from error
    return bundle.recommender(report, frames)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
