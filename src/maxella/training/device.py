"""Where training runs: on the CPU or on a CUDA device.

The same seed gives the same bytes on the same machine with as many threads: sums of numbers are
split by threads, and so are rounded in another order where there are more (`machine.torch_threads`
of a report says how many there were; OMP_NUM_THREADS sets them).
"""

import copy
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from maxella.errors import ConfigError
from maxella.model.model import Model


def find_device(name: str) -> torch.device:
    """The device of a name: cpu, cuda, or auto, which is CUDA where torch sees a device.

    Raises ConfigError where cuda is asked for and torch sees none.
    """
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise ConfigError(
            f"training.device = 'cuda' wants a CUDA device; torch {torch.__version__} sees none. "
            "Set training.device = 'cpu' or 'auto', or install a driver and a torch built for CUDA."
        )
    return torch.device("cuda" if has_cuda and name != "cpu" else "cpu")


@contextmanager
def on_device(model: Model, device: torch.device) -> Iterator[None]:
    """Within, the model is on a device and what is computed there is the same in each run.

    After it the model is on the CPU. The weights keep their identity, so an optimiser may
    outlive it.
    """
    if device.type == "cpu":
        yield
        return
    # cuBLAS reads this when it starts: buffers of its own for each stream, or sums may differ.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    flags: Any = torch.utils.deterministic
    before = torch.get_deterministic_debug_mode(), flags.fill_uninitialized_memory
    # As use_deterministic_algorithms, which would import torch's compiler first: seconds.
    torch.set_deterministic_debug_mode("error")
    flags.fill_uninitialized_memory = False  # all that is read here has been written
    try:
        model.to(device)
        yield
    finally:
        torch.set_deterministic_debug_mode(before[0])
        flags.fill_uninitialized_memory = before[1]
    model.cpu()


def on_cpu(model: Model) -> Model:
    """The model, or a copy of it where it is not on the CPU."""
    return model if model.device.type == "cpu" else copy.deepcopy(model).cpu()
