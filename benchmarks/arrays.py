"""A MovieLens zip → the one split that all sides of a comparison read, as an .npz file.

Keys: train_users, train_items, train_ratings, test_users, test_items, test_ratings,
n_user_rows, n_item_rows. Ids are rows from 1 on; row 0 is the unknown id.
"""

import argparse
from pathlib import Path

import numpy as np

from maxella.data.dataset import TaskLabels, build_dataset
from maxella.data.split import split_interactions
from maxella.sources.load import load_source

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, help="zip or folder of a MovieLens")
    parser.add_argument("out", type=Path, help="the .npz file to write")
    parser.add_argument("--seed", type=int, default=42)
    options = parser.parse_args()
    log = load_source("movielens", options.data).interactions
    split = split_interactions(log, kind="random", test=0.25, validation=0.0, seed=options.seed)
    ratings = TaskLabels(log["rating"].to_numpy())
    dataset = build_dataset(log, split, {"rating": ratings})
    columns = {
        f"{name}_{column.replace('labels', 'ratings')}": getattr(part.pairs("rating"), column)
        for name, part in (("train", dataset.train), ("test", dataset.test))
        for column in ("users", "items", "labels")
    }
    rows = {"n_user_rows": dataset.users.n_rows, "n_item_rows": dataset.items.n_rows}
    np.savez(options.out, **columns, **rows)
