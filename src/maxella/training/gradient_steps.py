"""Gradient steps over the log: encoders and heads together."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from maxella.data.batches import Batch, Batches
from maxella.data.dataset import Dataset
from maxella.errors import ConfigError, TrainingError, unknown_name
from maxella.model.model import Model
from maxella.seeds import numpy_generator
from maxella.tasks.objective import Objective
from maxella.training.checkpoint import Checkpoint, Progress
from maxella.training.closed_form_start import ClosedFormStart
from maxella.training.device import on_device
from maxella.training.log import RunLog
from maxella.training.row_optimisers import OPTIMISERS, RowAdagrad, RowAdam
from maxella.training.row_tables import SparseTables, catch_up, sparse_tables
from maxella.training.schedule import SCHEDULES

# (model, batch, step, steps in all) → the loss, a scalar with a gradient, and its parts to log
Loss = Callable[[Model, Batch, int, int], tuple[torch.Tensor, dict[str, torch.Tensor]]]


@dataclass(frozen=True)
class Plan:
    """How to step, and for how long."""

    optimiser: str  # of OPTIMISERS
    learning_rate: float  # its peak
    encoder_learning_rate: float  # the peak for the encoders' tables
    schedule: str  # of SCHEDULES
    epochs: int
    seed: int  # of the order of the batches
    patience: int | None = None  # epochs without a better validation figure; then stop


@dataclass(frozen=True)
class Validation:
    """What to measure after each epoch, and which figure decides."""

    measure: Callable[[], dict[str, float]]
    monitor: str  # a key of what `measure` gives
    turned: Callable[[float], float]  # that figure, such that higher is better

    def value(self, figures: dict[str, float]) -> float:
        """The deciding figure, turned so that higher is better."""
        if self.monitor not in figures:
            raise ConfigError(unknown_name("validation metric", self.monitor, figures))
        return self.turned(figures[self.monitor])


@dataclass
class GradientSteps:
    """Steps down the loss of batches: encoders and heads together, on the weighted tasks."""

    objective: Loss
    batches: Batches
    plan: Plan
    device: torch.device
    start: ClosedFormStart | None = None  # whose teacher the objective distils from
    validation: Validation | None = None
    checkpoint: Checkpoint | None = None
    resume: bool = False
    log: RunLog | None = None
    on_step: Callable[[int, int], None] | None = None
    name: str = "gradient steps"
    progress: Progress = field(default_factory=Progress)

    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Train `model`, and leave it at its best epoch (the last, without validation).

        `on_step` is told (steps done, steps in all) after each step.

        With a checkpoint the state is saved after every epoch; `resume` goes on from there, and
        the run ends with the weights of an undisturbed one. A loss that is not finite raises
        TrainingError; the checkpoint of the last whole epoch stays.
        """
        del dataset  # the batches hold it
        objective = self.objective
        if self.start is not None and isinstance(objective, Objective):
            objective = replace(objective, teacher=self.start.teacher)
        with on_device(model, self.device):
            self._fit(model, objective)

    @property
    def facts(self) -> dict[str, Any]:
        """Epochs done, and the one that was kept."""
        return {"epochs": self.progress.epoch, "best_epoch": self.progress.best_epoch}

    def _fit(self, model: Model, objective: Loss) -> None:
        optimiser = OPTIMISERS[self.plan.optimiser](_groups(model, self.plan))
        # By the first batch of the run, which is the same when it goes on from a checkpoint.
        tables = sparse_tables(model, next(iter(self.batches.epoch(_order(self.plan, 0)))))
        progress, best = Progress(), _weights(model)
        if self.resume and self.checkpoint and self.checkpoint.path.exists():
            best, progress = self.checkpoint.load(model, optimiser)
            if self.log:
                self.log.write("resumed", epoch=progress.epoch)
        while progress.epoch < self.plan.epochs and not _has_stalled(progress, self.plan):
            started = time.perf_counter()
            losses = self._epoch(model, objective, optimiser, tables, progress.epoch)
            progress.epoch += 1
            entry: dict[str, Any] = {"epoch": progress.epoch, **losses}
            entry["seconds"] = time.perf_counter() - started
            value = None
            if self.validation:
                entry["validation"] = self.validation.measure()
                value = self.validation.value(entry["validation"])
            if value is None or progress.best_value is None or value > progress.best_value:
                best, progress.best_value = _weights(model), value
                progress.best_epoch = progress.epoch
            progress.history.append(entry)
            if self.checkpoint:
                self.checkpoint.save(model, best, optimiser, progress)
            if self.log:
                self.log.write("epoch", **entry)
        model.load_state_dict(best)
        self.progress = progress

    def _epoch(
        self,
        model: Model,
        objective: Loss,
        optimiser: RowAdagrad | RowAdam,
        tables: SparseTables,
        epoch: int,
    ) -> dict[str, float]:
        """One pass over the log; gives the losses as means over interactions."""
        model.train()
        batches = self.batches.epoch(_order(self.plan, epoch))
        steps = self.plan.epochs * len(self.batches)
        sums: dict[str, float] = {}
        counts: dict[str, int] = {}  # not every step has every part
        for step, batch in enumerate(batches, start=epoch * len(self.batches)):
            for group in optimiser.param_groups:
                group["lr"] = group["peak"] * SCHEDULES[self.plan.schedule](step, steps)
            batch = batch.to(model.device)  # noqa: PLW2901 - the one from here on
            optimiser.zero_grad()
            catch_up(optimiser, tables, batch)
            loss, parts = objective(model, batch, step, steps)
            if loss.requires_grad:  # else the batch has no label of this step's tasks
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            # Read at once and last: a GPU has the whole step to do by then.
            values = torch.stack([*parts.values(), loss.detach()]).tolist()
            found = dict(zip([*parts, "loss"], values, strict=True))
            _check_finite(found, epoch, step, self.plan)
            for name, value in found.items():
                sums[name] = sums.get(name, 0.0) + value * len(batch)
                counts[name] = counts.get(name, 0) + len(batch)
            if self.on_step:
                self.on_step(step + 1, steps)
        catch_up(optimiser, tables)
        model.eval()
        return {name: total / counts[name] for name, total in sums.items()}


def _groups(model: Model, plan: Plan) -> list[dict[str, Any]]:
    """The weights by learning rate, for an optimiser."""
    of_encoders = {id(weight) for weight in model.encoder_parameters()}
    parts: list[list[torch.nn.Parameter]] = [[], []]
    for weight in model.parameters():
        parts[id(weight) in of_encoders].append(weight)
    rates = (plan.learning_rate, plan.encoder_learning_rate)
    return [
        {"params": part, "lr": rate, "peak": rate} for part, rate in zip(parts, rates, strict=True)
    ]


def _order(plan: Plan, epoch: int) -> np.random.Generator:
    return numpy_generator(plan.seed, "batches", epoch)


def _check_finite(parts: dict[str, float], epoch: int, step: int, plan: Plan) -> None:
    broken = [name for name, value in parts.items() if not np.isfinite(value)]
    if broken:
        raise TrainingError(
            f"The {broken[0]} is {parts[broken[0]]} at step {step + 1} (epoch {epoch + 1}). "
            f"Lower training.learning_rate (now {plan.learning_rate}) or raise training.l2. "
            "The checkpoint of the last whole epoch, if there is one, was kept."
        )


def _has_stalled(progress: Progress, plan: Plan) -> bool:
    return (
        plan.patience is not None
        and progress.best_value is not None
        and progress.epoch - progress.best_epoch >= plan.patience
    )


def _weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
