"""The only room that steps: loop, optimisers, schedules, early stop, checkpoints, log."""
