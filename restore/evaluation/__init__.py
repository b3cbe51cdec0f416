"""Measure restorers on clean pictures."""
