"""A model from plain facts, so that a bundle can name them and rebuild it."""

from dataclasses import dataclass

from maxella.model.joint import JointModel
from maxella.model.rating_head import RATING_HEADS, HeadShape
from maxella.model.tower import Tower
from maxella.seeds import torch_generator


@dataclass(frozen=True)
class ModelSpec:
    """All that fixes a model but its weights; plain values, kept as JSON in a bundle."""

    n_user_rows: int
    n_item_rows: int
    dim: int
    rating_head: str  # of RATING_HEADS
    item_biases: bool
    embedding_scale: float
    mean_rating: float  # of the training log; 0 without ratings
    rating_range: tuple[float, float] | None  # predictions are clipped to it; None: not clipped


def build_model(spec: ModelSpec, seed: int) -> JointModel:
    """The model at its start, drawn from the seed."""
    generator = torch_generator(seed, "weights")
    scale = spec.embedding_scale
    user_tower = Tower(spec.n_user_rows, spec.dim, scale=scale, generator=generator)
    item_tower = Tower(spec.n_item_rows, spec.dim, scale=scale, generator=generator)
    shape = HeadShape(spec.n_user_rows, spec.n_item_rows, spec.dim, spec.mean_rating, generator)
    return JointModel(
        user_tower,
        item_tower,
        RATING_HEADS[spec.rating_head](shape),
        item_biases=spec.item_biases,
        rating_range=spec.rating_range,
    )
