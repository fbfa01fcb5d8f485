"""What suits a log: which tasks it can teach, each with the reason, and how to split and train."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from maxella.data import words
from maxella.data.roles import MOST_LEVELS
from maxella.data.rows import chosen_rows
from maxella.data.split import split_interactions
from maxella.errors import DataError

FEWEST = 20  # labels of a task; of a binary one, of each side
LEAST_SHARE = 0.001  # of the log, of an event that is worth a task
MOST_CHOICES, MOST_BINARY = 2, 2
MANY_ITEMS = 10_000  # from which on a step's softmax is over drawn items
MANY = 5_000_000  # interactions from which on a head of one factorisation is enough to wait for
REPEATS = 0.05  # share of rows that stand for several, from which on repeats count
# Weight beside the goal: what people chose on the way to it, what they looked at.
OF_CHOICE, OF_LOOK = 0.5, 0.2
EPOCHS, EVERY = 30, 8  # of a head, and its steps for one of retrieval, which wants a few epochs
# Steps of a head, which wants more epochs where one has few and costs little.
FEWEST_STEPS, MOST_EPOCHS = 600, 120
TEST = 0.2
VALIDATION = 0.1  # of what is then left: penalties and shares are chosen by it
NEIGHBOURS = 100
FOLLOWERS = 500  # of small catalogues; of large ones as many as neighbours
PART_THEM = "The names of the events do not tell which is the goal: part them into tasks."
DIM, LARGE_DIM = 128, 64  # of each part of the encoders; of large catalogues
# Interactions from which on → factors of the heads.
FACTORS = ((500_000, 16), (5_000, 8), (0, 4))


@dataclass(frozen=True)
class Proposal:
    """A table of [[tasks]], and why it is there."""

    options: dict[str, Any]
    reason: str


@dataclass(frozen=True)
class Choices:
    """The sections of a config, its tasks, and why others are no tasks."""

    options: dict[str, dict[str, Any]]
    tasks: list[Proposal]
    left_out: list[str]


def choose_options(
    log: pl.DataFrame, *, part: str | None = None, flags: Sequence[str] = ()
) -> Choices:
    """What suits an interactions table of `maxella.sources.tables.Tables`.

    `part` is the column that gives the split, where there is one; `flags` say yes or no.
    """
    n_users = log["user_id"].n_unique()
    is_large = log["item_id"].n_unique() >= MANY_ITEMS
    dim = LARGE_DIM if is_large else DIM
    head_dim = next(factors for least, factors in FACTORS if log.height >= least)
    tasks, left_out = propose_tasks(log, flags, head_dim)
    has_heads = any(task.options["kind"] != "retrieval" for task in tasks)
    batch_size = 256 if n_users >= 4000 else 64 if n_users >= 400 else 16
    epochs = EPOCHS if log.height < MANY else 10
    if has_heads:
        epochs = max(epochs, min(-(-FEWEST_STEPS * batch_size // n_users), MOST_EPOCHS))
        for task in tasks:
            if "every" in task.options:
                task.options["every"] = max(EVERY, EVERY * epochs // EPOCHS)
    training = {
        "optimiser": "adam",
        "learning_rate": 0.03,
        "encoder_learning_rate": 0.0005,
        "schedule": "one_cycle",
        "batch_size": batch_size,
        "epochs": epochs if has_heads else 4,
        "l2": 0.0,
    }
    if is_large:  # a step's softmax is over drawn items
        training["uniform_negatives"] = 2000
    split = {"kind": "column", "column": part} if part else _split(log, tasks[0])
    if split["kind"] in ("temporal", "leave_last_out"):
        for task in tasks:
            if task.options["kind"] == "retrieval":
                task.options["followers"] = NEIGHBOURS if is_large else FOLLOWERS
                task.options["order"] = dim
            elif task.options["kind"] == "rating":
                task.options["uses_time"] = "past"
    options = {
        "split": split | {"validation": VALIDATION},
        "model": {"dim": dim, "history_dim": dim, "start": "closed_form"},
        "training": training,
    }
    return Choices(options, tasks, left_out)


def propose_tasks(
    log: pl.DataFrame, flags: Sequence[str], head_dim: int
) -> tuple[list[Proposal], list[str]]:
    """Tasks for an interactions table, the goal first, and a sentence on each that is left out.

    `flags` are columns that say yes or no. The goal is the rarest choice that is frequent enough
    to learn from: people look at more than they put in carts, and buy the least.
    """
    counts: dict[str, int] = {}  # rows of each event, the rarest first
    if "event" in log.columns:
        counts = dict(log["event"].value_counts().sort("count", "event").iter_rows())
    left_out: list[str] = []
    retrieval = _retrieval(log, counts, flags, left_out)
    heads = [*_rating(log, head_dim), *_binary(log, counts, flags, head_dim, left_out)]
    if heads:  # what these learn wants more steps than retrieval
        for proposal in retrieval:
            proposal.options["every"] = EVERY
    names = set()
    for proposal in (tasks := [*retrieval, *heads]):
        name = proposal.options["name"]
        if name in names:
            proposal.options["name"] = f"{name}_{proposal.options['kind']}"
        names.add(name)
    return tasks, left_out


def _retrieval(
    log: pl.DataFrame, counts: dict[str, int], flags: Sequence[str], left_out: list[str]
) -> list[Proposal]:
    """The goal and what helps it; says in `left_out` what does neither."""
    least = max(FEWEST, LEAST_SHARE * log.height)
    by_meaning: dict[str | None, list[str]] = {"choice": [], "look": [], None: []}
    for event, n in counts.items():
        meaning = words.meaning_of(event)
        if meaning in ("choice", "look") and n < least:
            left_out.append(f"{event}: {n:,} rows are too few for a task of their own")
        elif meaning in by_meaning:
            by_meaning[meaning].append(event)
    choices, looks, unknown = by_meaning.values()
    proposals = [
        _retrieves(log, event, [event], OF_CHOICE, "Chosen on the way: it helps the goal.")
        for event in choices[:MOST_CHOICES]
    ]
    if looks:
        reason = "Looks say less than choices, but there are many: they help the goal."
        proposals.append(_retrieves(log, looks[-1], looks, OF_LOOK, reason))
    if not proposals:
        rows, reason = _chosen(log, flags) if not counts else (unknown or [*counts], PART_THEM)
        proposals = [_retrieves(log, "retrieval", rows, 1.0, reason)]
        unknown = []
    goal = proposals[0]
    goal.options.update(weight=1.0, distillation=0.8)
    if choices:
        reason = "The goal: the rarest choice that is frequent enough."
        proposals[0] = Proposal(goal.options, reason)
    left_out += [f"{event}: {MOST_CHOICES} choices are enough" for event in choices[MOST_CHOICES:]]
    left_out += [f"{event}: its name does not tell what it means" for event in unknown]
    return proposals


def _chosen(log: pl.DataFrame, flags: Sequence[str]) -> tuple[str | None, str]:
    """The rows of a log without events that are choices, by columns that say yes or no; and why."""
    question = "which item comes next for a user?"
    said = {flag: _yes_and_no(log, flag) for flag in flags}
    enough = [flag for flag, answers in said.items() if answers[0][1] >= FEWEST]
    # What is rarest was chosen most deliberately.
    wanted = [f for f in enough if words.tells(f, words.CHOICE) or not _is_look_or_refusal(f)]
    wanted = wanted or [f for f in enough if words.tells(f, words.LOOK)]
    if wanted:
        flag = min(wanted, key=lambda flag: said[flag][0][1])
        (yes, n_yes), (_, n_no) = said[flag]
        why = f"{n_yes:,} rows are choices, as {flag} says; the other {n_no:,} are none"
        return f"{flag} == {yes}", f"{why}: {question}"
    for flag, ((_, n_yes), (no, n_no)) in said.items():
        if words.tells(flag, words.REFUSAL) and n_no >= FEWEST:
            why = f"{n_yes:,} rows are no choices, as {flag} turns them down"
            return f"{flag} == {no}", f"{why}: {question}"
    few = "".join(f" {flag} says yes too seldom to go by." for flag in flags)
    return None, f"Every row is a choice: {question}{few}"


def _is_look_or_refusal(flag: str) -> bool:
    return words.tells(flag, words.LOOK | words.REFUSAL)


def _yes_and_no(log: pl.DataFrame, flag: str) -> tuple[tuple[str, int], tuple[str, int]]:
    """How yes and no are written, as conditions compare them, and how many rows say so."""
    texts = log[flag].cast(pl.String).drop_nulls()
    is_yes = texts.str.to_lowercase().is_in(list(words.YES))
    yes, no = texts.filter(is_yes), texts.filter(~is_yes)
    return (yes[0] if len(yes) else "1", len(yes)), (no[0] if len(no) else "0", len(no))


def _retrieves(
    log: pl.DataFrame, name: str, rows: str | list[str] | None, weight: float, reason: str
) -> Proposal:
    """Retrieval of the rows of some events, of a condition, or of all rows."""
    options: dict[str, Any] = {"name": _name(name), "kind": "retrieval"}
    if rows:
        options["rows"] = _rows(rows) if isinstance(rows, list) else rows
    options |= {"loss": "leave_one_out_softmax", "weight": weight, "neighbours": NEIGHBOURS}
    if "count" in log.columns:
        chosen, _ = chosen_rows(log, options.get("rows"), where="rows")
        counts = log["count"].to_numpy()[chosen]
        counts = counts[counts > 0]
        median = np.quantile(counts, 0.5, method="lower") if len(counts) else 1.0
        if len(counts) and (counts != median).mean() >= REPEATS:
            options["count"] = "log"
            reason = (
                f"{reason} What counts more is surer: a count of {median:g}, the median, weighs "
                "1, less in proportion, more by its logarithm."
            )
    return Proposal(options, reason)


def _rating(log: pl.DataFrame, dim: int) -> list[Proposal]:
    ratings = log["rating"].drop_nulls() if "rating" in log.columns else pl.Series([])
    if not len(ratings):
        return []
    n_levels = ratings.n_unique()
    is_large = log["item_id"].n_unique() >= MANY_ITEMS or log.height >= MANY
    head = "variational" if n_levels > MOST_LEVELS or is_large else "mixed"
    options = {"name": "rating", "kind": "rating", "head": head, "dim": dim}
    options |= {"weight": 1.0, "shapes_encoders": False, "residual_process": True}
    reason = f"{len(ratings):,} ratings of {n_levels} levels; the head has factors of its own."
    return [Proposal(options, reason)]


def _binary(
    log: pl.DataFrame, counts: dict[str, int], flags: Sequence[str], dim: int, left_out: list[str]
) -> list[Proposal]:
    """How likely a choice is turned down, or a column says yes."""
    asked: dict[str, tuple[dict[str, Any], int, int, str]] = {}  # options, yes, no of what rows
    for event, n_yes in counts.items():
        if words.meaning_of(event) != "refusal":
            continue
        among = _turned_down_by(event, counts)
        if not among:
            left_out.append(f"{event}: there is no event that it turns down")
            continue
        n_no = sum(counts[other] for other in among)
        options = {"rows": _rows([event]), "among": among}
        asked[event] = (options, n_yes, n_no, ", ".join(among))
    for flag in flags:
        (yes, n_yes), (_, n_no) = _yes_and_no(log, flag)
        asked[flag] = ({"rows": f"{flag} == {yes}"}, n_yes, n_no, "the other rows")
    proposals: list[Proposal] = []
    for name, (options, n_yes, n_no, rows) in asked.items():
        if min(n_yes, n_no) < FEWEST:
            left_out.append(f"{name}: {n_yes:,} yes and {n_no:,} no are too few")
        elif len(proposals) == MOST_BINARY:
            left_out.append(f"{name}: {MOST_BINARY} questions of yes or no are enough")
        else:
            task: dict[str, Any] = {"name": _name(name), "kind": "binary", **options}
            task |= {"head": "ordinal", "dim": dim, "weight": 1.0, "shapes_encoders": False}
            reason = f"How likely is it? {n_yes:,} rows beside {n_no:,} of {rows}."
            proposals.append(Proposal(task, reason))
    return proposals


def _turned_down_by(event: str, counts: dict[str, int]) -> list[str]:
    """The choices that a refusal may follow: purchases, where it is a return."""
    refused = [choices for refusals, choices in words.REFUSED if words.tells(event, refusals)]
    return [
        other
        for other in counts
        if words.meaning_of(other) == "choice" and any(words.tells(other, c) for c in refused)
    ]


def _name(event: str) -> str:
    """A name for a task: the event's in lower case, with letters, digits and _ alone."""
    return re.sub(r"\W+", "_", event.lower()).strip("_") or "task"


