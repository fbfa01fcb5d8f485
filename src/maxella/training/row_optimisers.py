"""Optimisers whose step costs the rows that a batch names, with the outcome of the dense ones.

A table of which the batches name few rows has sparse gradients. Where a row has none, Adagrad
leaves it, while Adam moves it, by its momentum: `catch_up` makes up for that before a row is read.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

Groups = list[dict[str, Any]]  # "params" and "lr" of each
_TAIL = 256  # steps; with β = .9, .99 the last of them is 7e-12 of the first


class RowAdagrad(torch.optim.Adagrad):
    """Adagrad (Duchi et al. 2011) with Keras' constants: sums start at .1, ε = 1e-7.

    Keras has ε under the root, torch beside it. As the sums never fall below .1, the steps differ
    by less than one part in a million. A row without a gradient stays where it is; torch's own step
    of sparse gradients is the same but warns of unchecked sparse tensors.
    """

    def __init__(self, groups: Groups) -> None:
        weights = [weight for group in groups for weight in group["params"]]
        fused = not any(weight.is_cuda for weight in weights)  # torch has no such step on CUDA
        super().__init__(groups, initial_accumulator_value=0.1, eps=1e-7, fused=fused)

    def catch_up(self, table: torch.Tensor, rows: torch.Tensor) -> None:
        """Nothing: no row is left behind."""

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step of every weight that has a gradient."""
        for group, table, rows, values in _taken_sparse(self.param_groups):
            state = self.state[table]
            sums = state["sum"][rows].addcmul_(values, values)
            table[rows] -= group["lr"] * values / (sums.sqrt() + group["eps"])
            state["sum"][rows] = sums
        super().step(closure)


class RowAdam(torch.optim.AdamW):
    """Adam (Kingma and Ba 2015), or AdamW (Loshchilov and Hutter 2019) with a weight decay.

    β₂ = .99, as a run has hundreds of steps, not many thousands.

    torch steps the weights with a dense gradient. Of a (rows, dim) table with a sparse one the
    rows named are stepped, and the others left behind. What these miss is known beforehand: j
    steps after a row's last gradient its moments are β₁ʲ m and β₂ʲ v, its step rʲ m / √v times
    the rate of the time, r = β₁ / √β₂. So the steps t₀ + 1 to t of all rows whose last gradient
    came at t₀ are two numbers, whatever the row:

        w ← kept[t₀] · w − carry[t₀] · m / (√v + ε)
        kept[t₀] = Π shrinkₛ,   carry[t₀] = Σ rateₛ · rˢ⁻ᵗ⁰ · shrink of the steps after s

    where rateₛ holds the bias corrections and shrinkₛ is the weight decay. The outcome is
    Adam's but for rounding and for ε, which falls with √v here: of weight where √v is near it.
    """

    def __init__(
        self,
        groups: Groups,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        # Fused: one pass over a dense table instead of one for each operation, much faster.
        super().__init__(groups, betas=betas, eps=eps, weight_decay=weight_decay, fused=True)

    @torch.no_grad()
    def catch_up(self, table: torch.Tensor, rows: torch.Tensor) -> None:
        """Bring (n,) distinct rows of a table to where Adam has them by now."""
        state = self.state.get(table)
        if state is None:  # no step yet
            return
        beta1, beta2 = self.defaults["betas"]
        last = state["last"][rows]
        if (last == state["step"]).all():
            return
        kept, carry = (state[name][last.long()].unsqueeze(1) for name in ("kept", "carry"))
        m, v = state["m"][rows], state["v"][rows]
        table[rows] = kept * table[rows] - carry * m / (v.sqrt() + self.defaults["eps"])
        gaps = (state["step"] - last).unsqueeze(1)
        state["m"][rows] = m * beta1**gaps
        state["v"][rows] = v * beta2**gaps
        state["last"][rows] = state["step"].to(last)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One step of every weight that has a gradient."""
        for group, table, rows, values in _taken_sparse(self.param_groups):
            self._step_rows(group, table, rows, values)
        super().step(closure)

    def _step_rows(
        self, group: dict[str, Any], table: torch.Tensor, rows: torch.Tensor, values: torch.Tensor
    ) -> None:
        state = self.state.get(table) or self._begin(table)
        self.catch_up(table, rows)
        beta1, beta2 = self.defaults["betas"]
        step = int(state["step"]) + 1
        correction = (1 - beta2**step) ** 0.5
        rate = group["lr"] * correction / (1 - beta1**step)
        shrink = 1 - group["lr"] * group["weight_decay"]
        m = state["m"][rows].lerp_(values, 1 - beta1)
        v = state["v"][rows].mul_(beta2).addcmul_(values, values, value=1 - beta2)
        moved = m / (v.sqrt() + self.defaults["eps"] * correction)
        table[rows] = shrink * table[rows] - rate * moved
        state["step"].fill_(step)
        state["m"][rows], state["v"][rows], state["last"][rows] = m, v, float(step)
        state["kept"] = torch.cat([state["kept"] * shrink, table.new_ones(1)])
        carry = state["carry"] * shrink
        # How long ago the last of the steps were.
        later = torch.arange(min(_TAIL, step), 0, -1, device=table.device)
        carry[-len(later) :] += rate * (beta1 / beta2**0.5) ** later
        state["carry"] = torch.cat([carry, table.new_zeros(1)])

    def _begin(self, table: torch.Tensor) -> dict[str, torch.Tensor]:
        state = {
            "step": torch.zeros((), device="cpu"),  # read at each step
            "m": torch.zeros_like(table),
            "v": torch.zeros_like(table),
            # Steps of the rows' last gradients; in the table's type, which torch gives to all
            # of a state that it loads, but to "step".
            "last": table.new_zeros(len(table)),
            "kept": table.new_ones(1),  # by step
            "carry": table.new_zeros(1),
        }
        self.state[table] = state
        return state


def _taken_sparse(
    groups: Groups,
) -> Iterator[tuple[dict[str, Any], torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Group, table, (n,) distinct rows and (n, dim) gradients; torch is left the dense ones."""
    for group in groups:
        for weight in group["params"]:
            if weight.grad is not None and weight.grad.is_sparse:
                gradient = weight.grad.coalesce()
                weight.grad = None
                yield group, weight, gradient.indices()[0], gradient.values()


OPTIMISERS: dict[str, Callable[[Groups], RowAdagrad | RowAdam]] = {
    "adagrad": RowAdagrad,
    "adam": RowAdam,
    "adamw": partial(RowAdam, weight_decay=0.01),
}
