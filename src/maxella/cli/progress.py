"""How far a command has come: bars on a terminal, elsewhere a line now and then."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maxella.cli.show import is_quiet, say
from maxella.printed import one_line

if TYPE_CHECKING:  # heavy imports happen inside commands
    from rich.console import Console

    from maxella.experiment.stages import OnStep

EVERY = 20.0  # seconds from line to line
FEWEST = 5  # steps done, from which on the others are taken to last as long


@contextmanager
def progress() -> "Iterator[OnStep]":
    """Gives what is to be told of every step, on standard error."""
    from rich.console import Console

    from maxella.experiment.stages import silent

    console = Console(stderr=True)
    if is_quiet():
        yield silent
    elif console.is_terminal:
        with _bars(console) as on_step:
            yield on_step
    else:
        lines, is_over = Lines(time.monotonic), threading.Event()

        def speak() -> None:
            while not is_over.wait(EVERY):
                lines.say()

        # A thread, as nobody tells of a step while a closed form is found.
        speaker = threading.Thread(target=speak, daemon=True)
        speaker.start()
        try:
            yield lines.on_step
        finally:
            is_over.set()
            speaker.join()


@contextmanager
def _bars(console: "Console") -> "Iterator[OnStep]":
    """A bar for everything that has steps; what else is printed meanwhile stands above them."""
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,}/{task.total:,}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    bars: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as shown:

        def on_step(name: str, done: int, total: int, doing: str = "") -> None:
            told = escape(one_line(f"{name}: {doing}" if doing else name))
            if name not in bars:
                bars[name] = shown.add_task(told, total=total)
            shown.update(bars[name], completed=done, description=told)

        yield on_step


@dataclass
class Lines:
    """What goes on, in a line whenever it is asked for."""

    clock: Callable[[], float]  # seconds
    started: dict[str, tuple[float, int]] = field(default_factory=dict)  # when, and steps then
    now: dict[str, tuple[int, int, str]] = field(default_factory=dict)  # done, in all, doing

    def __post_init__(self) -> None:
        self.began = self.clock()

    def on_step(self, name: str, done: int, total: int, doing: str = "") -> None:
        """Take note."""
        self.started.setdefault(name, (self.clock(), done))
        self.now[name] = (done, total, doing)

    def say(self) -> None:
        """The time gone, and how far everything is that is not done."""
        parts = [self._told(name, *at) for name, at in [*self.now.items()] if at[0] < at[1]]
        told = "; ".join(parts) or ("finishing" if self.now else "reading the data")
        say(f"{_minutes(self.clock() - self.began)}: {told}")

    def _told(self, name: str, done: int, total: int, doing: str) -> str:
        since, first = self.started[name]
        told = f"{name} {done:,}/{total:,}" + (f" ({doing})" if doing else "")
        if done - first >= FEWEST:
            left = (self.clock() - since) / (done - first) * (total - done)
            told += f", {_minutes(left)} left"
        return told


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
