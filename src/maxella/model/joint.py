"""The joint model: two towers, one retrieval score, one rating."""

import itertools
from collections.abc import Iterator

import torch
from torch import nn

from maxella.data.history import Bags
from maxella.features.id import UNKNOWN_ROW
from maxella.model.demotion import Demotion
from maxella.model.rating_head import RatingHead
from maxella.model.request_part import RequestPart
from maxella.model.stand_in import StandIn
from maxella.model.tower import Tower, UserTower

_OF_USERS = ("user_biases", "user_factors", "user_gaps")
_OF_ITEMS = ("item_biases", "item_factors")


class JointModel(nn.Module):
    """score(u, i) = u·v + b_i, from the towers' embeddings; rating(u, i) from a head on both.

    One set of weights serves both tasks. `item_biases` off gives the plain dot product
    of the notebook. A rating range clips predictions, not what training sees. A demotion
    part stands beside all that: neither the score nor the rating reads it. `uses_time` names
    what may look at the order of a user's interactions, once trained: "ratings", "retrieval".
    A request part, found after all else, adds what the moment of a request says.
    """

    rating_range: torch.Tensor

    def __init__(
        self,
        user_tower: UserTower,
        item_tower: Tower,
        rating_head: RatingHead,
        demotion: Demotion | None = None,
        *,
        item_biases: bool,
        rating_range: tuple[float, float] | None,
        uses_time: tuple[str, ...] = (),
        request: RequestPart | None = None,
    ) -> None:
        super().__init__()
        self.uses_time = uses_time
        self.user_tower = user_tower
        self.item_tower = item_tower
        self.rating_head = rating_head
        self.demotion = demotion
        self.request = request
        self.item_biases = None
        if item_biases:
            self.item_biases = nn.Embedding(item_tower.n_rows, 1, padding_idx=UNKNOWN_ROW)
            nn.init.zeros_(self.item_biases.weight)
        self.user_stand_ins = nn.ModuleDict()  # by the names of `user_parts`, and "tower"
        of_users = None if user_tower.ids is None else user_tower.ids.features
        if of_users is not None:
            n_columns = of_users.bags.n_columns
            self.user_stand_ins["tower"] = StandIn(n_columns, item_tower.dim)
            for name, table in user_parts(rating_head).items():
                self.user_stand_ins[name] = StandIn(n_columns, table.embedding_dim)
        self.item_stand_ins = nn.ModuleDict()  # by the names of `item_parts`
        if item_tower.features is not None:
            n_columns = item_tower.features.bags.n_columns
            for name, table in self.item_parts().items():
                self.item_stand_ins[name] = StandIn(n_columns, table.embedding_dim)
        # A buffer, so that a bundle carries it.
        low, high = rating_range or (-torch.inf, torch.inf)
        self.register_buffer("rating_range", torch.tensor([low, high]))

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.item_tower.table.weight.device

    def tower_parameters(self) -> Iterator[nn.Parameter]:
        """The weights of the towers' tables and feature parts."""
        for table in itertools.chain(*self.tower_tables()):
            yield from table.parameters()
        for tower in (self.user_tower.ids, self.item_tower):
            if tower is not None and tower.features is not None:
                yield from tower.features.parameters()

    def tower_tables(self) -> tuple[list[nn.Embedding], list[nn.Embedding]]:
        """The towers' tables with a row for each user, and those with a row for each item."""
        ids, history = self.user_tower.ids, self.user_tower.history
        of_items = [self.item_tower.table, *([] if history is None else [history.readings])]
        return [] if ids is None else [ids.table], of_items

    def item_parts(self) -> dict[str, nn.Embedding]:
        """The tables that say of an item what its features could say in their place, by name."""
        parts = {"tower": self.item_tower.table}
        if self.item_biases is not None:
            parts["biases"] = self.item_biases
        return parts | _parts(self.rating_head, _OF_ITEMS)

    def tables(self) -> tuple[list[nn.Embedding], list[nn.Embedding]]:
        """All tables with a row for each user, and all with a row for each item.

        Those of a rating head are told by their names, user_… and item_…; a table of features
        has rows of another kind.
        """
        of_users, of_items = self.tower_tables()
        if self.item_biases is not None:
            of_items.append(self.item_biases)
        for name, table in self.rating_head.named_modules():
            side = name.split(".")[-1].split("_")[0]
            if isinstance(table, nn.Embedding) and side in ("user", "item"):
                (of_users if side == "user" else of_items).append(table)
        return of_users, of_items

    def retrieval_biases(self, items: torch.Tensor) -> torch.Tensor | None:
        """(n,) item rows → (n,) item biases of the retrieval score, where the model has them."""
        return None if self.item_biases is None else self.item_biases(items).squeeze(1)

    def own_scores(
        self,
        bags: Bags,
        items: torch.Tensor,
        item_embeddings: torch.Tensor,
        item_positions: torch.Tensor,
    ) -> torch.Tensor | None:
        """What each item of the histories adds to its own score through the history part.

        The histories of a batch of users, m items in all, each as a position into the (I,)
        item rows and their (I, dim) embeddings. Gives (m,), or nothing without a history part.
        Taken off the score of a training pair, it leaves the pair out of its own history.
        """
        history = self.user_tower.history
        if history is None:
            return None
        of_history = item_embeddings[:, -history.readings.embedding_dim :]
        products = (history.readings(items) * of_history).sum(dim=1)  # (I,)
        factors = history.factors(bags.counts).repeat_interleave(bags.counts)
        return factors * products.index_select(0, item_positions)  # type: ignore[no-any-return]


def user_parts(head: RatingHead) -> dict[str, nn.Embedding]:
    """The tables of a rating head that say of a user what features could say in their place."""
    return _parts(head, _OF_USERS)


def _parts(head: RatingHead, names: tuple[str, ...]) -> dict[str, nn.Embedding]:
    return {
        f"rating_{name.replace('.', '_')}": table
        for name, table in head.named_modules()
        if name.split(".")[-1] in names and isinstance(table, nn.Embedding)
    }
