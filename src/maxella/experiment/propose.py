"""Which tasks a log can teach: a few, each with the reason, and why the others are left out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from maxella.data import words
from maxella.data.roles import MOST_LEVELS

FEWEST = 20  # labels of a task; of a binary one, of each side
LEAST_SHARE = 0.001  # of the log, of an event that is worth a task
MOST_CHOICES, MOST_BINARY = 2, 2
MANY_ITEMS = 10_000  # from which on a step's softmax is over drawn items
MANY = 5_000_000  # interactions from which on a head of one factorisation is enough to wait for
REPEATS = 0.05  # share of rows that stand for several, from which on repeats count
# Weight beside the goal: what people chose on the way to it, what they looked at.
OF_CHOICE, OF_LOOK = 0.5, 0.2


@dataclass(frozen=True)
class Proposal:
    """A table of [[tasks]], and why it is there."""

    options: dict[str, Any]
    reason: str


def propose_tasks(
    log: pl.DataFrame, flags: Sequence[str], rating_dim: int
) -> tuple[list[Proposal], list[str]]:
    """Tasks for an interactions table, the goal first, and a sentence on each that is left out.

    `flags` are columns that say yes or no. The goal is the rarest choice that is frequent enough
    to learn from: people look at more than they put in carts, and buy the least.
    """
    counts = {} if "event" not in log.columns else _counts(log["event"])
    retrieval, left_out = _retrieval(log, counts)
    rest, more = _binary(log, counts, flags, rating_dim)
    rating = _rating(log, rating_dim)
    if rating or rest:  # what the heads learn wants more steps than retrieval
        for proposal in retrieval:
            proposal.options["every"] = 8
    tasks = [*retrieval, *rating, *rest]
    names = [task.options["name"] for task in tasks]
    for position, task in enumerate(tasks):
        if names[position] in names[:position]:
            task.options["name"] = f"{names[position]}_{task.options['kind']}"
    return tasks, [*left_out, *more]


def target_rows(log: pl.DataFrame, goal: Proposal) -> np.ndarray | None:
    """(n,) whether a row is one of the goal's; None where all are."""
    rows = goal.options.get("rows")
    if rows is None:
        return None
    return log["event"].is_in([rows] if isinstance(rows, str) else rows).to_numpy()


def _counts(events: pl.Series) -> dict[str, int]:
    """Rows of each event, the rarest first."""
    return dict(events.value_counts().sort("count", events.name).iter_rows())


def _retrieval(log: pl.DataFrame, counts: dict[str, int]) -> tuple[list[Proposal], list[str]]:
    if not counts:
        reason = "Every row is a choice: which item comes next for a user?"
        goal = _retrieves(log, "retrieval", None, 1.0, reason)
        return [replace(goal, options=goal.options | {"distillation": 0.8})], []
    least = max(FEWEST, LEAST_SHARE * log.height)
    by_meaning: dict[str | None, list[str]] = {}
    left_out = []
    for event, n in counts.items():
        meaning = words.meaning_of(event)
        if meaning in ("choice", "look") and n < least:
            left_out.append(f"{event}: {n:,} rows are too few for a task of their own")
        elif meaning != "refusal":
            by_meaning.setdefault(meaning, []).append(event)
    choices, looks = (by_meaning.get(meaning, []) for meaning in ("choice", "look"))
    proposals = [
        _retrieves(log, event, event, OF_CHOICE, "Chosen on the way: it helps the goal.")
        for event in choices[:MOST_CHOICES]
    ]
    if looks:
        reason = "Looks say less than choices, but there are many: they help the goal."
        proposals.append(_retrieves(log, looks[-1], looks, OF_LOOK, reason))
    if not proposals:  # names that tell nothing
        events = by_meaning.get(None) or list(counts)
        reason = "The names of the events do not tell which is the goal: part them into tasks."
        proposals = [_retrieves(log, "retrieval", events, 1.0, reason)]
    goal = proposals[0]
    goal.options.update(weight=1.0, distillation=0.8)
    if choices:
        goal = Proposal(goal.options, "The goal: the rarest choice that is frequent enough.")
    left_out += [f"{event}: {MOST_CHOICES} choices are enough" for event in choices[MOST_CHOICES:]]
    if choices or looks:
        unknown = by_meaning.get(None, [])
        left_out += [f"{event}: its name does not tell what it means" for event in unknown]
    return [goal, *proposals[1:]], left_out


