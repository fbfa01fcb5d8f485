"""A model from plain facts, so that a bundle can name them and rebuild it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from maxella.data.entity_features import EntityFeatures, Features
from maxella.errors import ConfigError
from maxella.model.context_part import ContextPart
from maxella.model.feature_part import FeaturePart
from maxella.model.head import Head, HeadShape, HeadSpec
from maxella.model.heads import HEADS
from maxella.model.model import Model
from maxella.model.neighbours import FollowerPart, NeighbourPart
from maxella.model.revisit import RevisitPart
from maxella.model.row_encoder import RowEncoder
from maxella.model.seen_penalty import SeenPenalty
from maxella.model.sum_encoder import SumEncoder
from maxella.model.user_encoder import EncoderShape, UserEncoder
from maxella.seeds import torch_generator


@dataclass(frozen=True)
class ModelSpec:
    """All that fixes a model but its weights; plain values, kept as JSON in a bundle."""

    n_user_rows: int
    n_item_rows: int
    encoder: str  # of USER_ENCODERS
    dim: int  # of what the id says of a user; 0: nothing
    history_dim: int  # of what the history says; 0: nothing
    events: tuple[str, ...]  # that histories are made of and tell apart; () for all rows alike
    mean_history: float  # rows of a training user's history on average
    embedding_scale: float
    heads: tuple[HeadSpec, ...]
    seen_penalty_dim: int = 0  # of the penalty on seen items; 0: no such part
    feature_layers: str = "sum"  # what features meet in: sum, or of LAYERS


def build_model(spec: ModelSpec, seed: int, features: Features | None = None) -> Model:
    """The model at its start, drawn from the seed."""
    features = features or Features()
    generator = torch_generator(seed, "weights")
    of_features = torch_generator(seed, "features")  # the other weights are as without any

    def part(known: EntityFeatures | None, width: int) -> FeaturePart | None:
        if known is None or not width:
            return None
        return FeaturePart(known, width, spec.feature_layers, generator=of_features)

    encoder_shape = EncoderShape(
        spec.n_user_rows,
        spec.n_item_rows,
        spec.dim,
        spec.history_dim,
        spec.mean_history,
        len(spec.events),
        spec.embedding_scale,
        generator,
        lambda width: part(features.users, width),
    )
    user_encoder = USER_ENCODERS[spec.encoder](encoder_shape)
    dim = user_encoder.dim
    item_encoder = RowEncoder(
        spec.n_item_rows,
        dim,
        scale=spec.embedding_scale,
        generator=generator,
        features=part(features.items, dim),
    )
    heads: dict[str, Head] = {}
    contexts = nn.ModuleDict()
    for one in spec.heads:
        _refuse_taken_name(one.task)
        shape = HeadShape(
            **vars(one),
            n_user_rows=spec.n_user_rows,
            n_item_rows=spec.n_item_rows,
            dim=dim,
            generator=generator,
            features=features,
        )
        heads[one.task] = HEADS[one.head].make(shape)
        if features.context is not None and one.reads_context:
            ranks = "retrieval" in HEADS[one.head].kinds
            contexts[one.task] = ContextPart(features.context, spec.n_item_rows, ranks=ranks)
    penalty = None
    if spec.seen_penalty_dim:  # drawn last: the other weights are those of a model without
        facts = spec.n_item_rows, spec.seen_penalty_dim, spec.mean_history
        penalty = SeenPenalty(*facts, generator=generator)
    revisits = {
        one.task: RevisitPart(one.patterns, spec.n_item_rows) for one in spec.heads if one.patterns
    }
    neighbours = {
        one.task: NeighbourPart(spec.n_item_rows, one.neighbours)
        for one in spec.heads
        if one.neighbours
    }
    followers = {
        one.task: FollowerPart(spec.n_item_rows, one.followers)
        for one in spec.heads
        if one.followers
    }
    return Model(
        user_encoder,
        item_encoder,
        heads,
        seen_penalty=penalty,
        neighbours=nn.ModuleDict(neighbours),
        followers=nn.ModuleDict(followers),
        revisits=nn.ModuleDict(revisits),
        contexts=contexts,
        events=spec.events,
        uses_time={one.task: one.uses_time for one in spec.heads if one.uses_time},
    )


def least_weights(spec: ModelSpec) -> int:
    """A floor under the weights of a model: its tables with a row for each user or item."""
    users, items, width = spec.n_user_rows, spec.n_item_rows, spec.dim + spec.history_dim
    n = 2 * items * spec.seen_penalty_dim
    if spec.encoder == "sum":
        n += users * spec.dim + items * (width + spec.history_dim)
    for head in spec.heads:
        n += items * (head.neighbours + head.followers + len(head.patterns))
        if HEADS[head.head].averages:
            n += 2 * (users + items) * head.factors * head.members
    return n


def _refuse_taken_name(task: str) -> None:
    if "." in task or hasattr(nn.ModuleDict(), task):
        raise ConfigError(f"No task can be called '{task}'. Give it another name in [[tasks]].")


USER_ENCODERS: dict[str, Callable[[EncoderShape], UserEncoder]] = {
    "sum": SumEncoder,
}
