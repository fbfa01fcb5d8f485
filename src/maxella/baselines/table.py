"""Every baseline by its name; each is made by (train, number of user rows, of item rows).

`told(known)` then gives it for what its users have done by now, without fitting again.
"""

from collections.abc import Callable

from maxella.baselines.bias import Bias
from maxella.baselines.ease import Ease
from maxella.baselines.ials import ImplicitALS
from maxella.baselines.popularity import Popularity
from maxella.data.interactions import Interactions

RANKERS: dict[str, Callable[[Interactions, int, int], Popularity | Ease | ImplicitALS]] = {
    "popularity": Popularity.fit,
    "ease": Ease.fit,
    "ials": ImplicitALS.fit,
}

RATERS: dict[str, Callable[[Interactions, int, int], Bias]] = {
    "bias": Bias.fit,
}

BASELINES = {**RANKERS, **RATERS}
