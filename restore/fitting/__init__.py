"""Fit the weights to noisy pictures alone."""
