"""The stages of training, in their order."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import torch

from maxella.data.dataset import Dataset
from maxella.errors import ConfigError, unknown_name
from maxella.evaluation.names import metric_of
from maxella.experiment.build import build_batches, build_objective, build_plan, occur
from maxella.experiment.config import Config
from maxella.experiment.judge import HeldOut
from maxella.model.model import Model
from maxella.recommend.engine import Engine
from maxella.tasks.kinds import KINDS
from maxella.training.checkpoint import Checkpoint
from maxella.training.closed_form_start import ClosedFormStart
from maxella.training.cold_start import ColdStart
from maxella.training.context_part import ContextStage
from maxella.training.device import find_device, on_cpu
from maxella.training.followers import Followers
from maxella.training.gradient_steps import GradientSteps, Plan, Validation
from maxella.training.log import RunLog
from maxella.training.mixture import Mixture
from maxella.training.neighbours import Neighbours
from maxella.training.order import Order
from maxella.training.residuals import Residuals
from maxella.training.revisits import Revisits
from maxella.training.seen_penalty import SeenPenaltyStage
from maxella.training.stage import Stage


class OnStep(Protocol):
    """Whoever is told how far things have come."""

    def __call__(self, name: str, done: int, total: int, doing: str = "") -> None:
        """What goes on, the steps of it that are done, and all; `doing`: the one at work."""


def silent(name: str, done: int, total: int, doing: str = "") -> None:
    """Nobody is told."""


@dataclass(frozen=True)
class Former:
    """What an earlier pass chose by a validation part."""

    stages: Sequence[Stage] = ()
    revisits: Mapping[str, dict[str, torch.Tensor]] = field(default_factory=dict)  # by task

    @classmethod
    def of(cls, stages: Sequence[Stage], model: Model) -> "Former":
        """From the stages that were carried out and the model that they made."""
        states = {task: part.state_dict() for task, part in model.revisits.items()}
        return cls(stages, states)

    def facts(self, name: str, task: str | None = None) -> dict[str, Any]:
        """Of a stage by its name, and by its task if it has one; none where there was no such."""
        named = (one for one in self.stages if one.name == name)
        return next((one.facts for one in named if getattr(one, "task", None) == task), {})

    def plan(self, plan: Plan) -> Plan:
        """As many epochs as were best."""
        return replace(plan, epochs=self.facts("gradient steps").get("best_epoch", plan.epochs))


def build_stages(
    config: Config,
    dataset: Dataset,
    model: Model,
    *,
    name: str = "",
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
    log: RunLog | None = None,
    on_step: OnStep = silent,
    former: Former | None = None,
) -> list[Callable[[], Stage]]:
    """What a config asks for: a start, gradient steps, and what is found once these are done.

    Each is to be made when its turn comes, so that what one needs takes no memory from those
    before. What a `former` pass chose holds in one that has no validation part.
    """
    seed = config.training.seed
    device = find_device(config.training.device)
    ranking = [task.name for task in config.learnt if KINDS[task.kind].ranks]
    former = former or Former()
    start = None
    stages: list[Callable[[], Stage]] = []
    if config.model.start == "closed_form":
        settings = former.facts("closed form", ranking[0]).get("chosen", {})
        start = ClosedFormStart(ranking[0], seed, device, settings)
        stages.append(lambda: start)

    def gradient_steps() -> Stage:
        return GradientSteps(
            build_objective(config),
            build_batches(config, dataset, model),
            former.plan(build_plan(config.training)),
            device,
            start,
            _validation(config, dataset, model),
            checkpoint,
            resume,
            log,
            partial(on_step, f"{name}: steps"),
        )

    if config.training.epochs:
        stages.append(gradient_steps)
    if model.seen_penalty is not None and ranking:
        report = partial(on_step, f"{name}: seen-item penalty")
        stages.append(partial(SeenPenaltyStage, ranking[0], seed, report))
    told = partial(on_step, f"{name}: order")
    return stages + _found_after(config, dataset, model, former, told)


def _found_after(
    config: Config,
    dataset: Dataset,
    model: Model,
    former: Former,
    on_step: Callable[[int, int], None],
) -> list[Callable[[], Stage]]:
    """Stages once the encoders are trained, which they leave as they are."""
    seed = config.training.seed
    ranking = [task.name for task in config.learnt if KINDS[task.kind].ranks]
    stages: list[Callable[[], Stage]] = []
    has_parts = (
        config.model.start == "closed_form" and config.model.dim and config.model.history_dim
    )
    if has_parts and (former.stages or len(dataset.validation.rows)):
        stages += [partial(Mixture, task, **former.facts("mixture", task)) for task in ranking]
    for task in model.neighbours:
        stages.append(partial(Neighbours, task, seed, former.facts("neighbours", task)))
    for task in model.followers:
        stages.append(partial(Followers, task, former.facts("followers", task)))
    for task in model.order:
        stages.append(partial(Order, task, seed, former.facts("order", task), on_step))
    for task in model.revisits:
        stages.append(partial(Revisits, task, seed, former.revisits.get(task)))
    if model.cold_users or model.cold_items:
        stages.append(partial(ColdStart, seed))
    if model.contexts:
        stages.append(partial(ContextStage, seed))
    for task in model.residuals:
        stages.append(partial(Residuals, task, bool(ranking), former.facts("residuals", task)))
    return stages


def _validation(config: Config, dataset: Dataset, model: Model) -> Validation | None:
    """What is measured after each epoch, where a figure is monitored."""
    monitor = config.training.monitor
    if monitor is None or not len(dataset.validation.rows):
        return None
    task, _, key = monitor.partition(".")
    names = [one.name for one in config.tasks]
    if task not in names:
        raise ConfigError(
            f"training.monitor = '{monitor}' wants a task, a point and a metric, such as "
            f"{names[0]}.{KINDS[config.tasks[0].kind].headline[0]}. "
            f"{unknown_name('task', task, names)}"
        )
    held_out = HeldOut.of(dataset, config, on_validation=True)
    trained = torch.from_numpy(occur(dataset.train.rows.users, dataset.users.n_rows))

    def measure() -> dict[str, float]:
        asked = on_cpu(model)
        if config.split.kind in ("cold_item", "cold_user"):  # who is asked about has no more
            asked = copy.deepcopy(asked)
            ColdStart(config.training.seed)(asked, dataset)
        return held_out.ask(Engine.of(asked, dataset.known_in_validation, trained)).flat

    return Validation(measure, monitor, metric_of(key).turned)
