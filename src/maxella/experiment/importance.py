"""What each feature is worth to a trained model, by dealing it anew; and what it multiplies."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maxella.data.dataset import Dataset
from maxella.data.entity_features import Features
from maxella.data.requests import Requests
from maxella.errors import ConfigError
from maxella.evaluation.losses import losses, user_sums
from maxella.evaluation.sums import UserSums
from maxella.experiment.config import Config
from maxella.experiment.judge import HeldOut
from maxella.experiment.reevaluate import reopen
from maxella.features.id import UNKNOWN_ROW
from maxella.model.build import build_model
from maxella.model.cross_head import CrossHead
from maxella.model.joint import JointModel
from maxella.recommend.bundle import Bundle
from maxella.report.files import write_report, write_text
from maxella.report.page import html_page
from maxella.seeds import numpy_generator
from maxella.training.stand_ins import put_stand_ins

_METRICS: tuple[str, ...] = ("ndcg@10", "top_k_accuracy@100")
_SIDES = {"user": "users", "item": "items"}  # as in names of features, and in `Features`
_REQUEST = "request"
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
    report, bundle = reopened.report, reopened.bundle
    if not any(vars(bundle.features).values()):
        raise ConfigError(
            f"Wanted a model with features; that of {run} knows users and items by their ids "
            "alone. Declare [features.user], [features.item] or [features.request] and train again."
        )
    ask = _Question(bundle, *_by_query(reopened.dataset), reopened.config)
    report["importance"] = {
        "repeats": repeats,
        **_permutations(ask, repeats, on_step),
        "note": _note(ask),
        "cross": _block_norms(bundle.model, bundle.features),
    }
    report["test_reads"] += 1
    write_report(report, run / "report.json")
    write_text(html_page(report), run / "report.html")
    return report


@dataclass(frozen=True)
class _Question:
    """A model and the test part that it is asked about."""

    bundle: Bundle
    dataset: Dataset
    requests: Requests | None  # one for each user and moment of the test
    config: Config

    @property
    def untrained(self) -> torch.Tensor:
        """(n,) rows of the items that stand-ins stand for."""
        counts = np.bincount(self.dataset.train.items, minlength=self.dataset.items.n_rows)
        return torch.from_numpy(np.flatnonzero(counts == 0))

    def figures(self, features: Features, requests: Requests | None) -> dict[str, UserSums]:
        """The model's figures by user, were these the features and moments."""
        bundle = self.bundle
        model = build_model(bundle.spec, 0, features)
        model.load_state_dict(bundle.model.state_dict())
        put_stand_ins(model, self.untrained)
        asked: Any = replace(bundle, model=model.eval(), features=features).scorer(requests)
        held_out = HeldOut.of(self.dataset, self.config)
        asked = held_out.view(asked)
        return user_sums(
            asked if bundle.retrieves else None,
            asked if bundle.rates else None,
            held_out.part,
            seen=held_out.seen,
            n_item_rows=held_out.n_item_rows,
            metrics=(*_METRICS, "recall@20") if held_out.among else _METRICS,
        )


def _by_query(dataset: Dataset) -> tuple[Dataset, Requests | None]:
    """The test with a moment of its own for each user at a moment, and these moments.

    So that dealing them anew leaves a user with one list for what they picked at once.
    """
    test, requests = dataset.test, dataset.requests
    if test.requests is None or requests is None:
        return dataset, None
    keys = test.users * len(requests.bags) + test.requests
    queries, rows = np.unique(keys, return_inverse=True)
    of_queries = requests.take(queries % len(requests.bags))
    return replace(dataset, test=replace(test, requests=rows + 1)), of_queries


def _permutations(
    ask: _Question, repeats: int, on_step: Callable[[int, int], None] | None
) -> dict[str, Any]:
    """The figures as they are, and for each feature what dealing it anew costs."""
    seed = ask.config.split.seed
    known = ask.bundle.features
    before = ask.figures(known, ask.requests)
    rows = []
    names = list(_names(known))
    for n, (side, name) in enumerate(names):
        afters = []
        for repeat in range(repeats):
            rng = numpy_generator(seed, f"importance {side}.{name}", repeat)
            afters.append(ask.figures(*_dealt(ask, side, name, rng)))
            if on_step:
                on_step(n * repeats + repeat + 1, len(names) * repeats)
        found = losses(before, afters, numpy_generator(seed, "importance intervals"))
        of_metrics = {metric: loss.to_dict() for metric, loss in found.items()}
        rows.append({"side": side, "name": name, "losses": of_metrics})
    return {"metrics": {name: of.value() for name, of in before.items()}, "features": rows}


def _dealt(
    ask: _Question, side: str, name: str, rng: np.random.Generator
) -> tuple[Features, Requests | None]:
    """Features and moments, one feature dealt anew among users, items or the test's queries."""
    known, requests = ask.bundle.features, ask.requests
    if known.request is None or requests is None or side != _REQUEST:
        dealt = getattr(known, _SIDES[side]).permuted(name, rng)
        return replace(known, **{_SIDES[side]: dealt}), requests
    block = known.request.features.blocks.get(name)  # none: the age of items, so the day
    return known, requests.permuted(block, rng)


def _names(known: Features) -> Iterator[tuple[str, str]]:
    """Side and name of each feature."""
    for side, key in _SIDES.items():
        of_side = getattr(known, key)
        if of_side is not None:
            yield from ((side, name) for name in of_side.features.blocks)
    if known.request is not None:
        yield from ((_REQUEST, name) for name in known.request.names)


def _note(ask: _Question) -> str:
    """What the figures mean where most test rows are of users and items that have ids to go by."""
    known, test = ask.dataset.known, ask.dataset.test
    has_history = np.zeros(ask.dataset.users.n_rows, dtype=bool)
    has_history[known.users] = True
    is_cold = np.zeros(ask.dataset.items.n_rows, dtype=bool)
    is_cold[ask.untrained.numpy()] = True
    is_cold[UNKNOWN_ROW] = True
    warm = float((has_history[test.users] & ~is_cold[test.items]).mean())
    if warm < _WARM:
        return ""
    return (
        f"{100 * warm:.0f} % of the test interactions are of users with a history and items with "
        "training interactions: their ids can say all that features say. A loss here is how far "
        "the model leans on a feature, and one near 0 does not mean that newcomers could do "
        "without. What features bring to them, a split shows that holds them out whole: "
        "split.kind = 'cold_item', or 'cold_user' with split.given = 0."
    )


def _block_norms(model: JointModel, known: Features) -> dict[str, Any]:
    """By place: the names of what cross layers multiply there, and the norms of W's blocks."""
    found = {}
    if isinstance(model.rating_head, CrossHead):
        norms = model.rating_head.block_norms()
        found["rating head"] = {"names": model.rating_head.block_names, "norms": norms.tolist()}
    towers = {"user": model.user_tower.ids, "item": model.item_tower}
    for side, tower in towers.items():
        part = None if tower is None else tower.features
        in_tower = None if part is None else part.block_norms()
        if in_tower is not None:
            names = list(getattr(known, _SIDES[side]).features.blocks)
            found[f"{side} tower"] = {"names": names, "norms": in_tower.tolist()}
    return found
