"""A model from plain facts, so that a bundle can name them and rebuild it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from maxella.data.entity_features import EntityFeatures, Features
from maxella.errors import ConfigError
from maxella.model.context_part import ContextPart
from maxella.model.feature_part import FeaturePart
from maxella.model.head import Head, HeadShape, HeadSpec
from maxella.model.heads import HEADS
from maxella.model.model import Model
from maxella.model.neighbours import FollowerPart, NeighbourPart
from maxella.model.order import OrderPart
from maxella.model.residual_part import ResidualPart
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
    features, generator = features or Features(), torch_generator(seed, "weights")
    users, items = _encoders(spec, features, generator, torch_generator(seed, "features"))
    n_items, heads = spec.n_item_rows, spec.heads
    return Model(
        users,
        items,
        {one.task: _head(one, spec, users.dim, features, generator) for one in heads},
        seen_penalty=_seen_penalty(spec, generator),
        neighbours={
            one.task: NeighbourPart(n_items, one.neighbours) for one in heads if one.neighbours
        },
        followers={
            one.task: FollowerPart(n_items, one.followers) for one in heads if one.followers
        },
        order={one.task: OrderPart(n_items, one.order) for one in heads if one.order},
        revisits={one.task: RevisitPart(one.patterns, n_items) for one in heads if one.patterns},
        contexts=_context_parts(spec, features),
        residuals={
            one.task: ResidualPart(of_items=one.residual_process, of_time=bool(one.uses_time))
            for one in heads
            if one.residual_process or (one.uses_time and "retrieval" not in HEADS[one.head].kinds)
        },
        events=spec.events,
        uses_time={one.task: one.uses_time for one in heads if one.uses_time},
    )


def _encoders(
    spec: ModelSpec, features: Features, generator: torch.Generator, of_features: torch.Generator
) -> tuple[UserEncoder, RowEncoder]:
    """Of users and of items; features draw apart, so the other weights are as without any."""

    def part(known: EntityFeatures | None, width: int) -> FeaturePart | None:
        if known is None or not width:
            return None
        return FeaturePart(known, width, spec.feature_layers, generator=of_features)

    shape = EncoderShape(
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
    users = USER_ENCODERS[spec.encoder](shape)
    items = RowEncoder(
        spec.n_item_rows,
        users.dim,
        scale=spec.embedding_scale,
        generator=generator,
        features=part(features.items, users.dim),
    )
    return users, items


def _head(
    one: HeadSpec, spec: ModelSpec, dim: int, features: Features, generator: torch.Generator
) -> Head:
    if "." in one.task or hasattr(nn.ModuleDict(), one.task):
        raise ConfigError(f"No task can be called '{one.task}'. Give it another name in [[tasks]].")
    shape = HeadShape(
        **vars(one),
        n_user_rows=spec.n_user_rows,
        n_item_rows=spec.n_item_rows,
        dim=dim,
        generator=generator,
        features=features,
    )
    return HEADS[one.head].make(shape)


def _seen_penalty(spec: ModelSpec, generator: torch.Generator) -> SeenPenalty | None:
    """Drawn last: the other weights are those of a model without."""
    if not spec.seen_penalty_dim:
        return None
    facts = spec.n_item_rows, spec.seen_penalty_dim, spec.mean_history
    return SeenPenalty(*facts, generator=generator)


def _context_parts(spec: ModelSpec, features: Features) -> dict[str, ContextPart]:
    """By task, of those that read the context."""
    if features.context is None:
        return {}
    return {
        one.task: ContextPart(
            features.context, spec.n_item_rows, ranks="retrieval" in HEADS[one.head].kinds
        )
        for one in spec.heads
        if one.reads_context
    }


def least_weights(spec: ModelSpec) -> int:
    """A floor under the weights of a model: its tables with a row for each user or item."""
    users, items, width = spec.n_user_rows, spec.n_item_rows, spec.dim + spec.history_dim
    n = 2 * items * spec.seen_penalty_dim
    if spec.encoder == "sum":
        n += users * spec.dim + items * (width + spec.history_dim)
    for head in spec.heads:
        n += items * (head.neighbours + head.followers + 5 * head.order + len(head.patterns))
        if HEADS[head.head].averages:
            n += 2 * (users + items) * head.factors * head.members
    return n


USER_ENCODERS: dict[str, Callable[[EncoderShape], UserEncoder]] = {
    "sum": SumEncoder,
}
