"""Logs of several behaviours as benchmarks lay them out: a file of pairs for each of them."""

import polars as pl

from maxella.sources.checks import build_tables, refuse_missing
from maxella.sources.files import Folder
from maxella.sources.tables import Tables
from maxella.sources.text import Sheet, read_text, stack

WANTED = "behaviours: test.txt beside buy.txt or purchase.txt, `user item` a line"
TARGETS = ("buy", "purchase")  # what the pairs of the validation and the test are
EVENTS = ("view", "click", "fav", "collect", "cart", *TARGETS)
HELD_OUT = {"valid": "validation", "validation": "validation", "test": "test"}
PAIR = ["user_id", "item_id"]


def read_behaviours(folder: Folder) -> Tables:
    """The files as one log with the columns `event`, named as the files are, and `part`.

    Pairs of the validation and of the test are taken out of the target's training rows; of
    the other behaviours they stay. There are no times.
    """
    target = next(event for event in TARGETS if f"{event}.txt" in folder)
    held_out = [
        _read(folder, name, target, part)
        for name, part in HELD_OUT.items()
        if f"{name}.txt" in folder
    ]
    pairs = pl.concat([sheet.frame for sheet in held_out])
    trained = [_read(folder, event, event, "train") for event in EVENTS if f"{event}.txt" in folder]
    goal = next(n for n, sheet in enumerate(trained) if sheet.frame["event"][0] == target)
    bought = trained[goal]
    rest = bought.frame.join(pairs, on=PAIR, how="anti", maintain_order="left")
    trained[goal] = bought.with_frame(rest)
    n_out = bought.frame.height - rest.height
    note = (
        f"{n_out:,} of {bought.frame.height:,} rows of {bought.file} are pairs of the "
        "validation or the test; they are taken out of training."
    )
    log = stack([*trained, *held_out], folder.where(""))
    return build_tables(folder.name, log, notes=[note] if n_out else [])


def is_behaviours(folder: Folder) -> bool:
    """Whether a folder holds files of behaviours, the test among them."""
    return "test.txt" in folder and any(f"{target}.txt" in folder for target in TARGETS)


def _read(folder: Folder, stem: str, event: str, part: str) -> Sheet:
    name = f"{stem}.txt"
    separator = "\t" if "\t" in folder.first_line(name) else " "
    sheet = read_text(folder, name, separator=separator, columns=PAIR, is_quoted=False)
    for column in PAIR:
        refuse_missing(sheet, column)
    return sheet.with_columns(pl.lit(event).alias("event"), pl.lit(part).alias("part"))
