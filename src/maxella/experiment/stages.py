"""The stages of training, in their order."""

from collections.abc import Callable
from functools import partial

from maxella.data.dataset import Dataset
from maxella.experiment.build import build_batches, build_objective, build_plan
from maxella.experiment.config import Config
from maxella.model.model import Model
from maxella.tasks.kinds import KINDS
from maxella.training.checkpoint import Checkpoint
from maxella.training.closed_form_start import ClosedFormStart
from maxella.training.cold_start import ColdStart
from maxella.training.context_part import ContextStage
from maxella.training.device import find_device
from maxella.training.gradient_steps import GradientSteps, Validation
from maxella.training.log import RunLog
from maxella.training.neighbours import Neighbours
from maxella.training.revisits import Revisits
from maxella.training.seen_penalty import SeenPenaltyStage
from maxella.training.stage import Stage

OnStep = Callable[[str, int, int], None]  # (what goes on, steps done, steps in all)


def build_stages(
    config: Config,
    dataset: Dataset,
    model: Model,
    *,
    name: str = "",
    validation: Validation | None = None,
    checkpoint: Checkpoint | None = None,
    resume: bool = False,
    log: RunLog | None = None,
    on_step: OnStep | None = None,
) -> list[Stage]:
    """What a config asks for: a start, gradient steps, and what is found once these are done."""
    seed = config.training.seed
    device = find_device(config.training.device)
    ranking = [task.name for task in config.learnt if KINDS[task.kind].ranks]
    stages: list[Stage] = []
    start = None
    if config.model.start == "closed_form":
        start = ClosedFormStart(ranking[0], seed, device)
        stages.append(start)
    if config.training.epochs:
        stages.append(
            GradientSteps(
                build_objective(config),
                build_batches(config, dataset, model),
                build_plan(config.training),
                device,
                start,
                validation,
                checkpoint,
                resume,
                log,
                partial(on_step, name) if on_step else None,
            )
        )
    if model.seen_penalty is not None and ranking:
        report = partial(on_step, f"{name}, seen-item penalty") if on_step else None
        stages.append(SeenPenaltyStage(ranking[0], seed, report))
    stages += [Neighbours(task, seed) for task in model.neighbours]
    stages += [Revisits(task, seed) for task in model.revisits]
    if model.cold_users or model.cold_items:
        stages.append(ColdStart(seed))
    if model.contexts:
        stages.append(ContextStage(seed))
    return stages
