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
from safetensors.torch import load_file, save

from maxella.data.interactions import Interactions
from maxella.errors import BundleError
from maxella.features.id import Vocabulary
from maxella.model.build import ModelSpec, build_model
from maxella.model.joint import JointModel
from maxella.model.scorer import Scorer
from maxella.recommend.recommender import Recommender

FORMAT = 1


@dataclass(frozen=True)
class Bundle:
    """What is saved and served."""

    spec: ModelSpec
    model: JointModel
    users: Vocabulary
    items: Vocabulary
    seen: Interactions  # what the model was given; left out of recommendations
    item_table: pl.DataFrame  # item_id and what is known of each item, to show beside it
    config: dict[str, Any]  # the options it was trained with

    def recommender(self) -> Recommender:
        """Ready to answer."""
        return Recommender(Scorer(self.model), self.users, self.items, self.seen)


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
    bundle.users.ids.to_frame().write_parquet(unfinished / "users.parquet")
    bundle.items.ids.to_frame().write_parquet(unfinished / "items.parquet")
    bundle.item_table.write_parquet(unfinished / "item_table.parquet")
    seen = pl.DataFrame({"user": bundle.seen.users, "item": bundle.seen.items})
    seen.write_parquet(unfinished / "seen.parquet")
    (unfinished / "config.toml").write_text(tomli_w.dumps(bundle.config), encoding="utf-8")
    (unfinished / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    hashes = {path.name: _sha256(path) for path in sorted(unfinished.iterdir())}
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
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BundleError(
            f"{folder} holds no bundle that can be read ({error}). "
            "Give the folder that `maxella train --out` wrote."
        ) from error
    if manifest.get("format") != FORMAT:
        raise BundleError(
            f"{folder} is a bundle of format {manifest.get('format')}; this version reads format "
            f"{FORMAT}. Train again, or install the version that wrote it."
        )
    for name, wanted in manifest["sha256"].items():
        path = folder / name
        if not path.is_file() or _sha256(path) != wanted:
            state = "has changed since it was written" if path.is_file() else "is missing"
            raise BundleError(f"{path} {state}. Copy the bundle again from where it was trained.")
    facts = manifest["model"]
    if facts["rating_range"] is not None:
        facts["rating_range"] = tuple(facts["rating_range"])
    spec = ModelSpec(**facts)
    model = build_model(spec, seed=0)
    model.load_state_dict(load_file(folder / "weights.safetensors"))
    model.eval()
    seen = pl.read_parquet(folder / "seen.parquet")
    return Bundle(
        spec,
        model,
        Vocabulary(pl.read_parquet(folder / "users.parquet")["id"]),
        Vocabulary(pl.read_parquet(folder / "items.parquet")["id"]),
        Interactions(_column(seen, "user"), _column(seen, "item")),
        pl.read_parquet(folder / "item_table.parquet"),
        tomllib.loads((folder / "config.toml").read_text(encoding="utf-8")),
    )


def load(folder: str | Path) -> Recommender:
    """The recommender of a run or bundle folder."""
    return load_bundle(Path(folder)).recommender()


def _column(frame: pl.DataFrame, name: str) -> np.ndarray:
    return frame[name].to_numpy().astype(np.int64)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
