"""Networks with their schedules and checkpoints, as denoisers."""
