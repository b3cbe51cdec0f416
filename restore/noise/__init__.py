"""Measure noise in pictures, and model it."""
