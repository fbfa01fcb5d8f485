"""Metrics as pure functions, full-catalogue evaluation, intervals → `Report`."""
