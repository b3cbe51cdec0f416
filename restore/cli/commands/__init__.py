"""One module a command; each registers what it holds."""
