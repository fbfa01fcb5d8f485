"""What training is made of."""

from typing import Any, Protocol

from maxella.data.dataset import Dataset
from maxella.model.model import Model


class Stage(Protocol):
    """One step of making a model, in a declared order (`experiment.stages`).

    A stage changes the model and nothing else; what it did could be left out, and the rest
    would still work. `facts` are what the report says of it, beside its seconds.
    """

    name: str

    def __call__(self, model: Model, dataset: Dataset) -> None:
        """Do it."""
        ...

    @property
    def facts(self) -> dict[str, Any]:
        """What it found, once it is done."""
        ...
