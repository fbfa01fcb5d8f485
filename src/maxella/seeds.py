"""Randomness as an argument: one generator for each use, none shared.

A use has a name, so that adding one does not shift the numbers of the others:
the split stays the same when the model starts to draw more.
"""

import zlib

import numpy as np
import torch


def numpy_generator(seed: int, use: str, *parts: int) -> np.random.Generator:
    """A NumPy generator for one use of a seed, such as `("epoch", 3)`.

    >>> a = int(numpy_generator(42, "split").integers(1000))
    >>> a == int(numpy_generator(42, "split").integers(1000))
    True
    """
    return np.random.default_rng([seed, zlib.crc32(use.encode()), *parts])


def torch_generator(seed: int, use: str, *parts: int) -> torch.Generator:
    """The same for torch, on the CPU."""
    start = int(numpy_generator(seed, use, *parts).integers(2**63 - 1))
    return torch.Generator().manual_seed(start)
