"""The id part of users who were not there in training, from what they took."""

from dataclasses import dataclass

import torch

from maxella.closed_form.ials import fold_in, usual_l2, usual_unobserved
from maxella.data.history import History

_SAMPLE = 400  # users the scale is found from
_FEW = 100  # of them, which find about where it is
# Powers of 2: first these, then these around the best of them.
_COARSE = range(-6, 11)
_FINE = (-0.75, -0.6, -0.45, -0.3, -0.15, 0.15, 0.3, 0.45, 0.6, 0.75)


@dataclass(frozen=True)
class FoldIn:
    """gain · the least-squares embedding of a history on item embeddings of a given scale.

    `ials` wants scores near 1 for what was taken; embeddings of another training have a scale
    of their own, which decides how strongly its penalty holds. Scale and gain are those that
    come nearest to the embeddings of users who have both a trained one and a history: for a
    tower that started from iALS they are what it was started with.
    """

    items: torch.Tensor  # (item rows, dim), scaled
    gain: float
    unobserved: float  # of `ials`, as it was in training
    l2: float  # the same

    @classmethod
    def of(cls, users: torch.Tensor, items: torch.Tensor, history: History) -> "FoldIn":
        """From trained embeddings, (user rows, dim) and (item rows, dim), and their histories.

        Users whose embedding is zero or who have no history are left out; of the rest some
        hundreds are looked at, evenly over the rows. Without any the gain is 0.
        """
        usable = (users.any(dim=1) & (history.starts.diff() > 0)).nonzero().squeeze(1)
        usable = usable[:: max(1, len(usable) // _SAMPLE)]
        unobserved = usual_unobserved(history)
        l2 = usual_l2(history, unobserved)

        def at(exponent: float, sample: torch.Tensor) -> tuple[float, float, float]:
            """(squared distance left, exponent, gain)."""
            wanted = users[sample]
            of_items = items / 2 ** (exponent / 2)
            found = fold_in(history.take(sample), of_items, unobserved=unobserved, l2=l2)
            gain = (found * wanted).sum() / found.square().sum().clamp(min=1e-12)
            return (wanted - gain * found).square().sum().item(), exponent, gain.item()

        few = usable[:: max(1, len(usable) // _FEW)]
        _, about, _ = min(at(exponent, few) for exponent in _COARSE)
        _, exponent, gain = min(at(about + step, usable) for step in (0.0, *_FINE))
        return cls(items / 2 ** (exponent / 2), gain, unobserved, l2)

    def embed(self, history: History) -> torch.Tensor:
        """(user rows, dim) of users of any history; zeros for one without."""
        found = fold_in(history, self.items, unobserved=self.unobserved, l2=self.l2)
        return self.gain * found
