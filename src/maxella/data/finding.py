"""What a check of the data says."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Literal

MOST_EXAMPLES = 5

Severity = Literal["ok", "note", "warning"]


@dataclass(frozen=True)
class Finding:
    """One sentence on `count` of `total` things, and one on what to do about them.

    `note`: good to know. `warning`: a model or its figures suffer unless it is seen to.
    """

    severity: Severity
    message: str
    count: int
    total: int
    examples: tuple[str, ...] = ()  # at most MOST_EXAMPLES
    advice: str = ""  # empty where all is well


def found(
    count: int,
    total: int,
    things: str,
    what: str,
    *,
    severity: Severity,
    examples: Iterable[str],
    advice: str,
) -> Finding:
    """The finding that so many things are as they should not be; `ok` where none is.

    >>> found(0, 9, "users", "sleep", severity="note", examples=[], advice="Wake them.").message
    '0 of 9 users (0 %) sleep.'
    """
    message = f"{count:,} of {total:,} {things} ({percent(count, total)}) {what}."
    if not count:
        return Finding("ok", message, 0, total)
    return Finding(severity, message, count, total, tuple(islice(examples, MOST_EXAMPLES)), advice)


def percent(count: int, total: int) -> str:
    """A share as text, with a digit more where it is small; never 0 or 100 unless exactly so.

    >>> [percent(1, 3), percent(1, 400), percent(1, 10**6), percent(999_999, 10**6)]
    ['33.3 %', '0.25 %', '<0.01 %', '>99.9 %']
    """
    share = 100 * count / max(total, 1)
    if count in (0, total):
        return f"{share:.0f} %"
    if share < 0.01:
        return "<0.01 %"
    if share >= 99.95:
        return ">99.9 %"
    return f"{share:.2f} %" if share < 1 else f"{share:.1f} %"
