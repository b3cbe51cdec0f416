"""The tasks: from the user's image to a problem, and back to a finished image."""
