"""A model from plain facts, so that a bundle can name them and rebuild it."""

from collections.abc import Callable
from dataclasses import dataclass

from maxella.data.entity_features import EntityFeatures, Features
from maxella.model.cross_head import CrossHead, LowRankCrossHead
from maxella.model.demotion import Demotion
from maxella.model.feature_part import FeaturePart
from maxella.model.joint import JointModel
from maxella.model.mixed_head import MixedHead
from maxella.model.ordinal_head import OrdinalHead
from maxella.model.rating_head import DotHead, HeadShape, MlpHead, RatingHead
from maxella.model.request_part import RequestPart
from maxella.model.tower import HistoryReading, Tower, UserTower
from maxella.model.variational_head import VariationalHead
from maxella.seeds import torch_generator


@dataclass(frozen=True)
class ModelSpec:
    """All that fixes a model but its weights; plain values, kept as JSON in a bundle."""

    n_user_rows: int
    n_item_rows: int
    dim: int  # of the user tower's id part; 0: no such part
    history_dim: int  # of its history part; 0: no such part
    mean_history: float  # items of a training user, on average
    rating_head: str  # of RATING_HEADS
    rating_dim: int  # factors of the rating head
    rating_members: int  # factorisations that the rating head averages
    item_biases: bool
    embedding_scale: float
    mean_rating: float  # of the training log; 0 without ratings
    rating_range: tuple[float, float] | None  # predictions are clipped to it; None: not clipped
    rating_levels: tuple[float, ...] = ()  # distinct training ratings, ascending; () for too many
    demotion_dim: int = 0  # of the demotion part; 0: no such part, as in older bundles
    uses_time: tuple[str, ...] = ()  # "ratings", "retrieval": what may look at the time
    feature_layers: str = "sum"  # what features meet in: sum, or of LAYERS


def build_model(spec: ModelSpec, seed: int, features: Features | None = None) -> JointModel:
    """The model at its start, drawn from the seed."""
    features = features or Features()
    generator = torch_generator(seed, "weights")
    of_features = torch_generator(seed, "features")  # the other weights are as without any

    def part(known: EntityFeatures | None, width: int) -> FeaturePart | None:
        if known is None or not width:
            return None
        return FeaturePart(known, width, spec.feature_layers, generator=of_features)

    scale = spec.embedding_scale
    dim = spec.dim + spec.history_dim
    ids = history = None
    if spec.dim:
        ids = Tower(
            spec.n_user_rows,
            spec.dim,
            scale=scale,
            generator=generator,
            features=part(features.users, spec.dim),
        )
    if spec.history_dim:
        history = HistoryReading(
            spec.n_item_rows,
            spec.history_dim,
            spec.mean_history,
            scale=scale,
            generator=generator,
        )
    item_tower = Tower(
        spec.n_item_rows,
        dim,
        scale=scale,
        generator=generator,
        features=part(features.items, dim),
    )
    shape = HeadShape(
        spec.n_user_rows,
        spec.n_item_rows,
        dim,
        spec.rating_dim,
        spec.rating_members,
        spec.rating_levels,
        spec.mean_rating,
        generator,
        features.users,
        features.items,
    )
    rating_head = RATING_HEADS[spec.rating_head](shape)
    demotion = None
    if spec.demotion_dim:  # drawn last: the other weights are those of a model without
        demotion = Demotion(
            spec.n_item_rows, spec.demotion_dim, spec.mean_history, generator=generator
        )
    return JointModel(
        UserTower(spec.n_user_rows, ids, history),
        item_tower,
        rating_head,
        demotion,
        item_biases=spec.item_biases,
        rating_range=spec.rating_range,
        uses_time=spec.uses_time,
        request=None
        if features.request is None
        else RequestPart(features.request, spec.n_item_rows),
    )


RATING_HEADS: dict[str, Callable[[HeadShape], RatingHead]] = {
    "dot": DotHead,
    "mlp": MlpHead,
    "variational": VariationalHead,
    "ordinal": OrdinalHead,
    "mixed": MixedHead,
    "cross": CrossHead,
    "low_rank_cross": LowRankCrossHead,
}
