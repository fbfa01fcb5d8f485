"""Interactions, splits, the data set (ids ↔ rows) and batches."""