def _retrieves(
    log: pl.DataFrame, name: str, rows: str | list[str] | None, weight: float, reason: str
) -> Proposal:
    options: dict[str, Any] = {"name": _name(name), "kind": "retrieval"}
    if rows is not None:
        options["rows"] = _rows(rows)
    options |= {"loss": "leave_one_out_softmax", "weight": weight}
    proposal = Proposal(options, reason)
    if "count" in log.columns:
        counts, is_target = log["count"].to_numpy(), target_rows(log, proposal)
        if ((counts if is_target is None else counts[is_target]) > 1).mean() >= REPEATS:
            options["count"] = "log"
            return Proposal(options, f"{reason} Repeats count, by their logarithm.")
    return proposal


def _rating(log: pl.DataFrame, dim: int) -> list[Proposal]:
    ratings = log["rating"].drop_nulls() if "rating" in log.columns else pl.Series([])
    if not len(ratings):
        return []
    n_levels = ratings.n_unique()
    is_large = log["item_id"].n_unique() >= MANY_ITEMS or log.height >= MANY
    head = "variational" if n_levels > MOST_LEVELS or is_large else "mixed"
    options = {"name": "rating", "kind": "rating", "head": head, "dim": dim}
    options |= {"weight": 1.0, "shapes_encoders": False}
    reason = f"{len(ratings):,} ratings of {n_levels} levels; the head has factors of its own."
    return [Proposal(options, reason)]


@dataclass(frozen=True)
class _Question:
    """What may be asked of a row, with a yes or a no: rows of either, and where the no is from."""

    options: dict[str, Any]
    yes: int
    no: int
    beside: str


def _binary(
    log: pl.DataFrame, counts: dict[str, int], flags: Sequence[str], dim: int
) -> tuple[list[Proposal], list[str]]:
    refusals = [event for event in counts if words.meaning_of(event) == "refusal"]
    asked = {event: _of_refusal(event, counts) for event in refusals}
    asked |= {flag: _of_flag(log[flag]) for flag in flags}
    proposals: list[Proposal] = []
    left_out = []
    for name, question in asked.items():
        if question is None:
            left_out.append(f"{name}: there is no event that it turns down")
        elif min(question.yes, question.no) < FEWEST:
            left_out.append(f"{name}: {question.yes:,} yes and {question.no:,} no are too few")
        elif len(proposals) == MOST_BINARY:
            left_out.append(f"{name}: {MOST_BINARY} questions of yes or no are enough")
        else:
            options = {"name": _name(name), "kind": "binary", **question.options}
            options |= {"head": "ordinal", "dim": dim, "weight": 1.0, "shapes_encoders": False}
            reason = f"How likely is it? {question.yes:,} rows beside {question.no:,} of "
            proposals.append(Proposal(options, f"{reason}{question.beside}."))
    return proposals, left_out


def _of_refusal(event: str, counts: dict[str, int]) -> _Question | None:
    """How likely a choice is turned down: a return among purchases."""
    refused = [choices for refusals, choices in words.REFUSED if words.tells(event, refusals)]
    among = [
        other
        for other in counts
        if words.meaning_of(other) == "choice" and any(words.tells(other, c) for c in refused)
    ]
    if not among:
        return None
    options = {"rows": _rows(event), "among": among}
    n_among = sum(counts[other] for other in among)
    return _Question(options, counts[event], n_among, ", ".join(among))


def _of_flag(flag: pl.Series) -> _Question:
    """How likely a column says yes, be it written 1, true or True."""
    texts = flag.cast(pl.String).drop_nulls()
    yes = texts.filter(texts.str.to_lowercase().is_in(["1", "true"]))
    options = {"rows": f"{flag.name} == {yes.to_list()[0] if len(yes) else 1}"}
    return _Question(options, len(yes), len(texts) - len(yes), "the other rows")


def _name(event: str) -> str:
    """A name for a task: the event's in lower case, with letters, digits and _ alone."""
    return re.sub(r"\W+", "_", event.lower()).strip("_") or "task"


def _rows(events: str | list[str]) -> str | list[str]:
    """One event as itself, unless it would read as a condition; several as a list."""
    events = [events] if isinstance(events, str) else events
    is_plain = len(events) == 1 and re.fullmatch(r"[\w.-]+", events[0])
    return events[0] if is_plain else events
