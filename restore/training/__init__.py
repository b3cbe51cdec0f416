"""Train a backbone."""
