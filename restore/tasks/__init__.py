"""The tasks: from a user's picture to a restoration problem, and back to a finished picture."""