def _rows(events: list[str]) -> str | list[str]:
    """One event as itself, unless it would read as a condition; several as a list."""
    is_plain = len(events) == 1 and re.fullmatch(r"[\w.-]+", events[0])
    return events[0] if is_plain else events


def _split(log: pl.DataFrame, goal: Proposal) -> dict[str, Any]:
    """A split in time where it leaves most of the goal's test to known users and items.

    Else the last of each user, else random rows.
    """
    random = {"kind": "random", "seed": 42, "test": TEST}
    if "timestamp" not in log.columns:
        return random
    rows = goal.options.get("rows")
    is_target = chosen_rows(log, rows, where="rows")[0] if rows and "event" in log.columns else None
    shares = {kind: _known_share(log, kind, is_target) for kind in ("temporal", "leave_last_out")}
    if shares["temporal"] >= 0.5:
        return {"kind": "temporal", "test": TEST}
    return {"kind": "leave_last_out", "test": TEST} if shares["leave_last_out"] else random


def _known_share(log: pl.DataFrame, kind: str, is_target: np.ndarray | None) -> float:
    """The share of a split's test rows of which training has the user and the item.

    `is_target`: (n,) bool, which rows of the log test.
    """
    try:
        split = split_interactions(
            log, kind=kind, test=TEST, validation=0.0, seed=42, is_target=is_target
        )
    except DataError:  # nothing would be left to train on
        return 0.0
    asked = split.test if is_target is None else split.test[is_target[split.test]]
    train, test = (log[rows].select("user_id", "item_id") for rows in (split.train, asked))
    known = [test[key].is_in(train[key].unique().implode()).to_numpy() for key in test.columns]
    return float(np.logical_and(*known).mean()) if len(test) else 0.0
