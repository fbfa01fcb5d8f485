"""What the moment of a request adds to scores and ratings."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import nn
from torch.nn import functional

from maxella.data.requests import RequestFeatures, Requests
from maxella.errors import ConfigError
from maxella.features.age import UNKNOWN_AGE
from maxella.features.id import UNKNOWN_ROW

_MOST_CELLS = 100_000_000  # 400 MB


class RequestPart(nn.Module):
    """For a request with columns c of weights w_c, which asks for item i of age bucket a:

        score + Σ_c w_c k_ci + s_a − s̄_i
        rating + Σ_c (w_c − w̄_c) β_c + r_a − r̄_i

    k_ci and s_a say how much more the item is picked than at the average moment, for which the
    rest of the model is made; w̄_c is the mean over the training interactions, s̄_i and r̄_i are
    what the item's ages come to over them. Context-dependent biases (Baltrunas et al. 2011, CAMF).
    All is zero until `training.requests` finds it; the unknown request adds nothing.
    """

    column_shares: torch.Tensor  # (columns,) w̄
    age_shares: torch.Tensor  # (item rows, buckets) the item's age at training's interactions
    item_days: torch.Tensor  # (item rows,) float64, NaN where not known; (0,) without ages
    edges: torch.Tensor  # (edges,) float64 days: those of the age buckets

    def __init__(self, features: RequestFeatures, n_item_rows: int) -> None:
        super().__init__()
        ages = features.ages
        n_columns = features.features.n_columns
        if n_item_rows * n_columns > _MOST_CELLS:
            raise ConfigError(
                f"Features of requests want at most {_MOST_CELLS:,} weights; {n_columns:,} columns "
                f"by {n_item_rows:,} items are more. Raise a feature's min_count, or leave one out."
            )
        n_buckets = 0 if ages is None else ages.encoder.n_buckets
        # Rows are items, so that new ones get rows of zeros.
        self.table = nn.Parameter(torch.zeros(n_item_rows, n_columns))  # k
        self.age_scores = nn.Parameter(torch.zeros(n_buckets))  # s
        self.age_averages = nn.Parameter(torch.zeros(n_item_rows))  # s̄
        self.ratings = nn.Parameter(torch.zeros(n_columns))  # β
        self.age_ratings = nn.Parameter(torch.zeros(n_buckets))  # r
        self.register_buffer("column_shares", torch.zeros(n_columns))
        self.register_buffer("age_shares", torch.zeros(n_item_rows, n_buckets))
        # Facts of the data, no weights, so no part of a state.
        days = torch.empty(0, dtype=torch.float64) if ages is None else torch.from_numpy(ages.days)
        edges = () if ages is None else ages.encoder.edges
        self.register_buffer("item_days", days, persistent=False)
        self.register_buffer("edges", torch.tensor(edges, dtype=torch.float64), persistent=False)

    @property
    def has_ages(self) -> bool:
        """Whether the age of items counts."""
        return len(self.age_scores) > 0


@dataclass(frozen=True)
class Moments:
    """A request part, asked about moments by their rows."""

    part: RequestPart
    requests: Requests

    def scores(self, rows: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """(n,) request rows, (k,) item rows (all, if not given) → (n, k) what scores get added."""
        if items is None:
            every = torch.arange(len(self.part.table))
            return self._with_ages(self._sum(self._by_column, rows), rows.unsqueeze(1), every)
        added = self._sum(self.part.table[items].T.contiguous(), rows)
        return self._with_ages(added, rows.unsqueeze(1), items)

    def pair_scores(self, rows: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) request rows, (n,) item rows → (n,) what scores get added."""
        bags = self.requests.bags.take(rows.numpy())
        owners = torch.arange(len(rows)).repeat_interleave(torch.from_numpy(bags.counts))
        cells = self.part.table[items[owners], torch.from_numpy(bags.columns)]
        added = torch.zeros(len(rows)).index_add_(0, owners, cells * torch.from_numpy(bags.weights))
        return self._with_ages(added, rows, items)

    def ratings(self, rows: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """(n,) request rows, (n,) item rows → (n,) what ratings get added."""
        part = self.part
        added = self._sum(part.ratings.unsqueeze(1), rows).squeeze(1)
        added = added - part.column_shares @ part.ratings
        if part.has_ages:
            averages = part.age_shares[items] @ part.age_ratings
            added = added + part.age_ratings[self.age_buckets(rows, items)] - averages
        return added * (rows != UNKNOWN_ROW)

    def age_buckets(self, rows: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Request rows and item rows that broadcast → int64 the bucket that each age is in."""
        ages = torch.from_numpy(self.requests.days)[rows] - self.part.item_days[items]
        buckets = 1 + torch.bucketize(ages, self.part.edges, right=True)  # as `features.age.Age`
        return buckets.masked_fill(ages.isnan(), UNKNOWN_AGE)

    @cached_property
    def _by_column(self) -> torch.Tensor:
        """(columns, item rows) the table, so laid out that one column is in one piece."""
        return self.part.table.T.contiguous()

    def _with_ages(
        self, added: torch.Tensor, rows: torch.Tensor, items: torch.Tensor
    ) -> torch.Tensor:
        if not self.part.has_ages:
            return added
        of_ages = self.part.age_scores[self.age_buckets(rows, items)]
        return added + (of_ages - self.part.age_averages[items]) * (rows != UNKNOWN_ROW)

    def _sum(self, table: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        bags = self.requests.bags.take(rows.numpy())
        columns, begins, weights = map(torch.from_numpy, (bags.columns, bags.begins, bags.weights))
        found: torch.Tensor = functional.embedding_bag(
            columns, table, begins, mode="sum", per_sample_weights=weights
        )
        return found
