"""What a run ran on, and how much memory it took."""

import os
import platform
import resource
import shlex
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch


def machine_facts() -> dict[str, Any]:
    """Cores, thread counts, versions and a GPU if used: what a figure in seconds depends on."""
    # Not asked of a GPU that nothing ran on: the question would take memory there.
    has_run = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    gpu = {"gpu": torch.cuda.get_device_name()} if has_run else {}
    return {
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        **gpu,
    }


def memory_bytes() -> int | None:
    """The memory of this machine; None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def command_line() -> str | None:
    """The `maxella` command that this process is; nothing where it is another program."""
    name = Path(sys.argv[0]).name
    return shlex.join([name, *sys.argv[1:]]) if name == "maxella" else None


def reset_peak_memory() -> None:
    """Start the peak anew where the system can (Linux); elsewhere it stays the process's."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def peak_memory_mb() -> float:
    """The most memory the process held at once since the last reset, in MB (10⁶ bytes)."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        kib = int(status.split("VmHWM:")[1].split()[0])
    except (OSError, IndexError):
        kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kib * 1024 / 1e6
