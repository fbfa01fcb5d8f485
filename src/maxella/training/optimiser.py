"""Optimisers by name, for groups of weights with a learning rate each."""

from collections.abc import Callable

from maxella.training.row_optimisers import Groups, RowAdagrad, RowAdam


def adagrad(groups: Groups) -> RowAdagrad:
    """Adagrad with Keras' constants: sums of squares start at .1, ε = 1e-7.

    Keras has ε under the root, torch beside it. As the sums never fall below .1, the
    steps differ by less than one part in a million.
    """
    weights = [weight for group in groups for weight in group["params"]]
    fused = not any(weight.is_cuda for weight in weights)  # torch has no such step on CUDA
    return RowAdagrad(groups, initial_accumulator_value=0.1, eps=1e-7, fused=fused)


def adam(groups: Groups) -> RowAdam:
    """Adam; β₂ = .99, as a run has hundreds of steps, not many thousands."""
    return RowAdam(groups, betas=(0.9, 0.99))


def adamw(groups: Groups) -> RowAdam:
    """Adam with decoupled weight decay of .01."""
    return RowAdam(groups, betas=(0.9, 0.99), weight_decay=0.01)


OPTIMISERS: dict[str, Callable[[Groups], RowAdagrad | RowAdam]] = {
    "adagrad": adagrad,
    "adam": adam,
    "adamw": adamw,
}
