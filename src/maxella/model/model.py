"""The model: an encoder of users, an encoder of items, and a head for each task."""

from collections.abc import Iterator, Mapping

import torch
from torch import nn

from maxella.data.history import History
from maxella.data.log import Log
from maxella.features.id import UNKNOWN_ROW
from maxella.model.beside import Beside
from maxella.model.feature_part import ColdStartMap, FeatureBags, FeaturePart
from maxella.model.head import Head, UsesTime
from maxella.model.row_encoder import RowEncoder
from maxella.model.row_table import SIDES, RowTable, Side
from maxella.model.seen_penalty import SeenPenalty
from maxella.model.user_encoder import UserEncoder

ENCODER = "encoder"  # the name of what stands for a whole embedding


class Model(nn.Module):
    """Queries of users and embeddings of items, shared by the heads of all tasks.

    Beside these stand what is found once all else is trained and moves nothing of it: maps from
    features to what new rows should hold, a penalty on seen items, what the items that a user has
    picked say for others and what their order says, what speaks for items that they have visited,
    what the context adds, and what a user's ratings leave over.
    `uses_time` says which tasks look at the order of what a user did, once trained, and at what.
    """

    def __init__(
        self,
        user_encoder: UserEncoder,
        item_encoder: RowEncoder,
        heads: Mapping[str, Head],
        *,
        seen_penalty: SeenPenalty | None,
        neighbours: Mapping[str, nn.Module],
        followers: Mapping[str, nn.Module],
        order: Mapping[str, nn.Module],
        revisits: Mapping[str, nn.Module],
        contexts: Mapping[str, nn.Module],
        residuals: Mapping[str, nn.Module],
        events: tuple[str, ...],
        uses_time: Mapping[str, UsesTime],
    ) -> None:
        super().__init__()
        self.events = events  # that histories are made of and tell apart; none: all rows alike
        self.uses_time = dict(uses_time)
        self.user_encoder = user_encoder
        self.item_encoder = item_encoder
        self.heads = nn.ModuleDict(heads)
        self.seen_penalty = seen_penalty
        self.neighbours = nn.ModuleDict(neighbours)  # task → NeighbourPart, where it has one
        self.followers = nn.ModuleDict(followers)  # task → FollowerPart, where it has one
        self.order = nn.ModuleDict(order)  # task → OrderPart, where it has one
        self.revisits = nn.ModuleDict(revisits)  # task → RevisitPart, where it has one
        self.contexts = nn.ModuleDict(contexts)  # task → ContextPart, where it is told it
        self.residuals = nn.ModuleDict(residuals)  # task → ResidualPart, where it has one
        self.cold_users = self._cold_start_maps("user")
        self.cold_items = self._cold_start_maps("item")

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.item_encoder.table.weight.device

    def embed(self, history: History) -> tuple[torch.Tensor, torch.Tensor]:
        """What users did → (user rows, dim) queries and (item rows, dim) embeddings of all rows."""
        everyone = torch.arange(self.user_encoder.n_rows)
        items = self.item_encoder(torch.arange(self.item_encoder.n_rows))
        return self.user_encoder(everyone, history.bags(everyone)), items

    def beside(self, task: str, log: Log) -> Beside:
        """What stands beside the dot products of a task, for the users of a log."""
        found = [of[task] for of in (self.neighbours, self.followers, self.order) if task in of]
        return Beside([part.told(task, log) for part in found])  # type: ignore[operator]

    def head_tables(self, side: Side | None = None) -> dict[str, RowTable]:
        """The tables of the heads by name, of both sides or of one."""
        return {
            f"{task} {name}": one
            for task, head in self.heads.items()
            for name, one in head.row_tables().items()  # type: ignore[operator]
            if side in (None, one.side)
        }

    def encoder_tables(self) -> dict[str, RowTable]:
        """The tables of both encoders by name."""
        return {
            **{f"users {name}": one for name, one in self.user_encoder.row_tables().items()},
            "items": RowTable(self.item_encoder.table, "item"),
        }

    def row_tables(self) -> dict[str, RowTable]:
        """All tables with a row for each user or item but those found after training."""
        return self.encoder_tables() | self.head_tables()

    def encoder_parameters(self) -> Iterator[nn.Parameter]:
        """The weights of the encoders' tables and feature parts: they have a rate of their own."""
        for one in self.encoder_tables().values():
            yield from one.table.parameters()
        for part in map(self.feature_part, SIDES):
            if part is not None:
                yield from part.parameters()

    def feature_part(self, side: Side) -> FeaturePart | None:
        """What features add to the embeddings of a side, where they add anything."""
        return self.user_encoder.feature_part if side == "user" else self.item_encoder.features

    def _cold_start_maps(self, side: Side) -> nn.ModuleDict:
        """A map for each table whose new rows are what features say, and one for the embedding."""
        part, maps = self.feature_part(side), nn.ModuleDict()
        if part is not None:
            widths = {ENCODER: self.item_encoder.dim}
            for name, one in self.head_tables(side).items():
                if one.cold is None:
                    widths[name] = one.table.embedding_dim
            maps.update(
                {name: ColdStartMap(part.bags.n_columns, of) for name, of in widths.items()}
            )
        return maps

    @torch.no_grad()
    def fill_cold_items(self, cold: torch.Tensor) -> None:
        """Let what features say be all that it holds of (n,) item rows; never the unknown one.

        Nothing happens where it has no features of items.
        """
        features = self.item_encoder.features
        if features is None:
            return
        cold = cold[cold != UNKNOWN_ROW]
        found = self.cold_items[ENCODER](features.bags, cold)
        self.item_encoder.table.weight[cold] = found - features(cold)
        _fill(self.head_tables("item"), self.cold_items, features.bags, cold)

    @torch.no_grad()
    def fill_cold_users(
        self, head: Head, task: str, features: FeatureBags, rows: torch.Tensor
    ) -> None:
        """Let what features say be all that a task's head holds of (n,) rows of some users."""
        tables = head.row_tables().items()
        of_users = {f"{task} {name}": one for name, one in tables if one.side == "user"}
        _fill(of_users, self.cold_users, features, rows)


def _fill(
    tables: dict[str, RowTable], maps: nn.ModuleDict, features: FeatureBags, rows: torch.Tensor
) -> None:
    for name, one in tables.items():
        says = maps[name](features, rows) if one.cold is None else one.cold
        one.table.weight[rows] = says
