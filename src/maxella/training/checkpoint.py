"""The whole state of a run after an epoch, in one file that is never half written.

safetensors, not pickle: tensors by name, the rest as JSON in the file's header. All
randomness of an epoch is drawn from (seed, epoch), so no generator needs saving.
"""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from maxella.errors import TrainingError

_FORMAT = 2


@dataclass
class Progress:
    """How far a run has come."""

    epoch: int = 0  # epochs done
    best_epoch: int = 0  # of the epochs done, the one that is kept
    best_value: float | None = None  # of the monitored metric then
    history: list[dict[str, Any]] = field(default_factory=list)  # one entry an epoch


@dataclass(frozen=True)
class Checkpoint:
    """Where a run keeps its state, and the fingerprint of the options it belongs to."""

    path: Path
    fingerprint: str

    def save(
        self,
        model: nn.Module,
        best: dict[str, torch.Tensor],
        optimiser: torch.optim.Optimizer,
        progress: Progress,
    ) -> None:
        """Write all, then put it in the old file's place in one move."""
        tensors = {f"model/{name}": tensor for name, tensor in model.state_dict().items()}
        tensors |= {f"best/{name}": tensor for name, tensor in best.items()}
        for row, state in optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser/{row}/{name}": value for name, value in state.items()}
        header = {
            "format": _FORMAT,
            "fingerprint": self.fingerprint,
            "progress": asdict(progress),
        }
        unfinished = self.path.with_suffix(".unfinished")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Copies: safetensors refuses tensors that share memory, and best may be the model's own.
        tensors = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
        save_file(tensors, unfinished, metadata={"maxella": json.dumps(header)})
        os.replace(unfinished, self.path)  # noqa: PTH105 - the atomic move is the point

    def load(
        self, model: nn.Module, optimiser: torch.optim.Optimizer
    ) -> tuple[dict[str, torch.Tensor], Progress]:
        """Put a saved state into `model` and `optimiser`; gives the best weights and the progress.

        Raises TrainingError where the file is damaged or belongs to other options.
        """
        try:
            with safe_open(self.path, framework="pt") as file:
                header = json.loads((file.metadata() or {})["maxella"])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise TrainingError(
                f"{self.path} is not a checkpoint that can be read ({error}). "
                "Delete it to start anew."
            ) from error
        if header["format"] != _FORMAT or header["fingerprint"] != self.fingerprint:
            raise TrainingError(
                f"{self.path} belongs to a run with other options or other data. "
                "Resume with the config and the data of that run, or choose another --out."
            )
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimiser/"):
                _, row, key = name.split("/")
                state.setdefault(int(row), {})[key] = tensor
        model.load_state_dict(_part(tensors, "model/"))
        groups = optimiser.state_dict()["param_groups"]
        optimiser.load_state_dict({"state": state, "param_groups": groups})
        return _part(tensors, "best/"), Progress(**header["progress"])


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
