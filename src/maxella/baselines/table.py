"""Every baseline by its name, and what it answers.

`fit(train, validation, final)` gives it: settings are chosen by training and the validation part,
what it learns is of `final`, training if that is not given; `told(known)` then gives the same for
what its users have done by now, without fitting again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from maxella.baselines.bias import Bias
from maxella.baselines.conversion import Conversion
from maxella.baselines.ease import Ease
from maxella.baselines.ials import ImplicitALS
from maxella.baselines.item_knn import ItemKNN
from maxella.baselines.markov_chain import MarkovChain
from maxella.baselines.popularity import Popularity
from maxella.baselines.rates import Rates
from maxella.data.labelled import LabelledPairs, TaskData


@dataclass(frozen=True)
class Baseline:
    """One line of the table."""

    fit: Callable[[TaskData, LabelledPairs, TaskData], Any]
    kind: str  # of tasks that it answers
    wants_events: bool = False  # whether it says nothing in a log of one event
    wants_order: bool = False  # whether it wants what is asked to come after what is known


BASELINES: dict[str, Baseline] = {
    "popularity": Baseline(Popularity.fit, "retrieval"),
    "ease": Baseline(Ease.fit, "retrieval"),
    "ials": Baseline(ImplicitALS.fit, "retrieval"),
    "item_knn": Baseline(ItemKNN.fit, "retrieval"),
    "markov_chain": Baseline(MarkovChain.fit, "retrieval", wants_order=True),
    "conversion": Baseline(Conversion.fit, "retrieval", wants_events=True),
    "stacked_ease": Baseline(
        partial(Ease.fit, name="stacked_ease", stacked=True), "retrieval", wants_events=True
    ),
    "stacked_edlae": Baseline(
        partial(Ease.fit, name="stacked_edlae", stacked=True, dropout=0.33, user_exponent=-0.5),
        "retrieval",
        wants_events=True,
    ),
    "event_ials": Baseline(
        partial(ImplicitALS.fit, with_events=True), "retrieval", wants_events=True
    ),
    "bias": Baseline(Bias.fit, "rating"),
    "rates": Baseline(Rates.fit, "binary"),
}
