"""What can go wrong through no fault of the code.

Every message says what was wanted, what was got and what to do. The command
line prints the message alone and exits with 2.
"""

import difflib
from collections.abc import Iterable, Sequence

EXIT_CODE = 2


class MaxellaError(Exception):
    """Base of all errors that a user can mend."""


class DataError(MaxellaError):
    """A file or a table is not what it should be."""


class ConfigError(MaxellaError):
    """An option is unknown, or its value makes no sense."""


class TrainingError(MaxellaError):
    """Training cannot go on."""


class BundleError(MaxellaError):
    """A saved bundle is missing, damaged or of another format."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is not in a table, with the nearest one.

    >>> unknown_name("loss", "in_bach", ["in_batch", "full_softmax"])
    "No loss is called 'in_bach'. Known: full_softmax, in_batch. Did you mean 'in_batch'?"
    """
    known = sorted(known)
    return f"No {kind} is called '{name}'. Known: {', '.join(known)}.{near(name, known)}"


def near(name: str, known: Sequence[str], likeness: float = 0.6) -> str:
    """` Did you mean '...'?` with the nearest name, empty where none is as like (0 to 1)."""
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=likeness)
    return f" Did you mean '{nearest[0]}'?" if nearest else ""
