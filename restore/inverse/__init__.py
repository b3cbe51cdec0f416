"""Degradations and the methods that undo them with a prior."""
