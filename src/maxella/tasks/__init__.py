"""Losses as pure functions, the tasks they serve, and the weighted objective."""
