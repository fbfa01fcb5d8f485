"""Biases and Gaussian factors, which find for themselves how far to trust the data."""

from abc import abstractmethod
from functools import cached_property
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from maxella.features.id import UNKNOWN_ROW
from maxella.model.head import EmbeddedPairs, HeadShape, PairHead, PairSide, Targets, UserGroup
from maxella.model.met_items import MetItems, by_member, with_bias
from maxella.model.row_table import RowTable

# Of a variance, and of what a user does to a gap, either way: what is learnt is far from it.
LARGEST_LOG = 12.0
_START_SCALE = 0.1  # standard deviation of the first means
_START_VARIANCE = 0.024
_START_PRIOR = 0.08  # prior variance of a factor
_START_USER_PRIOR = 0.15  # and of a bias
_START_ITEM_PRIOR = 0.3
_START_LINK = 0.02
_START_LINK_VARIANCE = 3e-5
_LINK_PRIOR = 0.2  # prior variance of a link's entry
_MOMENTUM = 0.05
_RAMP = 0.4  # share of the run after which the priors count in full


class GaussianFactors(PairHead):
    """μ + b_u + b_i + m_u·n_i with m_u = P_u + W x_u, n_i = Q_i + V x_i.

    x are the encoders' embeddings, over their root mean square norm: the link through which
    ratings learn from what was picked. P, Q and the biases are private tables with a variance for
    each entry, which the bound of a head trains together with the prior of each
    dimension: mean-field variational Bayes for matrix factorisation (Lim and Teh 2007). So a log
    of few ratings a user or item says itself how little a bias is to be moved by one.

    Links are Gaussian too, W_kd ~ N(w_kd, v_kd), as weights are in "Bayes by backprop" (Blundell
    et al. 2015): m_uk has the mean P_uk + Σ_d w_kd x_ud and the variance s_uk + Σ_d v_kd x_ud². As
    points they fit the noise of a log with fewer users than dimensions. Their prior is fixed: one
    that is learnt shrinks them to nothing, whatever they could tell (decision 15).

    With several members the head holds that many independent factorisations, of
    `factors` factors each: still one table a side, of the factors laid side by side. An
    unknown user or item has no bias and no private factors, and the variances of the priors.

    A head adds what it makes of the sum: `forward` gives the ratings, `distribution` how likely
    each level is.
    """

    mean: torch.Tensor
    user_norm: torch.Tensor
    item_norm: torch.Tensor

    def __init__(self, shape: HeadShape, mean: float) -> None:
        super().__init__(shape, shape.levels)
        self.members, self.n_factors = shape.members, shape.factors
        width = shape.members * shape.factors
        self.register_buffer("mean", torch.tensor(mean))
        self.user_factors = _drawn(shape.n_user_rows, width, shape.generator)
        self.item_factors = _drawn(shape.n_item_rows, width, shape.generator)
        self.user_log_variances = _constant(shape.n_user_rows, width, _START_VARIANCE)
        self.item_log_variances = _constant(shape.n_item_rows, width, _START_VARIANCE)
        self.user_biases = nn.Embedding(shape.n_user_rows, shape.members, padding_idx=UNKNOWN_ROW)
        self.item_biases = nn.Embedding(shape.n_item_rows, shape.members, padding_idx=UNKNOWN_ROW)
        members = (shape.members, _START_VARIANCE)
        self.user_bias_log_variances = _constant(shape.n_user_rows, *members)
        self.item_bias_log_variances = _constant(shape.n_item_rows, *members)
        self.user_link = nn.Linear(shape.dim, width, bias=False)
        self.item_link = nn.Linear(shape.dim, width, bias=False)
        self.user_link_log_variances = _logs(width, _START_LINK_VARIANCE, shape.dim)
        self.item_link_log_variances = _logs(width, _START_LINK_VARIANCE, shape.dim)
        self.user_log_prior = _logs(width, _START_PRIOR)
        self.item_log_prior = _logs(width, _START_PRIOR)
        self.user_bias_log_prior = _logs(shape.members, _START_USER_PRIOR)
        self.item_bias_log_prior = _logs(shape.members, _START_ITEM_PRIOR)
        for biases in (self.user_biases, self.item_biases):
            nn.init.zeros_(biases.weight)
        for link in (self.user_link, self.item_link):
            nn.init.normal_(link.weight, std=_START_LINK, generator=shape.generator)
        # Running root mean square norms of the embeddings; 0 until the first batch.
        self.register_buffer("user_norm", torch.zeros(()))
        self.register_buffer("item_norm", torch.zeros(()))

    def row_tables(self) -> dict[str, RowTable]:
        """Factors, biases and their variances; who came too late has those of the priors."""
        of_users, of_items = self.user_bias_log_variances, self.item_bias_log_variances
        return {
            "user_factors": RowTable(self.user_factors, "user"),
            "user_log_variances": RowTable(self.user_log_variances, "user", self.user_log_prior),
            "user_biases": RowTable(self.user_biases, "user"),
            "user_bias_log_variances": RowTable(of_users, "user", self.user_bias_log_prior),
            "item_factors": RowTable(self.item_factors, "item"),
            "item_log_variances": RowTable(self.item_log_variances, "item", self.item_log_prior),
            "item_biases": RowTable(self.item_biases, "item"),
            "item_bias_log_variances": RowTable(of_items, "item", self.item_bias_log_prior),
        }

    def factors(self, pairs: EmbeddedPairs) -> tuple["Factors", "Factors"]:
        """What it holds of the users, and of the items, of some pairs."""
        return Factors(self, "user", pairs.user_side), Factors(self, "item", pairs.item_side)

    def member_ratings(
        self, pairs: EmbeddedPairs, users: "Factors", items: "Factors"
    ) -> torch.Tensor:
        """(n, members) the sum that each member finds."""
        products = pairs.of_users(users.means) * pairs.of_items(items.means)
        match = products.view(len(products), self.members, self.n_factors).sum(dim=2)
        biases = pairs.of_users(users.biases) + pairs.of_items(items.biases)
        return pairs.with_offsets(self.mean + biases + match)

    def member_variances(
        self, pairs: EmbeddedPairs, users: "Factors", items: "Factors"
    ) -> torch.Tensor:
        """(n, members) variance of each sum: s·(n² + t) + m²·t, with s and t the variances.

        And those of the two biases.
        """
        s, t = users.variances(), items.variances()
        of_users = pairs.of_users(torch.cat([s, users.means.square()], dim=1))
        of_items = pairs.of_items(torch.cat([items.means.square() + t, t], dim=1))
        products = of_users * of_items
        spread = products.view(len(products), 2, self.members, self.n_factors).sum(dim=(1, 3))
        return spread + self.bias_variances(pairs, users, items)

    def bias_variances(
        self, pairs: EmbeddedPairs, users: "Factors", items: "Factors"
    ) -> torch.Tensor:
        """(n, members) what the biases add to the variance of each sum."""
        return pairs.of_users(users.bias_variances()) + pairs.of_items(items.bias_variances())

    def tastes(self, items: torch.Tensor) -> torch.Tensor:
        """(item rows, dim) → (item rows, width) factors, in deviations of the users' priors."""
        side = PairSide(items, torch.arange(len(items)), torch.empty(0, dtype=torch.int64))
        return Factors(self, "item", side).means * (0.5 * self.user_log_prior).exp()

    def priors(self, users: "Factors", items: "Factors", targets: Targets) -> torch.Tensor:
        """2 β · KL of factors, biases and links to N(0, prior).

        The items' part and the links' count as the share of the users that the batch holds, each
        item for as many as it stands for.
        """
        of_users, of_items = users.divergence(), items.divergence()
        if targets.item_weights is not None:
            of_items = targets.item_weights * of_items
        of_all = of_items.sum() + users.link_divergence() + items.link_divergence()
        return prior_weight(targets.done) * (of_users.sum() + targets.share * of_all)

    @torch.no_grad()
    def fit_users(self, pairs: EmbeddedPairs, labels: torch.Tensor) -> None:
        """As of any head: the users' posterior for what is known of the items."""
        for group in pairs.user_groups():
            rows = pairs.users[group.users]
            given = labels[group.pairs].double().repeat_interleave(self.members, dim=1)
            means, variances = (
                found.view(len(rows), self.members, -1)
                for found in self.posterior(rows, self._met(pairs, group), given)
            )
            logs = variances.log().clamp(-LARGEST_LOG, LARGEST_LOG)
            for table, found in (
                (self.user_biases, means[..., 0]),
                (self.user_factors, means[..., 1:].flatten(1)),
                (self.user_bias_log_variances, logs[..., 0]),
                (self.user_log_variances, logs[..., 1:].flatten(1)),
            ):
                table.weight[rows] = found.to(table.weight.dtype)

    @abstractmethod
    def posterior(
        self, rows: torch.Tensor, met: MetItems, labels: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(G,) user rows, (G, N) labels → (G, D) means and variances, where the loss is least."""

    def _met(self, pairs: EmbeddedPairs, group: UserGroup) -> MetItems:
        users, items = self.factors(pairs)
        members, at = (self.members, self.n_factors), pairs.item_positions[group.pairs]
        linked = users.linked[group.users].double().view(-1, *members)
        means = items.means[at].double().view(*at.shape, *members)  # (G, n, members, factors)
        variances = items.variances()[at].double().view(*at.shape, *members)
        rest = self.mean + items.biases[at].double() + (means * linked.unsqueeze(1)).sum(dim=3)
        if pairs.offsets is not None:
            rest = rest + pairs.offsets[group.pairs].unsqueeze(2)
        squares = means.square() + variances
        # A user's link is what it is, whatever is fitted: its part is a variance of the rest.
        from_links = users.linked_variances[group.users].double().view(-1, 1, *members)
        of_rest = items.bias_variances()[at].double() + (squares * from_links).sum(dim=3)
        log_priors = [self.user_bias_log_prior.unsqueeze(1), self.user_log_prior.view(members)]
        precision = (-torch.cat(log_priors, dim=1).double()).exp()
        return MetItems(
            group.given.repeat_interleave(self.members, dim=1),
            rest.flatten(1),
            by_member(with_bias(means, 1.0)),
            by_member(with_bias(variances, 0.0)),
            of_rest.flatten(1),
            with_bias(linked, 0.0).flatten(1),
            precision.flatten(),
        )


class Factors:
    """What a head holds of U users, or items: each of its tables read once, when asked for.

    So it is for one step: it does not follow the weights.
    """

    def __init__(self, head: GaussianFactors, name: str, side: PairSide) -> None:
        self._head, self._name, self._side = head, name, side

    @cached_property
    def own(self) -> torch.Tensor:
        """(U, width) means of the private factors, P or Q."""
        return self._side.read(self._part("factors"))

    @cached_property
    def linked(self) -> torch.Tensor:
        """(U, width) what the embeddings say of the factors, W x or V x."""
        return self._part("link")(self._normed)  # type: ignore[no-any-return]

    @cached_property
    def linked_variances(self) -> torch.Tensor:
        """(U, width) what the links' variances make of the embeddings, Σ_d v_kd x_d²."""
        return functional.linear(self._normed.square(), self._link_log_variances.exp())

    @cached_property
    def means(self) -> torch.Tensor:
        """(U, width) means of the factors, m or n."""
        return self.own + self.linked

    @cached_property
    def biases(self) -> torch.Tensor:
        """(U, members) biases."""
        return self._side.read(self._part("biases"))

    def variances(self) -> torch.Tensor:
        """(U, width) variances of the factors, m or n."""
        return self._log_variances.exp() + self.linked_variances

    def bias_variances(self) -> torch.Tensor:
        """(U, members) variances of the biases."""
        return self._bias_log_variances.exp()

    def divergence(self) -> torch.Tensor:
        """(U,) 2 KL(N(mean, variance) ‖ N(0, prior)) of the private factors and the biases."""
        of_factors = _divergence(self.own, self._log_variances, self._part("log_prior"))
        of_biases = _divergence(self.biases, self._bias_log_variances, self._part("bias_log_prior"))
        return of_factors + of_biases

    def link_divergence(self) -> torch.Tensor:
        """2 KL(N(mean, variance) ‖ N(0, prior)) of the link, a scalar."""
        weight = self._part("link").weight
        log_prior = weight.new_tensor(_LINK_PRIOR).log()
        return _divergence(weight, self._link_log_variances, log_prior).sum()

    @cached_property
    def _normed(self) -> torch.Tensor:
        """(U, dim) the embeddings over their running norm."""
        norm = self._part("norm")
        if self._head.training and self._side.n_pairs:
            _follow(norm, self._side.norm)
        return self._side.embeddings / norm.clamp(min=1e-6)  # type: ignore[no-any-return]

    @property
    def _link_log_variances(self) -> torch.Tensor:
        """(width, dim), within bounds."""
        return self._part("link_log_variances").clamp(-LARGEST_LOG, LARGEST_LOG)  # type: ignore[no-any-return]

    @cached_property
    def _log_variances(self) -> torch.Tensor:
        return self._logs("log_variances", "log_prior")

    @cached_property
    def _bias_log_variances(self) -> torch.Tensor:
        return self._logs("bias_log_variances", "bias_log_prior")

    def _logs(self, of_rows: str, prior: str) -> torch.Tensor:
        learnt = self._side.read(self._part(of_rows))
        found = torch.where(self._side.is_unknown.unsqueeze(1), self._part(prior), learnt)
        return found.clamp(-LARGEST_LOG, LARGEST_LOG)

    def _part(self, of_side: str) -> Any:
        return getattr(self._head, f"{self._name}_{of_side}")


def _divergence(
    means: torch.Tensor, log_variances: torch.Tensor, log_prior: torch.Tensor
) -> torch.Tensor:
    """(U, width) means and log variances, log prior variances of the width → (U,) 2 KL."""
    expected = (means.square() + log_variances.exp()) / log_prior.exp()
    return (expected + log_prior - log_variances - 1).sum(dim=1)


def prior_weight(done: float) -> float:
    """β, from .3 to 1 over the first 40 % of the run.

    At once in full, the priors shrink the factors to nothing before these have learnt anything.
    """
    return 0.3 + 0.7 * min(1.0, done / _RAMP)


def _drawn(n_rows: int, width: int, generator: torch.Generator) -> nn.Embedding:
    table = nn.Embedding(n_rows, width, padding_idx=UNKNOWN_ROW)
    with torch.no_grad():
        table.weight.normal_(std=_START_SCALE, generator=generator)
        table.weight[UNKNOWN_ROW] = 0
    return table


def _logs(width: int, variance: float, *more: int) -> nn.Parameter:
    return nn.Parameter(torch.full((width, *more), variance).log())


def _constant(n_rows: int, width: int, variance: float) -> nn.Embedding:
    table = nn.Embedding(n_rows, width)
    nn.init.constant_(table.weight, torch.tensor(variance).log().item())
    return table


@torch.no_grad()
def _follow(norm: torch.Tensor, found: torch.Tensor) -> None:
    """Move a running norm towards one that was found."""
    norm.copy_(torch.where(norm == 0, found, norm.lerp(found, _MOMENTUM)))
