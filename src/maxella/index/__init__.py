"""Vectors → nearest vectors; knows nothing of users or items."""
