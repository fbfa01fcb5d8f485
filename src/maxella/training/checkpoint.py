"""The whole state of a run after an epoch, in one file that is never half written.

safetensors, not pickle: tensors by name, the rest as JSON in the file's header. All
randomness of an epoch is drawn from (seed, epoch), so no generator needs saving.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors import safe_open
from safetensors.torch import save
from torch import nn

from maxella.errors import TrainingError
from maxella.seal import SealError, opened, reason_of, sealed
from maxella.writing import new_file

_FORMAT = 3


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
        # Copies: safetensors refuses tensors that share memory, and best may be the model's own.
        tensors = {name: tensor.detach().to("cpu", copy=True) for name, tensor in tensors.items()}
        facts = {"format": _FORMAT, "fingerprint": self.fingerprint, "progress": asdict(progress)}
        header = json.dumps(sealed(facts | {"sha256": _hash(tensors)}))
        with new_file(self.path) as file:
            file.write(save(tensors, metadata={"maxella": header}))

    def load(
        self, model: nn.Module, optimiser: torch.optim.Optimizer
    ) -> tuple[dict[str, torch.Tensor], Progress]:
        """Put a saved state into `model` and `optimiser`; gives the best weights and the progress.

        Raises TrainingError where the file is damaged or belongs to other options.
        """
        try:
            with safe_open(self.path, framework="pt") as file:
                header = opened(json.loads((file.metadata() or {})["maxella"]))
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            if header["sha256"] != _hash(tensors):
                raise SealError("it has changed since it was written")
            is_ours = (header["format"], header["fingerprint"]) == (_FORMAT, self.fingerprint)
            if is_ours:
                facts = json.dumps(header["progress"])
                progress = TypeAdapter(Progress).validate_json(facts, strict=True)
                best = _part(tensors, "best/")
                _put_in(tensors, model, optimiser)
                _check_fit(best, model.state_dict())
        except Exception as error:
            raise TrainingError(
                f"{self.path} is damaged: {reason_of(error)}. It can't be resumed: train anew "
                "(--overwrite)."
            ) from error
        if not is_ours:
            raise TrainingError(
                f"{self.path} belongs to a run with other options or other data. "
                "Resume with the config and the data of that run, or choose another --out."
            )
        return best, progress


def _put_in(
    tensors: dict[str, torch.Tensor], model: nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    """The state of a model and its optimiser; an error where they are of other shapes."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimiser/"):
            _, row, key = name.split("/")
            state.setdefault(int(row), {})[key] = tensor
    weights = _part(tensors, "model/")
    _check_fit(weights, model.state_dict())
    model.load_state_dict(weights)
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": state, "param_groups": groups})


def _check_fit(weights: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    shapes, of_model = ({name: one.shape for name, one in of.items()} for of in (weights, wanted))
    if shapes != of_model:
        raise ValueError("its weights are of other shapes than the model's")


def _hash(tensors: dict[str, torch.Tensor]) -> str:
    """The SHA-256 of tensors with their names, types and shapes."""
    found = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _part(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
