"""Rows → user embedding, item embedding, rating; knows no loss and no metric."""
