"""Train the backbone: data, losses and the loop behind ``restore train``."""
