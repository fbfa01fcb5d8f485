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

from maxella.data.entity_features import EntityFeatures, Features
from maxella.data.interactions import Interactions
from maxella.data.requests import ItemAges, RequestFeatures, Requests
from maxella.errors import BundleError
from maxella.features.age import Age
from maxella.features.bags import WeightedBags
from maxella.features.feature_set import FeatureSet
from maxella.features.id import UNKNOWN_ROW, Vocabulary
from maxella.model.build import ModelSpec, build_model
from maxella.model.joint import JointModel
from maxella.recommend.recommender import Recommender
from maxella.recommend.scorer import Scorer

FORMAT = 5
_FILES = (  # beside the manifest
    "weights.safetensors",
    "users.parquet",
    "items.parquet",
    "seen.parquet",
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
    model: JointModel
    features: Features
    users: Vocabulary
    items: Vocabulary
    trained: np.ndarray  # (user rows,) bool: who was there in training
    seen: Interactions  # what the users have by now; left out of recommendations
    item_table: pl.DataFrame  # item_id and what is known of each item, to show beside it
    config: dict[str, Any]  # the options it was trained with

    @property
    def retrieves(self) -> bool:
        """Whether the model has learnt retrieval: else its scores and their order are noise."""
        return bool(self.config["tasks"]["retrieval_weight"])

    @property
    def rates(self) -> bool:
        """Whether the model has learnt ratings: else its predictions are noise."""
        return bool(self.config["tasks"]["rating_weight"])

    def scorer(self, requests: Requests | None = None) -> Scorer:
        """The model with what its users have by now; it may be asked for these moments."""
        return Scorer(self.model, self.seen, torch.from_numpy(self.trained), requests)

    def recommender(self) -> Recommender:
        """Ready to answer."""
        return Recommender(
            self.scorer(),
            self.users,
            self.items,
            self.seen,
            rates=self.rates,
            user_features=self.features.users,
            request_features=self.features.request,
        )


def weights_hash(model: JointModel) -> str:
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
    seen = pl.DataFrame({"user": bundle.seen.users, "item": bundle.seen.items})
    if bundle.seen.ratings is not None:  # how somebody whom training lacked rates is read from them
        seen = seen.with_columns(rating=bundle.seen.ratings)
    if bundle.spec.uses_time:
        seen = seen.with_columns(timestamp=bundle.seen.timestamps)
    seen.write_parquet(unfinished / "seen.parquet")
    _save_features(unfinished, bundle.features)
    (unfinished / "config.toml").write_text(tomli_w.dumps(bundle.config), encoding="utf-8")
    (unfinished / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    hashes = {name: _sha256(unfinished / name) for name in _FILES}
    manifest = {"format": FORMAT, "model": asdict(bundle.spec), "sha256": hashes}
    text = json.dumps(manifest, indent=2)
    (unfinished / "manifest.json").write_text(text, encoding="utf-8")
    if folder.exists():
        shutil.rmtree(folder)
    unfinished.rename(folder)


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle folder, or a run folder that holds one; raises BundleError where it can't."""
    if (folder / "bundle").is_dir():
        folder = folder / "bundle"
    spec, config = _read_manifest(folder)
    try:
        features = _load_features(folder)
        model = build_model(spec, 0, features)
        model.load_state_dict(load_file(folder / "weights.safetensors"))
    except (KeyError, TypeError, RuntimeError) as error:  # torch: names or shapes differ
        raise _unreadable(folder, "its manifest describes another model") from error
    model.eval()
    seen = pl.read_parquet(folder / "seen.parquet")
    users = pl.read_parquet(folder / "users.parquet")
    return Bundle(
        spec,
        model,
        features,
        Vocabulary(users["id"]),
        Vocabulary(pl.read_parquet(folder / "items.parquet")["id"]),
        np.concatenate([[False], users["trained"].to_numpy()]),
        Interactions(
            _column(seen, "user"),
            _column(seen, "item"),
            seen["rating"].to_numpy() if "rating" in seen.columns else None,
            _column(seen, "timestamp") if "timestamp" in seen.columns else None,
        ),
        pl.read_parquet(folder / "item_table.parquet"),
        config,
    )


def _save_features(folder: Path, features: Features) -> None:
    """What the encoders have seen, the bags of all rows, and the dates of items."""
    sides = {
        side: known
        for side, known in (("users", features.users), ("items", features.items))
        if known is not None
    }
    facts: dict[str, Any] = {side: known.features.to_dict() for side, known in sides.items()}
    columns = {
        f"{side}.{name}": torch.from_numpy(column)
        for side, known in sides.items()
        for name, column in vars(known.bags).items()
    }
    if features.request is not None:
        ages = features.request.ages
        facts["request"] = features.request.features.to_dict()
        if ages is not None:
            facts["ages"] = {"name": ages.name, "column": ages.column} | ages.encoder.to_dict()
            columns["ages.days"] = torch.from_numpy(ages.days)
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
    request = ages = None
    if "ages" in facts:
        of_ages = facts["ages"]
        days = columns["ages.days"].numpy()
        ages = ItemAges(of_ages["name"], of_ages["column"], Age.from_dict(of_ages), days)
    if "request" in facts:
        request = RequestFeatures(FeatureSet.from_dict(facts["request"]), ages)
    return Features(sides.get("users"), sides.get("items"), request)


def _read_manifest(folder: Path) -> tuple[ModelSpec, dict[str, Any]]:
    """The model's facts and the config, after the hash of every file is checked."""
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
        facts = dict(manifest["model"])
        facts |= {name: tuple(fact) for name, fact in facts.items() if isinstance(fact, list)}
        return ModelSpec(**facts), tomllib.loads((folder / "config.toml").read_text("utf-8"))
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


def _column(frame: pl.DataFrame, name: str) -> np.ndarray:
    return frame[name].to_numpy().astype(np.int64)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
