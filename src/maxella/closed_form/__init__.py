"""Factors of the interaction matrix found by linear algebra, without a gradient step."""
