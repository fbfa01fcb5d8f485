"""Items that came after training, read from their features."""

from dataclasses import replace

import polars as pl
import torch

from maxella.errors import ConfigError, DataError
from maxella.features.id import Vocabulary
from maxella.model.build import build_model
from maxella.model.model import Model
from maxella.recommend.bundle import Bundle


@torch.no_grad()
def with_items(bundle: Bundle, table: pl.DataFrame) -> Bundle:
    """The same model with the items of a table, too: item_id and the columns of its features.

    Nobody has them in a history; they are recommended and rated by what their features say.
    Items that the model knows stay as they are. Raises ConfigError for a model without features
    of items and for a column that is missing, DataError for a table without item_id.
    """
    known = bundle.features.items
    if known is None:
        raise ConfigError(
            "Wanted a model with features of items; this one knows items by their ids alone. "
            "Declare [features.item] and train again."
        )
    if "item_id" not in table.columns:
        raise DataError(f"Wanted a column item_id; the table has {', '.join(table.columns)}.")
    table = table.with_columns(pl.col("item_id").cast(pl.String))
    table = table.filter(~pl.col("item_id").is_in(bundle.items.ids.implode()))
    table = table.unique("item_id", keep="last", maintain_order=True)
    new = known.of_others(table, "item_id", Vocabulary.fit(table["item_id"]))
    features = replace(bundle.features, items=known.followed_by(new))
    items = Vocabulary(pl.concat([bundle.items.ids, table["item_id"].rename("id")]))
    spec = replace(bundle.spec, n_item_rows=items.n_rows)
    model = build_model(spec, 0, features)
    _copy(bundle.model, model)
    new_rows = torch.arange(bundle.items.n_rows, items.n_rows)
    model.fill_cold_items(new_rows)
    shown = pl.concat([bundle.item_table, table], how="diagonal_relaxed")
    shown = shown.select(bundle.item_table.columns)
    return replace(
        bundle,
        spec=spec,
        model=model.eval(),
        features=features,
        items=items,
        known=replace(bundle.known, n_item_rows=items.n_rows),
        item_table=shown,
    )


def _copy(old: Model, new: Model) -> None:
    """The old weights; tables with more rows than they had get zeros in the others."""
    grown = new.state_dict()
    for name, weight in old.state_dict().items():
        if grown[name].shape == weight.shape:
            grown[name].copy_(weight)
        else:
            grown[name].zero_()
            grown[name][: len(weight)] = weight
