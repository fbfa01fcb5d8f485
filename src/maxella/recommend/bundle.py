"""A trained model as a folder of plain files, and back.

`manifest.json` names the format, the model's facts and the SHA-256 of every other file;
loading checks them. No pickle anywhere. Loading gives bit-equal answers.
"""

import hashlib
import json
import shutil
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
from maxella.model.build import ModelSpec, build_model
from maxella.model.head import HeadSpec
from maxella.model.model import Model
from maxella.recommend.engine import Engine
from maxella.recommend.names import ItemNames
from maxella.recommend.recommender import Recommender
from maxella.sources.own_names import OwnNames
from maxella.tasks.task import Task

FORMAT = 6
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

    def recommender(self) -> Recommender:
        """Ready to answer."""
        tasks = [Task.of(task) for task in self.config["tasks"]]
        engine, names = self.engine(), self.own_names
        return Recommender(engine, self.users, self.items, tasks, self.features, names)


def weights_hash(model: Model) -> str:
    """The SHA-256 of the weights, as the manifest of a saved bundle states it."""
    return hashlib.sha256(save(model.state_dict())).hexdigest()


def save_bundle(folder: Path, bundle: Bundle, card: str) -> None:
    """Write the folder, in place of an older one; `card` is the text of MODEL_CARD.md.

    Until the last moment an older bundle stays whole.
    """
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    (unfinished / "weights.safetensors").write_bytes(save(bundle.model.state_dict()))
    users = bundle.users.ids.to_frame().with_columns(trained=bundle.trained[UNKNOWN_ROW + 1 :])
    users.write_parquet(unfinished / "users.parquet")
    bundle.items.ids.to_frame().write_parquet(unfinished / "items.parquet")
    bundle.item_table.write_parquet(unfinished / "item_table.parquet")
    _known_table(bundle).write_parquet(unfinished / "known.parquet")
    _save_features(unfinished, bundle.features)
    (unfinished / "config.toml").write_text(tomli_w.dumps(bundle.config), encoding="utf-8")
    (unfinished / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    hashes = {name: _sha256(unfinished / name) for name in _FILES}
    log = {"events": bundle.known.events, "keeps": bundle.known.keeps}
    manifest = {"format": FORMAT, "model": asdict(bundle.spec), "log": log, "sha256": hashes}
    text = json.dumps(manifest, indent=2)
    (unfinished / "manifest.json").write_text(text, encoding="utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    unfinished.rename(folder)


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle folder, or a run folder that holds one; raises BundleError where it can't."""
    if (folder / "bundle").is_dir():
        folder = folder / "bundle"
    manifest, config = _read_manifest(folder)
    try:
        spec = _spec(manifest["model"])
        features = _load_features(folder)
        model = build_model(spec, 0, features)
        model.load_state_dict(load_file(folder / "weights.safetensors"))
    except (KeyError, TypeError, RuntimeError) as error:  # torch: names or shapes differ
        raise _unreadable(folder, "its manifest describes another model") from error
    model.eval()
    users = pl.read_parquet(folder / "users.parquet", glob=False)
    items = Vocabulary(pl.read_parquet(folder / "items.parquet", glob=False)["id"])
    rows = _interactions(pl.read_parquet(folder / "known.parquet", glob=False))
    events, keeps = tuple(manifest["log"]["events"]), manifest["log"]["keeps"]
    return Bundle(
        spec,
        model,
        features,
        Vocabulary(users["id"]),
        items,
        np.concatenate([[False], users["trained"].to_numpy()]),
        Log(rows, len(users) + 1, items.n_rows, events, keeps),
        pl.read_parquet(folder / "item_table.parquet", glob=False),
        config,
    )


def _known_table(bundle: Bundle) -> pl.DataFrame:
    """What users did: rows, labels by task, and times and events where they are looked at."""
    rows = bundle.known.rows
    columns = {"user": rows.users, "item": rows.items}
    columns |= {f"label {task}": labels for task, labels in rows.labels.items()}
    if rows.events is not None:
        columns["event"] = rows.events
    if rows.timestamps is not None and any(head.uses_time for head in bundle.spec.heads):
        columns["timestamp"] = rows.timestamps
    return pl.DataFrame(columns)


def _interactions(table: pl.DataFrame) -> Interactions:
    columns = {column.name: column.to_numpy(writable=True) for column in table}
    users, items = columns.pop("user"), columns.pop("item")
    times, events = columns.pop("timestamp", None), columns.pop("event", None)
    labels = {name.removeprefix("label "): column for name, column in columns.items()}
    return Interactions(users, items, labels, times, events)


def _spec(facts: dict[str, Any]) -> ModelSpec:
    """The facts of a model, from JSON."""
    heads = tuple(HeadSpec(**_tuples(head)) for head in facts["heads"])
    return ModelSpec(**_tuples(facts) | {"heads": heads})


def _tuples(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(of) if isinstance(of, list) else of for name, of in facts.items()}


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


def _load_features(folder: Path) -> Features:
    facts = json.loads((folder / "features.json").read_text(encoding="utf-8"))
    columns = load_file(folder / "features.safetensors")
    sides = {}
    for side in ("users", "items"):
        if side in facts:
            names = WeightedBags.__dataclass_fields__
            bags = WeightedBags(*(columns[f"{side}.{name}"].numpy() for name in names))
            sides[side] = EntityFeatures(FeatureSet.from_dict(facts[side]), bags)
    context = FeatureSet.from_dict(facts["context"]) if "context" in facts else None
    return Features(sides.get("users"), sides.get("items"), context)


def _read_manifest(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest and the config, after the hash of every file is checked."""
    several = sorted(folder.glob("models/*/bundle"))
    if several:
        names = ", ".join(str(bundle.parent) for bundle in several)
        raise BundleError(
            f"Wanted one model; {folder} is a comparison. Give a model of it: {names}."
        )
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(
            f"Wanted the folder of a run or bundle; {folder} is none ({error.strerror}: "
            "manifest.json). Give the folder that `maxella train --out` wrote; a run that was "
            "cut off has a bundle only after --resume."
        ) from error
    except ValueError as error:
        raise _unreadable(folder, f"manifest.json: {error}") from error
    found = manifest.get("format") if isinstance(manifest, dict) else None
    if found != FORMAT:
        raise BundleError(
            f"{folder} is a bundle of format {found}; this version reads format "
            f"{FORMAT}. Train again, or install the version that wrote it."
        )
    try:
        _check_hashes(folder, manifest["sha256"])
        return manifest, tomllib.loads((folder / "config.toml").read_text("utf-8"))
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(folder, f"manifest.json: {error!r}") from error


def _check_hashes(folder: Path, hashes: dict[str, str]) -> None:
    for name in _FILES:
        path = folder / name
        if not path.is_file() or _sha256(path) != hashes[name]:
            state = "has changed since it was written" if path.is_file() else "is missing"
            raise BundleError(f"{path} {state}. Copy the bundle again from where it was trained.")


def _unreadable(folder: Path, reason: str) -> BundleError:
    return BundleError(
        f"Wanted a bundle; {folder} is damaged ({reason}). "
        "Copy it again from where it was trained, or train again."
    )


def load(folder: str | Path) -> Recommender:
    """The recommender of a run or bundle folder."""
    return load_bundle(Path(folder)).recommender()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
