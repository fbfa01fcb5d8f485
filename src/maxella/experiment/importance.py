"""What each feature is worth to a trained model, by permuting it; and what it multiplies."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maxella.data.contexts import Contexts
from maxella.data.dataset import Dataset
from maxella.data.entity_features import EntityFeatures, Features
from maxella.errors import ConfigError
from maxella.evaluation.differences import losses
from maxella.evaluation.evaluate import Report
from maxella.evaluation.ranking_exam import RankingExam
from maxella.experiment.build import occur
from maxella.experiment.config import Config
from maxella.experiment.judge import HeldOut
from maxella.experiment.reevaluate import reopen
from maxella.features.feature_set import FeatureSet
from maxella.model.build import build_model
from maxella.model.cross_head import CrossHead
from maxella.model.model import Model
from maxella.recommend.bundle import Bundle
from maxella.seeds import numpy_generator

_METRICS: tuple[str, ...] = ("ndcg@10", "top_k_accuracy@100")
_SIDES = {"user": "users", "item": "items"}  # as in names of features, and in `Features`
_CONTEXT = "context"
_WARM = 0.5  # share of test rows without newcomers from which on the report says what that means


def importance(
    run: Path,
    *,
    data: Path | None = None,
    repeats: int = 5,
    on_step: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """The report of a run folder with the key `importance` (docs/report.md), written there too.

    The report counts this reading of the test. Raises ConfigError for a model without features,
    DataError as `reopen` does.
    """
    reopened = reopen(run, data=data)
    bundle = reopened.bundle
    if not _feature_sets(bundle.features):
        raise ConfigError(
            f"Wanted a model with features; that of {run} knows users and items by their ids "
            "alone. Declare [features.user], [features.item] or [features.context] and train again."
        )
    dataset, contexts = _by_query(reopened.experiment.dataset)
    held_out = _held_out(dataset, reopened.experiment.config, bundle)
    ask = _Question(bundle, dataset, contexts, held_out)
    found = {
        "repeats": repeats,
        **_permutations(ask, repeats, on_step),
        "note": _note(ask),
        "cross": _block_norms(bundle.model, bundle.features),
    }
    return reopened.reported(importance=found)


@dataclass(frozen=True)
class _Question:
    """A model and the test part that it is asked about."""

    bundle: Bundle
    dataset: Dataset
    contexts: Contexts | None  # one for each user and context of the test
    held_out: HeldOut

    @property
    def is_trained(self) -> np.ndarray:
        """(item rows,) bool; features speak for the others."""
        return occur(self.dataset.train.rows.items, self.dataset.items.n_rows)

    def figures(self, features: Features, contexts: Contexts | None) -> Report:
        """The model's figures, were these the features and contexts."""
        bundle = self.bundle
        model = build_model(bundle.spec, 0, features)
        model.load_state_dict(bundle.model.state_dict())
        model.fill_cold_items(torch.from_numpy(np.flatnonzero(~self.is_trained)))
        asked = replace(bundle, model=model.eval(), features=features)
        return self.held_out.ask(asked.engine(contexts))


def _held_out(dataset: Dataset, config: Config, bundle: Bundle) -> HeldOut:
    """The exams of what the model has learnt, rankings by few figures, and no intervals."""
    held_out = HeldOut.of(dataset, config)
    metrics = (*_METRICS, "recall@20") if config.split.kind == "cold_item" else _METRICS
    exams = tuple(
        replace(exam, metrics=metrics, protocols=("filtered",))
        if isinstance(exam, RankingExam)
        else exam
        for exam in held_out.exams
        if exam.name in bundle.tasks
    )
    return replace(held_out, exams=exams, resamples=0)


def _by_query(dataset: Dataset) -> tuple[Dataset, Contexts | None]:
    """The test with a context of its own for each user in a context, and these contexts.

    So that permuting them leaves a user with one list for what they picked at once.
    """
    test, contexts = dataset.test.rows, dataset.contexts
    if test.contexts is None or contexts is None:
        return dataset, None
    keys = test.users * len(contexts) + test.contexts
    queries, rows = np.unique(keys, return_inverse=True)
    of_queries = contexts.take(queries % len(contexts)).with_unknown()
    log = dataset.test.of(replace(test, contexts=rows + 1))
    return replace(dataset, test=log), of_queries


def _permutations(
    ask: _Question, repeats: int, on_step: Callable[[int, int], None] | None
) -> dict[str, Any]:
    """The figures as they are, and for each feature what permuting it costs."""
    seed = ask.held_out.seed
    known = ask.bundle.features
    before = ask.figures(known, ask.contexts)
    rows = []
    sets = _feature_sets(known)
    names = [(side, name) for side, of in sets.items() for name in of.blocks]
    for n, (side, name) in enumerate(names):
        afters = []
        for repeat in range(repeats):
            rng = numpy_generator(seed, f"importance {side}.{name}", repeat)
            afters.append(ask.figures(*_permuted(ask, side, name, rng)))
            if on_step:
                on_step(n * repeats + repeat + 1, len(names) * repeats)
        rows.append({"side": side, "name": name, "losses": losses(before, afters, seed=seed)})
    return {"metrics": before.flat, "features": rows}


def _permuted(
    ask: _Question, side: str, name: str, rng: np.random.Generator
) -> tuple[Features, Contexts | None]:
    """Features and contexts, one feature permuted among users, items or the test's queries."""
    known, contexts = ask.bundle.features, ask.contexts
    if known.context is None or contexts is None or side != _CONTEXT:
        changed = getattr(known, _SIDES[side]).permuted(name, rng)
        return replace(known, **{_SIDES[side]: changed}), contexts
    return known, EntityFeatures(known.context, contexts).permuted(name, rng).bags


def _feature_sets(known: Features) -> dict[str, FeatureSet]:
    """What is known of each side: of user, item and context, as their features are named."""
    found = {side: getattr(known, key) for side, key in _SIDES.items()}
    sets = {side: of.features for side, of in found.items() if of is not None}
    return sets | ({} if known.context is None else {_CONTEXT: known.context})


def _note(ask: _Question) -> str:
    """What the figures mean where most test rows are of users and items that have ids to go by."""
    test = ask.dataset.test.rows
    has_history = occur(ask.dataset.known.rows.users, ask.dataset.users.n_rows)
    warm = float((has_history[test.users] & ask.is_trained[test.items]).mean())
    if warm < _WARM:
        return ""
    return (
        f"{100 * warm:.0f} % of the test interactions are of users with a history and items with "
        "training interactions: their ids can say all that features say. A loss here is how far "
        "the model leans on a feature, and one near 0 does not mean that newcomers could do "
        "without. What features bring to them, a split shows that holds them out whole: "
        "split.kind = 'cold_item', or 'cold_user' with split.given = 0."
    )


def _block_norms(model: Model, known: Features) -> dict[str, Any]:
    """By place: the names of what cross layers multiply there, and the norms of W's blocks."""
    found = {}
    for task, head in model.heads.items():
        if isinstance(head, CrossHead):
            norms = head.block_norms()
            found[f"head of {task}"] = {"names": head.block_names, "norms": norms.tolist()}
    parts = {"user": model.user_encoder.feature_part, "item": model.item_encoder.features}
    for side, part in parts.items():
        in_encoder = None if part is None else part.block_norms()
        if in_encoder is not None:
            names = list(_feature_sets(known)[side].blocks)
            found[f"{side} encoder"] = {"names": names, "norms": in_encoder.tolist()}
    return found
