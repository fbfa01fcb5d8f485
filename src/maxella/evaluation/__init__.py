"""Metrics as pure functions, evaluation task by task, intervals → `Report`."""
