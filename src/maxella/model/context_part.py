"""What the context of a question adds to scores and answers."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn
from torch.nn import functional

from maxella.data.contexts import Contexts
from maxella.errors import ConfigError
from maxella.features.feature_set import FeatureSet
from maxella.features.id import UNKNOWN_ROW

_MOST_CELLS = 100_000_000  # 400 MB


class ContextPart(nn.Module):
    """What one task is told of a context with columns c of weights w_c, for item i:

        a ranking adds to its score   Σ_c w_c k_ci
        an answer of pairs gets       Σ_c (w_c − w̄_c) β_c

    k_ci says how much more the item is picked than in the average context, for which the rest of
    the model is made; w̄_c is the mean over the training rows. Context-dependent biases (Baltrunas
    et al. 2011, CAMF). All is zero until `training.context_part` finds it; the unknown context
    adds nothing.
    """

    column_means: torch.Tensor  # (columns,) w̄

    def __init__(self, features: FeatureSet, n_item_rows: int, *, ranks: bool) -> None:
        super().__init__()
        n_columns = features.n_columns
        if ranks and n_item_rows * n_columns > _MOST_CELLS:
            raise ConfigError(
                f"Features of the context want at most {_MOST_CELLS:,} weights; {n_columns:,} "
                f"columns by {n_item_rows:,} items are more. Raise a feature's min_count, or leave "
                "one out."
            )
        self.ranks = ranks
        # Rows are items, so that new ones get rows of zeros; β is one row for all.
        self.table = nn.Parameter(torch.zeros(n_item_rows if ranks else 1, n_columns))  # k or β
        self.register_buffer("column_means", torch.zeros(n_columns))


@dataclass(frozen=True)
class InContext:
    """A context part, asked about contexts by their rows."""

    part: ContextPart
    contexts: Contexts

    def scores(self, rows: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """(n,) context rows, (k,) item rows (all, if not given) → (n, k) what scores get added."""
        if items is None:
            return self._sum(self._by_column, rows)
        return self._sum(self.part.table[items].T.contiguous(), rows)

    def of_pairs(self, rows: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) context rows, (n,) item rows → (n,) what scores, or answers, get added."""
        if not self.part.ranks:
            of_average = self.part.column_means @ self.part.table[0]
            return self._sum(self._by_column, rows).squeeze(1) - of_average * (rows != UNKNOWN_ROW)
        bags = self.contexts.take(rows.numpy())
        owners = torch.arange(len(rows)).repeat_interleave(torch.from_numpy(bags.counts))
        cells = self.part.table[items[owners], torch.from_numpy(bags.columns)]
        return torch.zeros(len(rows)).index_add_(0, owners, cells * torch.from_numpy(bags.weights))

    @cached_property
    def _by_column(self) -> torch.Tensor:
        """(columns, item rows) the table, so laid out that one column is in one piece."""
        return self.part.table.T.contiguous()

    def _sum(self, table: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        bags = self.contexts.take(rows.numpy())
        columns, begins, weights = map(torch.from_numpy, (bags.columns, bags.begins, bags.weights))
        found: torch.Tensor = functional.embedding_bag(
            columns, table, begins, mode="sum", per_sample_weights=weights
        )
        return found
